"""JPEG as the codec sees it: tables, sampling, and planes that nobody upsampled.

Pillow decodes with libjpeg-turbo's accurate integer DCT (JDCT_ISLOW). Two of its
decodes give the planes as they are coded: a gray decode skips the chroma, and a
decode at half size transforms 4:2:0 chroma with its full 8x8 DCT and no
upsampling, because half of the picture's size *is* the size of the chroma
(libjpeg, ``jdmaster.c``, ``jpeg_calc_output_dimensions``).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgeqe.codecs import pillow_stripes
from edgeqe.codecs.coded import CodedStrength, Scale, damaged, mean_strength
from edgeqe.codecs.jpeg_layout import LOSSLESS, refused
from edgeqe.codecs.jpeg_segments import DQT, EOI, FRAME_MARKERS, SOS, segments
from edgeqe.codecs.strength import nearest_quality, step_from_table
from edgeqe.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

Plane = npt.NDArray[np.uint8]

#: Sampling factors (horizontal, vertical) of the three components of 4:2:0.
SAMPLING_420 = ((2, 2), (1, 1), (1, 1))

#: Row-order position of each coefficient in zigzag order (ITU-T T.81, figure 5).
ZIGZAG = tuple(
    8 * row + column
    for row, column in sorted(
        ((row, column) for row in range(8) for column in range(8)),
        key=lambda at: (sum(at), at[0] if sum(at) % 2 else at[1]),
    )
)


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
        and not is_rgb_coded(picture)
        and not _is_long_row(*picture.size)
    )


def is_rgb_coded(picture: Image.Image) -> bool:
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
        return pillow_stripes.samples(picture, picture.mode)


def shows(data: bytes, pixels: Plane, mode: str = "") -> bool:
    """Whether a JPEG is decoded to just these pixels.

    Parameters
    ----------
    data : bytes
    pixels : ndarray of uint8, shape (H, W) or (H, W, 3)
    mode : str
        Pillow's of the decoding, ``L`` for luma; the file's own if left out.
    """
    from PIL.JpegImagePlugin import JpegImageFile

    with JpegImageFile(io.BytesIO(data)) as picture:
        if mode:
            picture.draft(mode, picture.size)
        return all(
            np.array_equal(part, pixels[first : first + len(part)])
            for first, part in pillow_stripes.stripes(picture, picture.mode)
        )


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
    _, cb, cr = decode_half(data)
    return luma, cb, cr


def decode_half(data: bytes) -> tuple[Plane, Plane, Plane]:
    """Y, Cb and Cr of a 4:2:0 JPEG at half its size, shape (ceil(H / 2), ceil(W / 2)) each.

    Cb and Cr are as coded.
    """
    found: tuple[Plane, ...] = ()
    for rows, height, parts in _half_stripes(data):
        found = found or tuple(np.empty((height, part.shape[1]), np.uint8) for part in parts)
        for plane, part in zip(found, parts, strict=True):
            plane[rows] = part
    y, cb, cr = found
    return y, cb, cr


def shows_half(data: bytes, planes: tuple[Plane, Plane, Plane]) -> bool:
    """Whether `decode_half` gives just these planes."""
    return all(
        np.array_equal(part, plane[rows])
        for rows, _, parts in _half_stripes(data)
        for plane, part in zip(planes, parts, strict=True)
    )


def _half_stripes(data: bytes) -> Iterator[tuple[slice, int, tuple[Plane, Plane, Plane]]]:
    """Which rows, of how many, and Y, Cb and Cr in them, of a decoding at half size."""
    from PIL.JpegImagePlugin import JpegImageFile

    with JpegImageFile(io.BytesIO(data)) as picture:
        width, height = picture.size
        half = ((height + 1) // 2, (width + 1) // 2)
        picture.draft("YCbCr", (max(1, width // 2), max(1, height // 2)))
        # One row or column is too small for Pillow to halve. libjpeg repeats the chroma
        # of so narrow a picture, so even positions hold the coded samples.
        step = 1 if picture.size == half[::-1] else 2
        for first, part in pillow_stripes.stripes(picture, "YCbCr"):
            small = part[::step, ::step]
            at = first // step
            yield slice(at, at + len(small)), half[0], (small[..., 0], small[..., 1], small[..., 2])


def decode_reduced(data: bytes) -> Plane:
    """Colours of a JPEG, R, G, B or as its decoder shows them, at half its size."""
    return _draft(data, "RGB", 2)


def component_steps(picture: Image.Image) -> tuple[float, ...] | None:
    """Quantization steps of R, G and B of an open JPEG that codes these, each by its own table.

    None for any other JPEG; 0 for a component of less than full size.
    """
    if picture.mode != "RGB" or not is_rgb_coded(picture):
        return None
    layers: list[tuple[int, int, int, int]] = picture.layer  # type: ignore[attr-defined]
    tables: dict[int, list[int]] = picture.quantization  # type: ignore[attr-defined]
    full = (max(layer[1] for layer in layers), max(layer[2] for layer in layers))
    return tuple(
        step_from_table(tables[layer[3]]) if layer[1:3] == full else 0.0 for layer in layers
    )


def _draft(data: bytes, mode: str, divisor: int) -> npt.NDArray[np.uint8]:
    # Not Image.open: it warns of large pictures, or refuses them, by a global setting.
    from PIL.JpegImagePlugin import JpegImageFile

    with JpegImageFile(io.BytesIO(data)) as picture:
        width, height = picture.size
        picture.draft(mode, (max(1, width // divisor), max(1, height // divisor)))
        return pillow_stripes.samples(picture, picture.mode)


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


def strength(data: bytes) -> CodedStrength:
    """Strength of a JPEG file from its luma table, as the file states it.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    CodedStrength
        Its number is the IJG quality whose table is nearest.

    Raises
    ------
    ImageError
        If the headers are damaged, there is no table for the first component, or it is lossless.
    """
    tables: dict[int, bytes] = {}
    frame, marker = None, 0
    for segment in segments(data):
        if segment.marker == DQT:
            tables.update(_tables(segment.content))
        elif segment.marker in FRAME_MARKERS:
            frame, marker = segment.content, segment.marker
        elif segment.marker in (SOS, EOI):
            break
    if frame is None or len(frame) < 9:
        raise damaged("a JPEG has no frame header")
    if marker in LOSSLESS:
        raise refused("lossless JPEGs (ITU-T T.81, annex H)")
    table = _table(tables.get(frame[8], b""))
    if min(table) < 1:
        raise damaged("a JPEG has no quantization table for its first component")
    size = (int.from_bytes(frame[3:5], "big"), int.from_bytes(frame[1:3], "big"))
    quality, distance = nearest_quality(table)
    found = mean_strength(
        "jpeg", Scale.QUALITY, [float(quality)], [step_from_table(table)], size, frame[0]
    )
    return replace(found, exact=distance == 0.0)


def _tables(segment: bytes) -> dict[int, bytes]:
    """Quantization tables of a segment by their identifiers, 64 or 128 bytes each."""
    found = {}
    at = 0
    while at < len(segment):
        wide, number = segment[at] >> 4, segment[at] & 15
        stop = at + 65 + 64 * wide
        if stop > len(segment) or wide > 1 or number > 3:
            raise damaged("a quantization table of a JPEG ends too early")
        found[number] = segment[at + 1 : stop]
        at = stop
    return found


def _table(values: bytes) -> list[int]:
    """Quantization table in row order from its bytes in zigzag order; zeros if there are none."""
    size = len(values) // 64
    table = [0] * 64
    for place, row_order in enumerate(ZIGZAG if size else ()):
        table[row_order] = int.from_bytes(values[size * place : size * (place + 1)], "big")
    return table
