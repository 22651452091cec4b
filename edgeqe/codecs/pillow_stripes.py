"""Samples out of Pillow some rows at a time.

All at once takes them three times: Pillow's own, its bytes in pieces, and joined.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

#: Pixels of a stripe: small beside any picture that memory matters for.
STRIPE_PIXELS = 1 << 16


def stripes(picture: ImageFile, mode: str) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """First row and samples of each stripe of an open file.

    Parameters
    ----------
    picture : PIL.ImageFile.ImageFile
    mode : str
        Pillow's, that the samples come in.
    """
    picture.load()  # may turn a TIFF
    width, height = picture.size
    rows = max(1, STRIPE_PIXELS // width)
    for first in range(0, height, rows):
        stripe = picture.crop((0, first, width, min(first + rows, height)))
        yield first, np.asarray(stripe if stripe.mode == mode else stripe.convert(mode))


def samples(picture: ImageFile, mode: str) -> npt.NDArray[Any]:
    """All samples of an open file, parameters as of `stripes`."""
    found: npt.NDArray[Any] | None = None
    for first, part in stripes(picture, mode):
        if found is None and len(part) == picture.size[1]:
            return part
        if found is None:
            found = np.empty((picture.size[1], *part.shape[1:]), part.dtype)
        found[first : first + len(part)] = part
    assert found is not None  # Pillow opens no picture without rows
    return found
