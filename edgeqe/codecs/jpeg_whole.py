"""Whether a JPEG holds all of the picture that its header states, by libjpeg's own reading.

Where entropy-coded data ends too early, libjpeg reads zeros and goes on in silence. So a copy is
made in which other bytes stand in front of every marker that ends such data. A decoder that had
all it needed never looks at them; one that had not gives another picture. The first blocks that
differ are where data is missing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.codecs.jpeg_layout import JpegLayout
from edgeqe.codecs.jpeg_segments import RESTART

#: Bytes that stand in for missing data: none is a marker, and their bits have no pattern. The
#: second begin otherwise, because a code of progressive files may say that all blocks to come are
#: empty.
STAND_IN = bytes.fromhex("5ac6932db174e94b36d8a71c658ef23b")
SECOND_STAND_IN = bytes.fromhex("edb7de76bb5ddaf56eb9cdf3975ee8b6")
#: Fewest bits of a block: a code of one bit for its mean, one for the end of the block.
SEQUENTIAL_BITS, PROGRESSIVE_BITS = 2, 1


def ended(data: bytes) -> bytes:
    """File without an end of the image with one."""
    return data.removesuffix(b"\xff") + b"\xff\xd9"


def largest_share(layout: JpegLayout) -> float:
    """Share of the picture that so many bytes can hold at most, 0 to 1, without decoding.

    Of arithmetic coding 1, which has no fewest bits.
    """
    shares = [1.0]
    for scan in layout.scans:
        if layout.arithmetic or layout.progressive and scan.first > 0:
            continue
        least = PROGRESSIVE_BITS if layout.progressive else SEQUENTIAL_BITS
        bits = least * sum(layout.blocks(component) for component in scan.components)
        shares.append(8 * (scan.stop - scan.start) / bits)
    return min(shares)


def with_stand_in(
    data: bytes, layout: JpegLayout, stand_in: bytes = STAND_IN, *, coarse: bool = False
) -> bytes:
    """Copy of a file with an end, with other bytes behind the data of its scans.

    Parameters
    ----------
    data : bytes
    layout : JpegLayout
        Of it.
    stand_in : bytes
    coarse : bool
        Only behind scans that give the mean values of blocks first.
    """
    parts, at = [], 0
    for scan in layout.scans:
        if coarse and (scan.first > 0 or scan.high > 0):
            continue
        coded = data[scan.start : scan.stop]
        if scan.restarts <= layout.intervals(scan):  # more make no copy of many times the size
            coded = RESTART.sub(stand_in.replace(b"\\", rb"\\") + rb"\g<0>", coded)
        parts += [data[at : scan.start], coded, stand_in]
        at = scan.stop
    return b"".join((*parts, data[at:]))


def share_there(differs: npt.NDArray[Any], layout: JpegLayout) -> float:
    """Share of the picture in front of the blocks where data is missing, 0 to 1.

    Parameters
    ----------
    differs : ndarray of bool, shape (H, W)
        Where a decoding of the copy differs, at the picture's size or an even part of it.
    layout : JpegLayout
    """
    scale = max(1, round(layout.width / differs.shape[1]))
    across, down = (max(1, side // scale) for side in layout.mcu)
    rows, columns = -(-differs.shape[0] // down), -(-differs.shape[1] // across)
    padded = np.zeros((rows * down, columns * across), bool)
    padded[: differs.shape[0], : differs.shape[1]] = differs
    units = padded.reshape(rows, down, columns, across).any(axis=(1, 3)).ravel()
    scan = layout.scans[0]
    intervals = layout.intervals(scan)
    shared = len(scan.components) > 1 or len(layout.components) == 1
    interval = scan.restart if shared and intervals > 1 else len(units)
    lost = 0
    for place, first in enumerate(range(0, len(units), interval)):
        part = units[first : first + interval]
        if intervals > 1 and place > scan.restarts:
            lost += len(part)  # libjpeg never comes to it
        elif part.any():
            lost += len(part) - int(part.argmax())
    return 1.0 - lost / len(units)


def has_all_restarts(layout: JpegLayout) -> bool:
    """Whether every scan has the restart markers that its header promises, and one more at most.

    Where they are missing libjpeg leaves what follows gray, with data and without.
    """
    return all(0 <= scan.restarts + 1 - layout.intervals(scan) <= 1 for scan in layout.scans)
