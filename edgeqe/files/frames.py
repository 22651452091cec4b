"""A decoded frame and its colours to a picture."""

from __future__ import annotations

import re

from edgeqe.errors import ImageError
from edgeqe.files.ffmpeg import DecodedFrame
from edgeqe.files.formats import Undecoded
from edgeqe.files.picture import Metadata, Picture, Samples
from edgeqe.files.ycbcr import IDENTITY, MATRICES, to_gray, to_rgb

#: FFmpeg's names of the pixel formats that are taken: gray, three planes, and G, B, R.
PLANAR = re.compile(r"(gray|yuvj?4(?:20|22|44)p|gbrp)(9|10|12|14)?")


def picture_of_frame(
    frame: DecodedFrame,
    alpha: DecodedFrame | None,
    matrix: int,
    full_range: bool,
    metadata: Metadata,
    file: Undecoded,
) -> Picture:
    """Gray or RGB picture of a frame.

    Parameters
    ----------
    frame, alpha : DecodedFrame
        Of one size.
    matrix : int
        Of ITU-T H.273.
    full_range : bool
    metadata : Metadata
    file : Undecoded
        For messages.

    Raises
    ------
    ImageError
        If the pixels or colours are of a kind that is not supported.
    """
    depth = depth_of(frame, file)
    if frame.format.startswith("gbr"):
        matrix = IDENTITY
    if matrix not in MATRICES:
        raise ImageError(
            f"{file.name} has the colour matrix {matrix} of ITU-T H.273, which edgeqe does not "
            "read: convert it to RGB first."
        )
    samples: Samples
    if len(frame.planes) == 1:
        samples = to_gray(frame.planes[0], depth, full_range=full_range)
    else:
        y, cb, cr = frame.planes
        samples = to_rgb((y, cb, cr), depth, matrix, full_range=full_range)
    transparency = None
    if alpha is not None:
        if alpha.planes[0].shape != frame.planes[0].shape or depth_of(alpha, file) != depth:
            raise ImageError(
                f"{file.name} has alpha of another size or depth than its colours: convert it first."
            )
        transparency = to_gray(alpha.planes[0], depth, full_range=alpha.full_range)
    return Picture((samples,), transparency, None, metadata, depth if depth > 8 else None)


def depth_of(frame: DecodedFrame, file: Undecoded) -> int:
    """Bits of a frame's samples.

    Raises
    ------
    ImageError
        If its pixel format is not supported.
    """
    found = PLANAR.fullmatch(frame.format)
    if found is None:
        raise ImageError(
            f"{file.name} has pixels of the kind {frame.format}, which edgeqe does not read: "
            "convert it to RGB first."
        )
    return int(found[2] or 8)
