"""Strengths of neighbouring frames, made smooth."""

import math

import numpy as np
import pytest

from edgeqe.video.smoothing import AHEAD, HALF_LIFE, HELD, Smoother


def smooth(steps: list[float | None], weights: list[float] | None = None) -> list[float | None]:
    smoother: Smoother[int] = Smoother()
    passed = [
        pair
        for index, (step, weight) in enumerate(
            zip(steps, weights or [1.0] * len(steps), strict=True)
        )
        for pair in smoother.push(index, step, weight)
    ]
    passed += smoother.flush()
    assert [item for item, _ in passed] == list(range(len(steps)))
    return [step for _, step in passed]


def of_qps(qps: list[float]) -> list[float | None]:
    return [2.0 ** ((qp - 4) / 6) for qp in qps]


def to_qps(steps: list[float | None]) -> list[float]:
    return [4 + 6 * math.log2(step) for step in steps if step is not None]


@pytest.mark.parametrize("count", [1, 3, AHEAD, 2 * AHEAD + 1, 40])
def test_one_strength_stays_what_it_is(count: int) -> None:
    found = to_qps(smooth(of_qps([32.0] * count)))
    np.testing.assert_allclose(found, [32.0] * count, atol=1e-9)


def test_groups_of_pictures_do_not_make_the_strength_swing() -> None:
    # I and P at 29 and 32, B between at 34, as x264 has it; the mean of a group is 33.25.
    group = [32.0, 34.0, 33.0, 34.0]
    found = to_qps(smooth(of_qps([29.0, *(group * 20)])))
    inner = found[2 * HALF_LIFE : -AHEAD]
    assert max(inner) - min(inner) <= 0.5 + 1e-9  # own ones swing by 2
    assert abs(np.mean(inner) - 33.25) <= 0.5


def test_frames_count_by_what_was_coded_for_them() -> None:
    # a key frame of 4000 bytes at 29, then frames of 50 bytes that copy it
    steps = of_qps([29.0] + [38.0] * 20)
    found = to_qps(smooth(steps, [4000.0] + [50.0] * 20))
    assert max(found[:HALF_LIFE]) < 31.5
    assert np.all(np.diff(found) >= -1e-9)  # what was copied is replaced bit by bit
    # a new scene, whose first frame has more bytes than all before it together
    steps = of_qps([38.0] * 20 + [26.0] + [29.0] * 10)
    found = to_qps(smooth(steps, [50.0] * 20 + [9000.0] + [50.0] * 10))
    np.testing.assert_allclose(found[20:], 26.0, atol=1.0)
    np.testing.assert_allclose(found[: 20 - AHEAD], 38.0, atol=1e-9)


def test_half_as_much_counts_a_half_life_later() -> None:
    # one byte at 20, then frames of no weight, then one byte at 40 when the first counts half:
    # (20 / 2 + 40) / 1.5
    steps = of_qps([20.0] + [30.0] * (HALF_LIFE - 1) + [40.0])
    found = to_qps(smooth(steps, [1.0] + [0.0] * (HALF_LIFE - 1) + [1.0]))
    assert found[-1] == pytest.approx((20 / 2 + 40) / 1.5, abs=6 * HELD + 1e-9)


def test_frames_without_a_strength_take_their_neighbours() -> None:
    steps = of_qps([30.0] * 12)
    steps[0] = steps[5] = None
    np.testing.assert_allclose(to_qps(smooth(steps)), [30.0] * 12, atol=1e-9)
    steps = [0.0, *of_qps([30.0] * 3)]  # nothing was quantized
    np.testing.assert_allclose(to_qps(smooth(steps)), [30.0] * 4, atol=1e-9)


def test_far_from_any_strength_there_is_none() -> None:
    found = smooth([None] * 10 + of_qps([30.0]) + [None] * 10)
    assert found[: 10 - AHEAD] == [None] * (10 - AHEAD)
    assert None not in found[10 - AHEAD :]  # held, from the first one that is seen
