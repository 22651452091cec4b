"""Residuals of what the decoder left as it was, held where the result would move by a level.

A network sees a neighbourhood of each sample, and another strength now and then. So the result of a
sample that the decoder did not touch may round to the next level, and back, where nothing moves. That
is less than the network knows of the sample, and it is held: the residual of the frame before is
kept where the samples of a cell of 2x2 were decoded within less than a level of 8 bits of that frame
and the result with it is at most one level of 8 bits from the new one. What is shown is never further
than that from what was computed. In 8 bits such samples are equal, and so are their results; deeper ones
move by fractions of a level, as the loop filters of VVC make them, and their results by the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

#: Rows that are compared at a time, so that they stay in the cache: an even number.
ROWS = 64


class Steadiness:
    """Follows the planes of one clip, and holds their results.

    Two frames of memory, and half a byte a sample.
    """

    def __init__(self) -> None:
        self._decoded: list[Plane] = []
        self._results: list[Plane] = []
        self._still: list[Mask] = []
        """Of each plane, with one row for two."""

    def forget(self) -> None:
        """Begin anew: the next frame has none before it."""
        self._decoded, self._results, self._still = [], [], []

    def before(self, planes: Sequence[Plane], level: int) -> None:
        """Note what the decoder left as it was, before a frame is enhanced in place.

        Parameters
        ----------
        planes : sequence of ndarray
            Unsigned, shapes (H, W) or (H, W, 2), those of all frames.
        level : int
            What a level of 8 bits is in them.
        """
        if not self._results:
            self._decoded = [plane.copy() for plane in planes]
            return
        three = zip(self._decoded, planes, self._results, strict=True)
        self._still = [_still(old, now, result, level) for old, now, result in three]

    def after(self, planes: Sequence[Plane], level: int) -> None:
        """Hold results of the frame before.

        Parameters
        ----------
        planes : sequence of ndarray
            Enhanced; what is held is written into them.
        level : int
            What a level of 8 bits is in them.
        """
        if not self._results:
            self._results = [plane.copy() for plane in planes]
            return
        for old, now, still in zip(self._results, planes, self._still, strict=True):
            _hold(old, now, still, level)


def _still(old: Plane, now: Plane, result: Plane, level: int) -> Mask:
    """Whether cells were decoded alike, at (ceil(H / 2), W), and the new samples over the old.

    The old results of such cells are moved as their samples were.
    """
    height, width = now.shape[:2]
    found = np.empty((-(-height // 2), *now.shape[1:]), np.bool_)
    for top in range(0, height, ROWS):
        rows = slice(top, top + ROWS)
        if level == 1:
            same = old[rows] == now[rows]
        else:  # within less than a level; both sides wrap alike
            moved = now[rows] - old[rows]
            same = moved + old.dtype.type(level - 1) <= 2 * (level - 1)
        cells = found[top // 2 : (top + ROWS) // 2]
        np.copyto(cells, same[::2])
        cells[: len(same) // 2] &= same[1::2]
        pairs = width // 2 * 2
        cells[:, :pairs:2] &= cells[:, 1:pairs:2]
        cells[:, 1:pairs:2] = cells[:, :pairs:2]
        if level > 1:
            part = result[rows]
            shifted = np.clip(part + moved.view(np.int16).astype(np.int32), 0, 256 * level - 1)
            shifted = shifted.astype(part.dtype)
            np.copyto(part[::2], shifted[::2], where=cells)
            odd = part[1::2]
            np.copyto(odd, shifted[1::2], where=cells[: len(odd)])
        np.copyto(old[rows], now[rows])
    return found


def _hold(old: Plane, now: Plane, still: Mask, level: int) -> None:
    """Put old results into new ones where they are held, then the new ones over the old."""
    for top in range(0, len(now), ROWS):
        rows = slice(top, top + ROWS)
        before, after = old[rows], now[rows]
        cells = still[top // 2 : (top + ROWS) // 2]
        if cells.any():
            # not by a difference of unsigned numbers, which wraps
            close = np.maximum(before, after) - np.minimum(before, after) <= level
            close[::2] &= cells
            close[1::2] &= cells[: len(close) // 2]
            np.copyto(after, before, where=close)
        np.copyto(before, after)
