"""Turns (A B A B ...), so that all lanes see the same machine.

In each round every lane runs over all frames, frame by frame in turns: a slow minute of the
machine weighs on all of them, and a ratio of two lanes is that of the same round.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

#: Relative standard deviation from which on a figure is called unsteady.
UNSTEADY = 0.1

#: Something to time, over frames by their index.
Turn = Callable[[int], object]


class Race:
    """Rounds of all lanes in turns, with what was measured kept after each round.

    Parameters
    ----------
    lanes : sequence of callable
        Each gets the index of a frame.
    frames : int
        Frames in a round.
    clock : callable
        Seconds; rises.
    """

    def __init__(
        self,
        lanes: Sequence[Turn],
        frames: int = 1,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.lanes, self.frames = list(lanes), frames
        self._clock = clock
        #: Seconds of each lane, a list a finished round.
        self.seconds: list[list[float]] = []

    def warm_up(self) -> None:
        """Run each lane once over every frame, untimed, so that sessions exist."""
        for index in range(self.frames):
            for lane in self.lanes:
                lane(index)

    def run_round(self) -> None:
        """One round; an interrupted one leaves no trace."""
        spent = [0.0] * len(self.lanes)
        for index in range(self.frames):
            for number, lane in enumerate(self.lanes):
                start = self._clock()
                lane(index)
                spent[number] += self._clock() - start
        self.seconds.append(spent)


def spread_of(values: Sequence[float]) -> float:
    """Relative standard deviation; 0 of fewer than two values."""
    if len(values) < 2:
        return 0.0
    return statistics.stdev(values) / statistics.fmean(values)
