"""Strengths of neighbouring frames made smooth, so that what does not move does not flicker.

An encoder gives I, P and B pictures different quantizers, and a B picture shows mostly what its
references hold, at the steps at which that was coded. Enhanced at its own step alone, a still
background would get another residual in every frame, and a stronger one than it needs. So a
frame's step is a weighted geometric mean in display order: over the frames before it, which count
half as much `HALF_LIFE` frames later, itself, and the next `AHEAD` ones; each weighs as many bytes
as it was coded with. It is held until the mean has gone half a QP away from it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from edgeqe.codecs.strength import KEYS_PER_OCTAVE

#: Frames that are waited for: a usual group of B pictures, and what it refers to.
AHEAD = 4
#: Frames after which one counts half.
HALF_LIFE = 12
#: Octaves of the step that are passed over: one of the steps that strength tables have.
HELD = 1 / KEYS_PER_OCTAVE

T = TypeVar("T")


@dataclass(frozen=True)
class _Waiting(Generic[T]):
    item: T
    octaves: float
    """Logarithm of the step."""
    weight: float
    """0 where it has none."""


class Smoother(Generic[T]):
    """Passes items on, `AHEAD` items later, each with the smooth step of its place."""

    def __init__(self) -> None:
        self._waiting: deque[_Waiting[T]] = deque()
        self._sum = self._weights = 0.0
        """Of what was passed on, as it counts now."""
        self._held: float | None = None

    def push(self, item: T, step: float | None, weight: float) -> Iterator[tuple[T, float | None]]:
        """Take the next item in display order.

        Parameters
        ----------
        item : object
        step : float or None
            8-bit sample values; None or 0 where it is not known or nothing was quantized.
        weight : float
            Bytes that were coded at that step.

        Yields
        ------
        (item, step)
            An earlier item and its smooth step; None where no frame so far nor near it has one.
        """
        if step:
            self._waiting.append(_Waiting(item, math.log2(step), weight))
        else:
            self._waiting.append(_Waiting(item, 0.0, 0.0))
        if len(self._waiting) > AHEAD:
            yield self._pass()

    def flush(self) -> Iterator[tuple[T, float | None]]:
        """Give the items that wait, as `push` does."""
        while self._waiting:
            yield self._pass()

    def _pass(self) -> tuple[T, float | None]:
        fading = 0.5 ** (1 / HALF_LIFE)
        own, *ahead = self._waiting
        self._sum = self._sum * fading + own.octaves * own.weight
        self._weights = self._weights * fading + own.weight
        total, weights = self._sum, self._weights
        for distance, other in enumerate(ahead, 1):
            part = other.weight * (1 - distance / (AHEAD + 1))
            total += other.octaves * part
            weights += part
        if weights:
            mean = total / weights
            if self._held is None or abs(mean - self._held) > HELD:
                self._held = mean
        self._waiting.popleft()
        return own.item, None if self._held is None else 2.0**self._held
