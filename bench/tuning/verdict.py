"""Whether a setting is faster than the default, or the machine too noisy to tell.

The default runs in two lanes of the same race: how far they differ is what noise alone can
feign, and a gain must be above that.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from edgeqe.bench.race import UNSTEADY, spread_of

#: Gain that is worth a change: of a challenger over the fastest so far, of the winner over the
#: default.
WORTH = 0.02
#: A gain of so many spreads stands even on an unsteady machine.
CLEAR = 3.0


@dataclass(frozen=True)
class TuningVerdict:
    """What the last race says."""

    kind: str
    """``faster``; ``default``: nothing is worth a change; ``noisy``: too noisy to tell;
    ``drift``: the default's form drifts too far, so that it cannot be kept."""
    gain: float
    """Median of winner over default, less 1."""
    twin: float
    """Difference of the default from itself, as a share."""
    spread: float
    """Relative standard deviation of the rounds' ratios, the larger of winner's and twin's."""
    rounds: int

    @property
    def keeps_default(self) -> bool:
        """Whether the default stays."""
        return self.kind in ("default", "noisy")


def judge(
    default: Sequence[float], twin: Sequence[float], winner: Sequence[float]
) -> TuningVerdict:
    """Verdict on the seconds of the last race's rounds.

    The winner's gain counts if it is worth a change, above the difference of the default from
    itself, and, on a machine whose rounds differ by 10 % or more, above three times that.
    """
    ratios = [first / second for first, second in zip(default, winner, strict=True)]
    same = [first / second for first, second in zip(default, twin, strict=True)]
    gain = statistics.median(ratios) - 1.0
    apart = abs(statistics.median(same) - 1.0)
    spread = max(spread_of(ratios), spread_of(same))
    unsteady = spread >= UNSTEADY and gain < CLEAR * spread
    if unsteady or apart >= max(gain, WORTH):
        kind = "noisy"
    else:
        kind = "faster" if gain >= WORTH else "default"
    return TuningVerdict(kind, gain, apart, spread, len(ratios))
