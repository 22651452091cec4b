"""A frame's mapped bytes as planes, by the strides and offsets that GStreamer states of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeqe.errors import InputError
from edgeqe.typing import Array

#: Formats by GStreamer's names: type of a sample, and chroma's samples in one pixel of its planes.
FORMATS: dict[str, tuple[str, int]] = {
    "NV12": ("u1", 2),
    "P010_10LE": ("<u2", 2),
    "I420": ("u1", 1),
}


def planes_of(
    data: memoryview | bytes | bytearray,
    name: str,
    width: int,
    height: int,
    strides: Sequence[int],
    offsets: Sequence[int],
) -> list[Array]:
    """Views of a frame's planes; what is written to them is written to the frame.

    Parameters
    ----------
    data : memoryview, bytes or bytearray
        The mapped buffer.
    name : str
        Format, as of `FORMATS`.
    width, height : int
        Pixels; odd ones have chroma of half the size, rounded up.
    strides, offsets : sequence of int
        Bytes from row to row, and of each plane's first sample.

    Returns
    -------
    list of ndarray
        Y, shape (H, W), then U and V, or both interleaved, shape (ceil(H / 2), ceil(W / 2), 2).

    Raises
    ------
    InputError
        If a plane does not lie inside the buffer.
    """
    kind, interleaved = FORMATS[name]
    sample = np.dtype(kind)
    half = ((height + 1) // 2, (width + 1) // 2)
    shapes = [(height, width), (*half, 2)] if interleaved == 2 else [(height, width), half, half]
    planes = []
    for index, shape in enumerate(shapes):
        steps = (
            strides[index],
            *(sample.itemsize * n for n in ((2, 1) if len(shape) == 3 else (1,))),
        )
        row = int(np.prod(shape[1:])) * sample.itemsize
        end = offsets[index] + (shape[0] - 1) * strides[index] + row
        if strides[index] < row or offsets[index] < 0 or end > len(data):
            raise InputError(
                f"plane {index} of {name} {width}x{height} (offset {offsets[index]}, stride "
                f"{strides[index]}) is not inside its buffer of {len(data)} bytes: check what makes it."
            )
        planes.append(np.ndarray(shape, sample, data, offsets[index], steps))
    return planes
