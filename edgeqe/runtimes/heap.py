"""The C library's heap, where runtimes free what windows took."""

from __future__ import annotations

import ctypes
import functools
import sys
from typing import Any


def trim_heap() -> None:
    """Give the free pages of glibc's heap back to the system; elsewhere nothing.

    The heap keeps freed blocks below its growing threshold (up to 32 MiB): 200 pictures of
    200 sizes left three times the limit there.
    """
    trim = getattr(_c_library(), "malloc_trim", None)
    if trim is not None:
        trim(0)


@functools.cache
def _c_library() -> Any:
    return ctypes.CDLL(None) if sys.platform == "linux" else None
