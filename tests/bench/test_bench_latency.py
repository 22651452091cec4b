"""Latency in turns with a reference, and duels, with a clock that the test sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from edgeqe.bench.compare import duel, format_duels
from edgeqe.bench.entries import plain
from edgeqe.bench.latency import MOST_ROUNDS, Effort, Lane, LatencyRun


class Clock:
    """Seconds that only lanes move."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[str] = []

    def __call__(self) -> float:
        return self.now

    def takes(self, name: str, seconds: Callable[[], float]) -> Callable[[], None]:
        """What notes its name and takes its time."""

        def run() -> None:
            self.calls.append(name)
            self.now += seconds()

        return run

    def lane(self, name: str, seconds: Callable[[], float]) -> Lane:
        return Lane(name, "rgb", self.takes(name, seconds))


class ReferenceNetwork:
    """Stands for the reference network."""

    def __init__(self, clock: Clock, seconds: Callable[[], float]) -> None:
        self.run = clock.takes("reference", seconds)


def latency_run(clock: Clock, lanes: list[Lane], reference: Callable[[], float]) -> LatencyRun:
    made = ReferenceNetwork(clock, reference)
    return LatencyRun(lanes, made, "720p", 720, 1280, clock)  # type: ignore[arg-type]


def series(*values: float) -> Callable[[], float]:
    """Give one value after another."""
    remaining: Iterator[float] = iter(values)
    return lambda: next(remaining)


def test_a_ratio_is_to_both_neighbours() -> None:
    clock = Clock()
    # warm-up, then two rounds; the machine halves its speed within the second one
    lanes = [
        clock.lane("a", series(9.0, 3.0, 4.5)),
        clock.lane("b", series(9.0, 4.0, 8.0)),
    ]
    made = latency_run(clock, lanes, series(9.0, 9.0, 9.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0))
    made.run(Effort(rounds=2))
    assert clock.calls == ["reference", "a", "reference", "b", "reference"] * 3
    first, second = made.timings()
    assert first.seconds == pytest.approx((3.0, 4.5))
    assert first.ratios == pytest.approx((3.0, 3.0))  # 4.5 to the mean of 1 and 2
    assert second.ratios == pytest.approx((4.0, 4.0))
    assert made.reference_seconds() == pytest.approx([1, 1, 1, 1, 2, 2])


def test_the_values_of_a_report() -> None:
    clock = Clock()
    times = [0.1] * 15 + [0.2] * 4 + [0.4]
    made = latency_run(clock, [clock.lane("a", series(1.0, *times))], lambda: 0.05)
    made.run(Effort(rounds=20))
    found = plain(made.timings()[0].entry())
    assert found["p50_ms"] == pytest.approx(100.0)
    assert found["p90_ms"] == pytest.approx(200.0)
    assert found["p99_ms"] is None
    assert found["mean_ms"] == pytest.approx((15 * 100 + 4 * 200 + 400) / 20)
    assert found["p50_interval_ms"] == pytest.approx([100.0, 100.0])  # 6th and 15th of 20
    assert found["frames_per_second"] == pytest.approx(10.0)
    assert found["megapixels_per_second"] == pytest.approx(9.216)
    assert found["to_reference"] == pytest.approx(2.0)
    assert found["unsteady"] is True


def test_rounds_end_when_the_figures_are_known() -> None:
    clock = Clock()
    made = latency_run(clock, [clock.lane("a", lambda: 0.01)], lambda: 0.01)
    told: list[tuple[str, int, int]] = []
    made.run(Effort(), lambda *what: told.append(what))
    assert len(made.timings()[0].seconds) == 20
    assert told[-1] == ("latency, 720p", 100, 100)
    assert plain(made.timings()[0].entry())["p99_ms"] is None
    made = latency_run(clock, [clock.lane("a", lambda: 0.01)], lambda: 0.01)
    made.run(Effort(p99=True))
    assert plain(made.timings()[0].entry())["repeats"] == 100
    assert plain(made.timings()[0].entry())["p99_ms"] == pytest.approx(10.0)


def test_rounds_end_when_the_time_is_up_or_the_machine_too_unsteady() -> None:
    clock = Clock()
    slow = latency_run(clock, [clock.lane("a", lambda: 30.0)], lambda: 1.0)
    slow.run(Effort(seconds=45.0))
    assert len(slow.timings()[0].seconds) == 6  # fewer give no interval
    turns = iter(range(10_000))
    unsteady = latency_run(
        clock, [clock.lane("a", lambda: 0.01 * (1 + next(turns) % 2))], lambda: 0.01
    )
    unsteady.run(Effort(seconds=1e6))
    assert len(unsteady.timings()[0].seconds) == MOST_ROUNDS
    assert unsteady.timings()[0].unsteady


def test_an_interrupt_keeps_the_finished_rounds() -> None:
    clock = Clock()
    times = series(1.0, 1.0, 2.0, 3.0)

    def interrupted() -> float:
        try:
            return times()
        except StopIteration:
            raise KeyboardInterrupt from None

    made = latency_run(clock, [clock.lane("a", interrupted)], lambda: 1.0)
    with pytest.raises(KeyboardInterrupt):
        made.run(Effort())
    assert made.timings()[0].seconds == pytest.approx((1.0, 2.0, 3.0))
    assert latency_run(clock, [clock.lane("a", interrupted)], lambda: 1.0).timings() == []


def test_a_duel_names_the_faster_one_or_nobody() -> None:
    clock = Clock()
    slower = duel(
        clock.lane("a", lambda: 0.10), clock.lane("b", lambda: 0.11), "720p", Effort(), clock=clock
    )
    assert clock.calls[:4] == ["a", "b", "a", "b"]
    assert slower.rounds == 20
    text = format_duels(("one", "two"), [slower])
    assert text.endswith(
        "whole path, RGB array, 720p: one is 1.100 times as fast as two (1.100 to 1.100)."
    )
    faster = duel(
        clock.lane("a", lambda: 0.12), clock.lane("b", lambda: 0.10), "720p", Effort(), clock=clock
    )
    assert "two is 1.200 times as fast as one" in format_duels(("one", "two"), [faster])
    same = duel(
        clock.lane("a", lambda: 0.1), clock.lane("b", lambda: 0.1), "720p", Effort(3), clock=clock
    )
    assert same.to_dict()["significant"] is False
    assert same.to_dict()["rounds"] == 3
    assert "no significant difference" in format_duels(("one", "two"), [same])
