"""What changed between frames, against a loop over pixels."""

from __future__ import annotations

import numpy as np
import pytest

from edgeqe.engine import changes
from edgeqe.engine.changes import glance, take_over
from tests.fakes import noise


def changed_pixelwise(
    before: np.ndarray, now: np.ndarray, factor: int, cell: int, shape: tuple[int, int]
) -> np.ndarray:
    found = np.zeros([-(-side // cell) for side in shape], bool)
    for place in np.argwhere(before != now):
        found[place[0] * factor // cell, place[1] * factor // cell] = True
    return found


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("cell", [4, 8, 20])
@pytest.mark.parametrize("channels", [(), (3,), (4,)])
def test_cells_with_a_changed_sample_are_found(
    dtype: type, cell: int, channels: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "BAND", 4000)  # several bands
    height, width = 61, 83
    rng = np.random.default_rng(3)
    arrays, factors = [noise(height, width, *channels, dtype=dtype)], [1]
    if not channels:
        arrays += [noise(31, 42, dtype=dtype), noise(31, 42, seed=8, dtype=dtype)]
        factors += [2, 2]
    kept = [array.copy() for array in arrays]
    expected = np.zeros([-(-side // cell) for side in (height, width)], bool)
    for array, factor, old in zip(arrays, factors, kept, strict=True):
        for _ in range(4):
            array[tuple(rng.integers(0, side) for side in array.shape)] ^= 1
        array[-1, -1] ^= 3  # the corner, whose cell is not whole
        expected |= changed_pixelwise(old, array, factor, cell, (height, width))
    found = take_over(kept, arrays, factors, (height, width), cell)
    np.testing.assert_array_equal(found, expected)
    for old, array in zip(kept, arrays, strict=True):
        np.testing.assert_array_equal(old, array)


def test_interleaved_chroma_is_compared_where_it_lies() -> None:
    y, uv = noise(32, 48), noise(16, 24, 2)
    kept = [y.copy(), uv[..., 0].copy(), uv[..., 1].copy()]
    uv[5, 7, 1] ^= 255
    found = take_over(kept, [y, uv[..., 0], uv[..., 1]], (1, 2, 2), (32, 48), 4)
    assert np.argwhere(found).tolist() == [[2, 3]]


def test_equal_frames_have_no_changed_cell() -> None:
    frame = noise(40, 40)
    assert not take_over([frame.copy()], [frame], (1,), (40, 40), 4).any()


def test_a_frame_without_a_middle_row_shows_a_glance_nothing() -> None:
    assert not glance(noise(2, 6), noise(2, 6, seed=8), (2, 6), 4).any()


@pytest.mark.parametrize(("height", "channels"), [(61, ()), (62, (3,)), (64, ())])
def test_a_glance_finds_the_changes_in_middle_rows_alone(
    height: int, channels: tuple[int, ...]
) -> None:
    before = noise(height, 83, *channels)
    now = before.copy()
    for row, column in ((2, 5), (11, 30), (58, 82), (61 % height, 0)):
        now[row, column] ^= 1
    expected = np.zeros((16, 21), bool)
    expected[0, 1] = expected[14, 20] = True  # rows 2 and 58 of cells that begin at 0 and 56
    np.testing.assert_array_equal(glance(before, now, (height, 83), 4), expected)
