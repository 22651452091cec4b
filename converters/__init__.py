"""Converters: a graph between Keras, ONNX and TFLite, its passes, and the export of model files.

`convert` is the whole way in one call.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgeqe.converters.ffmpeg import FfmpegModel, convert_for_ffmpeg
    from edgeqe.converters.graph.convention import OutputKind
    from edgeqe.converters.workflow import Conversion, convert

__all__ = ["Conversion", "FfmpegModel", "OutputKind", "convert", "convert_for_ffmpeg"]

#: Module of each name, imported when the name is asked for.
_MODULES = {
    "Conversion": "edgeqe.converters.workflow",
    "FfmpegModel": "edgeqe.converters.ffmpeg",
    "OutputKind": "edgeqe.converters.graph.convention",
    "convert": "edgeqe.converters.workflow",
    "convert_for_ffmpeg": "edgeqe.converters.ffmpeg",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(_MODULES[name]), name)
