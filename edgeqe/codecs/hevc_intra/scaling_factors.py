"""Scaling factors of intra blocks: clause 7.4.5."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeqe.codecs.hevc_intra.scans import SCAN
from edgeqe.codecs.hevc_scaling_lists import ScalingLists

#: Factors m of intra blocks (8.6.3), by log2 of the side less 2, plane, row and column.
Scaling = npt.NDArray[np.uint8]

FLAT: Scaling = np.full((4, 3, 32, 32), 16, np.uint8)


def scaling_factors(lists: ScalingLists) -> Scaling:
    """ScalingFactor of the intra matrices.

    Returns
    -------
    ndarray of uint8, shape (4, 3, 32, 32)
        Factors of 4x4, 8x8, 16x16 and 32x32 intra blocks of Y, U and V.
    """
    factors = FLAT.copy()
    for (size, matrix), (values, dc) in lists.items():
        if matrix >= 3:
            continue
        side = 4 if size == 0 else 8
        square = np.zeros((side, side), np.uint8)
        order = SCAN[0, 2 if size == 0 else 3, : side * side]
        square[order >> 3, order & 7] = values
        repeat = (4 << size) // side
        block = square.repeat(repeat, 0).repeat(repeat, 1)
        if size > 1:
            block[0, 0] = dc
        factors[size, matrix, : 4 << size, : 4 << size] = block
    return factors
