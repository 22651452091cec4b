"""Calls into runtimes, and what a fork and the end of the process must wait for.

A runtime's own locks, those of its arena among them, are copied by a fork as they are: one that
another thread holds stays held in the child for ever, and so does Python's lock of a module that
another thread is importing: runtimes are imported in here too. Its code must not run either while the
process takes its libraries apart. So each thread holds a lock of its own while it is in a runtime,
and a fork and the end of the process take all of them first.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
import weakref
from collections import deque
from operator import methodcaller
from typing import Any

#: Reentrant, because only those know their owner: an interrupted fork lets go of what it took.
_registering: Any = threading.RLock()
_by_thread: dict[int, Any] = {}
_with_threads: weakref.WeakSet[Any] = weakref.WeakSet()
_generation, _ended = 0, False


class _Forks(threading.local):
    """Forks of this thread that are under way: others may fork too, and a handler within one."""

    def __init__(self) -> None:
        self.taken: list[list[Any]] = []
        """What each took, the innermost last."""


_forks = _Forks()


def in_runtime() -> Any:
    """Context of a call into a runtime; it costs no more than a lock that nobody wants.

    Entered and left in C, so that no handler of a signal runs between the lock and the block.
    """
    own = _by_thread.get(threading.get_ident())
    if own is None:
        with _registering:
            own = _by_thread[threading.get_ident()] = threading.RLock()
    return own


def generation() -> int:
    """Forks between the first process and this one: what another process made has another number."""
    return _generation


def has_ended() -> bool:
    """Whether the process ends: no thread but the one that ends it gets into a runtime any more."""
    return _ended


def never_freed_after_fork(session: object) -> None:
    """Keep a session in a forked process to its end.

    For those with threads of their own, which freeing it would wait for: a fork copies none.
    """
    _with_threads.add(session)


def _wait() -> None:
    """Wait for the calls under way, and let no other begin."""
    taken: list[Any] = []
    _forks.taken.append(taken)
    # In C: no handler runs between a lock and its entry.
    taken.extend(filter(methodcaller("acquire"), [_registering]))
    taken.extend(filter(methodcaller("acquire"), list(_by_thread.values())))


def _go_on() -> None:
    if _forks.taken:  # none if a handler of a signal raised before there was any
        deque(map(methodcaller("release"), _forks.taken.pop()), maxlen=0)


def _begin_anew() -> None:
    global _registering, _generation
    _registering = threading.RLock()
    _by_thread.clear()
    _go_on()
    _generation += 1
    for session in _with_threads:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(session))


def _end() -> None:
    global _ended
    _ended = True
    _wait()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_wait, after_in_parent=_go_on, after_in_child=_begin_anew)
atexit.register(_end)
