"""Windows that cover what has to be computed anew, and little else.

The cells to compute are cut like with a guillotine: their bounding box is split in two where
that saves most, and the halves again, as long as it saves anything::

    ................        ................
    ..###......##...        ..aaa......bb...
    ..####.....##...  --->  ..aaa#.....bb...     # in the box of its neighbours
    ..##............        ..aaa...........

A window costs its pixels with the halo around them, and a fixed amount.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from edgeqe.engine.changes import Cells
from edgeqe.views.window import Window

#: Least side of a box that is halved, cells, so that each worker has one.
LEAST_HALVED = 8
#: Kept boxes hold what so many frames needed, and stay while this share of the needed cells that they were
#: made for is needed.
RECENT, KEPT_ABOVE = 2, 0.6
#: What a window costs beside its pixels, and a pixel beside the network, as kMAC of a network in INT8.
#: Windows of 32 to 96 pixels a side by edgeqe-nano, -tiny and -small on LiteRT and ONNX Runtime
#: (AVX-512 VNNI) take the time of 4600, 2900 and 800 pixels more than their pixels.
FIXED_KMAC, VIEW_KMAC = 20000.0, 2.5
#: What finding boxes costs, as windows: 0.3 to 0.7 ms, where one more of edgeqe-nano takes 0.05.
SEARCH_WINDOWS = 8
#: Cells between the cuts that are tried.
_STEP = 4


def window_cost(kmac_per_pixel: float) -> float:
    """Cost of one more window in pixels' worth of work of a network: calls, locks, NumPy.

    Parameters
    ----------
    kmac_per_pixel : float
        As the card has it.
    """
    return FIXED_KMAC / (VIEW_KMAC + kmac_per_pixel)


@dataclass(frozen=True, order=True)
class ChangedBox:
    """Rectangle of cells: first and last + 1 row and column."""

    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True)
class CellGrid:
    """Cells of a picture and the halo around what is computed of them.

    Parameters
    ----------
    height, width : int
        Of the picture, padded to the network's alignment, pixels.
    cell : int
        Pixels, a multiple of the alignment.
    halo : int
        Pixels, a multiple of the alignment.
    margin : int
        Around the picture, pixels: at most the halo, a multiple of the alignment.
    window_cost : float
        Of one more window, pixels' worth of work.
    """

    height: int
    width: int
    cell: int
    halo: int
    margin: int
    window_cost: float

    @property
    def ends(self) -> tuple[int, int]:
        """Last + 1 row and column of the picture with its margin."""
        return self.height + self.margin, self.width + self.margin

    def window(self, box: ChangedBox) -> Window:
        """Window whose own result is a box."""
        rows = box.top * self.cell, min(box.bottom * self.cell, self.height)
        columns = box.left * self.cell, min(box.right * self.cell, self.width)
        least, (height, width) = -self.margin, self.ends
        top, left = max(least, rows[0] - self.halo), max(least, columns[0] - self.halo)
        bottom, right = min(height, rows[1] + self.halo), min(width, columns[1] + self.halo)
        return Window(top, left, bottom - top, right - left, rows, columns)

    def cost(self, box: ChangedBox) -> float:
        """Pixels' worth of work of a box."""
        window = self.window(box)
        return window.height * window.width + self.window_cost

    def least_cost(self, needed: Cells) -> float:
        """Pixels' worth of work of finding any boxes, and of what all of them must read."""
        read = self.needed(needed).sum() * self.cell**2
        return float(read) + (SEARCH_WINDOWS + 1) * self.window_cost

    def needed(self, changed: Cells) -> Cells:
        """Cells whose result depends on a changed one."""
        reach = -(-self.halo // self.cell)
        found = changed.copy()
        for by in range(1, reach + 1):
            found[by:] |= changed[:-by]
            found[:-by] |= changed[by:]
        rows = found.copy()
        for by in range(1, reach + 1):
            found[:, by:] |= rows[:, :-by]
            found[:, :-by] |= rows[:, by:]
        return found


def cover(grid: CellGrid, needed: Cells, largest: int, workers: int) -> list[ChangedBox]:
    """Boxes that hold all needed cells, the largest first.

    Parameters
    ----------
    grid : CellGrid
    needed : ndarray of bool
        At least one cell.
    largest : int
        Pixels of a window at most, where halving can reach that.
    workers : int
        Windows that run at once: there are that many boxes at least, if they can be halved.
    """
    whole = _bounds(needed, ChangedBox(0, needed.shape[0], 0, needed.shape[1]))
    assert whole is not None
    boxes = sorted(_split(grid, needed, whole), key=grid.cost)
    done: list[ChangedBox] = []
    while boxes:
        box = boxes.pop()
        small = grid.cost(box) <= largest + grid.window_cost
        halves = [] if small and len(boxes) + len(done) + 1 >= workers else _halves(box)
        if halves:
            boxes += halves
            boxes.sort(key=grid.cost)
        else:
            done.append(box)
    return sorted(done, key=grid.cost, reverse=True)


class KeptCover:
    """Boxes of one frame after another, kept while they serve, so that windows keep their shapes.

    For interpreters: one that is resized takes 3.3 times as long with a window of edgeqe-nano, twice as
    long with edgeqe-tiny, 1.3 times with edgeqe-small, and one that is made anew longer still.
    """

    def __init__(self) -> None:
        self._boxes: list[ChangedBox] = []
        self._count = 0
        """Needed cells of the frame that the boxes were made for."""
        self._recent: deque[Cells] = deque(maxlen=RECENT)

    def boxes(self, grid: CellGrid, needed: Cells, largest: int, workers: int) -> list[ChangedBox]:
        """Boxes that hold all needed cells, each at least one; see `cover`."""
        count = int(needed.sum())
        left = needed.copy()
        for box in self._boxes:
            left[box.top : box.bottom, box.left : box.right] = False
        self._recent.append(needed)
        if left.any() or count < KEPT_ABOVE * self._count:
            recent = np.logical_or.reduce(self._recent)
            self._boxes, self._count = cover(grid, recent, largest, workers), count
        return [b for b in self._boxes if needed[b.top : b.bottom, b.left : b.right].any()]


def _split(grid: CellGrid, needed: Cells, box: ChangedBox) -> list[ChangedBox]:
    """A box, or what its best cut leaves of it, cut on."""
    cells = needed[box.top : box.bottom, box.left : box.right]
    rows = _best_cut(cells, (box.top, box.left), grid.ends, grid)
    columns = _best_cut(cells.T, (box.left, box.top), grid.ends[::-1], grid)
    best = min(rows, columns, key=lambda cut: cut[0])
    if best[0] >= grid.cost(box):
        return [box]
    parts = [
        ChangedBox(*one) if best is rows else ChangedBox(*one[2:], *one[:2]) for one in best[1]
    ]
    return [found for part in parts for found in _split(grid, needed, part)]


def _best_cut(
    cells: Cells, origin: tuple[int, int], ends: tuple[int, int], grid: CellGrid
) -> tuple[float, list[list[int]]]:
    """Cost of the best cut between two rows, and the bounds of what is above and below it.

    Cuts are tried at gaps, and between them `_STEP` cells apart.
    """
    rows = np.flatnonzero(cells.any(axis=1))
    at = np.union1d(np.arange(_STEP, len(rows), _STEP), np.flatnonzero(np.diff(rows) > 1) + 1)
    if not len(at):
        return math.inf, []
    first = np.argmax(cells[rows], axis=1)
    last = cells.shape[1] - np.argmax(cells[rows, ::-1], axis=1)
    ones = np.ones(len(at), int)
    above = np.stack(
        [
            rows[0] * ones,
            rows[at - 1] + 1,
            np.minimum.accumulate(first)[at - 1],
            np.maximum.accumulate(last)[at - 1],
        ]
    )
    below = np.stack(
        [
            rows[at],
            (rows[-1] + 1) * ones,
            np.minimum.accumulate(first[::-1])[::-1][at],
            np.maximum.accumulate(last[::-1])[::-1][at],
        ]
    )
    total = np.zeros(len(at))
    for part in (above, below):
        part += np.array([origin[0], origin[0], origin[1], origin[1]])[:, None]
        pixels = part * grid.cell
        least = -grid.margin
        high = np.minimum(ends[0], pixels[1] + grid.halo) - np.maximum(least, pixels[0] - grid.halo)
        wide = np.minimum(ends[1], pixels[3] + grid.halo) - np.maximum(least, pixels[2] - grid.halo)
        total += high * wide + grid.window_cost
    best = int(np.argmin(total))
    return float(total[best]), [above[:, best].tolist(), below[:, best].tolist()]


def _bounds(needed: Cells, box: ChangedBox) -> ChangedBox | None:
    cells = needed[box.top : box.bottom, box.left : box.right]
    rows, columns = (np.flatnonzero(cells.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    return ChangedBox(
        box.top + int(rows[0]),
        box.top + int(rows[-1]) + 1,
        box.left + int(columns[0]),
        box.left + int(columns[-1]) + 1,
    )


def _halves(box: ChangedBox) -> list[ChangedBox]:
    """A box in two of one shape, across its longer side; none if it is too small for that."""
    rows, columns = box.bottom - box.top, box.right - box.left
    half = -(-max(rows, columns) // 2)
    if max(rows, columns) < LEAST_HALVED:
        return []
    if rows >= columns:
        return [
            ChangedBox(box.top, box.top + half, box.left, box.right),
            ChangedBox(box.bottom - half, box.bottom, box.left, box.right),
        ]
    return [
        ChangedBox(box.top, box.bottom, box.left, box.left + half),
        ChangedBox(box.top, box.bottom, box.right - half, box.right),
    ]
