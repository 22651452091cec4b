"""The networks as Keras code (host only): one file a design, training beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edgeqe.errors import InputError
from edgeqe.zoo.plain import edgeqe_small, edgeqe_tiny

#: Builders by name; each takes options of its network as keywords.
NETWORKS: dict[str, Callable[..., Any]] = {
    "edgeqe-tiny": edgeqe_tiny,
    "edgeqe-small": edgeqe_small,
}


def build(name: str, **options: Any) -> Any:
    """Keras network of a name, with random weights.

    Raises
    ------
    InputError
        If the name is unknown.
    """
    if name not in NETWORKS:
        raise InputError(f"no network '{name}': the zoo has {', '.join(NETWORKS)}.")
    return NETWORKS[name](**options)


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
