"""Mixed-precision training: float32, or bfloat16 convolutions where the processor has it.

In bfloat16 are the convolutions and what is done to their results up to the last ones:
normalisation, activations, sums. In float32 stay the weights themselves, the strength
vectors, the last convolutions and all behind them, pooling over the picture and the dense
layers behind it, and dilated convolutions, which crash in TensorFlow's bfloat16.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from edgeqe.choices import Choice
from edgeqe.errors import InputError
from edgeqe.zoo.weights import last_layers

#: Words of the flags in /proc/cpuinfo that say that a processor multiplies bfloat16.
PROCESSOR_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})

CONVOLUTIONS = (
    keras.layers.Conv2D,
    keras.layers.Conv2DTranspose,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
)
#: Other layers that compute in bfloat16.
POINTWISE = (
    keras.layers.Activation,
    keras.layers.Add,
    keras.layers.BatchNormalization,
    keras.layers.Concatenate,
    keras.layers.LeakyReLU,
    keras.layers.MaxPooling2D,
    keras.layers.PReLU,
    keras.layers.ReLU,
)


class Precision(Choice):
    """Data type that convolutions are computed in."""

    AUTO = "auto"
    """bfloat16 where the processor or an accelerator has it, float32 elsewhere."""
    FLOAT32 = "float32"
    """24 significant bits."""
    BFLOAT16 = "bfloat16"
    """8 significant bits, the exponents of float32."""

    def resolved(self) -> Precision:
        """Float32 or bfloat16; auto asks the processor."""
        if self is not Precision.AUTO:
            return self
        return Precision.BFLOAT16 if has_bfloat16() else Precision.FLOAT32


def has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this machine multiplies bfloat16 in hardware.

    Parameters
    ----------
    cpuinfo : Path
        Where Linux says what the processor has.
    """
    if keras.backend.backend() == "torch":
        import torch

        if torch.cuda.is_available():
            return bool(torch.cuda.is_bf16_supported())
    elif keras.backend.backend() == "jax":
        import jax

        if jax.default_backend() == "gpu":
            return True
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    words = {
        word
        for line in text.splitlines()
        if line.lower().startswith(("flags", "features"))
        for word in line.split()
    }
    return bool(words & PROCESSOR_FLAGS)


def with_precision(model: Any, precision: Precision) -> Any:
    """Copy of a network that computes in a precision.

    Parameters
    ----------
    model : keras.Model
        Functional, in float32.
    precision : Precision

    Returns
    -------
    keras.Model
        The network itself for float32; else one of the same layers by name.

    Raises
    ------
    InputError
        If a layer of it cannot be made again.
    """
    if precision.resolved() is Precision.FLOAT32:
        return model
    last = {layer.name for layer in last_layers(model.outputs[0])}
    behind = _behind(model, last)
    config = model.get_config()
    for entry in config["layers"]:
        layer = model.get_layer(entry["name"])
        entry.pop("build_config", None)
        if layer.name not in last | behind and _is_lower(layer):
            entry["config"]["dtype"] = "mixed_bfloat16"
    try:
        made = type(model).from_config(config)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"'{model.name}' cannot be trained in bfloat16 ({error}): give --precision float32."
        ) from error
    made.set_weights(model.get_weights())
    return made


def _is_lower(layer: Any) -> bool:
    """Whether a layer, if it is not one of the last, computes in bfloat16."""
    if len(layer._inbound_nodes[0].output_tensors[0].shape) != 4:
        return False  # no picture: a strength, or what was pooled over one
    if isinstance(layer, CONVOLUTIONS):
        return bool(max(layer.dilation_rate) == 1)
    return isinstance(layer, POINTWISE)


def _behind(model: Any, names: set[str]) -> set[str]:
    """Names of all layers downstream of these."""
    found = set(names)
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            sources = {tensor._keras_history.operation.name for tensor in node.input_tensors}
            if sources & found:
                found.add(node.operation.name)
    return found
