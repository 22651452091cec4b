"""edgeqe: compressed pictures, enhanced on the device, in a stated amount of memory."""

from __future__ import annotations

from edgeqe.enhancer import Enhancer, Info, SelfTest
from edgeqe.errors import (
    CheckError,
    EdgeqeError,
    ImageError,
    InputError,
    MemoryLimitError,
    ModelError,
    ProviderError,
)

__version__ = "0.1.0"

__all__ = [
    "CheckError",
    "EdgeqeError",
    "Enhancer",
    "ImageError",
    "Info",
    "InputError",
    "MemoryLimitError",
    "ModelError",
    "ProviderError",
    "SelfTest",
    "__version__",
]
