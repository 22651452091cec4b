"""Coding units, their intra modes and their transform trees: clauses 7.3.8.5 to 7.3.8.10 and 8.4.2."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeqe.codecs.hevc_intra import layout as at
from edgeqe.codecs.hevc_intra.cabac import bypass, decision, start, stop, terminate
from edgeqe.codecs.hevc_intra.contexts import (
    CBF_CHROMA,
    CBF_LUMA,
    CHROMA_PRED_MODE,
    PART_MODE,
    PREV_INTRA_LUMA,
    QP_DELTA,
    SPLIT_TRANSFORM,
    TRANSQUANT_BYPASS,
)
from edgeqe.codecs.hevc_intra.jit import compiled
from edgeqe.codecs.hevc_intra.residual_coding import residual_coding

PLANAR = 0
DC = 1
HORIZONTAL = 10
VERTICAL = 26
DIAGONAL = 34
#: Chroma modes by intra_chroma_pred_mode (8.4.3).
CHROMA_MODES = np.array([PLANAR, VERTICAL, HORIZONTAL, DC])
#: QpC by qPi - 30 (8.6.1).
QP_C = np.array([29, 30, 31, 32, 33, 33, 34, 34, 35, 35, 36, 36, 37, 37])


@compiled
def coding_unit(
    data: Any, v: Any, maps: Any, residual: Any, blocks: Any, x: int, y: int, log2: int
) -> None:
    """coding_unit() of 7.3.8.5 in an intra slice."""
    _fill(maps, at.REGION, x, y, log2, v[at.REGION_NOW])
    _fill(maps, at.DEPTH, x, y, log2, v[at.LOG2_CTB] - log2)
    v[at.BYPASS] = decision(data, v, TRANSQUANT_BYPASS) if v[at.BYPASS_ENABLED] else 0
    parted = 0  # PART_NxN
    if log2 == v[at.LOG2_MIN_CB]:
        parted = 1 - decision(data, v, PART_MODE)
    pcm = 0
    if not parted and v[at.PCM_LOG2_MIN] <= log2 <= v[at.PCM_LOG2_MAX]:
        pcm = terminate(data, v)
    if pcm:
        _fill(maps, at.LUMA_MODE, x, y, log2, DC)
        _pcm_samples(data, v, residual, x, y, log2)
        _append(v, maps, blocks, x, y, log2, at.PCM)
    else:
        _intra_modes(data, v, maps, x, y, log2, parted)
        _transform_tree(data, v, maps, residual, blocks, x, y, log2, parted)
    _fill(maps, at.QP, x, y, log2, v[at.QP_Y])
    extra = 6 * (v[at.BIT_DEPTH] - 8)
    _fill(maps, at.QP_CB, x, y, log2, _chroma_qp(v[at.QP_Y] + v[at.CB_OFFSET], extra))
    _fill(maps, at.QP_CR, x, y, log2, _chroma_qp(v[at.QP_Y] + v[at.CR_OFFSET], extra))
    v[at.QP_PREVIOUS] = v[at.QP_Y]


@compiled
def _fill(maps: Any, which: int, x: int, y: int, log2: int, value: int) -> None:
    side = 1 << log2 - 2
    for row in range(y >> 2, (y >> 2) + side):
        for column in range(x >> 2, (x >> 2) + side):
            maps[which, row, column] = value


@compiled
def _chroma_qp(qp: int, extra: int) -> int:
    """Qp'Cb or Qp'Cr (8.6.1) of a QpY plus its offsets."""
    qp = min(max(qp, -extra), 57)
    if qp >= 30:
        qp = QP_C[qp - 30] if qp <= 43 else qp - 6
    return qp + extra


@compiled
def _append(v: Any, maps: Any, blocks: Any, x: int, y: int, log2: int, flags: int) -> None:
    """Add a transform unit to the list of blocks."""
    _fill(maps, at.TU_LOG2, x, y, log2, log2)
    maps[at.FLAGS, y >> 2, x >> 2] |= flags | (at.LOSSLESS if v[at.BYPASS] else 0)
    blocks[v[at.BLOCKS]] = y >> 2 << 16 | x >> 2
    v[at.BLOCKS] += 1


@compiled
def _pcm_samples(data: Any, v: Any, residual: Any, x: int, y: int, log2: int) -> None:
    """pcm_sample() of 7.3.8.7, put in the residual's place at the picture's bit depth."""
    stop(v)
    bit = 8 * v[at.POSITION]
    for plane in range(3 if v[at.CHROMA] else 1):
        side = 1 << log2 if plane == 0 else 1 << log2 - 1
        top = y if plane == 0 else v[at.HEIGHT] + (y >> 1)
        left = x if plane == 0 else (x >> 1) + (v[at.WIDTH] >> 1) * (plane - 1)
        bits = v[at.PCM_CHROMA_BITS] if plane else v[at.PCM_LUMA_BITS]
        for row in range(top, top + side):
            for column in range(left, left + side):
                sample = 0
                for _ in range(bits):
                    byte = data[bit >> 3] if bit >> 3 < data.size else 0
                    sample = sample << 1 | np.int64(byte) >> (7 - (bit & 7)) & 1
                    bit += 1
                residual[row, column] = sample << v[at.BIT_DEPTH] - bits
    v[at.POSITION] = bit + 7 >> 3
    start(data, v)


@compiled
def _intra_modes(data: Any, v: Any, maps: Any, x: int, y: int, log2: int, parted: int) -> None:
    """Modes of all parts: syntax of 7.3.8.5, derivation of 8.4.2 and 8.4.3."""
    parts = 4 if parted else 1
    log2_part = log2 - parted
    most_probable = 0  # prev_intra_luma_pred_flag of all parts
    for part in range(parts):
        most_probable |= decision(data, v, PREV_INTRA_LUMA) << part
    for part in range(parts):
        x_part = x + ((part & 1) << log2_part)
        y_part = y + ((part >> 1) << log2_part)
        a, b, c = _candidates(v, maps, x_part, y_part)
        if most_probable >> part & 1:
            mode = a
            if bypass(data, v, 1):  # mpm_idx
                mode = c if bypass(data, v, 1) else b
        else:
            mode = bypass(data, v, 5)  # rem_intra_luma_pred_mode
            low, high = min(a, b, c), max(a, b, c)
            for candidate in (low, a + b + c - low - high, high):
                if mode >= candidate:
                    mode += 1
        _fill(maps, at.LUMA_MODE, x_part, y_part, log2_part, mode)
    if v[at.CHROMA]:
        mode = maps[at.LUMA_MODE, y >> 2, x >> 2]
        if decision(data, v, CHROMA_PRED_MODE):
            asked = CHROMA_MODES[bypass(data, v, 2)]
            mode = DIAGONAL if asked == mode else asked
        _fill(maps, at.CHROMA_MODE, x, y, log2, mode)


@compiled
def _candidates(v: Any, maps: Any, x: int, y: int) -> tuple[int, int, int]:
    """Candidates for the mode, candModeList (8.4.2)."""
    row, column = y >> 2, x >> 2
    left = above = DC
    if column > 0 and maps[at.REGION, row, column - 1] == v[at.REGION_NOW]:
        left = maps[at.LUMA_MODE, row, column - 1]
    in_block = y & (1 << v[at.LOG2_CTB]) - 1
    if in_block and maps[at.REGION, row - 1, column] == v[at.REGION_NOW]:
        above = maps[at.LUMA_MODE, row - 1, column]
    if left != above:
        if left != PLANAR and above != PLANAR:
            return left, above, PLANAR
        if left != DC and above != DC:
            return left, above, DC
        return left, above, VERTICAL
    if left < 2:
        return PLANAR, DC, VERTICAL
    return left, 2 + (left + 29) % 32, 2 + (left - 2 + 1) % 32


@compiled
def _transform_tree(
    data: Any, v: Any, maps: Any, residual: Any, blocks: Any, x: int, y: int, log2: int, parted: int
) -> None:
    """transform_tree() of 7.3.8.8, the nodes to come on a stack."""
    top = at.NODES_TU
    v[top], v[top + 1], v[top + 2], v[top + 3], v[top + 4], v[top + 5] = x, y, log2, 0, 0, 3
    height = 6
    while height:
        height -= 6
        top = at.NODES_TU + height
        x, y, log2 = v[top], v[top + 1], v[top + 2]
        depth, part, cbf_parent = v[top + 3], v[top + 4], v[top + 5]
        if log2 > v[at.LOG2_MAX_TB] or (parted and depth == 0):
            split = 1
        elif log2 > v[at.LOG2_MIN_TB] and depth < v[at.MAX_DEPTH_INTRA] + parted:
            split = decision(data, v, SPLIT_TRANSFORM + 5 - log2)
        else:
            split = 0
        cbf = cbf_parent  # of Cb and, shifted by one, of Cr
        if not v[at.CHROMA]:
            cbf = 0
        elif log2 > 2:
            for plane in range(2):
                if cbf_parent >> plane & 1 and not decision(data, v, CBF_CHROMA + depth):
                    cbf &= ~(1 << plane)
        if split:
            for child in range(3, -1, -1):
                top = at.NODES_TU + height
                v[top] = x + ((child & 1) << log2 - 1)
                v[top + 1] = y + ((child >> 1) << log2 - 1)
                v[top + 2] = log2 - 1
                v[top + 3] = depth + 1
                v[top + 4] = child
                v[top + 5] = cbf
                height += 6
        else:
            cbf_luma = decision(data, v, CBF_LUMA + (1 if depth == 0 else 0))
            _transform_unit(data, v, maps, residual, blocks, x, y, log2, part, cbf << 1 | cbf_luma)


@compiled
def _transform_unit(
    data: Any, v: Any, maps: Any, residual: Any, blocks: Any,
    x: int, y: int, log2: int, part: int, cbf: int,
) -> None:  # fmt: skip
    """transform_unit() of 7.3.8.10; bit cIdx of `cbf` is that plane's."""
    if cbf and v[at.QP_DELTA_ENABLED] and not v[at.QP_DELTA_CODED]:
        _qp_delta(data, v)
    flags = 0
    if cbf & 1:
        scan = _scan_of(maps[at.LUMA_MODE, y >> 2, x >> 2]) if log2 < 4 else 0
        flags = at.CODED
        if residual_coding(data, v, residual, x, y, log2, 0, scan):
            flags |= at.SKIPPED
    _append(v, maps, blocks, x, y, log2, flags)
    if cbf < 2 or (log2 == 2 and part < 3):
        return
    log2_chroma = log2 - 1
    if log2 == 2:  # four luma blocks have one of chroma, behind the last
        x, y, log2_chroma = x - 4, y - 4, 2
    scan = _scan_of(maps[at.CHROMA_MODE, y >> 2, x >> 2]) if log2_chroma == 2 else 0
    for plane in range(1, 3):
        if cbf >> plane & 1:
            left = (x >> 1) + (v[at.WIDTH] >> 1) * (plane - 1)
            top = v[at.HEIGHT] + (y >> 1)
            flags = at.CODED << plane
            if residual_coding(data, v, residual, left, top, log2_chroma, plane, scan):
                flags |= at.SKIPPED << plane
            maps[at.FLAGS, y >> 2, x >> 2] |= flags


@compiled
def _scan_of(mode: int) -> int:
    """Find scanIdx of a small block (7.4.9.11)."""
    if 6 <= mode <= 14:
        return 2
    return 1 if 22 <= mode <= 30 else 0


@compiled
def _qp_delta(data: Any, v: Any) -> None:
    """cu_qp_delta_abs and its sign (7.3.8.14, 9.3.3.10), and the QP that follows (8.6.1)."""
    v[at.QP_DELTA_CODED] = 1
    value = 0
    while value < 5 and decision(data, v, QP_DELTA + (1 if value else 0)):
        value += 1
    if value == 5:
        order = 0  # EG0
        while order < 8 and bypass(data, v, 1):
            value += 1 << order
            order += 1
        value += bypass(data, v, order)
    if value and bypass(data, v, 1):
        value = -value
    extra = 6 * (v[at.BIT_DEPTH] - 8)
    if not -26 - extra // 2 <= value <= 25 + extra // 2:
        v[at.ERROR] = at.BAD_QP_DELTA
        return
    v[at.QP_Y] = (v[at.QP_PREDICTED] + value + 52 + 2 * extra) % (52 + extra) - extra
