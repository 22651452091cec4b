"""Latency: how long one picture takes, single stream, and whether that figure can be trusted.

All lanes take turns with the reference network between them::

    reference A reference B reference C reference      a round

A lane's ratio to the reference is that of its own time to the mean of its two neighbours.
Rounds go on until every figure is known to 1 %, or the time is up.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgeqe.bench.entries import LaneEntry
from edgeqe.bench.frames import TimedFrame
from edgeqe.bench.intervals import FEWEST, Ratio, median, percentile
from edgeqe.bench.race import UNSTEADY, Race, spread_of
from edgeqe.bench.reference import ReferenceNetwork

if TYPE_CHECKING:
    from edgeqe.bench.peer import Peer
    from edgeqe.enhancer import Enhancer

#: Gets what is being done, how much of it is done, and how much there is.
ProgressCallback = Callable[[str, int, int], None]
#: What a lane can be: the whole path from a uint8 array of a kind, or the network alone.
KINDS = ("gray", "planes", "rgb", "network")
#: Half of an interval's width, as a share of the figure, at which it is known well enough.
ENOUGH = 0.01
#: Fewest rounds where there is time, and from how many on there is a 99th percentile.
ROUNDS, ROUNDS_P99 = 20, 100
#: Most rounds: by then it is the machine that is unsteady.
MOST_ROUNDS = 200


@dataclass(frozen=True)
class Lane:
    """Something to time."""

    model: str
    what: str
    """One of `KINDS`."""
    run: Callable[[], object]


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    rounds: int = 0
    """Exactly so many; 0: as many as it takes."""
    seconds: float = 45.0
    """Time of a size's rounds, if `rounds` is 0; the fewest that give an interval run anyhow."""
    p99: bool = False
    """Go on to so many rounds that the 99th percentile means something, if there is time."""


@dataclass(frozen=True)
class Timing:
    """A lane's result."""

    model: str
    what: str
    size: str
    height: int
    width: int
    seconds: tuple[float, ...]
    """Of each round."""
    ratios: tuple[float, ...]
    """The same over the reference's neighbouring runs."""
    joules: float | None = None
    """Of a picture, where the device has a meter."""

    @property
    def p50(self) -> Ratio:
        """Median with its interval, seconds."""
        return median(self.seconds)

    @property
    def to_reference(self) -> Ratio:
        """Median ratio to the reference network with its interval."""
        return median(self.ratios)

    @property
    def unsteady(self) -> bool:
        """Whether the rounds' standard deviation is 10 % of their mean or more."""
        return spread_of(self.seconds) >= UNSTEADY

    def entry(self) -> LaneEntry:
        """Lane for a report; times in milliseconds."""
        p50, ratio, repeats = self.p50, self.to_reference, len(self.seconds)
        return LaneEntry(
            model=self.model,
            what=self.what,
            size=self.size,
            height=self.height,
            width=self.width,
            repeats=repeats,
            mean_ms=1e3 * statistics.fmean(self.seconds),
            p50_ms=1e3 * p50.value,
            p50_interval_ms=[1e3 * p50.low, 1e3 * p50.high],
            p90_ms=1e3 * percentile(self.seconds, 0.9),
            p99_ms=1e3 * percentile(self.seconds, 0.99) if repeats >= ROUNDS_P99 else None,
            lowest_ms=1e3 * min(self.seconds),
            highest_ms=1e3 * max(self.seconds),
            megapixels_per_second=self.height * self.width / 1e6 / p50.value,
            frames_per_second=1 / p50.value,
            to_reference=ratio.value,
            to_reference_interval=[ratio.low, ratio.high],
            unsteady=self.unsteady,
            joules_per_megapixel=(
                None if self.joules is None else self.joules / (self.height * self.width / 1e6)
            ),
        )


def enhancer_lanes(
    name: str, enhancer: Enhancer, frame: TimedFrame, kinds: Sequence[str]
) -> list[Lane]:
    """Lanes of an enhancer on a frame: its whole path for each kind, or its network alone.

    Parameters
    ----------
    name : str
        For the report.
    enhancer : Enhancer
        Kinds that it, or the frame, has no layout for are left out. Of a network that takes the
        decoder's prediction residual, which no picture file carries, the network alone is left.
    frame : TimedFrame
    kinds : sequence of str
        Some of `KINDS`.
    """

    def gray() -> object:
        return enhancer.enhance(frame.gray, step=frame.step, out=frame.gray_out)

    def rgb() -> object:
        assert frame.rgb is not None
        return enhancer.enhance(frame.rgb, step=frame.step, out=frame.rgb_out)

    def planes() -> object:
        assert frame.planes is not None
        return enhancer.enhance_planes(*frame.planes, step=frame.step, out=frame.planes_out)

    def network() -> object:
        enhancer.network_pass(frame.height, frame.width, step=frame.step)
        return None

    whole = "residual" not in enhancer.info.card.inputs
    runs: Mapping[str, tuple[Callable[[], object], bool]] = {
        "gray": (gray, whole),
        "rgb": (rgb, whole and frame.rgb is not None),
        "planes": (planes, whole and frame.planes is not None and enhancer.takes_planes),
        "network": (network, True),
    }
    return [Lane(name, kind, runs[kind][0]) for kind in kinds if runs[kind][1]]


def peer_lane(peer: Peer, frame: TimedFrame) -> Lane:
    """Lane of a plain ONNX network on the whole gray picture, uint8 to uint8."""
    return Lane(peer.name, "gray", lambda: peer.enhance(frame.gray, out=frame.gray_out))


class LatencyRun:
    """All lanes at one size of picture.

    Parameters
    ----------
    lanes : sequence of Lane
        At least one.
    reference : ReferenceNetwork
    size : str
    height, width : int
        Of the picture, pixels.
    clock : callable
        Seconds; rises.
    """

    def __init__(
        self,
        lanes: Sequence[Lane],
        reference: ReferenceNetwork,
        size: str,
        height: int,
        width: int,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.lanes, self._clock = list(lanes), clock
        self._picture = (size, height, width)
        turns: list[Callable[[int], object]] = [lambda _: reference.run()]
        for lane in self.lanes:
            turns += [lambda _, run=lane.run: run(), lambda _: reference.run()]  # type: ignore[misc]
        self._race = Race(turns, clock=clock)

    def run(
        self, effort: Effort, progress: ProgressCallback = lambda what, done, length: None
    ) -> None:
        """Warm up, then run as many rounds as the effort asks for.

        An interrupt leaves the rounds that were finished.

        Parameters
        ----------
        effort : Effort
        progress : callable
            Gets after each round what is done, the percentage, and 100.
        """
        what = f"latency, {self._picture[0]}"
        self._race.warm_up()
        start = self._clock()
        while not self._done(effort, self._clock() >= start + effort.seconds):
            self._race.run_round()
            rounds = len(self._race.seconds)
            if effort.rounds:
                share = rounds / effort.rounds
            else:
                share = max(rounds / MOST_ROUNDS, (self._clock() - start) / effort.seconds)
            progress(what, min(99, int(100 * share)), 100)
        progress(what, 100, 100)

    def _done(self, effort: Effort, late: bool) -> bool:
        rounds = len(self._race.seconds)
        if effort.rounds:
            return rounds >= effort.rounds
        if rounds < FEWEST:
            return False
        if late or rounds >= MOST_ROUNDS:
            return True
        known = all(timing.to_reference.spread <= ENOUGH for timing in self.timings())
        return known and rounds >= (ROUNDS_P99 if effort.p99 else ROUNDS)

    def reference_seconds(self) -> list[float]:
        """Seconds of every run of the reference network."""
        return [seconds for turns in self._race.seconds for seconds in turns[::2]]

    def timings(self) -> list[Timing]:
        """Results of the finished rounds; none before the first."""
        rounds = self._race.seconds
        if not rounds:
            return []
        return [
            Timing(
                lane.model,
                lane.what,
                *self._picture,
                seconds=tuple(turns[2 * index + 1] for turns in rounds),
                ratios=tuple(
                    2 * turns[2 * index + 1] / (turns[2 * index] + turns[2 * index + 2])
                    for turns in rounds
                ),
            )
            for index, lane in enumerate(self.lanes)
        ]
