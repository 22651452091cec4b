"""Frames that are timed: a photograph at the size of a camera's picture, behind JPEG."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgeqe.bench.data import PictureSet
from edgeqe.errors import InputError
from edgeqe.protocols import CodingProtocol, ReferencePicture, compress
from edgeqe.typing import Uint8

#: Height and width of each size, pixels.
SIZES: Mapping[str, tuple[int, int]] = {
    "720p": (720, 1280),
    "1080p": (1080, 1920),
    "12MP": (3000, 4000),
}


@dataclass(frozen=True)
class TimedFrame:
    """One decoded picture in the layouts that are timed, with room for the output."""

    height: int
    width: int
    step: float
    gray: Uint8
    rgb: Uint8 | None
    planes: tuple[Uint8, Uint8, Uint8] | None
    gray_out: Uint8
    rgb_out: Uint8 | None
    planes_out: tuple[Uint8, Uint8, Uint8] | None


def decoded_frame(picture: ReferencePicture, quality: int) -> TimedFrame:
    """Frame of a picture after JPEG: luma, and for colour RGB and 4:2:0 planes."""
    luma = compress(picture, CodingProtocol.GRAY, quality)
    gray = np.ascontiguousarray(luma.decoded.pixels)
    rgb = planes = None
    if not picture.gray:
        coded = compress(picture, CodingProtocol.RGB, quality)
        rgb = coded.decoded.pixels
        y, cb, cr = (np.ascontiguousarray(plane) for plane in coded.frame.planes)
        planes = (y, cb, cr)
    return TimedFrame(
        height=gray.shape[0],
        width=gray.shape[1],
        step=luma.step,
        gray=gray,
        rgb=rgb,
        planes=planes,
        gray_out=np.zeros_like(gray),
        rgb_out=None if rgb is None else np.zeros_like(rgb),
        planes_out=None
        if planes is None
        else (np.zeros_like(planes[0]), np.zeros_like(planes[1]), np.zeros_like(planes[2])),
    )


def frame_of_size(pictures: PictureSet, size: str, quality: int, *, colour: bool) -> TimedFrame:
    """Frame of the set's first picture, mirrored at its borders until it has a size.

    Parameters
    ----------
    pictures : PictureSet
    size : str
        One of `SIZES`.
    quality : int
        IJG quality, 1 to 100.
    colour : bool
        Take the first picture in colour.

    Raises
    ------
    InputError
        If colour is wanted and there is none.
    """
    found = next((p for p in pictures if not (colour and p.gray)), None)
    if found is None:
        raise InputError(
            f"{pictures.name} has no colour picture to time: give --protocol gray, or another "
            "folder."
        )
    height, width = SIZES[size]
    pixels = found.pixels[:height, :width]
    missing = [(0, height - pixels.shape[0]), (0, width - pixels.shape[1]), (0, 0)]
    grown = np.pad(pixels, missing[: pixels.ndim], mode="symmetric")
    return decoded_frame(ReferencePicture(size, grown), quality)
