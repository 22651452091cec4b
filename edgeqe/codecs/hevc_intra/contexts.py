"""Context variables of intra slices: clause 9.3.2.2 and its tables for initType 0."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeqe.codecs.hevc_intra.layout import CONTEXT, INITIAL

_LAST_PREFIX = (110, 110, 124, 125, 140, 153, 125, 127, 140, 109, 111, 143, 127, 111, 79, 108, 123,
                63)  # fmt: skip
#: initValue of each syntax element's context variables, in the order of the places below.
_INIT_VALUES = (
    (153,),  # sao_merge_left_flag, sao_merge_up_flag
    (200,),  # sao_type_idx_luma, sao_type_idx_chroma
    (139, 141, 157),  # split_cu_flag
    (154,),  # cu_transquant_bypass_flag
    (184,),  # part_mode
    (184,),  # prev_intra_luma_pred_flag
    (63,),  # intra_chroma_pred_mode
    (153, 138, 138),  # split_transform_flag
    (111, 141),  # cbf_luma
    (94, 138, 182, 154),  # cbf_cb, cbf_cr
    (154, 154),  # cu_qp_delta_abs
    (139, 139),  # transform_skip_flag
    _LAST_PREFIX,  # last_sig_coeff_x_prefix
    _LAST_PREFIX,  # last_sig_coeff_y_prefix
    (91, 171, 134, 141),  # coded_sub_block_flag
    (
        *(111, 111, 125, 110, 110, 94, 124, 108, 124, 107, 125, 141, 179, 153),
        *(125, 107, 125, 141, 179, 153, 125, 107, 125, 141, 179, 153, 125, 140),
        *(139, 182, 182, 152, 136, 152, 136, 153, 136, 139, 111, 136, 139, 111),
    ),  # sig_coeff_flag
    (
        *(140, 92, 137, 138, 140, 152, 138, 139, 153, 74, 149, 92),
        *(139, 107, 122, 152, 140, 179, 166, 182, 140, 227, 122, 197),
    ),  # coeff_abs_level_greater1_flag
    (138, 153, 136, 167, 152, 152),  # coeff_abs_level_greater2_flag
)
_VALUES = np.array([value for values in _INIT_VALUES for value in values])
CONTEXTS = len(_VALUES)
assert CONTEXTS <= INITIAL - CONTEXT

(
    SAO_MERGE,
    SAO_TYPE,
    SPLIT_CU,
    TRANSQUANT_BYPASS,
    PART_MODE,
    PREV_INTRA_LUMA,
    CHROMA_PRED_MODE,
    SPLIT_TRANSFORM,
    CBF_LUMA,
    CBF_CHROMA,
    QP_DELTA,
    TRANSFORM_SKIP,
    LAST_X,
    LAST_Y,
    CODED_SUB_BLOCK,
    SIG_COEFF,
    GREATER1,
    GREATER2,
) = (CONTEXT + sum(map(len, _INIT_VALUES[:element])) for element in range(len(_INIT_VALUES)))


def initial_contexts(slice_qp: int) -> npt.NDArray[np.int64]:
    """Context variables at the beginning of a slice (9.3.2.2), pStateIdx * 2 + valMps."""
    slope = 5 * (_VALUES >> 4) - 45
    offset = 8 * (_VALUES & 15) - 16
    state = np.clip((slope * min(max(slice_qp, 0), 51) >> 4) + offset, 1, 126)
    return np.where(state >= 64, 2 * (state - 64) + 1, 2 * (63 - state))
