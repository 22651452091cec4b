"""Timing in turns, with a clock that the test sets."""

from __future__ import annotations

import numpy as np
import pytest

from edgeqe.bench.data import Picture
from edgeqe.bench.speed import Lane, Race, decoded_frame


class Clock:
    """Seconds that only lanes move."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[str] = []

    def __call__(self) -> float:
        return self.now

    def lane(self, name: str, what: str, seconds: list[float]) -> Lane:
        """A lane that takes the next of `seconds` at each run."""
        remaining = iter(seconds)

        def run(index: int) -> None:
            self.calls.append(f"{name}{index}")
            self.now += next(remaining)

        return Lane(name, what, run)


def test_lanes_take_turns_picture_by_picture() -> None:
    clock = Clock()
    race = Race([clock.lane("a", "gray", [1] * 4), clock.lane("b", "gray", [1] * 4)], [5, 5], clock)
    race.warm_up()
    assert race.seconds == []
    race.run_round()
    assert clock.calls == ["a0", "b0", "a1", "b1"] * 2
    assert race.seconds == [[2.0, 2.0]]


def test_medians_and_paired_ratios() -> None:
    clock = Clock()
    # One frame of 2 megapixels. The machine is slow in round 2, for both lanes.
    lanes = [
        clock.lane("peer", "gray", [10.0, 40.0, 10.0]),
        clock.lane("ours", "gray", [1.0, 2.0, 0.5]),
        clock.lane("ours", "network", [0.5, 0.5, 0.5]),
    ]
    race = Race(lanes, [2_000_000], clock)
    for _ in range(3):
        race.run_round()
    peer, ours, network = race.timings()
    assert peer.megapixels_per_second == pytest.approx(0.2)
    assert (peer.ratio, peer.base) == (None, None)
    # Rates 2, 1, 4; ratios 10, 20, 20.
    assert (ours.megapixels_per_second, ours.lowest, ours.highest) == pytest.approx((2, 1, 4))
    assert ours.ratio == pytest.approx(20.0)
    assert ours.base == "peer"
    assert ours.rounds == 3
    assert (ours.unsteady, network.unsteady) == (True, False)
    assert network.base is None


def test_an_interrupted_round_leaves_no_trace() -> None:
    clock = Clock()
    runs = []

    def interrupt_in_round_two(index: int) -> None:
        runs.append(index)
        if len(runs) > 3:
            raise KeyboardInterrupt

    lanes = [clock.lane("a", "gray", [1.0] * 4), Lane("b", "gray", interrupt_in_round_two)]
    race = Race(lanes, [5, 5], clock)
    race.run_round()
    with pytest.raises(KeyboardInterrupt):
        race.run_round()
    assert race.seconds == [[2.0, 0.0]]


def test_frames_have_each_layout() -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (33, 47, 3), np.uint8)
    frame = decoded_frame(Picture("noise", pixels), 20)
    assert frame.gray.shape == frame.gray_out.shape == (33, 47)
    assert frame.rgb is not None and frame.rgb.shape == (33, 47, 3)
    assert frame.planes is not None
    assert [plane.shape for plane in frame.planes] == [(33, 47), (17, 24), (17, 24)]
    gray = decoded_frame(Picture("gray", pixels[..., 0]), 20)
    assert gray.rgb is None and gray.planes is None
