"""A picture as Pillow's image, band by band: its RGB, or its chroma at full size, never lies there twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgeqe.files.picture import Picture, Samples
from edgeqe.files.upsample import rgb_rows

if TYPE_CHECKING:
    from PIL.Image import Image

#: Rows of a band: those that are converted at a time, an even number.
BAND_ROWS = 64


def image_of(picture: Picture, *, as_coded: bool = False) -> Image:
    """Pillow's image of an 8-bit picture, or of a gray one of 16 bits.

    Parameters
    ----------
    picture : Picture
    as_coded : bool
        4:2:0 planes as YCbCr, each chroma sample repeated, and not as RGB: libjpeg's mean of four
        gives them back as they are.
    """
    from PIL import Image

    planar = len(picture.planes) == 3
    if not planar and picture.planes[0].ndim == 2 and picture.alpha is None:
        return Image.fromarray(np.ascontiguousarray(picture.planes[0]))
    gray = not planar and picture.planes[0].ndim == 2
    mode = "YCbCr" if planar and as_coded else "L" if gray else "RGB"
    if picture.alpha is not None:
        mode = "LA" if gray else "RGBA"
    made = Image.new(mode, (picture.width, picture.height))
    for first in range(0, picture.height, BAND_ROWS):
        last = min(first + BAND_ROWS, picture.height)
        rows = _rows(picture, first, last, as_coded=as_coded)
        made.paste(Image.fromarray(np.ascontiguousarray(rows), mode), (0, first))
    return made


def _rows(picture: Picture, first: int, last: int, *, as_coded: bool) -> Samples:
    """Rows of a picture, from one to before another, channels last."""
    if len(picture.planes) == 3:
        rows = (
            _repeated(picture, first, last) if as_coded else rgb_rows(*picture.planes, first, last)
        )
    else:
        rows = picture.planes[0][first:last]
    if picture.alpha is None:
        return rows
    return np.dstack((rows, picture.alpha[first:last]))


def _repeated(picture: Picture, first: int, last: int) -> Samples:
    """Y, Cb and Cr of rows, chroma repeated; `first` is even."""
    y, *chroma = picture.planes
    wide = [np.repeat(np.repeat(c[first // 2 : (last + 1) // 2], 2, 0), 2, 1) for c in chroma]
    return np.dstack((y[first:last], *(c[: last - first, : y.shape[1]] for c in wide)))
