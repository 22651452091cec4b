"""HEVC's scaling lists (ITU-T H.265, 7.3.4)."""

from __future__ import annotations

from edgeqe.codecs.bits import BitReader

#: List in the order of the scan, and value of the DC coefficient, by log2 of the side less 2 and
#: by matrix: intra Y, U, V, inter Y, U, V.
ScalingLists = dict[tuple[int, int], tuple[list[int], int]]

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


_SIZES = tuple((size, matrix) for size in range(4) for matrix in range(0, 6, 3 if size == 3 else 1))

DEFAULT_LISTS: ScalingLists = {key: _default(*key) for key in _SIZES}


def read_scaling_lists(bits: BitReader) -> ScalingLists:
    """Read scaling_list_data().

    Raises
    ------
    ImageError
        If it is damaged.
    """
    lists: ScalingLists = {}
    for size, matrix in _SIZES:
        step = 3 if size == 3 else 1
        if not bits.flag():  # scaling_list_pred_mode_flag
            delta = step * bits.ue(matrix // step, "scaling_list_pred_matrix_id_delta")
            lists[size, matrix] = lists[size, matrix - delta] if delta else _default(size, matrix)
            continue
        value = dc = 8
        if size > 1:
            value = dc = 8 + bits.se(-7, 247, "scaling_list_dc_coef_minus8")
        values = []
        for _ in range(min(64, 16 << (2 * size))):
            value = (value + bits.se(-128, 127, "scaling_list_delta_coef")) % 256
            values.append(value)
        lists[size, matrix] = values, dc
    return lists
