"""edgeqe: compressed pictures, enhanced on the device, in a stated amount of memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgeqe.errors import (
    CheckError,
    EdgeqeError,
    ImageError,
    InputError,
    MemoryLimitError,
    ModelError,
    ProviderError,
)

if TYPE_CHECKING:
    from edgeqe.enhancer import Enhancer
    from edgeqe.info import Info, SelfTest

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


def __getattr__(name: str) -> Any:
    """Load `Enhancer` and its results, and with them numpy, when they are asked for."""
    if name in ("Enhancer", "Info", "SelfTest"):
        from edgeqe import enhancer

        return getattr(enhancer, name)
    raise AttributeError(f"module 'edgeqe' has no attribute '{name}'")
