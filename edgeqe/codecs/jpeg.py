"""JPEG as the codec sees it: tables, sampling, and planes that nobody upsampled.

Pillow decodes with libjpeg-turbo's accurate integer DCT (JDCT_ISLOW). Two of its
decodes give the planes as they are coded: a gray decode skips the chroma, and a
decode at half size transforms 4:2:0 chroma with its full 8x8 DCT and no
upsampling, because half of the picture's size *is* the size of the chroma
(libjpeg, ``jdmaster.c``, ``jpeg_calc_output_dimensions``).
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgeqe.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

Plane = npt.NDArray[np.uint8]

#: Sampling factors (horizontal, vertical) of the three components of 4:2:0.
SAMPLING_420 = ((2, 2), (1, 1), (1, 1))


def sampling(picture: Image.Image) -> tuple[tuple[int, int], ...]:
    """List the sampling factors (horizontal, vertical) of an open JPEG's components."""
    layers: list[tuple[int, int, int, int]] = getattr(picture, "layer", [])
    return tuple((layer[1], layer[2]) for layer in layers)


def is_420(picture: Image.Image) -> bool:
    """Whether `decode_420` gives the planes of an open JPEG as they are coded.

    True for Y, Cb, Cr with chroma at half size both ways; False for other samplings,
    for gray, CMYK and RGB-coded files, and for single rows (see `decode_420`).
    """
    return (
        sampling(picture) == SAMPLING_420
        and picture.mode == "RGB"
        and not _is_rgb_coded(picture)
        and not _is_long_row(*picture.size)
    )


def _is_rgb_coded(picture: Image.Image) -> bool:
    """Whether libjpeg takes the components for R, G, B (``jdapimin.c``)."""
    info: dict[Any, Any] = picture.info
    if "jfif" in info:
        return False
    if "adobe_transform" in info:
        return bool(info["adobe_transform"] == 0)
    layers: list[tuple[int, int, int, int]] = getattr(picture, "layer", [])
    return tuple(layer[0] for layer in layers) == tuple(b"RGB")


def _is_long_row(width: int, height: int) -> bool:
    """Whether the picture is one row that libjpeg interpolates along: not reversible."""
    return height == 1 and width > 4


def decode_luma(data: bytes) -> Plane:
    """Luma of a gray or Y, Cb, Cr JPEG, shape (H, W)."""
    return _draft(data, "L", 1)


def decode_rgb(data: bytes) -> Plane:
    """RGB of a Y, Cb, Cr JPEG as libjpeg's accurate integer DCT shows it, shape (H, W, 3)."""
    # Not Image.open: it warns of large pictures, or refuses them, by a global setting.
    from PIL.JpegImagePlugin import JpegImageFile

    with JpegImageFile(io.BytesIO(data)) as picture:
        return np.asarray(picture)


def luma_table(data: bytes) -> tuple[int, ...]:
    """Quantization table of a JPEG's first component, 64 entries in row order."""
    from PIL.JpegImagePlugin import JpegImageFile

    with JpegImageFile(io.BytesIO(data)) as picture:
        return tuple(picture.quantization[picture.layer[0][3]])


def decode_420(data: bytes) -> tuple[Plane, Plane, Plane]:
    """Planes of a 4:2:0 JPEG as coded.

    Returns
    -------
    y : ndarray of uint8, shape (H, W)
    cb, cr : ndarray of uint8, shape (ceil(H / 2), ceil(W / 2))

    Raises
    ------
    InputError
        If the picture is a single row of more than four pixels: Pillow cannot halve it.
    """
    luma = decode_luma(data)
    height, width = luma.shape
    if _is_long_row(width, height):
        raise InputError(
            f"the chroma of a {width}x1 JPEG cannot be read as coded: decode the picture as RGB."
        )
    half = ((height + 1) // 2, (width + 1) // 2)
    chroma = _draft(data, "YCbCr", 2)
    # One row or column is too small for Pillow to halve. libjpeg repeats the chroma
    # of so narrow a picture, so even positions hold the coded samples.
    if chroma.shape[:2] != half:
        chroma = chroma[::2, ::2]
    return luma, chroma[..., 1], chroma[..., 2]


def _draft(data: bytes, mode: str, divisor: int) -> npt.NDArray[np.uint8]:
    # Not Image.open: it warns of large pictures, or refuses them, by a global setting.
    from PIL.JpegImagePlugin import JpegImageFile

    with JpegImageFile(io.BytesIO(data)) as picture:
        width, height = picture.size
        picture.draft(mode, (max(1, width // divisor), max(1, height // divisor)))
        return np.asarray(picture)


def encode(picture: Image.Image, quality: int, subsampling: int = 2) -> bytes:
    """JPEG bytes of a Pillow picture at an IJG quality.

    Parameters
    ----------
    picture : PIL.Image.Image
        Mode L, RGB, or YCbCr (coded as it is).
    quality : int
        1 to 100.
    subsampling : int
        0 for 4:4:4, 1 for 4:2:2, 2 for 4:2:0; not used for mode L.
    """
    stream = io.BytesIO()
    if picture.mode == "L":
        picture.save(stream, "JPEG", quality=quality)
    else:
        picture.save(stream, "JPEG", quality=quality, subsampling=subsampling)
    return stream.getvalue()
