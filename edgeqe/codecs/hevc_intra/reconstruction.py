"""Reconstruction of a parsed picture, block after block: clauses 8.4.4.1 and 8.6.2."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeqe.codecs.hevc_intra import layout as at
from edgeqe.codecs.hevc_intra.jit import compiled
from edgeqe.codecs.hevc_intra.prediction import LINE, predict
from edgeqe.codecs.hevc_intra.transform import SIDE, inverse_transform


@compiled
def reconstruct(
    v: Any, maps: Any, blocks: Any, factors: Any, residual: Any, prediction: Any, samples: Any
) -> None:
    """Predict all blocks of a picture and add their residual.

    Parameters
    ----------
    v, maps, blocks : ndarray
        What `coding_tree.slice_segment_data` left of all slices.
    factors : ndarray of uint8, shape (4, 3, 32, 32)
        Factors of the scaling lists.
    residual : ndarray of int16
        Canvas of levels, afterwards of the residual.
    prediction, samples : ndarray of uint16
        Canvases that take the prediction and the reconstruction.
    """
    done = np.zeros(maps.shape[1:], np.bool_)
    line = np.empty(LINE, np.int64)
    work = np.empty(LINE, np.int64)
    square = np.empty((3, SIDE, SIDE), np.int32)
    for i in range(v[at.BLOCKS]):
        row, column = blocks[i] >> 16, blocks[i] & 0xFFFF
        log2: Any = np.int64(maps[at.TU_LOG2, row, column])
        for plane in range(3 if v[at.CHROMA] else 1):
            x: Any = np.int64(column) * 4
            y: Any = np.int64(row) * 4
            log2_plane = log2
            if plane:
                if log2 == 2 and not (row & 1 and column & 1):
                    continue  # chroma of four luma blocks lies behind the last
                x, y, log2_plane = (x & ~7) >> 1, (y & ~7) >> 1, max(log2 - 1, 2)
            _block(v, maps, done, factors, residual, prediction, samples, line, work, square,
                   x, y, log2_plane, plane)  # fmt: skip
            if plane == 0:
                side = 1 << log2 - 2
                for r in range(row, row + side):
                    for c in range(column, column + side):
                        done[r, c] = True


@compiled
def _block(
    v: Any, maps: Any, done: Any, factors: Any, residual: Any, prediction: Any, samples: Any,
    line: Any, work: Any, square: Any, x: int, y: int, log2: int, plane: int,
) -> None:  # fmt: skip
    """Reconstruct a block of one plane."""
    side = 1 << log2
    row, column = (y >> 1, x >> 1) if plane else (y >> 2, x >> 2)
    top, left = y, x
    if plane:
        top += v[at.HEIGHT]
        left += (v[at.WIDTH] >> 1) * (plane - 1)
    flags = maps[at.FLAGS, row, column]
    added = residual[top : top + side, left : left + side]
    predicted = prediction[top : top + side, left : left + side]
    result = samples[top : top + side, left : left + side]
    if flags & at.PCM:
        for r in range(side):
            for c in range(side):
                predicted[r, c] = added[r, c]
                result[r, c] = added[r, c]
                added[r, c] = 0
        return
    mode: Any = np.int64(maps[at.CHROMA_MODE if plane else at.LUMA_MODE, row, column])
    predict(v, maps, done, samples, prediction, line, work, x, y, log2, plane, mode)
    if not flags & at.CODED << plane:
        for r in range(side):
            for c in range(side):
                result[r, c] = predicted[r, c]
        return
    if not flags & at.LOSSLESS:
        qp: Any = np.int64(maps[at.QP + plane, row, column])
        if plane == 0:
            qp += 6 * (v[at.BIT_DEPTH] - 8)
        kind = 0
        if flags & at.SKIPPED << plane:
            kind = 2
        elif plane == 0 and log2 == 2:
            kind = 1
        inverse_transform(added, log2, qp, v[at.BIT_DEPTH], factors[log2 - 2, plane], kind, square)
    highest = (1 << v[at.BIT_DEPTH]) - 1
    for r in range(side):
        for c in range(side):
            value = np.int64(predicted[r, c]) + np.int64(added[r, c])
            result[r, c] = min(max(value, 0), highest)
