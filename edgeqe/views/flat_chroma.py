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


def may_change(blue: Levels, red: Levels, reach: int) -> Mask:
    """Whether chroma samples may change: whether any chroma within `reach` samples is not flat.

    Parameters
    ----------
    blue, red : ndarray of int8, shape (h, w)
        Cb and Cr, 8-bit levels, level-shifted by 128.
    reach : int
        Samples that the network sees, in rows and in columns; 0 or more.

    Returns
    -------
    ndarray of bool, shape (h, w)
        False where both Cb and Cr span at most `FLAT` levels in a square of ``2 * reach + 1`` samples.
    """
    found = _span(blue, reach) > FLAT
    found |= _span(red, reach) > FLAT
    return found


def rounded(plane: Float) -> Levels:
    """Whole 8-bit levels of a plane, level-shifted by 128: those of neutral chroma are 0.

    Some decoders' R, G and B of it differ by one (libwebp's green is one less at some luma, which is 0.42 of Cr).
    """
    levels = np.empty(plane.shape, np.int16)
    np.rint(plane, out=levels, casting="unsafe")
    return np.clip(levels, -128, 127, out=levels).astype(np.int8)  # blue at its most is 127.5


def _span(plane: Levels, reach: int) -> npt.NDArray[np.uint8]:
    """Highest less lowest level within `reach` samples."""
    span = _highest(plane, reach).view(np.uint8)
    span += _highest(~plane, reach).view(np.uint8)  # ~x is -1 - x, so that is -1 - lowest
    span += np.uint8(1)  # of sums modulo 256
    return span


def _highest(plane: Levels, reach: int) -> Levels:
    """Highest level within `reach` samples, in rows and in columns."""
    height, length = plane.shape
    found = np.full((height + 2 * reach, length + 2 * reach), -128, np.int8)
    found[reach : reach + height, reach : reach + length] = plane
    width = 1
    while width < 2 * reach + 1:  # a sample says of as many from itself on, twice as many each time
        further = min(width, 2 * reach + 1 - width)
        found = np.maximum(found[:-further], found[further:])
        found = np.maximum(found[:, :-further], found[:, further:])
        width += further
    return found
