"""Arithmetic decoding engine: clauses 9.3.2.5 and 9.3.4.3.

ivlOffset has nine bits in the standard, and takes in one more at a time. Here further bits
follow it in the same number (`SPARE` of them), so all comparisons are with a range that
is shifted as far, and bytes are read several at a time. Behind the end it reads zeros, and
`overrun` tells.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeqe.codecs.hevc_intra import layout as at
from edgeqe.codecs.hevc_intra.jit import compiled

#: Bits that are there before each call below: the most that one call takes in.
READY = 16

#: rangeTabLps (9.3.4.3.2.1), by pStateIdx and qRangeIdx.
RANGE_LPS = np.array(
    [
        *((128, 176, 208, 240), (128, 167, 197, 227), (128, 158, 187, 216), (123, 150, 178, 205)),
        *((116, 142, 169, 195), (111, 135, 160, 185), (105, 128, 152, 175), (100, 122, 144, 166)),
        *((95, 116, 137, 158), (90, 110, 130, 150), (85, 104, 123, 142), (81, 99, 117, 135)),
        *((77, 94, 111, 128), (73, 89, 105, 122), (69, 85, 100, 116), (66, 80, 95, 110)),
        *((62, 76, 90, 104), (59, 72, 86, 99), (56, 69, 81, 94), (53, 65, 77, 89)),
        *((51, 62, 73, 85), (48, 59, 69, 80), (46, 56, 66, 76), (43, 53, 63, 72)),
        *((41, 50, 59, 69), (39, 48, 56, 65), (37, 45, 54, 62), (35, 43, 51, 59)),
        *((33, 41, 48, 56), (32, 39, 46, 53), (30, 37, 43, 50), (29, 35, 41, 48)),
        *((27, 33, 39, 45), (26, 31, 37, 43), (24, 30, 35, 41), (23, 28, 33, 39)),
        *((22, 27, 32, 37), (21, 26, 30, 35), (20, 24, 29, 33), (19, 23, 27, 31)),
        *((18, 22, 26, 30), (17, 21, 25, 28), (16, 20, 23, 27), (15, 19, 22, 25)),
        *((14, 18, 21, 24), (14, 17, 20, 23), (13, 16, 19, 22), (12, 15, 18, 21)),
        *((12, 14, 17, 20), (11, 14, 16, 19), (11, 13, 15, 18), (10, 12, 15, 17)),
        *((10, 12, 14, 16), (9, 11, 13, 15), (9, 11, 12, 14), (8, 10, 12, 14)),
        *((8, 9, 11, 13), (7, 9, 11, 12), (7, 9, 10, 12), (7, 8, 10, 11)),
        *((6, 8, 9, 11), (6, 7, 9, 10), (6, 7, 8, 9), (2, 2, 2, 2)),
    ],
    np.int64,
)
#: transIdxLps (9.3.4.3.2.2).
_TRANS_LPS = (
    *(0, 0, 1, 2, 2, 4, 4, 5, 6, 7, 8, 9, 9, 11, 11, 12, 13, 13, 15, 15, 16, 16, 18, 18, 19, 19),
    *(21, 21, 22, 22, 23, 24, 24, 25, 26, 26, 27, 27, 28, 29, 29, 30, 30, 30, 31, 32, 32, 33, 33),
    *(33, 34, 34, 35, 35, 35, 36, 36, 36, 37, 37, 37, 38, 38, 63),
)
#: Context variable (pStateIdx * 2 + valMps) after a most and after a least probable bin.
AFTER_MPS = np.array([2 * min(s >> 1, 61) + 2 + (s & 1) for s in range(126)] + [126, 127])
AFTER_LPS = np.array([2 * _TRANS_LPS[s >> 1] + ((s & 1) ^ (1 if s < 2 else 0)) for s in range(128)])


@compiled
def start(data: Any, v: Any) -> None:
    """Initialise the engine at byte `POSITION` (9.3.2.5)."""
    v[at.RANGE] = 510
    v[at.OFFSET] = 0
    v[at.SPARE] = -9
    read_ahead(data, v)


@compiled
def read_ahead(data: Any, v: Any) -> None:
    """Take in bytes until there are at least 40 spare bits."""
    position = v[at.POSITION]
    offset = v[at.OFFSET]
    spare = v[at.SPARE]
    while spare < 40:
        offset <<= 8
        if position < data.size:
            offset |= data[position]
        position += 1
        spare += 8
    v[at.POSITION] = position
    v[at.OFFSET] = offset
    v[at.SPARE] = spare


@compiled
def decision(data: Any, v: Any, context: int) -> int:
    """A bin with a context variable (9.3.4.3.2)."""
    state = v[context]
    least = RANGE_LPS[state >> 1, v[at.RANGE] >> 6 & 3]
    width = v[at.RANGE] - least
    scaled = width << v[at.SPARE]
    value = state & 1
    if v[at.OFFSET] < scaled:
        v[context] = AFTER_MPS[state]
        if width < 256:
            width <<= 1
            v[at.SPARE] -= 1
    else:
        v[at.OFFSET] -= scaled
        v[context] = AFTER_LPS[state]
        value = 1 - value
        width = least
        while width < 256:
            width <<= 1
            v[at.SPARE] -= 1
    v[at.RANGE] = width
    if v[at.SPARE] < READY:
        read_ahead(data, v)
    return int(value)


@compiled
def bypass(data: Any, v: Any, count: int) -> int:
    """`count` bins without a context variable (9.3.4.3.4), 0 to `READY`, the first on top."""
    v[at.SPARE] -= count
    scaled = v[at.RANGE] << v[at.SPARE]
    value = v[at.OFFSET] // scaled
    v[at.OFFSET] -= value * scaled
    if v[at.SPARE] < READY:
        read_ahead(data, v)
    return int(value)


@compiled
def terminate(data: Any, v: Any) -> int:
    """A bin before termination (9.3.4.3.5)."""
    v[at.RANGE] -= 2
    if v[at.OFFSET] >= v[at.RANGE] << v[at.SPARE]:
        return 1
    if v[at.RANGE] < 256:
        v[at.RANGE] <<= 1
        v[at.SPARE] -= 1
        if v[at.SPARE] < READY:
            read_ahead(data, v)
    return 0


@compiled
def stop(v: Any) -> None:
    """Set `POSITION` to the first whole byte behind what the engine took in (9.3.2.5).

    After a terminating bin of 1, the last of the engine's nine bits is the one that ends the
    arithmetic codeword.
    """
    v[at.POSITION] -= v[at.SPARE] // 8


@compiled
def overrun(data: Any, v: Any) -> bool:
    """Whether the engine took in more than there is."""
    return bool(8 * v[at.POSITION] - v[at.SPARE] > 8 * data.size)
