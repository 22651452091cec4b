"""Seeded random weights with activations like those of trained networks, for timing and tests."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from edgeqe import zoo
from edgeqe.zoo.strengths import StrengthLayer, with_codec

#: Standard deviation of the residual on noise, normalised: four 8-bit levels.
RESIDUAL_DEVIATION = 4.0 / 255.0
#: Picture of noise on which statistics are taken, samples; a multiple of every stride.
SIDE = 64


def randomised(name: str, seed: int = 1) -> Any:
    """Network of the zoo with random weights.

    Batch norm has the statistics of a picture of noise and gains, shifts, slopes and
    strengths that are not their initial values; the last convolutions are scaled so that
    the residual is of a few 8-bit levels.

    Parameters
    ----------
    name : str
        A name of `zoo.NETWORKS`.
    seed : int

    Returns
    -------
    keras.Model
    """
    keras.utils.set_random_seed(seed)
    model = zoo.build(name)
    rng = np.random.default_rng(seed)
    given = [_noise(rng, tensor) for tensor in model.inputs]
    given = given if len(given) > 1 else given[0]
    for variable in model.weights:
        kind, shape = variable.path.rsplit("/", 1)[-1], tuple(variable.shape)
        if kind in ("bias", "beta", "scale_weights", "bias_weights"):
            variable.assign(rng.normal(0.0, 0.05, shape))
        elif kind == "gamma":
            variable.assign(rng.uniform(0.7, 1.3, shape))
        elif kind == "theta":
            variable.assign(rng.uniform(0.0, 0.05, shape))
        elif kind == "alpha":
            variable.assign(rng.uniform(0.1, 0.4, shape))
        elif kind == "kernel" and not np.any(variable.numpy()):
            variable.assign(rng.normal(0.0, 0.05, shape))
    norms = [layer for layer in model.layers if type(layer).__name__ == "BatchNormalization"]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:  # momentum 0: one pass in training mode takes the statistics of the noise
        norm.momentum = 0.0
    if norms:
        model(given, training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    result, planes = model(given, training=False), given[0] if isinstance(given, list) else given
    deviation = float(np.std(zoo.residual_of(model, np.asarray(result), planes)))
    for layer in last_layers(model.outputs[0]):
        for variable in layer.weights:
            if variable.path.rsplit("/", 1)[-1] in ("kernel", "bias", "bias_weights"):
                variable.assign(variable * (RESIDUAL_DEVIATION / deviation))
    return model


def _noise(rng: np.random.Generator, tensor: Any) -> Any:
    if len(tensor.shape) == 2:
        return with_codec(np.full((1, 1), 4.0, np.float32), 0, max(tensor.shape[1] - 1, 1))
    return rng.uniform(-0.5, 0.5, (1, SIDE, SIDE, tensor.shape[-1])).astype(np.float32)


def last_layers(output: Any) -> list[Any]:
    """Last convolutions: only sums, factors and strength layers follow them."""
    found, waiting = [], [output]
    while waiting:
        operation = waiting.pop()._keras_history.operation
        kind = type(operation).__name__
        if kind in ("Conv2D", "Conv2DTranspose", "SeparableConv2D"):
            found.append(operation)
        elif kind in ("Add", "Rescaling"):
            given = operation.input
            waiting += given if isinstance(given, list) else [given]
        elif isinstance(operation, StrengthLayer):
            found.append(operation)
            waiting.append(operation.input[0])
    return found
