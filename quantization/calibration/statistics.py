"""Streaming range estimators: min-max, percentile and least squared error, in bounded memory.

A statistic takes arrays as they come and gives the range to quantize to 8 bits. The order of the
values, and how they are cut into arrays, changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgeqe.choices import Choice
from edgeqe.errors import InputError
from edgeqe.typing import Double

Values = npt.NDArray[np.floating[Any]]

#: Bins of a histogram on each side of zero.
HALF = 4096
#: Smallest exponent of a bin's width: its inverse is still finite in float32.
LEAST_EXPONENT = -120
#: Percent of the values that `Percentile` keeps below the high end, and above the low end.
PERCENTILE = 99.99
#: Steps of an 8-bit range.
STEPS = 255
#: Shares of a range's end that `LeastError` tries: 1 to 1/8, sixteen an octave.
SHARES: Double = np.exp2(-np.arange(49) / 16)
#: Most rounds of `LeastError` over the two ends.
ROUNDS = 8


class RangeStatistic(Choice):
    """How the range of an activation is estimated."""

    MINMAX = "minmax"
    """From the smallest to the largest value."""
    PERCENTILE = "percentile"
    """All but a share of the values at either end, of 1 in 10,000 unless another is asked for."""
    MSE = "mse"
    """The range with the least mean squared error of quantization."""


class Statistic(Protocol):
    """Estimates the range of a stream of values."""

    def add(self, values: Values) -> None:
        """Add values, an array of any shape.

        Raises
        ------
        ValueError
            If one of them is not finite.
        """

    def range(self) -> tuple[float, float]:
        """Range to represent: low end, at most 0, and high end, at least 0."""


class MinMax:
    """Range from the smallest to the largest value, zero included."""

    def __init__(self) -> None:
        self._low, self._high = 0.0, 0.0

    def add(self, values: Values) -> None:
        """Add values; see `Statistic`."""
        low, high = _ends(values)
        self._low, self._high = min(self._low, low), max(self._high, high)

    def range(self) -> tuple[float, float]:
        """Exact range; see `Statistic`."""
        return self._low, self._high


class Histogram:
    """Streaming histogram whose bin width is a power of two and grows with the values.

    The width is the smallest with which all values fit: at most 1/2048 of the largest
    magnitude. Zeros are counted apart, because integers represent them without error.
    """

    def __init__(self) -> None:
        self.ends = MinMax()
        """Smallest and largest value."""
        self.zeros = 0
        """Count of values that are 0."""
        self.counts = np.zeros(2 * HALF, np.int64)
        """Count of other values in each bin."""
        self._exponent = LEAST_EXPONENT

    def add(self, values: Values) -> None:
        """Add values; see `Statistic`."""
        self.ends.add(values)
        low, high = self.ends.range()
        if low < high:
            self._widen(math.frexp(max(-low, high))[1] - (HALF.bit_length() - 1))
        flat = values.reshape(-1)
        zeros = flat.size - int(np.count_nonzero(flat))
        index = np.floor(flat * flat.dtype.type(2.0**-self._exponent)).astype(np.intp)
        self.counts += np.bincount(index + HALF, minlength=2 * HALF)
        self.counts[HALF] -= zeros
        self.zeros += zeros

    @property
    def width(self) -> float:
        """Width of a bin."""
        return float(2.0**self._exponent)

    @property
    def edges(self) -> Double:
        """Edges of the bins, shape (bins + 1,)."""
        edges: Double = np.arange(-HALF, HALF + 1, dtype=np.float64) * self.width
        return edges

    def _widen(self, exponent: int) -> None:
        """Merge bins until their width is at least 2 to an exponent."""
        if exponent <= self._exponent:
            return
        joined = np.zeros_like(self.counts)
        place = np.arange(-HALF, HALF) >> min(exponent - self._exponent, HALF.bit_length())
        np.add.at(joined, place + HALF, self.counts)
        self.counts, self._exponent = joined, exponent


class Percentile:
    """Percentile range: a small share of the values lies outside at either end.

    Each end is at most one bin of the histogram, 1/2048 of the largest magnitude, too far
    out, and never further out than the values are.

    Parameters
    ----------
    percentile : float
        Percent of the values at or below the high end, and at or above the low end, 50 to 100.

    Raises
    ------
    InputError
        If it is another.
    """

    def __init__(self, percentile: float = PERCENTILE) -> None:
        if not 50.0 <= percentile <= 100.0:
            raise InputError(
                f"percentile {percentile!r} is not from 50 to 100: 99.99 is usual, 99.999 clips less "
                "line art and rounds photographs more coarsely."
            )
        # 99.99 / 100 is not the 0.9999 that is meant
        self._share, self._histogram = round(percentile / 100, 12), Histogram()

    def add(self, values: Values) -> None:
        """Add values; see `Statistic`."""
        self._histogram.add(values)

    def range(self) -> tuple[float, float]:
        """Range; see `Statistic`."""
        counts, edges = self._histogram.counts.copy(), self._histogram.edges
        counts[HALF] += self._histogram.zeros
        wanted = self._share * int(counts.sum())
        low, high = self._histogram.ends.range()
        below = int(np.searchsorted(np.cumsum(counts), wanted))
        above = int(np.searchsorted(np.cumsum(counts[::-1]), wanted))
        low, high = max(low, float(edges[-2 - above])), min(high, float(edges[below + 1]))
        return min(0.0, low), max(0.0, high)


class LeastError:
    """Range with the least mean squared error of quantization to 8 bits.

    Values count as the middle of their bin, zeros as zeros. The ends are tried one after the
    other, at `SHARES` of the smallest and the largest value, until nothing is gained.
    """

    def __init__(self) -> None:
        self._histogram = Histogram()

    def add(self, values: Values) -> None:
        """Add values; see `Statistic`."""
        self._histogram.add(values)

    def range(self) -> tuple[float, float]:
        """Range; see `Statistic`."""
        filled = np.flatnonzero(self._histogram.counts)
        values: Double = (filled.astype(np.float64) - HALF + 0.5) * self._histogram.width
        counts = self._histogram.counts[filled].astype(np.float64)
        lowest, highest = self._histogram.ends.range()

        def best(lows: Double, highs: Double) -> tuple[float, float, float]:
            losses = [_loss(values, counts, *ends) for ends in zip(lows, highs, strict=True)]
            index = int(np.argmin(losses))
            return losses[index], float(lows[index]), float(highs[index])

        least, low, high = best(lowest * SHARES, highest * SHARES)
        for _ in range(ROUNDS):
            before = least
            if highest > 0.0:
                least, low, high = best(np.full(len(SHARES), low), highest * SHARES)
            if lowest < 0.0:
                least, low, high = best(lowest * SHARES, np.full(len(SHARES), high))
            if least >= before:
                break
        return low, high


def _loss(values: Double, counts: Double, low: float, high: float) -> float:
    """Sum of squared errors of values quantized to 8 bits from low to high, 0 exact."""
    scale = (high - low) / STEPS
    if scale == 0.0:
        return 0.0
    zero = round(-low / scale)
    integers = np.clip(np.rint(values / scale), -zero, STEPS - zero)
    return float(np.dot(counts, np.square(integers * scale - values)))


def _ends(values: Values) -> tuple[float, float]:
    """Smallest and largest value, 0 and 0 of none."""
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError("not every value is finite")
    return low, high


def range_finder(statistic: RangeStatistic, percentile: float) -> Callable[[], Statistic]:
    """Constructor of a range estimator; the percentile counts for `PERCENTILE` alone.

    Raises
    ------
    InputError
        As of `Percentile`.
    """
    Percentile(percentile)  # refused whatever the statistic is
    finders: dict[RangeStatistic, Callable[[], Statistic]] = {
        RangeStatistic.MINMAX: MinMax,
        RangeStatistic.PERCENTILE: partial(Percentile, percentile),
        RangeStatistic.MSE: LeastError,
    }
    return finders[statistic]
