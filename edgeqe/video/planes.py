"""A decoded frame's planes as arrays, and their enhancement in place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgeqe.errors import ImageError

if TYPE_CHECKING:
    from edgeqe.sequence import FrameSequence

Plane = npt.NDArray[Any]

#: FFmpeg's number of the full range.
FULL_RANGE = 2
_PLANAR = re.compile(r"(?P<kind>yuvj?420p|gray)(?P<bits>9|10|12|14|16)?(?:le)?")


@dataclass(frozen=True)
class PixelFormat:
    """How a frame lies in memory."""

    kind: str
    """``planes`` of 4:2:0, ``gray``, ``nv12`` or ``p010``."""
    bits: int
    """Of a sample."""
    encoded_as: str
    """FFmpeg's name of the format that an encoder gets."""


def pixel_format(name: str) -> PixelFormat:
    """Format by FFmpeg's name.

    Raises
    ------
    ImageError
        If it is none that can be enhanced.
    """
    if name in ("nv12", "p010le"):
        return PixelFormat(name.removesuffix("le"), 8 if name == "nv12" else 10, name)
    match = _PLANAR.fullmatch(name)
    if match is None:
        raise ImageError(
            f"frames of {name} are not supported: 4:2:0 and gray are, with 8 to 16 bits. Convert "
            "the clip to 4:2:0 first."
        )
    kind = "gray" if match["kind"] == "gray" else "planes"
    return PixelFormat(kind, int(match["bits"] or 8), name.replace("yuvj", "yuv"))


def check_frame(frame: Any) -> None:
    """Refuse a frame that cannot be enhanced as a picture.

    Raises
    ------
    ImageError
        If it is interlaced, or as of `pixel_format`.
    """
    pixel_format(frame.format.name)
    if frame.interlaced_frame:
        raise ImageError(
            "interlaced frames are not supported, because two fields are not one picture: "
            "deinterlace the clip first."
        )


def arrays(frame: Any) -> list[Plane]:
    """Planes as they lie in the frame, without the padding of their rows.

    Returns
    -------
    list of ndarray
        uint8, or uint16 of more than 8 bits; of semi-planar formats the second has shape
        (H, W, 2). They can be written if the frame can.
    """
    form = pixel_format(frame.format.name)
    dtype = np.dtype("u1" if form.bits == 8 else "<u2")
    found = []
    for index, plane in enumerate(frame.planes):
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height]
        width = plane.width * (2 if index and form.kind in ("nv12", "p010") else 1)
        samples = rows.view(dtype)[:, :width]
        if index and form.kind in ("nv12", "p010"):
            samples = samples.reshape(plane.height, plane.width, 2)
        found.append(samples)
    return found


def luma(frame: Any) -> npt.NDArray[np.float32]:
    """Y in 8-bit sample values, shape (H, W)."""
    return arrays(frame)[0].astype(np.float32) / np.float32(level(frame))


def level(frame: Any) -> int:
    """What a level of 8 bits is in a frame's samples."""
    form = pixel_format(frame.format.name)
    return 1 << (16 if form.kind == "p010" else form.bits) - 8


def writable(frame: Any) -> Any:
    """The frame, or its copy, with samples that nobody else reads, for any encoder to take.

    A decoder keeps the frames that later ones refer to, so those are copied.
    """
    form = pixel_format(frame.format.name)
    if form.encoded_as == frame.format.name:
        frame.make_writable()
        made = frame
    else:  # yuvj: full range as a format of its own, which encoders would convert from
        made = frame.reformat(
            format=form.encoded_as, src_color_range=FULL_RANGE, dst_color_range=FULL_RANGE
        )
    made.pict_type = 0  # else an encoder would repeat it
    return made


def enhance_in_place(
    frames: FrameSequence,
    frame: Any,
    *,
    step: float,
    codec: str | None,
    amount: float,
    ensemble: int,
) -> None:
    """Enhance a frame that `writable` gave.

    Parameters
    ----------
    frames : FrameSequence
        Of the clip.
    frame : av.VideoFrame
    step : float
        8-bit sample values.
    codec : str or None
        As `Enhancer.enhance` takes it.
    amount : float
        0 to 1.
    ensemble : {1, 8}

    Raises
    ------
    InputError
        As of `Enhancer.enhance`.
    """
    form, planes = pixel_format(frame.format.name), arrays(frame)
    given: dict[str, Any] = {"step": step, "codec": codec, "amount": amount, "ensemble": ensemble}
    if form.kind == "gray":
        depth = form.bits if form.bits > 8 else None
        frames.enhance(planes[0], bit_depth=depth, out=planes[0], **given)
    elif form.kind == "planes":
        depth = form.bits if form.bits > 8 else None
        frames.enhance_planes(*planes, bit_depth=depth, out=planes, **given)
    elif form.kind == "nv12":
        frames.enhance_nv12(*planes, out=planes, **given)
    else:
        frames.enhance_p010(*planes, out=planes, **given)
