"""Y, Cb and Cr of any sampling, depth, matrix and range to RGB, in floating point.

References
----------
ITU-T H.273: matrices (8.3, table 4), ranges and their offsets (equations 20 to 45).
"""

from __future__ import annotations

import numpy as np

from edgeqe.files.picture import Samples

#: Share of red and blue in luma by the matrix's number in H.273.
LUMA_SHARES = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
IDENTITY, UNSPECIFIED, YCGCO = 0, 2, 8
MATRICES = (IDENTITY, UNSPECIFIED, YCGCO, *LUMA_SHARES)
#: What unspecified means for pictures (ISO/IEC 23000-22): BT.601.
BT601 = 6
#: Rows that are converted at a time: bounds the temporaries.
STRIPE_ROWS = 64


def to_rgb(
    planes: tuple[Samples, Samples, Samples], depth: int, matrix: int, *, full_range: bool
) -> Samples:
    """RGB of three planes.

    Parameters
    ----------
    planes : tuple of ndarray, shapes (H, W) and twice (H or ceil(H / 2), W or ceil(W / 2))
        Y, Cb and Cr; of the identity G, B and R. uint8, or uint16 with the samples in the low
        bits. Chroma of half size lies between the samples of luma.
    depth : int
        Bits of a sample, 8 to 16.
    matrix : int
        One of `MATRICES`.
    full_range : bool
        Whether black is 0 and white the largest sample.

    Returns
    -------
    ndarray, shape (H, W, 3)
        uint8 of 8 bits, or uint16 of 16.
    """
    height, width = planes[0].shape
    top = 255 if depth == 8 else 65535
    rgb = np.empty((height, width, 3), np.uint8 if depth == 8 else np.uint16)
    for first in range(0, height, STRIPE_ROWS):
        last = min(first + STRIPE_ROWS, height)
        luma = _scaled(planes[0][first:last], depth, full_range, chroma=False)
        chroma = [
            _scaled(
                _rows(plane, first, last, (height, width)),
                depth,
                full_range,
                chroma=matrix != IDENTITY,
            )
            for plane in planes[1:]
        ]
        stripe = np.dstack(_matrixed(luma, chroma[0], chroma[1], matrix))
        rgb[first:last] = np.rint(np.clip(stripe, 0.0, 1.0) * top)
    return rgb


def to_gray(plane: Samples, depth: int, *, full_range: bool) -> Samples:
    """Gray of luma alone; uint8 of 8 bits, or uint16 of 16."""
    top = 255 if depth == 8 else 65535
    scaled = _scaled(plane, depth, full_range, chroma=False)
    made: Samples = np.rint(np.clip(scaled, 0.0, 1.0) * top)
    return made.astype(np.uint8 if depth == 8 else np.uint16)


def _scaled(plane: Samples, depth: int, full_range: bool, *, chroma: bool) -> Samples:
    """Luma from 0 to 1, chroma from -1/2 to 1/2."""
    middle = float(1 << depth - 1) if chroma else 0.0
    if full_range:
        zero, span = middle, float((1 << depth) - 1)
    else:
        unit = 1 << depth - 8
        zero, span = (middle, 224.0 * unit) if chroma else (16.0 * unit, 219.0 * unit)
    made: Samples = (plane.astype(np.float32) - np.float32(zero)) / np.float32(span)
    return made


def _matrixed(
    luma: Samples, blue: Samples, red: Samples, matrix: int
) -> tuple[Samples, Samples, Samples]:
    if matrix == IDENTITY:
        return red, luma, blue
    if matrix == YCGCO:
        rest = luma - blue  # the first chroma plane is green's
        return rest + red, luma + blue, rest - red
    of_red, of_blue = LUMA_SHARES[BT601 if matrix == UNSPECIFIED else matrix]
    r = luma + 2 * (1 - of_red) * red
    b = luma + 2 * (1 - of_blue) * blue
    return r, (luma - of_red * r - of_blue * b) / (1 - of_red - of_blue), b


def _rows(plane: Samples, first: int, last: int, size: tuple[int, int]) -> Samples:
    """Rows of a plane at luma's size; half size is interpolated, 3/4 of the nearer and 1/4."""
    rows = np.arange(first, last)
    if plane.shape[0] != size[0]:
        near = rows // 2
        far = np.clip(np.where(rows % 2 == 0, near - 1, near + 1), 0, plane.shape[0] - 1)
        plane = 0.75 * plane[near].astype(np.float32) + 0.25 * plane[far].astype(np.float32)
    else:
        plane = plane[first:last]
    if plane.shape[1] == size[1]:
        return plane
    padded = np.pad(plane.astype(np.float32), ((0, 0), (1, 1)), "edge")
    wide = np.empty((len(rows), 2 * plane.shape[1]), np.float32)
    wide[:, 0::2] = 0.75 * padded[:, 1:-1] + 0.25 * padded[:, :-2]
    wide[:, 1::2] = 0.75 * padded[:, 1:-1] + 0.25 * padded[:, 2:]
    return wide[:, : size[1]]
