"""One picture out of a codec's stream, by PyAV's FFmpeg: planes as they are coded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeqe.errors import ImageError, MissingPackageError
from edgeqe.files.formats import Undecoded
from edgeqe.files.packages import load
from edgeqe.files.picture import Samples
from edgeqe.files.pillow_reading import several

#: Pixels that a decoder may count beyond a side of the picture.
BLOCK = 64
#: Pixels of the largest picture whose headers `edgeqe.codecs` does not know.
LARGEST_UNREAD = 2**26
#: FFmpeg's number of the full range.
FULL_RANGE = 2


@dataclass(frozen=True)
class DecodedFrame:
    """A decoded picture."""

    format: str
    """FFmpeg's name of its pixel format, without the order of bytes, such as ``yuv420p10``."""
    planes: tuple[Samples, ...]
    """Planes (H, W), or one array (H, W, C) where the format is packed; uint8, or uint16 with
    the samples in the low bits."""
    matrix: int
    """Colour matrix by its number in ITU-T H.273; 2 where the stream does not say it."""
    full_range: bool
    primaries: int
    """As `matrix`."""
    transfer: int
    """As `matrix`."""


def decode_frame(decoder: str, data: bytes, file: Undecoded) -> DecodedFrame:
    """First picture of a stream.

    Parameters
    ----------
    decoder : str
        FFmpeg's name of it.
    data : bytes
        One packet.
    file : Undecoded
        Whose stream it is, for messages; its headers are read and say a size that is allowed.

    Raises
    ------
    ImageError
        If there is no picture in the stream, or there are several.
    MissingPackageError
        If PyAV, or its decoder, is not installed.
    """
    av = load("av", file.name)
    if decoder not in av.codecs_available:
        raise MissingPackageError(
            f"{file.name} needs a PyAV with {decoder}: pip install --upgrade av"
        )
    av.logging.set_level(av.logging.PANIC)
    context: Any = av.CodecContext.create(decoder, "r")
    most = LARGEST_UNREAD
    if file.coded is not None:
        if len(file.coded.per_picture) > 1:
            raise several(file.name)
        # for another header further on that says more; blocks reach beyond the picture
        most = (file.coded.width + BLOCK) * (file.coded.height + BLOCK)
    # unaligned: otherwise a window that begins between two aligned samples is cut elsewhere
    context.options = {"max_pixels": str(most), "flags": "unaligned"}
    frames = [*context.decode(av.Packet(data)), *context.decode(None)]
    if not frames:
        raise ImageError(f"{file.name} is damaged or cut short: there is no picture in its stream.")
    frame = frames[0]
    name = frame.format.name.removesuffix("le").removesuffix("be")
    deep = frame.format.name != name
    planes = tuple(_samples(plane, frame.format, deep) for plane in frame.planes)
    # PyAV's older versions lack these two
    primaries, transfer = (int(getattr(frame, n, 2)) for n in ("color_primaries", "color_trc"))
    full_range = int(frame.color_range) == FULL_RANGE
    matrix = int(frame.colorspace)
    return DecodedFrame(name, planes, matrix, full_range, primaries, transfer)


def _samples(plane: Any, form: Any, deep: bool) -> Samples:
    """Copy of a plane's samples."""
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    values = rows.view("<u2") if deep else rows
    if form.is_planar or len(form.components) == 1:
        return np.ascontiguousarray(values[:, : plane.width])
    count = len(form.components)
    packed = values[:, : plane.width * count].reshape(plane.height, plane.width, count)
    return np.ascontiguousarray(packed)
