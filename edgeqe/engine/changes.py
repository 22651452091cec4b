"""What changed from one frame of a stream to the next, cell by cell; comparing reads both once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgeqe.views.subsampled import Samples

Cells = npt.NDArray[np.bool_]

#: Bytes of a frame that are compared at a time, so that they are in the cache when they are copied.
BAND = 1 << 17


def cells_of(length: int, cell: int) -> int:
    """Cells along a side of the picture, pixels."""
    return -(-length // cell)


def take_over(
    kept: Sequence[Samples],
    given: Sequence[Samples],
    factors: Sequence[int],
    shape: tuple[int, int],
    cell: int,
) -> Cells:
    """Copy a frame over the one before, and tell the cells in which they differ.

    Parameters
    ----------
    kept : sequence of ndarray
        Arrays of the frame before, contiguous; afterwards they equal `given`.
    given : sequence of ndarray
        The same of the new frame, in any strides.
    factors : sequence of int
        Picture rows (and columns) per row of each array.
    shape : (int, int)
        Height and width of the picture, pixels.
    cell : int
        Side of a cell, pixels: a multiple of every factor.

    Returns
    -------
    ndarray of bool, shape (ceil(H / cell), ceil(W / cell))
    """
    changed = np.zeros([cells_of(side, cell) for side in shape], np.bool_)
    for before, now, factor in zip(kept, given, factors, strict=True):
        changed |= _take_over(before, now, cell // factor, changed.shape)
    return changed


def glance(before: Samples, now: Samples, shape: tuple[int, int], cell: int) -> Cells:
    """Cells of one array in whose middle row the frames differ: some of those of `take_over`.

    Parameters
    ----------
    before, now : ndarray
        The same array of both frames, with a row for each of the picture.
    shape : (int, int)
        Height and width of the picture, pixels.
    cell : int
        Side of a cell, pixels.
    """
    old, new = before[cell // 2 :: cell], now[cell // 2 :: cell]
    rows, columns = (cells_of(side, cell) for side in shape)
    side = cell * math.prod(before.shape[2:])
    across = math.prod(before.shape[1:])
    differ = np.zeros((rows, columns * side), np.bool_)
    differ[: len(old), :across] = np.not_equal(old, new).reshape(len(old), across)
    return _any_in_cells(differ, (rows, columns), side)


def _take_over(before: Samples, now: Samples, cell: int, shape: tuple[int, ...]) -> Cells:
    """One array, whose cells have so many rows and columns."""
    height, width, *channels = before.shape
    side = cell * math.prod(channels)
    across = width * math.prod(channels)
    by_rows = np.zeros((shape[0], shape[1] * side), np.bool_)
    step = max(1, BAND // max(1, across * before.itemsize * cell))
    differ = np.zeros((min(step, shape[0]), cell, shape[1] * side), np.bool_)
    lines = differ.reshape(-1, differ.shape[2])
    for first in range(0, shape[0], step):
        rows = slice(first * cell, min(height, (first + step) * cell))
        old, new = before[rows], now[rows]
        count = cells_of(len(old), cell)
        found = np.not_equal(old, new).reshape(len(old), across)
        lines[: len(old), :across] = found
        lines[len(old) :] = False
        np.logical_or.reduce(differ[:count], axis=1, out=by_rows[first : first + count])
        np.copyto(old, new)
    return _any_in_cells(by_rows, shape, side)


def _any_in_cells(by_rows: Cells, shape: tuple[int, ...], side: int) -> Cells:
    """Whether any sample differs of those that lie side by side in a cell."""
    parts = by_rows.reshape(*shape, side)
    if side in (1, 2, 4, 8):  # a cell's samples at once
        parts = parts.view(f"u{side}")
    cells: Cells = np.logical_or.reduce(parts != 0, axis=2)
    return cells
