"""Training: compression of the data, pool of crops, recipes, validation and the loop.

`train` is a training in one call.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgeqe.zoo.training.precision import Precision
    from edgeqe.zoo.training.recipe import Recipe, read_recipe
    from edgeqe.zoo.training.workflow import TrainingInterrupted, train

__all__ = ["Precision", "Recipe", "TrainingInterrupted", "read_recipe", "train"]

#: Module of each name, imported when the name is asked for.
_MODULES = {
    "Precision": "edgeqe.zoo.training.precision",
    "Recipe": "edgeqe.zoo.training.recipe",
    "TrainingInterrupted": "edgeqe.zoo.training.workflow",
    "read_recipe": "edgeqe.zoo.training.recipe",
    "train": "edgeqe.zoo.training.workflow",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(_MODULES[name]), name)
