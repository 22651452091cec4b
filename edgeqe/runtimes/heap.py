"""The C library's heaps, where runtimes free what windows took.

glibc keeps a heap for each thread. What is free at a heap's end goes back to the system only from
a threshold on, ``malloc_trim`` or not, and glibc raises that with the largest block that was
freed, to 64 MiB. So what one thread's heap kept of an emptied arena another's took anew: at a limit
of 24 MiB 80 pictures of 80 sizes took 22 to 29 MiB (edgeqe-small in INT8, two threads), with these
thresholds 21 to 22.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: Blocks from so many bytes on come from the system, and go back to it when they are freed.
LARGE = 4 << 20
#: Bytes at a heap's end from which on they go back: usually, so that planes that come and go with
#: each window stay, and while memory is given back.
KEPT, LEAST = 8 << 20, 64 << 10
#: Names of glibc's thresholds, as <malloc.h> numbers them, and as the environment sets them.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_CHOSEN = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")


@functools.cache
def bound_heap() -> bool:
    """Set glibc's thresholds for the whole process, which then no longer grow.

    Returns
    -------
    bool
        Whether they are set: not without glibc, nor where the environment says what they are.
    """
    adjust = getattr(_c_library(), "mallopt", None)
    chosen = any(name in os.environ for name in _CHOSEN)
    if adjust is None or chosen or "glibc.malloc." in os.environ.get("GLIBC_TUNABLES", ""):
        return False
    return bool(adjust(_MMAP_THRESHOLD, LARGE) and adjust(_TRIM_THRESHOLD, KEPT))


@contextmanager
def given_back() -> Iterator[None]:
    """Give back to the system what is freed within, and all other free pages."""
    bound = bound_heap()
    if bound:
        _c_library().mallopt(_TRIM_THRESHOLD, LEAST)
    try:
        yield
        trim_heap()
    finally:
        if bound:
            _c_library().mallopt(_TRIM_THRESHOLD, KEPT)


def trim_heap() -> None:
    """Give free pages of glibc's heaps back, but for those at the ends of threads' heaps."""
    trim = getattr(_c_library(), "malloc_trim", None)
    if trim is not None:
        trim(0)


@functools.cache
def _c_library() -> Any:
    return ctypes.CDLL(None) if sys.platform == "linux" else None
