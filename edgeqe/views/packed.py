"""Packed semi-planar frames: Y and the chroma below it as one array, as OpenCV and V4L2 give NV12."""

from __future__ import annotations

from edgeqe.errors import InputError
from edgeqe.views.arrays import Image, check_array


def unpacked(frame: Image) -> tuple[Image, Image]:
    """Views of Y, shape (H, W), and of U and V, shape (H / 2, W / 2, 2), of a packed frame.

    Parameters
    ----------
    frame : ndarray, shape (H * 3 / 2, W)
        Rows may be padded: slice the stride's rest off, ``buffer[:, :width]``.

    Raises
    ------
    InputTypeError
        If it is no array.
    InputError
        If such a frame does not have this shape.
    """
    check_array("the packed frame", frame)
    if frame.ndim != 2 or 0 in frame.shape or frame.shape[0] % 3 or frame.shape[1] % 2:
        raise InputError(
            f"a packed frame has shape (H * 3 / 2, W), H and W even, not {frame.shape}: slice off "
            "rows and columns that only pad it, or give y and uv as two arrays."
        )
    rows, width = frame.shape
    height = rows // 3 * 2
    return frame[:height], frame[height:].reshape(height // 2, width // 2, 2)
