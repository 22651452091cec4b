"""Slice segment data, coding tree units and the coding quadtree: clauses 7.3.8.1 to 7.3.8.4."""

from __future__ import annotations

from typing import Any

from edgeqe.codecs.hevc_intra import layout as at
from edgeqe.codecs.hevc_intra.cabac import bypass, decision, overrun, start, stop, terminate
from edgeqe.codecs.hevc_intra.coding_unit import coding_unit
from edgeqe.codecs.hevc_intra.contexts import CONTEXTS, SAO_MERGE, SAO_TYPE, SPLIT_CU
from edgeqe.codecs.hevc_intra.jit import compiled


@compiled
def slice_segment_data(data: Any, v: Any, scan: Any, maps: Any, residual: Any, blocks: Any) -> None:
    """Parse slice_segment_data(), from byte `POSITION` and block `CTB` on.

    Sets `ERROR` and returns early if the stream is damaged.

    Parameters
    ----------
    data : ndarray of uint8
        RBSP of the slice segment.
    v : ndarray of int64
        Variables; see `layout`.
    scan : ndarray of int32
        What `pictures.tile_scan` gives.
    maps : ndarray of int32, shape (MAPS, height / 4, width / 4)
    residual : ndarray of int16
        Canvas that takes the levels.
    blocks : ndarray of int32
        Takes the place of each transform unit in decoding order: column and row of its first
        4x4 block, row in the upper 16 bits.
    """
    columns = (v[at.WIDTH] - 1 >> v[at.LOG2_CTB]) + 1
    first = True
    while True:
        address = scan[0, v[at.CTB]]
        tile = scan[2, address]
        x, y = address % columns, address // columns
        left_in_tile = x > 0 and scan[2, address - 1] == tile
        new_tile = v[at.CTB] == 0 or scan[2, scan[0, v[at.CTB] - 1]] != tile
        new_row = v[at.WAVEFRONT] != 0 and not left_in_tile
        if not first and (new_tile or new_row):
            if not terminate(data, v):  # end_of_subset_one_bit
                v[at.ERROR] = at.MISSING_END
                return
            stop(v)
        v[at.REGION_NOW] = v[at.SLICE_NUMBER] * v[at.TILES] + tile + 1
        if first or new_tile or new_row:
            start(data, v)
            _contexts(v, maps, x, y, new_tile, new_row)
            if new_tile or new_row or not v[at.DEPENDENT]:
                v[at.QP_PREVIOUS] = v[at.SLICE_QP]
        first = False
        if v[at.SAO_LUMA] or v[at.SAO_CHROMA]:
            above_in_tile = y > 0 and scan[2, address - columns] == tile
            merge_left = left_in_tile and address > v[at.SLICE_ADDRESS]
            merge_up = above_in_tile and address - columns >= v[at.SLICE_ADDRESS]
            _sample_adaptive_offset(data, v, merge_left, merge_up)
        _coding_quadtree(data, v, maps, residual, blocks, x, y)
        if v[at.WAVEFRONT] and left_in_tile and (x == 1 or scan[2, address - 2] != tile):
            _copy_contexts(v, at.CONTEXT, at.WAVEFRONT_CONTEXT)
        if v[at.ERROR]:
            return
        if overrun(data, v):
            v[at.ERROR] = at.OVERRUN
            return
        v[at.CTB] += 1
        if terminate(data, v):  # end_of_slice_segment_flag
            _copy_contexts(v, at.CONTEXT, at.SEGMENT_CONTEXT)
            return
        if v[at.CTB] == scan.shape[1]:
            v[at.ERROR] = at.TOO_LONG
            return


@compiled
def _copy_contexts(v: Any, source: int, target: int) -> None:
    for i in range(CONTEXTS):
        v[target + i] = v[source + i]


@compiled
def _contexts(v: Any, maps: Any, x: int, y: int, new_tile: bool, new_row: bool) -> None:
    """Set the context variables at the beginning of a segment, a tile or a row (9.3.1)."""
    source = at.INITIAL
    if not new_tile:
        if new_row:
            column = x + 1 << v[at.LOG2_CTB] - 2
            row = y - 1 << v[at.LOG2_CTB] - 2
            if y > 0 and column < maps.shape[2]:
                if maps[at.REGION, row, column] == v[at.REGION_NOW]:
                    source = at.WAVEFRONT_CONTEXT
        elif v[at.DEPENDENT]:
            source = at.SEGMENT_CONTEXT
    _copy_contexts(v, source, at.CONTEXT)


@compiled
def _sample_adaptive_offset(data: Any, v: Any, merge_left: bool, merge_up: bool) -> None:
    """sao() of 7.3.8.3: a filter behind the reconstruction, so it is only passed over."""
    if merge_left and decision(data, v, SAO_MERGE):
        return
    if merge_up and decision(data, v, SAO_MERGE):
        return
    kind = 0
    for plane in range(3 if v[at.CHROMA] else 1):
        if not v[at.SAO_CHROMA if plane else at.SAO_LUMA]:
            continue
        if plane < 2:
            kind = decision(data, v, SAO_TYPE)
            if kind:
                kind += bypass(data, v, 1)
        if kind == 0:
            continue
        offsets = 0
        for _ in range(4):  # sao_offset_abs
            value = 0
            while value < v[at.SAO_OFFSET_MAX] and bypass(data, v, 1):
                value += 1
            if value:
                offsets += 1
        if kind == 1:
            bypass(data, v, offsets)  # sao_offset_sign
            bypass(data, v, 5)  # sao_band_position
        elif plane < 2:
            bypass(data, v, 2)  # sao_eo_class


@compiled
def _coding_quadtree(
    data: Any, v: Any, maps: Any, residual: Any, blocks: Any, x_ctb: int, y_ctb: int
) -> None:
    """coding_quadtree() of 7.3.8.4, the nodes to come on a stack."""
    v[at.NODES] = x_ctb << v[at.LOG2_CTB]
    v[at.NODES + 1] = y_ctb << v[at.LOG2_CTB]
    v[at.NODES + 2] = v[at.LOG2_CTB]
    height = 3
    while height:
        height -= 3
        x, y, log2 = v[at.NODES + height], v[at.NODES + height + 1], v[at.NODES + height + 2]
        if x >= v[at.WIDTH] or y >= v[at.HEIGHT]:
            continue
        side = 1 << log2
        if log2 > v[at.LOG2_MIN_CB]:
            split = 1
            if x + side <= v[at.WIDTH] and y + side <= v[at.HEIGHT]:
                split = _split_cu_flag(data, v, maps, x, y, log2)
        else:
            split = 0
        if log2 >= v[at.LOG2_MIN_QG]:
            _quantization_group(v, maps, x, y)
        if split:
            for part in range(3, -1, -1):
                v[at.NODES + height] = x + (part & 1) * (side >> 1)
                v[at.NODES + height + 1] = y + (part >> 1) * (side >> 1)
                v[at.NODES + height + 2] = log2 - 1
                height += 3
        else:
            coding_unit(data, v, maps, residual, blocks, x, y, log2)


@compiled
def _split_cu_flag(data: Any, v: Any, maps: Any, x: int, y: int, log2: int) -> int:
    row, column = y >> 2, x >> 2
    depth = v[at.LOG2_CTB] - log2
    context = SPLIT_CU
    if column > 0 and maps[at.REGION, row, column - 1] == v[at.REGION_NOW]:
        context += 1 if maps[at.DEPTH, row, column - 1] > depth else 0
    if row > 0 and maps[at.REGION, row - 1, column] == v[at.REGION_NOW]:
        context += 1 if maps[at.DEPTH, row - 1, column] > depth else 0
    return decision(data, v, context)


@compiled
def _quantization_group(v: Any, maps: Any, x: int, y: int) -> None:
    """Begin a quantization group and predict its QP (8.6.1)."""
    v[at.QP_DELTA_CODED] = 0
    within = (1 << v[at.LOG2_CTB]) - 1
    left = above = v[at.QP_PREVIOUS]
    if x & within:
        left = maps[at.QP, y >> 2, (x >> 2) - 1]
    if y & within:
        above = maps[at.QP, (y >> 2) - 1, x >> 2]
    v[at.QP_PREDICTED] = left + above + 1 >> 1
    v[at.QP_Y] = v[at.QP_PREDICTED]
