"""4:2:0 planes to RGB with libjpeg's own arithmetic.

Planes that nobody changed give bit for bit the picture that libjpeg-turbo decodes,
so a file that passes through shows the network's residual and nothing else.

References
----------
libjpeg-turbo, ``jdsample.c`` (``h2v2_fancy_upsample``, ``h2v2_upsample``) and
``jdcolor.c`` (``build_ycc_rgb_table``).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.uint8]

#: Rows that are converted at a time: bounds the temporaries, some thirty bytes a pixel; even.
STRIPE_ROWS = 16

#: Chroma planes up to this wide are repeated by libjpeg, wider ones interpolated.
LARGEST_REPEATED_WIDTH = 2

#: 16-bit fixed point of the JFIF coefficients 1.402, 1.772, 0.71414 and 0.34414.
CR_TO_RED, CB_TO_BLUE, CR_TO_GREEN, CB_TO_GREEN, HALF = 91881, 116130, 46802, 22554, 32768


def upsample_rows(chroma: Plane, first: int, last: int, width: int) -> Plane:
    """Rows of a chroma plane at luma size, by libjpeg's triangle filter.

    Each sample is 3/4 of the nearer and 1/4 of the farther neighbour, first down the
    columns, then along the rows; beyond the border the border repeats.

    Parameters
    ----------
    chroma : ndarray of uint8, shape (ceil(H / 2), ceil(W / 2))
    first, last : int
        Luma rows, ``first`` up to before ``last``.
    width : int
        W.

    Returns
    -------
    ndarray of uint8, shape (last - first, W)
    """
    rows = np.arange(first, last)
    near = rows // 2
    if chroma.shape[1] <= LARGEST_REPEATED_WIDTH:
        repeated: Plane = np.repeat(chroma[near], 2, axis=1)[:, :width]
        return repeated
    far = np.clip(np.where(rows % 2 == 0, near - 1, near + 1), 0, chroma.shape[0] - 1)
    # At most 4 * 4 * 255 + 8, which fits.
    sums = np.pad(3 * chroma[near].astype(np.uint16) + chroma[far], ((0, 0), (1, 1)), "edge")
    inner = 3 * sums[:, 1:-1]
    result = np.empty((last - first, 2 * chroma.shape[1]), np.uint8)
    result[:, 0::2] = (inner + sums[:, :-2] + 8) >> 4
    result[:, 1::2] = (inner + sums[:, 2:] + 7) >> 4
    return result[:, :width]


def i420_to_rgb(y: Plane, cb: Plane, cr: Plane) -> Plane:
    """RGB of full-range 4:2:0 planes.

    Parameters
    ----------
    y : ndarray of uint8, shape (H, W)
    cb, cr : ndarray of uint8, shape (ceil(H / 2), ceil(W / 2))

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
    """
    return rgb_rows(y, cb, cr, 0, y.shape[0])


def rgb_rows(y: Plane, cb: Plane, cr: Plane, top: int, bottom: int) -> Plane:
    """Rows of `i420_to_rgb`, from `top` to before `bottom`, shape (bottom - top, W, 3)."""
    width = y.shape[1]
    rgb = np.empty((bottom - top, width, 3), np.uint8)
    for first in range(top, bottom, STRIPE_ROWS):
        last = min(first + STRIPE_ROWS, bottom)
        rows = slice(first - top, last - top)
        blue = upsample_rows(cb, first, last, width).astype(np.int32) - 128
        red = upsample_rows(cr, first, last, width).astype(np.int32) - 128
        luma = y[first:last].astype(np.int32)
        green = luma + ((HALF - CB_TO_GREEN * blue - CR_TO_GREEN * red) >> 16)
        rgb[rows, :, 0] = np.clip(luma + ((CR_TO_RED * red + HALF) >> 16), 0, 255)
        rgb[rows, :, 1] = np.clip(green, 0, 255)
        rgb[rows, :, 2] = np.clip(luma + ((CB_TO_BLUE * blue + HALF) >> 16), 0, 255)
    return rgb
