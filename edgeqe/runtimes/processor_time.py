"""Processor time by what it is spent on, while somebody asks: the share of a runtime in the whole.

Work is counted on the thread that does it. It costs a comparison where nobody asks.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

_asking: list[defaultdict[str, float]] = []
_lock = threading.Lock()


class Spent:
    """Context of a piece of work, whose seconds are added to its name."""

    def __init__(self, name: str) -> None:
        self._name, self._begun = name, 0.0

    def __enter__(self) -> None:
        if _asking:
            self._begun = time.thread_time()

    def __exit__(self, *_: object) -> None:
        if _asking and self._begun:
            seconds = time.thread_time() - self._begun
            with _lock:
                for counted in _asking:
                    counted[self._name] += seconds


@contextmanager
def processor_time() -> Iterator[defaultdict[str, float]]:
    """Count the seconds of all threads by name inside the block.

    Yields
    ------
    defaultdict
        Processor seconds; ``runtime`` is the calls into runtimes, ``window`` all that is done for
        windows, those calls among it.
    """
    counted: defaultdict[str, float] = defaultdict(float)
    _asking.append(counted)
    try:
        yield counted
    finally:
        _asking[:] = [other for other in _asking if other is not counted]
