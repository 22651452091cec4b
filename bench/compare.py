"""Two models head to head: A B A B ..., and by how much the second is slower or faster."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from edgeqe.bench.console import KIND_WORDS
from edgeqe.bench.intervals import FEWEST, Change, within_run
from edgeqe.bench.latency import MOST_ROUNDS, ROUNDS, Effort, Lane, ProgressCallback
from edgeqe.bench.race import Race
from edgeqe.reports.tables import table

#: Half of the ratio's interval at which it is known well enough.
ENOUGH = 0.005


@dataclass(frozen=True)
class Duel:
    """Result of two models at one kind of work."""

    what: str
    """One of `latency.KINDS`."""
    size: str
    seconds: tuple[float, float]
    """Median of each."""
    rounds: int
    change: Change
    """Time of the second over that of the first."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        ratio = self.change.ratio
        return {
            "what": self.what,
            "size": self.size,
            "p50_ms": [1e3 * seconds for seconds in self.seconds],
            "rounds": self.rounds,
            "ratio": ratio.value,
            "ratio_interval": [ratio.low, ratio.high],
            "significant": self.change.significant,
        }


def duel(
    first: Lane,
    second: Lane,
    size: str,
    effort: Effort,
    progress: ProgressCallback = lambda what, done, length: None,
    clock: Callable[[], float] = time.perf_counter,
) -> Duel:
    """Run two lanes in turns until their ratio is known to 0.5 %, or the time is up.

    Parameters
    ----------
    first, second : Lane
        Of one kind.
    size : str
        For the report.
    effort : Effort
    progress : callable
        Gets after each round what is done, the percentage, and 100.
    clock : callable
        Seconds; rises.
    """
    race, what = Race([lambda _: first.run(), lambda _: second.run()], clock=clock), first.what
    race.warm_up()
    start, done = clock(), False
    while not done:
        race.run_round()
        times = tuple(zip(*race.seconds, strict=True))
        change = within_run(times[0], times[1])
        rounds, spent = len(race.seconds), clock() - start
        if effort.rounds:
            done, share = rounds >= effort.rounds, rounds / effort.rounds
        else:
            known = change.ratio.spread <= ENOUGH and rounds >= ROUNDS
            late = spent >= effort.seconds or rounds >= MOST_ROUNDS
            done = known or (late and rounds >= FEWEST)
            share = max(rounds / MOST_ROUNDS, spent / effort.seconds)
        progress(f"{what}, {size}", 100 if done else min(99, int(100 * share)), 100)
    medians = statistics.median(times[0]), statistics.median(times[1])
    return Duel(what, size, medians, rounds, change)


def format_duels(names: tuple[str, str], duels: Sequence[Duel]) -> str:
    """Table of results, and a sentence a row that says who is faster."""
    headers = ["what", "size", "first ms", "second ms", "second / first", "95 % interval", "rounds"]
    cells, verdicts = [], []
    for one in duels:
        ratio = one.change.ratio
        cells.append(
            [
                KIND_WORDS[one.what],
                one.size,
                f"{1e3 * one.seconds[0]:.2f}",
                f"{1e3 * one.seconds[1]:.2f}",
                f"{ratio.value:.4f}",
                f"{ratio.low:.4f} to {ratio.high:.4f}",
                str(one.rounds),
            ]
        )
        where = f"{KIND_WORDS[one.what]}, {one.size}"
        if not one.change.significant:
            verdicts.append(f"{where}: no significant difference.")
            continue
        faster, slower = (names[1], names[0]) if ratio.value < 1 else names
        times = sorted(
            [1 / ratio.low, 1 / ratio.high] if ratio.value < 1 else [ratio.low, ratio.high]
        )
        verdicts.append(
            f"{where}: {faster} is {max(ratio.value, 1 / ratio.value):.3f} times as fast as {slower} "
            f"({times[0]:.3f} to {times[1]:.3f})."
        )
    return "\n".join(
        [
            f"first   {names[0]}",
            f"second  {names[1]}",
            "",
            *table([headers, *cells], range(2)),
            "",
            *verdicts,
        ]
    )
