"""How much of a picture is drawn, not photographed: text, line art, screens; from its luma.

Each window of 128x128 is judged by itself, by a logistic regression on six features of its 8x8
blocks. Where something is drawn, most blocks hold two levels, an edge and nothing else, so the
variance within the two is small against all of it. `scripts/content` fits the factors to
photographs and drawn pictures, and says how often they err.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.errors import InputError
from edgeqe.typing import Double, Float

#: Side of a window that is judged, pixels, and most windows of a picture.
SIDE, MOST = 128, 64
#: Contrast of an 8x8 block with something in it, of one with a hard edge, and of flat ground;
#: 8-bit levels between its extremes.
BUSY, HARD, FLAT = 40.0, 120.0, 6.0
#: Gradient of an edge, levels per pixel, and the share across its direction to which it lies along an axis.
EDGE, ALONG = 40.0, 0.15
#: Share of busy blocks below which a window says nothing.
LEAST_BUSY = 0.05
#: Factors of `features`: positive for what is drawn.
FACTORS = (8.80, -15.19, 2.06, 9.94, -1.75, 1.16, -5.02)


def drawn_share(luma: npt.NDArray[Any]) -> float:
    """Share of a picture that is drawn, 0 to 1: the mean probability of its busy windows.

    Parameters
    ----------
    luma : ndarray, shape (H, W)
        Full-range luma, 0 to 255.

    Returns
    -------
    float
        0 where the picture shows nothing but even ground.

    Raises
    ------
    InputError
        If it has another shape, is smaller than 8x8, or holds values that are not finite.
    """
    if luma.ndim != 2 or min(luma.shape) < 8:
        raise InputError(f"luma of shape {luma.shape} is not of two dimensions of 8 or more.")
    judged = []
    for window in windows(luma):
        if not np.isfinite(window).all():
            raise InputError("luma has values that are not finite.")
        given = features(window)
        if given[0] >= LEAST_BUSY:
            judged.append(1.0 / (1.0 + math.exp(-float(given @ FACTORS))))
    return math.fsum(judged) / len(judged) if judged else 0.0


def windows(luma: npt.NDArray[Any]) -> list[Float]:
    """Windows of `SIDE`, or the whole of a smaller picture; at most `MOST`, evenly chosen."""
    height, width = (min(SIDE, length) for length in luma.shape)
    corners = [
        (row, column)
        for row in range(0, luma.shape[0] - height + 1, height)
        for column in range(0, luma.shape[1] - width + 1, width)
    ]
    return [
        luma[row : row + height, column : column + width].astype(np.float32)
        for row, column in corners[:: -(-len(corners) // MOST)]
    ]


def features(window: Float) -> Double:
    """Features of a window: see `FACTORS`.

    Returns
    -------
    ndarray, shape (7,)
        Share of busy blocks; their median share of variance within two levels; their share with less than
        a tenth of it; share of flat blocks; share of edges along an axis; share of busy blocks
        with a hard edge; 1.
    """
    height, width = (length // 8 * 8 for length in window.shape)
    grid = window[:height, :width].reshape(height // 8, 8, width // 8, 8)
    blocks = grid.transpose(0, 2, 1, 3).reshape(-1, 64)
    most, least = blocks.max(axis=1), blocks.min(axis=1)
    contrast = most - least
    busy = contrast > BUSY
    within, hard = np.ones(1), 0.0
    if busy.any():
        within, hard = _within_levels(blocks[busy]), float((contrast[busy] > HARD).mean())
    down = np.abs(np.diff(window, axis=0))[:, :-1]
    across = np.abs(np.diff(window, axis=1))[:-1]
    edges = np.hypot(down, across) > EDGE
    along = np.minimum(down, across) < ALONG * np.maximum(down, across)
    return np.array(
        [
            busy.mean(),
            np.median(within),
            (within < 0.1).mean(),
            (contrast < FLAT).mean(),
            along[edges].mean() if edges.any() else 0.0,
            hard,
            1.0,
        ]
    )


def _within_levels(blocks: Float) -> Double:
    """Share of each block's variance that is left when it is cut at the middle of its range."""
    middle = (blocks.max(axis=1) + blocks.min(axis=1)) / 2
    upper = blocks > middle[:, None]
    count = upper.sum(axis=1)  # neither 0 nor 64: the extremes lie on both sides
    high = (blocks * upper).sum(axis=1) / count
    low = (blocks * ~upper).sum(axis=1) / (64 - count)
    between = count * (64 - count) / 64**2 * np.square(high - low)
    share: Double = 1.0 - between / blocks.var(axis=1)
    return share
