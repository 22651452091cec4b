"""Pillow's own limit of pixels, silent while a file is opened for which edgeqe has one.

It is a setting of the whole process, and lower than `reading.PIXEL_LIMIT`. While it is off,
other threads that open pictures with Pillow have none.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _State:
    """How many threads have the limit off, and what it was before."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.limit: int | None = None

    def forget(self) -> None:
        """In a forked process: the threads that had it off are not there."""
        from PIL import Image

        if self.users:
            Image.MAX_IMAGE_PIXELS = self.limit
        self.__init__()  # type: ignore[misc]


_STATE = _State()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_STATE.forget)


@contextmanager
def pillow_limit_off(width: int, height: int) -> Iterator[None]:
    """Keep Pillow from judging a size that was judged already; it stays on for smaller ones."""
    from PIL import Image

    with _STATE.lock:
        limit = _STATE.limit if _STATE.users else Image.MAX_IMAGE_PIXELS
    if limit is None or width * height <= limit:
        yield
        return
    with _STATE.lock:
        if not _STATE.users:
            _STATE.limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        _STATE.users += 1
    try:
        yield
    finally:
        with _STATE.lock:
            _STATE.users -= 1
            if not _STATE.users:
                Image.MAX_IMAGE_PIXELS = _STATE.limit
