"""Medians with intervals, and when two of them differ.

Times of a machine have a long tail and no normal distribution, so every interval here is that
of a median by order statistics: of n independent values, the median lies between the k-th
smallest and the k-th largest unless fewer than k of n fair coins show heads.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

#: Share of the intervals that hold the true median.
CONFIDENCE = 0.95
#: Fewest values for which the smallest and the largest are such an interval.
FEWEST = 6
#: Factor by which fewer values may be off, however near they are to each other.
UNSURE = 1.25
#: Least difference that counts between lanes of one run, which see the same machine.
WITHIN = 0.01
#: Least difference that counts between two runs: the same model, opened again, lies elsewhere in
#: memory and meets another state of the machine.
BETWEEN = 0.05
#: The same where other programs were at work, or the machine was in another state: with half of
#: two processors taken from it, the same model was measured up to 18 % off.
BETWEEN_DISTURBED = 0.25
#: Factor by which the reference's balance of float32 to INT8 tells another state of the machine.
MOVED = 1.2


@dataclass(frozen=True)
class Ratio:
    """A figure and its interval."""

    value: float
    low: float
    high: float

    @property
    def spread(self) -> float:
        """Half of the interval's width, as a share of the value."""
        return (self.high - self.low) / 2 / self.value


@dataclass(frozen=True)
class Change:
    """How a figure differs from another one."""

    ratio: Ratio
    """The second over the first; above 1 where it grew."""
    significant: bool

    @property
    def words(self) -> str:
        """Verdict: by how much the second is larger or smaller, or that nobody can tell."""
        if not self.significant:
            return "no significant difference"
        return f"{abs(self.ratio.value - 1):.1%} {'more' if self.ratio.value > 1 else 'less'}"


def median(values: Sequence[float]) -> Ratio:
    """Median with its interval of 95 %.

    Below `FEWEST` values no interval is that sure: it is from the smallest to the largest, and
    by the same factor farther on either side, or by `UNSURE` where they happen to lie near.

    Parameters
    ----------
    values : sequence of float
        At least one, all above 0.
    """
    ordered = sorted(values)
    middle, count = statistics.median(ordered), len(ordered)
    if count < FEWEST:
        factor = max(ordered[-1] / ordered[0], UNSURE)
        return Ratio(middle, ordered[0] / factor, ordered[-1] * factor)
    rank = _rank(count)
    return Ratio(middle, ordered[rank], ordered[count - 1 - rank])


def _rank(count: int) -> int:
    """Index of the interval's lower end: the largest that leaves out 2.5 % at most."""
    tail, rank = 0.0, -1
    while True:
        tail += math.comb(count, rank + 1) / 2**count
        if tail > (1 - CONFIDENCE) / 2:
            return rank
        rank += 1


def percentile(values: Sequence[float], share: float) -> float:
    """Smallest value that at least a share of all values does not exceed (nearest rank).

    Parameters
    ----------
    values : sequence of float
        At least one.
    share : float
        Above 0, at most 1.
    """
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def within_run(first: Sequence[float], second: Sequence[float]) -> Change:
    """How the second of two lanes that took turns differs from the first.

    Parameters
    ----------
    first, second : sequence of float
        Seconds, a round each; both of one length.
    """
    ratio = median([after / before for before, after in zip(first, second, strict=True)])
    return Change(ratio, _apart(ratio, WITHIN))


def between_runs(first: Ratio, second: Ratio, *, disturbed: bool = False) -> Change:
    """How a figure of one run differs from that of another, both as ratios to the reference.

    The widths of the two intervals, as factors, add as those of independent errors do.

    Parameters
    ----------
    first, second : Ratio
    disturbed : bool
        Whether other programs kept processors busy during either run, or the machine was in
        another state. That slows one kind of work more than another, so that only a larger
        difference counts.
    """
    value = second.value / first.value
    factor = math.exp(math.hypot(*(math.log(r.high / r.low) / 2 for r in (first, second))))
    ratio = Ratio(value, value / factor, value * factor)
    return Change(ratio, _apart(ratio, BETWEEN_DISTURBED if disturbed else BETWEEN))


def _apart(ratio: Ratio, least: float) -> bool:
    return not ratio.low <= 1 <= ratio.high and abs(math.log(ratio.value)) >= math.log1p(least)
