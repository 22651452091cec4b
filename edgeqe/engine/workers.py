"""Threads that run a picture's windows, at most as many as a plan has use for."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

from edgeqe.errors import ClosedError

T = TypeVar("T")


class Workers:
    """A pool of threads, made when it is first used.

    Parameters
    ----------
    threads : int
        Most that run at once.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._closed = False

    def each(self, function: Callable[[T], None], items: Iterable[T], workers: int) -> None:
        """Run a function on every item, on as many of the threads as there are workers.

        Threads that a plan has no use for are not started: each would keep a heap of its own. On an
        error or Ctrl-C what has not begun is dropped and what has is finished.

        Raises
        ------
        ClosedError
            If the pool is closed.
        """
        left = deque(items)

        def work() -> None:
            while True:
                try:
                    item = left.popleft()
                except IndexError:
                    return
                function(item)

        executor = self._executor()
        futures = [executor.submit(work) for _ in range(min(workers, len(left)))]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
            for future in futures:
                if future.done():
                    future.result()
        finally:
            left.clear()
            for future in futures:
                future.cancel()
            wait(futures)

    def _executor(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._closed:
                raise ClosedError("this Enhancer is closed: make a new one.")
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._threads, "edgeqe")
            return self._pool

    def close(self) -> None:
        """End the threads; later calls raise."""
        with self._lock:
            self._closed = True
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()


def available_threads() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
