"""PNG and TIFF into the arrays of their samples by rows: no second picture lies beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

import numpy as np

from edgeqe.files import png_rows, tiff_rows
from edgeqe.files.picture import Samples

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile


def strips_of(picture: ImageFile, stream: IO[bytes]) -> Iterator[tuple[int, Samples]] | None:
    """First row and samples of strips of an open file; None where Pillow has to decode the whole.

    Parameters
    ----------
    picture : PIL.ImageFile.ImageFile
        Not loaded.
    stream : binary stream
        Of the file, that can seek.
    """
    if picture.format == "PNG":
        return png_rows.strips(picture, stream)
    if picture.format == "TIFF":
        return tiff_rows.strips(picture, stream)
    return None


def samples_by_rows(picture: ImageFile, stream: IO[bytes]) -> tuple[Samples, Samples | None] | None:
    """Gray or RGB samples in stored order, and alpha.

    Parameters
    ----------
    picture, stream
        As of `strips_of`.

    Returns
    -------
    tuple or None
        None of a file that is not read by rows, or is damaged: Pillow's reading of the whole tells
        what is wrong with it.
    """
    try:
        strips = strips_of(picture, stream)
        return None if strips is None else _filled(strips, _stored_size(picture))
    except MemoryError:
        raise
    except Exception:  # Pillow raises nearly anything on damaged files
        return None


def _stored_size(picture: ImageFile) -> tuple[int, int]:
    """Width and height of the stored samples, which Pillow states turned of some TIFFs."""
    tags = getattr(picture, "tag_v2", None)
    if tags is None:
        return picture.size
    return tags[tiff_rows.WIDTH], tags[tiff_rows.HEIGHT]


def _filled(
    strips: Iterator[tuple[int, Samples]], size: tuple[int, int]
) -> tuple[Samples, Samples | None]:
    """Colours and alpha of all strips."""
    shape, colours, alpha = size[::-1], None, None
    for first, values in strips:
        rows = slice(first, first + len(values))
        channels = values.shape[2] if values.ndim == 3 else 1
        if colours is None:
            kind = np.uint8 if values.dtype == np.uint8 else np.uint16
            colours = np.empty((*shape, 3) if channels > 2 else shape, kind)
            alpha = np.empty(shape, kind) if channels in (2, 4) else None
        if alpha is None:
            colours[rows] = values
        else:
            colours[rows], alpha[rows] = _apart(values)
    assert colours is not None  # Pillow opens no picture without rows
    return colours, alpha


def _apart(values: Samples) -> tuple[Samples, Samples]:
    """Colours and alpha of a strip."""
    return values[..., 0] if values.shape[2] == 2 else values[..., :3], values[..., -1]
