"""A live frame as arrays, whatever it comes as, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgeqe.errors import InputTypeError

if TYPE_CHECKING:
    from edgeqe.sequence import FrameSequence

#: PyAV's formats that are enhanced, with the bits of a sample.
_FORMATS = {"yuv420p": 8, "yuvj420p": 8, "nv12": 8, "yuv420p10le": 10, "p010le": 16, "gray": 8}


def enhance_frame(frames: FrameSequence, frame: Any, channels: str, **given: Any) -> Any:
    """Enhance a frame: an array, planes, or a frame of PyAV, which is enhanced in place.

    Parameters
    ----------
    frames : FrameSequence
    frame : ndarray, sequence of ndarray, or av.VideoFrame
        An array is gray or colour; two are Y and interleaved UV (NV12 of uint8, P010 of uint16);
        three are Y, U and V.
    channels : str
        ``rgb`` or ``bgr``, of colour.
    **given
        Strength, amount and ensemble, as of `Enhancer.enhance`.

    Returns
    -------
    The same kind of frame.

    Raises
    ------
    InputTypeError
        If it is none of these.
    """
    if isinstance(frame, np.ndarray):
        return frames.enhance(frame, channels=channels, **given)
    if hasattr(frame, "format") and hasattr(frame, "planes"):
        return _enhance_pyav(frames, frame, **given)
    if isinstance(frame, tuple | list) and len(frame) == 3:
        return frames.enhance_planes(*frame, **given)
    if isinstance(frame, tuple | list) and len(frame) == 2:
        y, uv = frame
        deep = getattr(y, "dtype", None) == np.uint16
        return (frames.enhance_p010 if deep else frames.enhance_nv12)(y, uv, **given)
    raise InputTypeError(
        f"a frame is an array, (y, uv), (y, u, v) or a frame of PyAV, not {type(frame).__name__}."
    )


def _enhance_pyav(frames: FrameSequence, frame: Any, **given: Any) -> Any:
    name = frame.format.name
    if name not in _FORMATS:
        raise InputTypeError(
            f"frames of {name} are not supported: reformat them to yuv420p, nv12 or p010le."
        )
    frame.make_writable()
    bits = _FORMATS[name]
    dtype = np.dtype("u1" if bits == 8 else "<u2")
    interleaved = name in ("nv12", "p010le")
    planes = []
    for index, plane in enumerate(frame.planes):
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height]
        pair = 2 if index and interleaved else 1
        samples = rows.view(dtype)[:, : plane.width * pair]
        planes.append(samples.reshape(plane.height, -1, 2) if pair == 2 else samples)
    if name == "gray":
        frames.enhance(planes[0], out=planes[0], **given)
    elif name == "nv12":
        frames.enhance_nv12(*planes, out=planes, **given)
    elif name == "p010le":
        frames.enhance_p010(*planes, out=planes, **given)
    else:
        depth = bits if bits > 8 else None
        frames.enhance_planes(*planes, bit_depth=depth, out=planes, **given)
    return frame
