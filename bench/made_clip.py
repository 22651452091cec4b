"""A made clip to time: a photograph that the camera pans over, coded by x264."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgeqe.bench.data import PictureSet
from edgeqe.bench.frames import SIZES
from edgeqe.coding.coder import Frame, Layout
from edgeqe.coding.video import H264Coder
from edgeqe.errors import InputError
from edgeqe.views.colour import rgb_to_420

#: Frames of the clip, and pixels that the picture moves from one to the next, down and right.
FRAMES, PAN = 30, (2, 4)
#: Its QP.
QP = 32.0


def make_clip(pictures: PictureSet, size: str, folder: Path) -> Path:
    """Write a clip of H.264 in 8-bit 4:2:0, one intra picture and P pictures.

    Parameters
    ----------
    pictures : PictureSet
        Whose first picture in colour is shown, mirrored at its borders.
    size : str
        One of `frames.SIZES`.
    folder : Path

    Returns
    -------
    Path
        Of the clip, in the folder.

    Raises
    ------
    InputError
        If there is no picture in colour, or no encoder.
    """
    rgb = next((picture.pixels for picture in pictures if not picture.gray), None)
    if rgb is None:
        raise InputError(f"{pictures.name} has no colour picture: give --data with a clip.")
    height, width = SIZES[size]
    seen = (height + PAN[0] * FRAMES, width + PAN[1] * FRAMES)
    missing = [(0, max(0, side - have)) for side, have in zip(seen, rgb.shape, strict=False)]
    grown = np.pad(rgb, [*missing, (0, 0)], mode="symmetric")[: seen[0], : seen[1]]
    planes = rgb_to_420(grown)
    frames = []
    for index in range(FRAMES):
        top, left = PAN[0] * index, PAN[1] * index
        shown = [
            np.ascontiguousarray(
                plane[top // by : (top + height) // by, left // by : (left + width) // by]
            )
            for plane, by in zip(planes, (1, 2, 2), strict=True)
        ]
        frames.append(Frame(Layout.YUV420, tuple(shown)))
    path = folder / f"made-{size}.h264"
    path.write_bytes(b"".join(H264Coder().encode_clip(frames, QP, intra=False)))
    return path
