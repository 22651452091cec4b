"""Memory as a contract: sizes in words, and a budget that calls wait for."""

from __future__ import annotations

import math
import re
import threading
import weakref
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from edgeqe.errors import InputError, InputTypeError
from edgeqe.typing import Float

_UNITS = {"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30,
          "kb": 10**3, "mb": 10**6, "gb": 10**9}  # fmt: skip


def parse_size(size: int | str) -> int:
    """Bytes of a size such as ``"64MiB"``, ``"24 MB"`` or a number of bytes.

    Raises
    ------
    InputTypeError
        If it is neither text nor a whole number.
    InputError
        If it is no size above 0.
    """
    if isinstance(size, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", size)
        if match is not None and match[2].lower() in _UNITS:
            size = int(float(match[1]) * _UNITS[match[2].lower()])
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        kind = InputError if isinstance(size, str) or type(size) is int else InputTypeError
        raise kind(f"memory limit {size!r} is no size: write bytes, or such as 64MiB.")
    return size


@dataclass(eq=False)
class Place:
    """Memory of a window, running or idle."""

    size: int
    """Bytes of the window that made it."""
    tag: Hashable = None
    """What a window must share to use it."""
    _values: Float = field(default_factory=lambda: np.empty(0, np.float32))

    @property
    def kind(self) -> Hashable:
        """What places share whose idle memory is alike."""
        return self.size, self.tag

    def array(self, *shape: int) -> Float:
        """Uninitialised floats of a shape, which stay with the place.

        So a window's planes do not come and go in the heaps of threads, where those of other
        sizes would leave gaps.
        """
        count = math.prod(shape)
        if self._values.size < count:
            self._values = np.empty(count, np.float32)
        return self._values[:count].reshape(shape)


class Droppable(Protocol):
    """Holder of memory that it can do without."""

    def drop(self) -> None:
        """Free the memory."""
        ...


class Budget:
    """Bytes that running windows take, and that a runtime keeps of idle ones.

    An arena keeps what a window took, and a later window takes its place; one that is larger
    would grow the arena around gaps that it cannot use, so the runtime is told to shrink first.
    Windows that use the arena side by side must have one size, which `GroupLock` sees to. An
    interpreter serves windows of the same *tag* only, no larger than its first. So the budget counts
    *places*, each with the bytes that made it. Where the limit leaves no room for a new place,
    the idle places are dropped too, then what streams keep between their frames, and only then does
    a window wait.

    Simulated with `converters/arena.py`, sizes that grow, shrink and leap on one, two and four
    threads, three networks in float32 and INT8: the arena held at most 1.09 times the places,
    1.00 of float32. If larger windows may use what smaller ones left it is 1.45, with windows of
    several sizes side by side 1.7.

    Parameters
    ----------
    limit : int
        Bytes in all.
    shrink : callable
        Makes the runtime give back what no running window uses.
    """

    def __init__(self, limit: int, shrink: Callable[[], None]) -> None:
        self.limit, self._shrink = limit, shrink
        self._idle: list[Place] = []
        self._used = 0
        """Bytes of all places, idle ones too, and of the bands."""
        self._last = 0
        """Bytes of the last window in the arena; since it was emptied none was smaller."""
        self._members = 1
        """Ensemble of that window: of its bytes, another share lies in the arena."""
        self._kept: list[tuple[weakref.ref[Droppable], int]] = []
        """What is kept between calls with its bytes, the longest unused first."""
        self._changed = threading.Condition()

    @contextmanager
    def window(
        self, size: int, tag: Hashable = None, ensemble: int = 1, own_size: bool = False
    ) -> Iterator[Place]:
        """Hold a running window's place, a new or an idle one.

        Parameters
        ----------
        size : int
            Bytes.
        tag : hashable, optional
            What an idle place must equal; None where size and ensemble decide.
        ensemble : int
            Members of the window's ensemble.
        own_size : bool
            Rather take more bytes, where there are, than an idle place of another size, in which an
            interpreter would change its shape.
        """
        with self._changed:
            if tag is None:
                if self._idle and (size > self._last or ensemble != self._members):
                    self._empty()
                self._last, self._members = size, ensemble
            while True:
                grows = own_size and self._used + size <= self.limit
                place = self._take_idle(size, tag, size if grows else self.limit)
                if place is not None:
                    break
                if self._take(size):
                    place = Place(size, tag)
                    break
        try:
            yield place
        finally:
            with self._changed:
                self._idle.append(place)
                self._changed.notify_all()

    @contextmanager
    def band(self, size: int) -> Iterator[None]:
        """Hold bytes that the runtime has no part in."""
        with self._changed:
            while not self._take(size):
                pass
        try:
            yield
        finally:
            with self._changed:
                self._used -= size
                self._changed.notify_all()

    @contextmanager
    def kept(self, owner: Droppable, size: int) -> Iterator[None]:
        """Hold bytes that stay with their owner after this, until something else needs them.

        Parameters
        ----------
        owner : Droppable
            Told to drop them then; if it is freed, they are free.
        size : int
            Bytes. An owner that has others is told to drop those.
        """
        with self._changed:
            had = self._forget(owner)
            if had != size:
                owner.drop()
                self._used -= had
                while not self._take(size):
                    pass
        try:
            yield
        finally:
            with self._changed:
                self._kept.append((weakref.ref(owner), size))
                self._changed.notify_all()

    def let_go(self, owner: Droppable) -> None:
        """Take what an owner keeps as free."""
        with self._changed:
            self._used -= self._forget(owner)
            owner.drop()
            self._changed.notify_all()

    def _forget(self, owner: Droppable | None) -> int:
        """Bytes that an owner keeps, which goes from the list; None for those that are freed."""
        gone = [one for one in self._kept if one[0]() is owner]
        self._kept = [one for one in self._kept if one not in gone]
        return sum(size for _, size in gone)

    def _take_idle(self, size: int, tag: Hashable, most: int) -> Place | None:
        """The smallest idle place that serves, up to so many bytes, which is then idle no more."""
        fits = [p for p in self._idle if p.tag == tag and size <= p.size <= most]
        if not fits:
            return None
        found = min(fits, key=lambda place: place.size)
        self._idle.remove(found)
        return found

    def _take(self, size: int) -> bool:
        """Take so many more bytes; where they do not fit, make room or wait, and take none."""
        self._used -= self._forget(None)
        if self._used + size <= self.limit:
            self._used += size
            return True
        if self._idle:
            self._empty()
        elif self._kept:
            owner, bytes_kept = self._kept.pop(0)
            self._used -= bytes_kept
            if (found := owner()) is not None:
                found.drop()
        else:
            self._changed.wait()
        return False

    def _empty(self) -> None:
        """Make the runtime drop all idle places."""
        self._used -= sum(place.size for place in self._idle)
        self._idle.clear()
        self._shrink()


class GroupLock:
    """Group mutual exclusion: calls of one group run together, a call of another waits.

    First come, first served: who waits is not overtaken, so nobody waits for ever.
    """

    def __init__(self) -> None:
        self._waiting: list[object] = []
        self._group: Hashable = None
        self._running = 0
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, group: Hashable) -> Iterator[None]:
        """Run while only calls of this group run."""
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                while self._waiting[0] is not ticket or (self._running and self._group != group):
                    self._changed.wait()
                self._group = group
                self._running += 1
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()
