"""Threads: one for each call, and a pool that runs the windows of all calls.

Handlers of signals run in the main thread alone, between any two of its instructions, and may raise
there, as Ctrl-C does. An exception between taking a lock and the block that gives it back would leave
it taken for ever. So the caller's thread takes nothing: it hands the call to another thread and waits
for it, both of which are single steps in C. For the same reason nothing here is from
`concurrent.futures`, whose pool is also closed while other threads of an ending program still run.
"""

from __future__ import annotations

import _thread
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Sized
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Generic, TypeVar, cast

from edgeqe.errors import ClosedError, InputError
from edgeqe.runtimes.forks import has_ended

T = TypeVar("T")
Task = Callable[[], None]


class _Dropped(BaseException):
    """Ends a call whose caller was interrupted; nobody sees it."""


class _Call(Generic[T]):
    """One call on a thread of its own."""

    def __init__(self, function: Callable[[_Call[T]], T]) -> None:
        self._function = function
        self.result: T | None = None
        self.error: BaseException | None = None
        self.dropped = False
        """Its caller is interrupted: no further window begins."""
        self.writes = False
        """It has begun to write into the caller's arrays."""
        self.finished = False
        self._done = _thread.allocate_lock()
        self._done.acquire()

    def wait(self) -> None:
        """Wait until it is finished: its caller alone, but again if an exception ends the wait."""
        if not self.finished:
            self._done.acquire()

    def finish(self) -> None:
        """Let its caller go on."""
        if not self.finished:
            self.finished = True
            self._done.release()

    def run(self) -> None:
        """Run it, on its thread."""
        try:
            self.result = self._function(self)
        except BaseException as error:
            self.error = error
        self.finish()

    def drop(self) -> None:
        """End it early. What has begun to write is waited for."""
        self.dropped = True
        if self.writes:
            self.wait()


class _Callers:
    """Threads of calls, of all engines: one more than there were calls at once.

    A thread that takes a call sees to it that another waits, so callers only add to a queue.
    """

    def __init__(self) -> None:
        self._queue: SimpleQueue[_Call[Any]] = SimpleQueue()
        self._lock = threading.Lock()
        self._waiting, self._begun = 0, False

    def put(self, call: _Call[Any]) -> None:
        """Let a thread run a call; RuntimeError if there can be none."""
        if (
            not self._begun
        ):  # if two callers are first, or one is interrupted here, there is one more
            _thread.start_new_thread(self._serve, (1,))
            self._begun = True
        self._queue.put(call)

    def _serve(self, uncounted: int) -> None:
        while True:
            with self._lock:
                self._waiting += uncounted
            call = self._queue.get()
            with (
                self._lock,
                suppress(RuntimeError),
            ):  # without a further thread, calls wait for this
                self._waiting -= 1
                if not self._waiting:
                    _thread.start_new_thread(self._serve, (0,))
                    self._waiting += 1
            call.run()
            del call  # an idle thread keeps no picture
            uncounted = 1


class Workers:
    """Runs calls, and their windows on a pool of threads, which is made when it is first used.

    Parameters
    ----------
    threads : int
        Most windows that run at once.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._started: list[int] = []
        """Identities of the pool's threads."""
        self._changed = threading.Condition()
        self._calls: set[_Call[Any]] = set()
        """Those under way."""
        self._closed = False
        self._own = threading.local()
        weakref.finalize(self, _end, self._tasks, self._started).atexit = False
        _all.add(self)

    def call(self, function: Callable[[], T]) -> T:
        """Run a function on a thread of its own, and give its result or raise its error.

        An interrupted caller leaves when the windows that run are finished; the others are dropped.

        Raises
        ------
        ClosedError
            If the workers are closed, or the process ends.
        InputError
            If the system has no more threads.
        """
        if has_ended():
            raise ClosedError("this process ends: no picture can be enhanced any more.")

        def run(call: _Call[T]) -> T:
            return self._run(function, call)

        return self._on_a_thread(_Call(run))

    def _on_a_thread(self, call: _Call[T]) -> T:
        try:
            _callers.put(call)
            call.wait()
        except BaseException as error:
            call.drop()
            if isinstance(error, RuntimeError) and "start new thread" in str(error):
                raise _no_threads() from error
            raise
        error_in_call, call.error = call.error, None
        if error_in_call is not None:
            try:
                raise error_in_call
            finally:
                del error_in_call  # which knows this frame
        return cast(T, call.result)

    def _run(self, function: Callable[[], T], call: _Call[T]) -> T:
        with self._changed:
            if self._closed:
                raise ClosedError("this Enhancer is closed: make a new one.")
            self._calls.add(call)
        try:
            self._own.call = call
            return function()
        finally:
            self._own.call = None  # the thread stays, the picture does not
            with self._changed:
                self._calls.discard(call)
                self._changed.notify_all()
            del call  # an error knows this frame

    def each(self, function: Callable[[T], None], items: Iterable[T], workers: int) -> None:
        """Run a function on every item, on as many of the threads as there are workers.

        Part of a `call`. Threads that a plan has no use for are not started: each would keep a heap
        of its own. Items of an iterator are made as they are taken. On an error, or if the caller is
        interrupted, what has not begun is dropped and what has is finished.
        """
        call: _Call[Any] = self._own.call
        call.writes = True
        if call.dropped:  # asked behind `writes`, as `drop` does the other way round
            raise _Dropped
        left, taking, done = iter(items), threading.Lock(), object()
        errors: SimpleQueue[BaseException | None] = SimpleQueue()
        failed: list[bool] = []

        def work() -> None:
            try:
                while not (call.dropped or failed):
                    with taking:
                        item = next(left, done)
                    if item is done:
                        break
                    function(cast(T, item))
            except BaseException as error:
                failed.append(True)
                errors.put(error)
            else:
                errors.put(None)

        count = min(workers, len(items)) if isinstance(items, Sized) else workers
        self._start(count)
        for _ in range(count):
            self._tasks.put(work)
        found = [error for error in [errors.get() for _ in range(count)] if error is not None]
        if found:
            try:
                raise found[0]
            finally:
                found.clear()
        if call.dropped:
            raise _Dropped

    def _start(self, count: int) -> None:
        """Start threads up to a count; fewer will do, where the system has no more."""
        with self._changed:
            while len(self._started) < min(count, self._threads):
                try:
                    self._started.append(_thread.start_new_thread(_serve, (self._tasks,)))
                except RuntimeError as error:
                    if not self._started:
                        raise _no_threads() from error
                    return

    def break_off(self) -> None:
        """End the calls under way in a forked process, which has none of their threads."""
        for call in self._calls:
            call.error = ClosedError("this process was forked from within a call: call it again.")
            call.finish()

    def close(self) -> None:
        """Wait for the calls under way, then end the threads; later calls raise."""
        self._closed = True
        if not has_ended():  # then what runs never comes back
            self._on_a_thread(_Call(self._end))

    def _end(self, _: _Call[None]) -> None:
        with self._changed:
            while self._calls:
                self._changed.wait()
        _end(self._tasks, self._started)


def _break_off() -> None:
    global _callers
    _callers = _Callers()
    for workers in _all:
        workers.break_off()


_callers = _Callers()
_all: weakref.WeakSet[Workers] = weakref.WeakSet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_break_off)


def _serve(tasks: SimpleQueue[Task | None]) -> None:
    """Run tasks until there is a None. It knows nothing of `Workers`, so those can be freed."""
    while (task := tasks.get()) is not None:
        task()
        del task  # an idle thread keeps no picture


def _end(tasks: SimpleQueue[Task | None], started: list[int]) -> None:
    while started:
        started.pop()
        tasks.put(None)


def _no_threads() -> InputError:
    return InputError(
        "the system has no more threads: run fewer calls at once, or raise its limit."
    )


def available_threads() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
