"""Strengths of neighbouring frames made smooth, so that what does not move does not flicker.

An encoder gives I, P and B pictures different quantizers, and a B picture shows mostly what its
references hold. Enhanced at its own step alone, a still background would get another residual in
every frame. So a frame's step is the weighted geometric mean over its neighbours in display
order, itself the most, and it is held until the mean has gone half a QP away from it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from edgeqe.codecs.strength import KEYS_PER_OCTAVE

#: Frames before and behind that count: a usual group of B pictures, and the next one's references.
RADIUS = 4
#: Octaves of the step that are passed over: one of the steps that strength tables have.
HELD = 1 / KEYS_PER_OCTAVE

T = TypeVar("T")


@dataclass(frozen=True)
class _Waiting(Generic[T]):
    item: T
    octaves: float | None
    """Logarithm of the step; None where a frame has none."""


class Smoother(Generic[T]):
    """Passes items on, `RADIUS` items later, each with the smooth step of its place."""

    def __init__(self) -> None:
        self._window: deque[_Waiting[T]] = deque(maxlen=2 * RADIUS + 1)
        self._ahead = 0
        """Items of the window that are still to be passed on."""
        self._held: float | None = None

    def push(self, item: T, step: float | None) -> Iterator[tuple[T, float | None]]:
        """Take the next item in display order.

        Parameters
        ----------
        item : object
        step : float or None
            8-bit sample values; None or 0 where it is not known or nothing was quantized.

        Yields
        ------
        (item, step)
            An earlier item and its smooth step; None where no frame so far nor near it has one.
        """
        self._window.append(_Waiting(item, math.log2(step) if step else None))
        self._ahead += 1
        if self._ahead > RADIUS:
            yield self._pass(len(self._window) - self._ahead)

    def flush(self) -> Iterator[tuple[T, float | None]]:
        """Give the items that wait, as `push` does."""
        while self._ahead:
            yield self._pass(len(self._window) - self._ahead)

    def _pass(self, place: int) -> tuple[T, float | None]:
        mean = self._mean(place)
        if mean is not None and (self._held is None or abs(mean - self._held) > HELD):
            self._held = mean
        self._ahead -= 1
        return self._window[place].item, None if self._held is None else 2.0**self._held

    def _mean(self, place: int) -> float | None:
        total = weights = 0.0
        for index, waiting in enumerate(self._window):
            weight = RADIUS + 1 - abs(index - place)
            if waiting.octaves is not None and weight > 0:
                total += weight * waiting.octaves
                weights += weight
        return total / weights if weights else None
