"""Frames of a live source, read by a thread of its own into a short queue.

The thread that takes frames may be the main one, where Ctrl-C raises between any two instructions.
So it holds no lock that others wait for: frames go through a deque, and two bare locks only wake
whoever looks again.
"""

from __future__ import annotations

import _thread
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from edgeqe.errors import InputError

#: Seconds before a broken source is opened again: at first, and at most, doubled in between.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
#: Seconds that closing waits for a source that is being read.
PATIENCE = 5.0


class Clock:
    """Time, which a simulation may replace."""

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def pause(self, seconds: float, ended: _thread.LockType) -> None:
        """Wait so many seconds, or until a lock is open."""
        if ended.acquire(timeout=seconds):
            ended.release()


@dataclass(frozen=True)
class Read:
    """A frame, and the clock's time when it had been read."""

    frame: Any
    at: float


class SourceFeed:
    """Reads a source until it ends or this is closed.

    Parameters
    ----------
    source : callable or iterable
        A callable opens the source and returns its frames; it is called again when they end or fail.
        An iterable is read once.
    size : int
        Frames that wait at most.
    drops : bool
        Where the queue is full, drop the oldest frame; else wait.
    restarts : int, optional
        Times in a row that a source is opened again without a frame; without limit if left out.
    clock : Clock
    """

    def __init__(
        self,
        source: Callable[[], Iterable[Any]] | Iterable[Any],
        size: int,
        drops: bool,
        restarts: int | None,
        clock: Clock,
    ) -> None:
        self._source, self._size, self._drops = source, size, drops
        self._limit, self._clock = restarts, clock
        self._frames: deque[Read] = deque()
        self._wake, self._room = _thread.allocate_lock(), _thread.allocate_lock()
        self._stop = _thread.allocate_lock()
        """Open when this is closed."""
        self._stop.acquire()
        self._ended = self._closed = False
        self._error: BaseException | None = None
        self.read = self.dropped = self.restarted = 0
        self._thread = threading.Thread(target=self._run, name="edgeqe-stream", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def take(self, given_up: Callable[[], bool] = lambda: False) -> Read | None:
        """The next frame; None at the end, or when the caller has given up and calls `nudge`.

        Raises
        ------
        Exception
            What the source raised, once, behind its last frame.
        InputError
            If it was opened again as often as it may.
        """
        while not given_up():
            with suppress(IndexError):
                found = self._frames.popleft()
                _release(self._room)
                self._pass_on()
                return found
            if self._ended and not self._frames:
                self._pass_on()
                error, self._error = self._error, None
                if error is not None and not self._closed:
                    raise error
                return None
            self._wake.acquire()
        self._pass_on()
        return None

    def _pass_on(self) -> None:
        """Wake another that waits, if there is something for it."""
        if self._frames or self._ended:
            self.nudge()

    def nudge(self) -> None:
        """Make who waits in `take` look again."""
        _release(self._wake)

    def end(self) -> None:
        """Read no more, and drop what waits. Does not wait for the source."""
        self._closed = True
        self._frames.clear()
        for lock in (self._stop, self._room):
            _release(lock)

    def close(self) -> None:
        """End, and wait for the source a while."""
        self.end()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(PATIENCE)
        self._ended = True
        self.nudge()

    def _run(self) -> None:
        """Read, on the thread."""
        try:
            if callable(self._source):
                self._reopen(self._source)
            else:
                self._read(iter(self._source))
        except BaseException as error:  # told where frames are taken
            self._error = error
        self._ended = True
        self.nudge()

    def _reopen(self, source: Callable[[], Iterable[Any]]) -> None:
        """Open a source, and again when it ends."""
        failures = 0
        while not self._closed:
            before, problem = self.read, None
            try:
                self._read(iter(source()))
            except Exception as error:
                problem = error
            if self._closed:
                return
            failures = 1 if self.read > before else failures + 1
            if self._limit == 0:
                if problem is not None:
                    raise problem
                return
            if self._limit is not None and failures > self._limit:
                told = f": {problem}" if problem is not None else " by ending"
                raise InputError(
                    f"the source failed {failures} times in a row{told}. Check that it is there."
                ) from problem
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 10))
            self._clock.pause(pause, self._stop)
            self.restarted += not self._closed

    def _read(self, frames: Iterator[Any]) -> None:
        try:
            while not self._closed:
                try:
                    frame = next(frames)
                except StopIteration:
                    return
                self._put(Read(frame, self._clock.now()))
                del frame  # while the next is waited for, only the queue holds it
        finally:
            close = getattr(frames, "close", None)  # a generator's own `finally` frees the camera
            if close is not None:
                close()

    def _put(self, item: Read) -> None:
        self.read += 1
        while not self._closed and len(self._frames) >= self._size:
            if not self._drops:
                self._room.acquire()
                continue
            with suppress(IndexError):
                self._frames.popleft()
                self.dropped += 1
        if not self._closed:
            self._frames.append(item)
            self.nudge()


def _release(lock: _thread.LockType) -> None:
    """Open a lock, which may be open."""
    with suppress(RuntimeError):
        lock.release()
