"""What the decoder left as it was keeps its residual where the result would move by a level."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeqe.video.steadiness import ROWS, Steadiness


def reference(decoded: list[Any], enhanced: list[Any], level: int) -> list[Any]:
    """Sample by sample, in whole numbers that do not wrap."""
    shown = [enhanced[0].copy()]
    for index in range(1, len(decoded)):
        now, result = enhanced[index], enhanced[index].copy()
        for place in np.ndindex(now.shape):
            top, left = place[0] // 2 * 2, place[1] // 2 * 2
            cell = (slice(top, top + 2), slice(left, left + 2), *place[2:])
            moved = decoded[index].astype(int) - decoded[index - 1]
            held = min(max(0, int(shown[-1][place]) + int(moved[place])), 256 * level - 1)
            if abs(held - int(now[place])) <= level and (abs(moved[cell]) < level).all():
                result[place] = held
        shown.append(result)
    return shown


@pytest.mark.parametrize(
    ("shape", "dtype", "level"),
    [
        ((8, 10), np.uint8, 1),
        ((ROWS + 5, 7), np.uint8, 1),
        ((9, 5, 2), np.uint8, 1),
        ((7, 6), np.uint16, 4),
        ((ROWS + 5, 6, 2), np.uint16, 4),
        ((8, 8), np.uint16, 256),
        ((1, 1), np.uint8, 1),
    ],
)
def test_held_samples_are_those_of_a_plain_loop(
    shape: tuple[int, ...], dtype: Any, level: int
) -> None:
    random = np.random.default_rng(1)
    top = 256 * level - 1
    first = random.choice([0, 1, level, 100, top - 1, top], shape).astype(dtype)
    decoded, enhanced = [first], [first]
    for _ in range(4):
        still = np.kron(
            random.random((-(-shape[0] // 2), -(-shape[1] // 2))) < 0.6, np.ones((2, 2))
        )
        mask = still[: shape[0], : shape[1]].reshape(*shape[:2], *[1] * (len(shape) - 2)) > 0
        little = np.clip(decoded[-1] + random.integers(1 - level, level, shape), 0, top)
        decoded.append(np.where(mask, little, random.integers(0, top + 1, shape)).astype(dtype))
        moved = enhanced[-1].astype(int) + random.integers(-level - 1, level + 2, shape)
        enhanced.append((moved % (top + 1)).astype(dtype))  # from the largest to 0, too
    expected = reference(decoded, enhanced, level)
    steadiness = Steadiness()
    for before, after, wanted in zip(decoded, enhanced, expected, strict=True):
        frame = [before.copy()]
        steadiness.before(frame, level)
        frame[0][...] = after  # in place, as frames are enhanced
        steadiness.after(frame, level)
        np.testing.assert_array_equal(frame[0], wanted)
    assert any((a != b).any() for a, b in zip(expected, enhanced, strict=True)) or first.size == 1


def test_what_is_held_never_drifts_further_than_a_level() -> None:
    """Results that creep up by a level a frame while nothing moves."""
    decoded = np.full((4, 4), 90, np.uint8)
    steadiness, gaps = Steadiness(), []
    for index in range(20):
        frame = [decoded.copy()]
        steadiness.before(frame, 1)
        frame[0][...] = 100 + index
        steadiness.after(frame, 1)
        gaps.append(np.abs(frame[0].astype(int) - 100 - index).max())
    assert max(gaps) == 1


def test_a_slow_fade_of_ten_bits_is_shown_as_it_was_decoded() -> None:
    """Steps of a quarter of a level, of which none is held back to be caught up with later."""
    steadiness, shown = Steadiness(), []
    for index in range(20):
        frame = [np.full((4, 4), 300 + index, np.uint16)]
        steadiness.before(frame, 4)
        frame[0] += np.uint16(8 + index % 2)  # the network's residual, which wavers
        steadiness.after(frame, 4)
        shown.append(frame[0].copy())
    assert np.all(np.diff(shown, axis=0) == 1)


def test_after_forgetting_the_next_frame_is_as_it_was_computed() -> None:
    steadiness = Steadiness()
    for value in (80, 81):
        steadiness.forget()
        frame = [np.full((2, 2), 70, np.uint8)]
        steadiness.before(frame, 1)
        frame[0][...] = value
        steadiness.after(frame, 1)
        assert np.all(frame[0] == value)
