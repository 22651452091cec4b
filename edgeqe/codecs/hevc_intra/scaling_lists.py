"""Scaling lists: clauses 7.3.4 and 7.4.5."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeqe.codecs.hevc_intra.bits import SyntaxReader
from edgeqe.codecs.hevc_intra.scans import SCAN

#: Factors m of intra blocks (8.6.3), by log2 of the side less 2, plane, row and column.
Scaling = npt.NDArray[np.uint8]

FLAT: Scaling = np.full((4, 3, 32, 32), 16, np.uint8)

#: Default values of the intra lists of 8x8 and larger, in the order of the scan (table 7-6).
_INTRA_8X8 = (
    *(16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 17, 16, 17, 16, 17, 18),
    *(17, 18, 18, 17, 18, 21, 19, 20, 21, 20, 19, 21, 24, 22, 22, 24),
    *(24, 22, 22, 24, 25, 25, 27, 30, 27, 25, 25, 29, 31, 35, 35, 31),
    *(29, 36, 41, 44, 41, 36, 47, 54, 54, 47, 65, 70, 65, 88, 88, 115),
)
#: And of the inter lists, which intra ones may not copy but which are read past.
_INTER_8X8 = (
    *(16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 17, 17, 17, 17, 17, 18),
    *(18, 18, 18, 18, 18, 20, 20, 20, 20, 20, 20, 20, 24, 24, 24, 24),
    *(24, 24, 24, 24, 25, 25, 25, 25, 25, 25, 25, 28, 28, 28, 28, 28),
    *(28, 33, 33, 33, 33, 33, 41, 41, 41, 41, 54, 54, 54, 71, 71, 91),
)


def _default(size: int, matrix: int) -> tuple[list[int], int]:
    """List and DC value that a size and a matrix have unless the stream has others."""
    if size == 0:
        return [16] * 16, 16
    return list(_INTRA_8X8 if matrix < 3 else _INTER_8X8), 16


def _factors(lists: dict[tuple[int, int], tuple[list[int], int]]) -> Scaling:
    """ScalingFactor (7.4.5) of the intra matrices."""
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


_SIZES = tuple((size, matrix) for size in range(4) for matrix in range(0, 6, 3 if size == 3 else 1))

DEFAULT: Scaling = _factors({key: _default(*key) for key in _SIZES})


def read_scaling_lists(bits: SyntaxReader) -> Scaling:
    """scaling_list_data() (7.3.4).

    Returns
    -------
    ndarray of uint8, shape (4, 3, 32, 32)
        Factors of 4x4, 8x8, 16x16 and 32x32 intra blocks of Y, U and V.
    """
    lists: dict[tuple[int, int], tuple[list[int], int]] = {}
    for size, matrix in _SIZES:
        step = 3 if size == 3 else 1
        if not bits.flag():  # scaling_list_pred_mode_flag
            delta = step * bits.unsigned("scaling_list_pred_matrix_id_delta", matrix // step)
            lists[size, matrix] = lists[size, matrix - delta] if delta else _default(size, matrix)
            continue
        value = dc = 8
        if size > 1:
            value = dc = 8 + bits.signed("scaling_list_dc_coef_minus8", -7, 247)
        values = []
        for _ in range(min(64, 16 << (2 * size))):
            value = (value + bits.signed("scaling_list_delta_coef", -128, 127)) % 256
            values.append(value)
        lists[size, matrix] = values, dc
    return _factors(lists)
