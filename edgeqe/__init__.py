"""edgeqe: compressed pictures, enhanced on the device, in a stated amount of memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgeqe.errors import (
    CheckError,
    ClosedError,
    EdgeqeError,
    ImageError,
    InputError,
    InputTypeError,
    MemoryLimitError,
    MissingFileError,
    MissingImageError,
    MissingModelError,
    MissingPackageError,
    MissingRuntimeError,
    ModelError,
    ProviderError,
    SignatureError,
)

if TYPE_CHECKING:
    from edgeqe.enhancer import Enhancer
    from edgeqe.files.file_report import FileReport
    from edgeqe.info import Info, SelfTest
    from edgeqe.sequence import FrameSequence, ReuseReport
    from edgeqe.shortcuts import available_models, enhance

__version__ = "0.1.0"

__all__ = [
    "CheckError",
    "ClosedError",
    "EdgeqeError",
    "Enhancer",
    "FileReport",
    "FrameSequence",
    "ImageError",
    "Info",
    "InputError",
    "InputTypeError",
    "MemoryLimitError",
    "MissingFileError",
    "MissingImageError",
    "MissingModelError",
    "MissingPackageError",
    "MissingRuntimeError",
    "ModelError",
    "ProviderError",
    "ReuseReport",
    "SelfTest",
    "SignatureError",
    "__version__",
    "available_models",
    "enhance",
]

#: Names that load their module, and with it numpy, when they are asked for.
_LOADED_FROM = {
    "Enhancer": "edgeqe.enhancer",
    "FileReport": "edgeqe.files.file_report",
    "FrameSequence": "edgeqe.sequence",
    "Info": "edgeqe.info",
    "ReuseReport": "edgeqe.sequence",
    "SelfTest": "edgeqe.info",
    "available_models": "edgeqe.shortcuts",
    "enhance": "edgeqe.shortcuts",
}


def __getattr__(name: str) -> Any:
    if name in _LOADED_FROM:
        import importlib

        return getattr(importlib.import_module(_LOADED_FROM[name]), name)
    raise AttributeError(f"module 'edgeqe' has no attribute '{name}'")


def __dir__() -> list[str]:
    return list(__all__)
