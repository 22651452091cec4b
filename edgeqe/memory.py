"""Memory as a contract: sizes in words, and a budget that calls wait for."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from edgeqe.errors import InputError, MemoryLimitError

_UNITS = {"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30,
          "kb": 10**3, "mb": 10**6, "gb": 10**9}  # fmt: skip


def parse_size(size: int | str) -> int:
    """Bytes of a size such as ``"64MiB"``, ``"24 MB"`` or a number of bytes.

    Raises
    ------
    InputError
        If it is no size above 0.
    """
    if isinstance(size, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", size)
        if match is not None and match[2].lower() in _UNITS:
            size = int(float(match[1]) * _UNITS[match[2].lower()])
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise InputError(f"memory limit {size!r} is no size: write bytes, or such as 64MiB.")
    return size


class Budget:
    """Bytes that tasks hold while they run; a task waits until its share is free.

    Parameters
    ----------
    limit : int
        Bytes in all.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self._used = limit, 0
        self._freed = threading.Condition()

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Hold so many bytes; MemoryLimitError where they can never be free."""
        if size > self.limit:
            raise MemoryLimitError(f"{size} bytes are above the limit of {self.limit} bytes.")
        with self._freed:
            self._freed.wait_for(lambda: self._used + size <= self.limit)
            self._used += size
        try:
            yield
        finally:
            with self._freed:
                self._used -= size
                self._freed.notify_all()
