"""Transform coefficient levels of a block: clauses 7.3.8.11, 9.3.3.11 and 9.3.4.2.3 to 9.3.4.2.7."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeqe.codecs.hevc_intra import layout as at
from edgeqe.codecs.hevc_intra.cabac import READY, bypass, decision
from edgeqe.codecs.hevc_intra.contexts import (
    CODED_SUB_BLOCK,
    GREATER1,
    GREATER2,
    LAST_X,
    LAST_Y,
    SIG_COEFF,
    TRANSFORM_SKIP,
)
from edgeqe.codecs.hevc_intra.jit import compiled
from edgeqe.codecs.hevc_intra.scans import POSITION, SCAN

#: ctxIdxMap (9.3.4.2.5), sigCtx in a 4x4 block by place 8 * y + x.
_MAP_4X4 = ((0, 1, 4, 5), (2, 3, 4, 5), (6, 6, 8, 8), (7, 7, 8, 8))


def _significance() -> Any:
    """Build sigCtx of 9.3.4.2.5 before its offsets, by case and place 8 * y + x in a sub-block.

    Cases 0 to 3 are the standard's prevCsbf (1: the sub-block to the right has coefficients,
    2: the one below), case 4 is the whole of a 4x4 block.
    """
    table = np.zeros((5, 32), np.int64)
    for y in range(4):
        for x in range(4):
            near = 2 if x + y == 0 else int(x + y < 3)
            cases = (near, (2, 1, 0, 0)[y], (2, 1, 0, 0)[x], 2, _MAP_4X4[y][x])
            table[:, 8 * y + x] = cases
    return table


SIGNIFICANCE = _significance()


@compiled
def residual_coding(
    data: Any, v: Any, residual: Any, x0: int, y0: int, log2: int, plane: int, scan: int
) -> int:
    """Parse a block's levels into the canvas.

    Parameters
    ----------
    residual : ndarray of int16
        Canvas, zero in the block.
    x0, y0 : int
        The block's place in the canvas.
    plane : int
        cIdx.
    scan : int
        scanIdx.

    Returns
    -------
    int
        transform_skip_flag.
    """
    chroma = 1 if plane else 0
    skipped = 0
    if v[at.TRANSFORM_SKIP_ENABLED] and not v[at.BYPASS] and log2 == 2:
        skipped = decision(data, v, TRANSFORM_SKIP + chroma)
    x = _last_prefix(data, v, LAST_X, log2, chroma)
    y = _last_prefix(data, v, LAST_Y, log2, chroma)
    x = _last_suffix(data, v, x)
    y = _last_suffix(data, v, y)
    if scan == 2:
        x, y = y, x
    sub_blocks = log2 - 2
    last_sub = POSITION[scan, sub_blocks, (y >> 2) * 8 + (x >> 2)]
    last_place = POSITION[scan, 2, (y & 3) * 8 + (x & 3)]
    for i in range(81):
        v[at.SUB_BLOCKS + i] = 0
    greater1_context = 1
    for i in range(np.int64(last_sub), -1, -1):
        sub = np.int64(SCAN[scan, sub_blocks, i])
        across, down = sub & 7, sub >> 3
        flag = at.SUB_BLOCKS + 9 * down + across
        around = v[flag + 1] | v[flag + 9] << 1
        inferred = False  # inferSbDcSigCoeffFlag
        if 0 < i < last_sub:
            if not decision(data, v, CODED_SUB_BLOCK + 2 * chroma + (1 if around else 0)):
                continue
            inferred = True
        v[flag] = 1
        count = 0
        first: Any = 15
        if i == last_sub:
            v[at.PLACES] = last_place
            count = 1
            first = np.int64(last_place) - 1
        base = SIG_COEFF + 27 * chroma
        case = around
        if log2 == 2:
            case = 4
        elif chroma:
            base += 9 if log2 == 3 else 12
        else:
            base += (9 if scan == 0 else 15) if log2 == 3 else 21
            if sub:
                base += 3
        for n in range(first, -1, -1):
            if n == 0 and inferred:
                significant = 1
            elif n == 0 and sub == 0:
                significant = decision(data, v, SIG_COEFF + 27 * chroma)
            else:
                context = base + SIGNIFICANCE[case, SCAN[scan, 2, n]]
                significant = decision(data, v, context)
            if significant:
                v[at.PLACES + count] = n
                count += 1
                inferred = False
        if count == 0:
            continue
        context_set = (0 if i == 0 or chroma else 2) + (1 if greater1_context == 0 else 0)
        greater1_context = _levels(data, v, count, context_set, chroma)
        column = x0 + 4 * across
        row = y0 + 4 * down
        for k in range(count):
            place = np.int64(SCAN[scan, 2, v[at.PLACES + k]])
            residual[row + (place >> 3), column + (place & 7)] = v[at.LEVELS + k]
    return skipped


@compiled
def _last_prefix(data: Any, v: Any, first: int, log2: int, chroma: int) -> int:
    """last_sig_coeff_x_prefix or _y_prefix."""
    if chroma:
        offset, shift = 15, log2 - 2
    else:
        offset, shift = 3 * (log2 - 2) + (log2 - 1 >> 2), log2 + 1 >> 2
    value = 0
    while value < 2 * log2 - 1 and decision(data, v, first + offset + (value >> shift)):
        value += 1
    return value


@compiled
def _last_suffix(data: Any, v: Any, prefix: int) -> int:
    """LastSignificantCoeffX or Y from its prefix."""
    if prefix < 4:
        return prefix
    bits = (prefix >> 1) - 1
    return (1 << bits) * (2 + (prefix & 1)) + bypass(data, v, bits)


@compiled
def _levels(data: Any, v: Any, count: int, context_set: int, chroma: int) -> int:
    """Levels of a sub-block with `count` coefficients; returns greater1Ctx behind the last flag."""
    greater1_context = 1
    greater1 = -1  # the first that is greater than 1
    for k in range(min(count, 8)):
        context = GREATER1 + 16 * chroma + 4 * context_set + greater1_context
        if decision(data, v, context):
            v[at.LEVELS + k] = 2
            greater1_context = 0
            if greater1 < 0:
                greater1 = k
        else:
            v[at.LEVELS + k] = 1
            if 0 < greater1_context < 3:
                greater1_context += 1
    if greater1 >= 0:
        v[at.LEVELS + greater1] += decision(data, v, GREATER2 + 4 * chroma + context_set)
    hidden = 0
    if v[at.SIGN_HIDING] and not v[at.BYPASS]:
        hidden = 1 if v[at.PLACES] - v[at.PLACES + count - 1] > 3 else 0
    signs = bypass(data, v, count - hidden) << hidden
    rice = 0
    total = 0
    for k in range(count):
        level = v[at.LEVELS + k] if k < 8 else 1
        if level == (1 if k >= 8 else 3 if k == greater1 else 2):
            level += _remaining(data, v, rice)
            if level > 3 << rice:
                rice = min(rice + 1, 4)
        total += level
        if signs >> (count - 1 - k) & 1 or (hidden and k == count - 1 and total & 1):
            level = -level
        v[at.LEVELS + k] = min(max(level, -32768), 32767)
    return greater1_context


@compiled
def _remaining(data: Any, v: Any, rice: int) -> int:
    """coeff_abs_level_remaining (9.3.3.11)."""
    prefix = 0
    while bypass(data, v, 1):
        prefix += 1
        if prefix > 32:
            v[at.ERROR] = at.BAD_LEVEL
            return 0
    if prefix <= 3:
        return (prefix << rice) + bypass(data, v, rice)
    bits = prefix - 3 + rice
    value = (1 << prefix - 3) + 2 << rice
    if bits > 2 * READY:
        v[at.ERROR] = at.BAD_LEVEL
        return 0
    if bits > READY:
        value += bypass(data, v, bits - READY) << READY
        bits = READY
    return value + bypass(data, v, bits)
