"""Chroma that is flat stays as it is: no network colours what has one colour, or none.

A network that has learned from colour pictures guesses chroma from luma, and its guess tints
black-and-white pictures, films and pages that were coded as colour, and line art in an ink and on a paper
that are nearly of one hue. Where all chroma that it sees, within its halo, is flat, nothing says that the
colours were others, and they are kept. That is a function of the halo alone, so tiles still equal the whole
picture.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeqe.typing import Float

Mask = npt.NDArray[np.bool_]
Levels = npt.NDArray[np.int8]

#: Layout of planes with chroma of half size, the last two.
NATIVE = "420-space-to-depth"
#: Most that flat chroma spans, 8-bit levels. On photographs of BSDS val100, behind seven codecs, 2 changes the mean by
#: -0.002 to +0.004 dB of RGB; 3 gains more of drawn pictures, but keeps steps of skies that networks make even.
FLAT = 2


def may_change(chroma: Levels, reach: int) -> Mask:
    """Whether chroma samples may change: whether any chroma within `reach` samples is not flat.

    Parameters
    ----------
    chroma : ndarray of int8, shape (h, w, 2)
        Cb and Cr, 8-bit levels, level-shifted by 128.
    reach : int
        Samples that the network sees, in rows and in columns; 0 or more.

    Returns
    -------
    ndarray of bool, shape (h, w)
        False where both Cb and Cr span at most `FLAT` levels in a square of ``2 * reach + 1`` samples; of a
        single sample, which is always flat, where it is neutral.
    """
    height, width, _ = chroma.shape
    if reach == 0:
        coloured: Mask = (chroma != 0).any(axis=2)
        return coloured
    levels, row = chroma.reshape(height, 2 * width), 2 * (width + 2 * reach)
    # rows of the levels, and of theirs below 0, one behind another: ~x is -1 - x, whose highest is -1 less the lowest x
    found = np.full((2, (height + 2 * reach) * row), -128, np.int8)
    rows = found.reshape(2, height + 2 * reach, row)
    inside = rows[:, reach : reach + height, 2 * reach : 2 * (reach + width)]
    inside[0] = levels
    np.invert(levels, out=inside[1])
    seen = 1
    while seen < 2 * reach + 1:  # a sample says of as many from itself on, twice as many each time
        further = min(seen, 2 * reach + 1 - seen)
        for ahead in (further * row, 2 * further):
            found = np.maximum(found[:, :-ahead], found[:, ahead:])
        seen += further
    span = found[0].view(np.uint8) + found[1].view(np.uint8)
    span += np.uint8(1)  # of sums modulo 256
    varies = np.empty(height * row, np.bool_)  # its last samples are beyond the last row's end
    np.greater(span, FLAT, out=varies[: span.size])
    either: Mask = varies.reshape(height, row)[:, : 2 * width].view(np.uint16) != 0  # Cb or Cr
    return either


def rounded(planes: Float) -> Levels:
    """Whole 8-bit levels (h, w, 2) of planes (2, h, w), level-shifted by 128: those of neutral chroma are 0.

    Some decoders' R, G and B of it differ by one (libwebp's green is one less at some luma, which is 0.42 of Cr).
    """
    levels = np.empty((*planes.shape[1:], 2), np.int16)
    np.rint(planes, out=levels.transpose(2, 0, 1), casting="unsafe")
    return np.clip(levels, -128, 127, out=levels).astype(np.int8)  # blue at its most is 127.5
