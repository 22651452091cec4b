"""Chroma that is neutral stays neutral: no network colours what has no colour.

A network that has learned from colour pictures guesses chroma from luma, and its guess tints
black-and-white pictures, films and pages that were coded as colour. Where all chroma that it sees,
within its halo, is neutral, nothing says that there was any colour, and none is added. That is a function of
the halo alone, so tiles still equal the whole picture.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeqe.typing import Float

Mask = npt.NDArray[np.bool_]

#: Layout of planes with chroma of half size, the last two.
NATIVE = "420-space-to-depth"
#: Most that neutral chroma is off by, 8-bit levels: some decoders' R, G and B of it differ by one (libwebp's
#: green is one less at some luma, which is 0.42 of Cr), and a chroma sample that is not neutral is off by 1.
ROUNDING = 0.5


def has_colour(blue: Float, red: Float) -> Mask:
    """Whether samples of Cb and Cr, 8-bit levels, level-shifted by 128, are not neutral."""
    found: Mask = np.maximum(np.abs(blue), np.abs(red)) > ROUNDING
    return found


def near(mask: Mask, reach: int) -> Mask:
    """Whether anything of a mask lies within `reach` samples, in rows and in columns.

    Parameters
    ----------
    mask : ndarray of bool, shape (h, w)
    reach : int
        0 or more.
    """
    height, length = mask.shape
    found = np.zeros((height + 2 * reach, length + 2 * reach), np.bool_)
    found[reach : reach + height, reach : reach + length] = mask
    width = 1
    while width < 2 * reach + 1:  # a sample says of as many from itself on, twice as many each time
        further = min(width, 2 * reach + 1 - width)
        found = found[:-further] | found[further:]
        found = found[:, :-further] | found[:, further:]
        width += further
    return found
