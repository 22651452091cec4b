"""Boxes around what has to be computed: nothing is left out, and what is far apart stays apart."""

from __future__ import annotations

import numpy as np
import pytest

from edgeqe.engine.cover import CellGrid, KeptCover, cover, window_cost


def grid(rows: int, columns: int, halo: int = 10, cell: int = 4, margin: int = 0) -> CellGrid:
    return CellGrid(rows * cell, columns * cell, cell, halo, margin, 4000.0)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("workers", "margin"), [(1, 0), (2, 8), (5, 8)])
def test_every_needed_cell_is_in_a_window(seed: int, workers: int, margin: int) -> None:
    rng = np.random.default_rng(seed)
    needed = np.zeros((45, 80), bool)
    for _ in range(int(rng.integers(1, 6))):
        row, column = rng.integers(0, 45), rng.integers(0, 80)
        needed[row : row + rng.integers(1, 15), column : column + rng.integers(1, 15)] = True
    cells = grid(45, 80, margin=margin)
    left = needed.copy()
    for box in cover(cells, needed, 64 * 64, workers):
        window = cells.window(box)
        (top, bottom), (first, last) = window.rows, window.columns
        left[top // 4 : -(-bottom // 4), first // 4 : -(-last // 4)] = False
        # the halo is whole, but at the margin's end
        assert window.top == max(-margin, top - 10) and window.left == max(-margin, first - 10)
        assert window.top + window.height == min(180 + margin, bottom + 10)
        assert window.left + window.width == min(320 + margin, last + 10)
    assert not left.any()


def test_two_far_changes_get_a_box_each() -> None:
    needed = np.zeros((90, 160), bool)
    needed[3:8, 4:10] = needed[80:86, 140:150] = True
    boxes = cover(grid(90, 160), needed, 10**6, 1)
    assert len(boxes) == 2
    assert sum((b.bottom - b.top) * (b.right - b.left) for b in boxes) < 300  # of 14400 cells


def test_windows_are_no_larger_than_asked_and_one_for_each_worker() -> None:
    cells = grid(90, 160)
    boxes = cover(cells, np.ones((90, 160), bool), 128 * 128, 4)
    assert len(boxes) >= 4
    assert all(w.height * w.width <= 128 * 128 for w in map(cells.window, boxes))


def test_needed_is_what_lies_within_the_halo() -> None:
    changed = np.zeros((20, 30), bool)
    changed[0, 5] = changed[12, 29] = True
    found = grid(20, 30, halo=10).needed(changed)  # three cells of 4 pixels
    rows, columns = np.mgrid[:20, :30]
    expected = (rows <= 3) & (abs(columns - 5) <= 3)
    expected |= (abs(rows - 12) <= 3) & (columns >= 26)
    np.testing.assert_array_equal(found, expected)


def test_boxes_stay_while_they_serve() -> None:
    kept, cells = KeptCover(), grid(90, 160)
    needed = np.zeros((90, 160), bool)
    needed[20:31, 40:51] = True
    first = kept.boxes(cells, needed, 10**6, 1)
    needed = needed.copy()
    needed[20:22] = False
    assert kept.boxes(cells, needed, 10**6, 1) == first
    moved = np.zeros((90, 160), bool)
    moved[60:70, 100:110] = True
    later = kept.boxes(cells, moved, 10**6, 1)
    assert later and not set(later) & set(first)


def test_a_cheaper_network_gets_fewer_windows() -> None:
    """Of a heavier one the pixels between two changes cost more than a further window."""
    needed = np.zeros((60, 60), bool)
    needed[4:14, 4:14] = needed[4:14, 24:34] = True
    found = [
        len(cover(CellGrid(240, 240, 4, 8, 0, window_cost(kmac)), needed, 10**6, 1))
        for kmac in (1.5, 75.0)
    ]
    assert found == [1, 2]
