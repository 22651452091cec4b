"""Quantization: pruning, INT8 (post-training and quantization-aware), and the drift gate.

`prune`, `quantize` and `train` (quantization-aware) are one call each.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgeqe.quantization.calibration.statistics import RangeStatistic
    from edgeqe.quantization.int8.workflow import Quantization, quantize
    from edgeqe.quantization.pruning.importance import ImportanceCriterion
    from edgeqe.quantization.pruning.workflow import Pruning, prune
    from edgeqe.quantization.qat.workflow import train

__all__ = [
    "ImportanceCriterion",
    "Pruning",
    "Quantization",
    "RangeStatistic",
    "prune",
    "quantize",
    "train",
]

#: Module of each name, imported when the name is asked for.
_MODULES = {
    "ImportanceCriterion": "edgeqe.quantization.pruning.importance",
    "Pruning": "edgeqe.quantization.pruning.workflow",
    "Quantization": "edgeqe.quantization.int8.workflow",
    "RangeStatistic": "edgeqe.quantization.calibration.statistics",
    "prune": "edgeqe.quantization.pruning.workflow",
    "quantize": "edgeqe.quantization.int8.workflow",
    "train": "edgeqe.quantization.qat.workflow",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(_MODULES[name]), name)
