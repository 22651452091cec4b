"""Scaling of levels and inverse transforms: clauses 8.6.2 to 8.6.4."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeqe.codecs.hevc_intra.jit import compiled

#: levelScale (8.6.3), by qP % 6.
LEVEL_SCALE = np.array([40, 45, 51, 57, 64, 72])
#: First column of transMatrix (8.6.4.2) from its second row on: 64 sqrt(2) cos(k pi / 64), rounded
#: by hand in the standard.
_COSINES = (
    *(90, 90, 90, 89, 88, 87, 85, 83, 82, 80, 78, 75, 73, 70, 67, 64),
    *(61, 57, 54, 50, 46, 43, 38, 36, 31, 25, 22, 18, 13, 9, 4),
)


def _dct_matrix() -> Any:
    """Build transMatrix: row k has the cosine at k times 1, 3, 5, ... of pi / 64."""
    quarter = [*_COSINES, 0]
    half = [*quarter, *(-value for value in reversed(_COSINES))]  # at 1 to 63
    matrix = np.full((32, 32), 64, np.int32)
    for k in range(1, 32):
        for n in range(32):
            angle = k * (2 * n + 1) % 128
            matrix[k, n] = half[min(angle, 128 - angle) - 1]
    return matrix


DCT = _dct_matrix()
#: transMatrix of 4x4 luma blocks (8.6.4.2).
DST = np.array(
    [[29, 55, 74, 84], [74, 74, 0, -74], [84, -29, -74, 55], [55, -84, 74, -29]], np.int32
)

SIDE = 32


@compiled
def inverse_transform(
    block: Any, log2: int, qp: int, bit_depth: int, factors: Any, kind: int, work: Any
) -> None:
    """Turn levels into a residual, in place.

    Parameters
    ----------
    block : ndarray of int16, shape (side, side)
        Levels, afterwards the residual.
    log2 : int
        Of the side.
    qp : int
        qP: the QP of the plane with its offset for the bit depth.
    factors : ndarray of uint8, shape (32, 32)
        m of 8.6.3.
    kind : int
        0 for the DCT, 1 for the DST, 2 for transform skip.
    work : ndarray of int32, shape (3, 32, 32)
        Scratch memory.
    """
    side = 1 << log2
    down = 20 - bit_depth
    rounding = 1 << down - 1
    rows, columns = _scale(block, side, log2, qp, bit_depth, factors, work[0])
    if kind == 2:
        for y in range(side):
            for x in range(side):
                value = (work[0, y, x] << 7) + rounding >> down
                block[y, x] = min(max(value, -32768), 32767)
        return
    matrix = DST if kind == 1 else DCT
    step = 1 if kind == 1 else SIDE >> log2
    _multiply(matrix, step, work, side, rows, columns)
    for y in range(side):
        for x in range(side):
            work[2, y, x] = 0
        for k in range(columns):
            factor = work[1, y, k]
            for x in range(side):
                work[2, y, x] += factor * matrix[k * step, x]
        for x in range(side):
            value = work[2, y, x] + np.int32(rounding) >> np.int32(down)
            block[y, x] = min(max(value, np.int32(-32768)), np.int32(32767))


@compiled
def _scale(
    block: Any, side: int, log2: int, qp: int, bit_depth: int, factors: Any, work: Any
) -> tuple[int, int]:
    """Levels to coefficients (8.6.3); returns how many rows and columns hold any."""
    shift = bit_depth + log2 - 5
    rounding = 1 << shift - 1
    scale = LEVEL_SCALE[qp % 6] << qp // 6
    rows = columns = 0
    for y in range(side):
        for x in range(side):
            level = np.int64(block[y, x])
            if level == 0:
                work[y, x] = 0
                continue
            value = level * np.int64(factors[y, x]) * scale + rounding >> shift
            work[y, x] = min(max(value, -32768), 32767)
            rows = y + 1
            columns = max(columns, x + 1)
    return rows, columns


@compiled
def _multiply(matrix: Any, step: int, work: Any, side: int, rows: int, columns: int) -> None:
    """First stage of 8.6.4.2: all columns of work[0] into work[1], clipped to 16 bits."""
    for y in range(side):
        for x in range(columns):
            work[1, y, x] = 0
        for k in range(rows):
            factor = matrix[k * step, y]
            for x in range(columns):
                work[1, y, x] += factor * work[0, k, x]
        for x in range(columns):
            value = work[1, y, x] + np.int32(64) >> np.int32(7)
            work[1, y, x] = min(max(value, np.int32(-32768)), np.int32(32767))
