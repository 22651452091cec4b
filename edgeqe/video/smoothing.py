"""Strengths of neighbouring frames made smooth, so that what does not move does not flicker.

An encoder gives I, P and B pictures different quantizers, and a picture of few bytes shows mostly
what its references hold, at the steps at which that was coded. Enhanced at its own step alone, a still
background would get another residual in every frame, and a stronger one than it needs.

So the step of what is shown is followed in coding order, in which references come first. A picture
that refers to none shows its own step. One of w bytes replaces the share 1 - exp(-1.25 w / c) of what
was shown before, where c is what the last picture without references took, or a larger one since. The
step is the geometric mean by these shares. Frames are enhanced at that step, held in display order
until it has gone a whole QP away.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

from edgeqe.codecs.strength import KEYS_PER_OCTAVE

#: Frames at the beginning that wait for the first step that is known.
AHEAD = 4
#: Octaves of the step that are passed over: a QP of H.264, two of the steps that strength tables have.
HELD = 2 / KEYS_PER_OCTAVE
#: Bytes of a picture without references that one of a predicted picture replaces. Of 1 to 2 the best for
#: clips of H.264 and HEVC that move; those that lie still and VVC would take 1.
REPLACED = 1.25

T = TypeVar("T")


class ShownStep:
    """The step at which what a stream shows was coded, followed in coding order."""

    def __init__(self) -> None:
        self._octaves: float | None = None
        self._whole = 0.0
        """Bytes of a picture that replaces most of what is shown."""

    @property
    def step(self) -> float | None:
        """8-bit sample values; None before the first picture that has a step."""
        return None if self._octaves is None else 2.0**self._octaves

    def take(self, step: float, coded_bytes: int, *, alone: bool) -> None:
        """Take the next picture in coding order.

        Parameters
        ----------
        step : float
            8-bit sample values; 0 where nothing was quantized, which changes nothing.
        coded_bytes : int
            What was coded at that step.
        alone : bool
            Whether it refers to no other picture.
        """
        if not step:
            return
        own = math.log2(step)
        if self._octaves is None or alone:
            self._octaves, self._whole = own, float(coded_bytes)
            return
        self._whole = max(self._whole, coded_bytes, 1.0)
        replaced = -math.expm1(-REPLACED * coded_bytes / self._whole)
        self._octaves += (own - self._octaves) * replaced


class Smoother(Generic[T]):
    """Passes items on in display order, each with the step that is held at its place."""

    def __init__(self) -> None:
        self._waiting: deque[T] = deque()
        self._latest = -1
        self._held: float | None = None

    def push(self, item: T, step: float | None, place: int) -> Iterator[tuple[T, float | None]]:
        """Take the next item in display order.

        Parameters
        ----------
        item : object
        step : float or None
            `ShownStep.step` when its picture was coded; None where it is not known.
        place : int
            Of the picture in coding order. What was coded before a picture that has been passed on
            already tells nothing new.

        Yields
        ------
        (item, step)
            This item, and earlier ones that waited, with the step that is held; None where none of the
            frames until `AHEAD` later has one.
        """
        if step and place > self._latest:
            self._latest, octaves = place, math.log2(step)
            if self._held is None or abs(octaves - self._held) > HELD:
                self._held = octaves
        self._waiting.append(item)
        if self._held is not None:
            yield from self.flush()
        elif len(self._waiting) > AHEAD:
            yield self._waiting.popleft(), None

    def flush(self) -> Iterator[tuple[T, float | None]]:
        """Give the items that wait, as `push` does."""
        step = None if self._held is None else 2.0**self._held
        while self._waiting:
            yield self._waiting.popleft(), step
