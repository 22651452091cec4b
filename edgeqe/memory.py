"""Memory as a contract: sizes in words, and a budget that calls wait for."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edgeqe.errors import InputError

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
    """Bytes that running windows take, and that a runtime's arena keeps of idle ones.

    An arena keeps what windows took, for the next ones of so many pixels (a tensor's
    bytes follow from them, whatever the shape). So a size counts with the most that it
    ever ran at once, until the arena is shrunk; that is done when another size needs
    the room, and only then does a window wait.

    Parameters
    ----------
    limit : int
        Bytes in all.
    shrink : callable
        Makes the arena give back what no running window uses.
    """

    def __init__(self, limit: int, shrink: Callable[[], None]) -> None:
        self.limit, self._shrink = limit, shrink
        self._running: dict[int, int] = {}
        self._kept: dict[int, int] = {}
        self._bands = 0
        self._changed = threading.Condition()

    @contextmanager
    def window(self, pixels: int, size: int) -> Iterator[None]:
        """Hold the bytes of a running window of so many pixels."""
        with self._changed:
            self._wait(lambda: self._grown(pixels, size))
            self._running[pixels] = self._running.get(pixels, 0) + size
            self._kept[pixels] = max(self._kept.get(pixels, 0), self._running[pixels])
        try:
            yield
        finally:
            with self._changed:
                self._running[pixels] -= size
                self._changed.notify_all()

    @contextmanager
    def band(self, size: int) -> Iterator[None]:
        """Hold bytes that the arena has no part in."""
        with self._changed:
            self._wait(lambda: size)
            self._bands += size
        try:
            yield
        finally:
            with self._changed:
                self._bands -= size
                self._changed.notify_all()

    def _grown(self, pixels: int, size: int) -> int:
        """Bytes by which one more window of a size makes the arena grow."""
        return max(0, self._running.get(pixels, 0) + size - self._kept.get(pixels, 0))

    def _wait(self, more: Callable[[], int]) -> None:
        """Wait until so many more bytes fit."""
        while sum(self._kept.values()) + self._bands + more() > self.limit:
            if self._kept != self._running:
                self._shrink()
                self._kept = {pixels: size for pixels, size in self._running.items() if size}
                self._running = dict(self._kept)
            else:
                self._changed.wait()
