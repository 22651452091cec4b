"""Histograms of DCT coefficients on all 64 places that the 8x8 grid of a picture can have."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.codecs.strength import ZIGZAG_1_TO_15
from edgeqe.errors import InputError
from edgeqe.typing import Float

#: Bins per 8-bit level, and the largest coefficient that has its own; the last bin holds the rest.
BINS_PER_LEVEL, LARGEST = 4, 400
#: Samples that are looked at, and the side of the squares that they are taken in, a multiple of 8.
MOST_SAMPLES, SIDE = 2**19, 256


def histograms(luma: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Count the absolute coefficients 1 to 15 in zigzag order of the 8x8 DCT.

    Parameters
    ----------
    luma : ndarray, shape (H, W)
        H and W at least 16. Of a large picture, squares of most contrast, `MOST_SAMPLES` in all.

    Returns
    -------
    ndarray of int64, shape (64, 15, bins)
        By first row of the grid times 8 plus first column, coefficient, and size in steps of
        1 / `BINS_PER_LEVEL`.

    Raises
    ------
    InputError
        If a value is not finite.
    """
    bins = LARGEST * BINS_PER_LEVEL + 1
    counts = np.zeros((64, len(ZIGZAG_1_TO_15), bins), np.int64)
    for square in _squares(luma):
        samples = square.astype(np.float32)
        if not np.isfinite(samples).all():
            raise InputError("luma has values that are not finite.")
        height, width = samples.shape[0] - 7, samples.shape[1] - 7
        place = (np.arange(height) % 8 * 8)[:, None] + np.arange(width) % 8
        rows = _filtered(samples)
        for index, position in enumerate(ZIGZAG_1_TO_15):
            coefficients = _filtered(rows[position // 8].T, only=position % 8)[position % 8].T
            sizes = np.minimum(np.abs(coefficients) * BINS_PER_LEVEL + 0.5, bins - 1).astype(
                np.int64
            )
            found = np.bincount((place * bins + sizes).ravel(), minlength=64 * bins)
            counts[:, index] += found.reshape(64, bins)
    return counts


def _filtered(samples: Float, only: int | None = None) -> dict[int, Float]:
    """Inner products of 8 samples down with the DCT's rows 0 to 5, at every sample."""
    height = samples.shape[0] - 7
    found = {}
    for frequency in range(6) if only is None else (only,):
        basis = (
            np.cos(np.pi * (2 * np.arange(8) + 1) * frequency / 16) / (2, 8**0.5)[frequency == 0]
        )
        total = np.zeros((height, samples.shape[1]), np.float32)
        for tap, factor in enumerate(basis.tolist()):
            total += np.float32(factor) * samples[tap : tap + height]
        found[frequency] = total
    return found


def _squares(luma: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """Squares of a picture whose corners lie on multiples of 8, those of most contrast."""
    if luma.size <= MOST_SAMPLES:
        return [luma]
    corners = [
        (row, column)
        for row in range(0, luma.shape[0] - SIDE + 1, SIDE) or (0,)
        for column in range(0, luma.shape[1] - SIDE + 1, SIDE) or (0,)
    ]
    squares = [luma[row : row + SIDE, column : column + SIDE] for row, column in corners]
    squares.sort(key=lambda square: -float(np.abs(np.diff(square[::4].astype(np.float32))).mean()))
    return squares[: max(1, MOST_SAMPLES // SIDE**2)]
