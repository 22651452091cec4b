"""Turns of lanes, with a clock that the test sets."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edgeqe.bench.race import Race, Turn, spread_of


class Clock:
    """Seconds that only lanes move."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[str] = []

    def __call__(self) -> float:
        return self.now

    def lane(self, name: str, seconds: list[float]) -> Turn:
        """A lane that takes the next of `seconds` at each run."""
        remaining = iter(seconds)

        def run(index: int) -> None:
            self.calls.append(f"{name}{index}")
            self.now += next(remaining)

        return run


def test_lanes_take_turns_frame_by_frame() -> None:
    clock = Clock()
    race = Race([clock.lane("a", [1, 1, 2, 3]), clock.lane("b", [1, 1, 4, 5])], 2, clock)
    race.warm_up()
    assert race.seconds == []
    race.run_round()
    assert clock.calls == ["a0", "b0", "a1", "b1"] * 2
    assert race.seconds == [[5.0, 9.0]]


def test_an_interrupted_round_leaves_no_trace() -> None:
    clock = Clock()
    lanes: list[Callable[[int], object]] = [clock.lane("a", [1.0] * 4)]
    runs: list[int] = []

    def interrupt_in_round_two(index: int) -> None:
        runs.append(index)
        if len(runs) > 3:
            raise KeyboardInterrupt

    race = Race([*lanes, interrupt_in_round_two], 2, clock)
    race.run_round()
    with pytest.raises(KeyboardInterrupt):
        race.run_round()
    assert race.seconds == [[2.0, 0.0]]


def test_the_spread_is_the_relative_standard_deviation() -> None:
    assert spread_of([3.0]) == 0.0
    # mean 2, deviations -1, 0, 1: the sample's standard deviation is 1
    assert spread_of([1.0, 2.0, 3.0]) == pytest.approx(0.5)
