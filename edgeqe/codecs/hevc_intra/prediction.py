"""Intra prediction of a block: clause 8.4.4.2."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeqe.codecs.hevc_intra import layout as at
from edgeqe.codecs.hevc_intra.coding_unit import DC, HORIZONTAL, PLANAR, VERTICAL
from edgeqe.codecs.hevc_intra.jit import compiled

#: intraPredAngle (8.4.4.2.6), by mode.
ANGLES = np.array(
    [0, 0, 32, 26, 21, 17, 13, 9, 5, 2, 0, -2, -5, -9, -13, -17, -21, -26, -32, -26, -21, -17, -13,
     -9, -5, -2, 0, 2, 5, 9, 13, 17, 21, 26, 32]
)  # fmt: skip
#: invAngle (8.4.4.2.6), by mode less 11.
INVERSE_ANGLES = np.array(
    [-4096, -1638, -910, -630, -482, -390, -315, -256, -315, -390, -482, -630, -910, -1638, -4096]
)
#: intraHorVerDistThres (8.4.4.2.3), by log2 of the side; 4x4 blocks are not filtered.
SMOOTHING_DISTANCE = np.array([0, 0, 99, 7, 1, 0])

#: The reference samples lie in one line: p[-1][2 * side - 1] up to p[-1][0], the corner
#: p[-1][-1], p[0][-1] on to p[2 * side - 1][-1]. Most places it needs.
LINE = 4 * 32 + 1


@compiled
def predict(
    v: Any, maps: Any, done: Any, samples: Any, prediction: Any, line: Any, work: Any,
    x: int, y: int, log2: int, plane: int, mode: int,
) -> None:  # fmt: skip
    """Predict a block.

    Parameters
    ----------
    done : ndarray of bool, shape (height / 4, width / 4)
        Blocks of 4x4 luma samples that are reconstructed.
    samples : ndarray of uint16
        Canvas of the reconstruction.
    prediction : ndarray of uint16
        Canvas that takes the prediction.
    line, work : ndarray of int64, length LINE
        Scratch memory.
    x, y : int
        The block's place in its plane.
    log2 : int
        Of its side, 2 to 5.
    plane : int
        cIdx.
    mode : int
        IntraPredModeY or IntraPredModeC.
    """
    side = 1 << log2
    left = x
    top = y
    if plane:
        left += (v[at.WIDTH] >> 1) * (plane - 1)
        top += v[at.HEIGHT]
    _reference_line(v, maps, done, samples, line, x, y, side, left, top, plane)
    if plane == 0 and mode != DC:
        distance = min(abs(mode - VERTICAL), abs(mode - HORIZONTAL))
        if distance > SMOOTHING_DISTANCE[log2]:
            _smooth(v, line, work, side)
    target = prediction[top : top + side, left : left + side]
    edges = plane == 0 and side < 32
    if mode == PLANAR:
        _planar(target, line, side, log2)
    elif mode == DC:
        _dc(target, line, side, log2, edges)
    elif mode >= 18:
        _angular(target, line, work, side, mode, edges, (1 << v[at.BIT_DEPTH]) - 1)
    else:
        # The mirror image: what lies left is above, and rows are columns.
        for i in range(2 * side):
            line[i], line[4 * side - i] = line[4 * side - i], line[i]
        _angular(target.T, line, work, side, mode, edges, (1 << v[at.BIT_DEPTH]) - 1)


@compiled
def _reference_line(
    v: Any, maps: Any, done: Any, samples: Any, line: Any,
    x: int, y: int, side: int, left: int, top: int, plane: int,
) -> None:  # fmt: skip
    """Neighbouring samples, and substitutes for those that are not there (8.4.4.2.2)."""
    unit = 2 if plane else 4  # samples of the plane along a 4x4 block of luma
    row, column = y // unit, x // unit
    rows, columns = done.shape
    region = maps[at.REGION, row, column]
    units = 2 * side // unit
    corner = 2 * side
    first = -1  # first place that is there
    known = 0  # places up to here are filled
    for i in range(2 * units + 1):
        # Units from the lowest on the left to the corner to the last above.
        if i < units:
            r, c, count, place = row + units - 1 - i, column - 1, unit, i * unit
        elif i == units:
            r, c, count, place = row - 1, column - 1, 1, corner
        else:
            r, c, count = row - 1, column + i - units - 1, unit
            place = corner + 1 + (i - units - 1) * unit
        if 0 <= r < rows and 0 <= c < columns and done[r, c] and maps[at.REGION, r, c] == region:
            if i < units:
                for k in range(count):
                    line[place + k] = samples[top + corner - 1 - place - k, left - 1]
            else:
                for k in range(count):
                    line[place + k] = samples[top - 1, left + place + k - corner - 1]
            if first < 0:
                first = place
                for k in range(place):
                    line[k] = line[place]
        elif first >= 0:
            for k in range(count):
                line[place + k] = line[place - 1]
        known = place + count
    if first < 0:
        for k in range(known):
            line[k] = 1 << v[at.BIT_DEPTH] - 1


@compiled
def _smooth(v: Any, line: Any, work: Any, side: int) -> None:
    """Filter the reference line (8.4.4.2.3)."""
    corner, last = 2 * side, 4 * side
    if v[at.STRONG_SMOOTHING] and side == 32:
        limit = 1 << v[at.BIT_DEPTH] - 5
        above = abs(line[corner] + line[last] - 2 * line[corner + side])
        beside = abs(line[corner] + line[0] - 2 * line[corner - side])
        if above < limit and beside < limit:
            lowest, middle, highest = line[0], line[corner], line[last]
            for k in range(1, 64):
                line[k] = (k * middle + (64 - k) * lowest + 32) >> 6
                line[corner + k] = ((64 - k) * middle + k * highest + 32) >> 6
            return
    for k in range(last + 1):
        work[k] = line[k]
    for k in range(1, last):
        line[k] = work[k - 1] + 2 * work[k] + work[k + 1] + 2 >> 2


@compiled
def _planar(target: Any, line: Any, side: int, log2: int) -> None:
    """INTRA_PLANAR (8.4.4.2.4)."""
    corner = 2 * side
    above_end = line[corner + side + 1]
    left_end = line[corner - side - 1]
    for y in range(side):
        left = line[corner - 1 - y]
        for x in range(side):
            across = (side - 1 - x) * left + (x + 1) * above_end
            down = (side - 1 - y) * line[corner + 1 + x] + (y + 1) * left_end
            target[y, x] = across + down + side >> log2 + 1


@compiled
def _dc(target: Any, line: Any, side: int, log2: int, edges: bool) -> None:
    """INTRA_DC (8.4.4.2.5)."""
    corner = 2 * side
    total = side
    for k in range(1, side + 1):
        total += line[corner - k] + line[corner + k]
    mean = total >> log2 + 1
    for y in range(side):
        for x in range(side):
            target[y, x] = mean
    if edges:
        target[0, 0] = line[corner - 1] + 2 * mean + line[corner + 1] + 2 >> 2
        for k in range(1, side):
            target[0, k] = line[corner + 1 + k] + 3 * mean + 2 >> 2
            target[k, 0] = line[corner - 1 - k] + 3 * mean + 2 >> 2


@compiled
def _angular(
    target: Any, line: Any, work: Any, side: int, mode: int, edges: bool, highest: int
) -> None:
    """INTRA_ANGULAR (8.4.4.2.6) of modes 18 to 34, and of 2 to 17 on the mirror image."""
    angle = ANGLES[mode]
    corner = 2 * side
    # ref[x] of the standard is work[side + x].
    for k in range(2 * side + 1):
        work[side + k] = line[corner + k]
    if angle < 0:
        inverse = INVERSE_ANGLES[mode - 11]
        for k in range(side * angle >> 5, 0):
            work[side + k] = line[corner - (k * inverse + 128 >> 8)]
    for y in range(side):
        whole = (y + 1) * angle >> 5
        part = (y + 1) * angle & 31
        start = side + whole + 1
        for x in range(side):
            near = (32 - part) * work[start + x]
            if part:
                near += part * work[start + x + 1]
            target[y, x] = near + 16 >> 5
    if angle == 0 and edges:
        for y in range(side):
            value = line[corner + 1] + (line[corner - 1 - y] - line[corner] >> 1)
            target[y, 0] = min(max(value, 0), highest)
