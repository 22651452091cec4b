"""Strengths of neighbouring frames, made smooth."""

import math

import numpy as np
import pytest

from edgeqe.video.smoothing import HELD, RADIUS, Smoother


def smooth(steps: list[float | None]) -> list[float | None]:
    smoother: Smoother[int] = Smoother()
    passed = [pair for index, step in enumerate(steps) for pair in smoother.push(index, step)]
    passed += smoother.flush()
    assert [item for item, _ in passed] == list(range(len(steps)))
    return [step for _, step in passed]


def of_qps(qps: list[float]) -> list[float | None]:
    return [2.0 ** ((qp - 4) / 6) for qp in qps]


def to_qps(steps: list[float | None]) -> list[float]:
    return [4 + 6 * math.log2(step) for step in steps if step is not None]


@pytest.mark.parametrize("count", [1, 3, RADIUS, 2 * RADIUS + 1, 40])
def test_one_strength_stays_what_it_is(count: int) -> None:
    found = to_qps(smooth(of_qps([32.0] * count)))
    np.testing.assert_allclose(found, [32.0] * count, atol=1e-9)


def test_groups_of_pictures_do_not_make_the_strength_swing() -> None:
    # I and P at 29 and 32, B between at 34, as x264 has it; the mean of a group is 33.
    group = [32.0, 34.0, 33.0, 34.0]
    found = to_qps(smooth(of_qps([29.0, *(group * 10)])))
    inner = found[2 * RADIUS : -2 * RADIUS]
    assert max(inner) - min(inner) <= 0.5 + 1e-9  # own ones swing by 2
    assert abs(np.mean(inner) - 33.25) <= 0.5


def test_another_quality_is_followed_from_both_sides() -> None:
    found = to_qps(smooth(of_qps([24.0] * 20 + [36.0] * 20)))
    assert np.all(np.diff(found) >= -1e-9)
    np.testing.assert_allclose(found[: 20 - RADIUS], 24.0, atol=1e-9)
    np.testing.assert_allclose(found[20 + RADIUS :], 36.0, atol=6 * HELD)
    # the triangle of weights 1 to 5 to 1: at the last frame before, 10 of 25 are behind
    assert found[19] == pytest.approx(24 + 12 * 10 / 25, abs=0.5)


def test_frames_without_a_strength_take_their_neighbours() -> None:
    steps = of_qps([30.0] * 12)
    steps[0] = steps[5] = None
    np.testing.assert_allclose(to_qps(smooth(steps)), [30.0] * 12, atol=1e-9)
    steps = [0.0, *of_qps([30.0] * 3)]  # nothing was quantized
    np.testing.assert_allclose(to_qps(smooth(steps)), [30.0] * 4, atol=1e-9)


def test_far_from_any_strength_there_is_none() -> None:
    found = smooth([None] * 10 + of_qps([30.0]) + [None] * 10)
    assert found[:6] == [None] * 6
    assert None not in found[6:]  # held, from the first one that is seen
