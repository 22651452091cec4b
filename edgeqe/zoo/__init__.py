"""The networks as Keras code (host only): one file a design, training beside them."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edgeqe.card import unpack_array
from edgeqe.catalogue import find_model
from edgeqe.errors import InputError, ModelError
from edgeqe.model_file import ModelFile

#: Module and builder of each network; a builder takes the network's options as keywords.
NETWORKS = {
    "edgeqe-tiny": ("edgeqe.zoo.plain", "edgeqe_tiny"),
    "edgeqe-small": ("edgeqe.zoo.plain", "edgeqe_small"),
    "edgeqe-base": ("edgeqe.zoo.multiscale", "edgeqe_base"),
}


def builder(name: str) -> Callable[..., Any]:
    """Builder of a network; Keras is imported here, not before.

    Raises
    ------
    InputError
        If the name is unknown.
    """
    if name not in NETWORKS:
        raise InputError(f"no network '{name}': the zoo has {', '.join(NETWORKS)}.")
    module, function = NETWORKS[name]
    made: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return made


def build(name: str, **options: Any) -> Any:
    """Keras network of a name, with random weights; InputError for an unknown name."""
    return builder(name)(**options)


#: Metadata of a shipped float file: weights that only training needs, by Keras path.
TRAINING_KEY = "edgeqe.training"


def load(model: str | Path) -> Any:
    """Keras network with the weights of a shipped float file, ready to train on.

    Kernels come from the file's initializers by layer name, the rest from what the
    export stored beside them.

    Raises
    ------
    ModelError
        If there is no such model, or it holds no Keras network of the zoo.
    """
    file = ModelFile(find_model(model))
    if file.card.name not in NETWORKS or TRAINING_KEY not in file.outline.metadata:
        raise ModelError(f"'{file.path}' holds no network of the zoo: it cannot be restored.")
    stored = json.loads(file.outline.metadata[TRAINING_KEY])
    network = build(file.card.name, **stored["options"])
    for variable in network.weights:
        if variable.path in stored["weights"]:
            variable.assign(unpack_array(stored["weights"][variable.path], np.dtype("<f4")))
            continue
        tensor = file.outline.initializers[variable.path.replace("/", ".")]
        kernel = np.frombuffer(file.data[tensor.start : tensor.stop], "<f4").reshape(tensor.dims)
        variable.assign(kernel.transpose(2, 3, 1, 0))
    return network


def options_of(network: Any) -> dict[str, Any]:
    """Options that `build` needs to make this network again."""
    forms = {type(layer).__name__ for layer in network.layers}
    return {"strength": "qp-adaptive" if "QpAdaptive" in forms else "scale-and-bias"}


def describe(network: Any) -> str:
    """First line of the docstring of a network's builder."""
    return (builder(network.name).__doc__ or "").splitlines()[0]


def load_weights_of(model: Any, path: Path) -> None:
    """Set a network's weights by name from averaged weights of a training (.npz).

    Raises
    ------
    InputError
        If the file is missing, or a weight is missing or of another shape.
    """
    if not path.is_file():
        raise InputError(f"no file '{path}': give the averaged weights of a training.")
    with np.load(path, allow_pickle=False) as stored:
        for variable in model.weights:
            key = variable.path.replace("/", ".")
            if key not in stored or stored[key].shape != tuple(variable.shape):
                raise InputError(f"'{path}' does not fit '{model.name}': no weight '{key}'.")
            variable.assign(stored[key])
