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

if TYPE_CHECKING:
    from PIL import Image

Plane = npt.NDArray[np.uint8]

#: Sampling factors (horizontal, vertical) of the three components of 4:2:0.
SAMPLING_420 = ((2, 2), (1, 1), (1, 1))


def sampling(picture: Image.Image) -> tuple[tuple[int, int], ...]:
    """Sampling factors (horizontal, vertical) of each component of an open JPEG."""
    layers: list[tuple[int, int, int, int]] = getattr(picture, "layer", [])
    return tuple((layer[1], layer[2]) for layer in layers)


def is_420(picture: Image.Image) -> bool:
    """Whether an open JPEG is Y, Cb, Cr with chroma at half size both ways."""
    return (
        sampling(picture) == SAMPLING_420
        and picture.mode == "RGB"
        and _adobe_transform(picture) != 0
    )


def _adobe_transform(picture: Image.Image) -> int | None:
    info: dict[Any, Any] = picture.info
    return info.get("adobe_transform")


def decode_luma(data: bytes) -> Plane:
    """Luma of a gray or Y, Cb, Cr JPEG, shape (H, W)."""
    return _draft(data, "L", 1)


def decode_420(data: bytes) -> tuple[Plane, Plane, Plane]:
    """Planes of a 4:2:0 JPEG as coded.

    Returns
    -------
    y : ndarray of uint8, shape (H, W)
    cb, cr : ndarray of uint8, shape (ceil(H / 2), ceil(W / 2))
    """
    luma = decode_luma(data)
    half = ((luma.shape[0] + 1) // 2, (luma.shape[1] + 1) // 2)
    chroma = _draft(data, "YCbCr", 2)
    # A picture of one row or column is too small for Pillow to halve: its
    # upsampled chroma holds each coded sample at even positions.
    if chroma.shape[:2] != half:
        chroma = chroma[::2, ::2]
    return luma, chroma[..., 1], chroma[..., 2]


def _draft(data: bytes, mode: str, divisor: int) -> npt.NDArray[np.uint8]:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
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
