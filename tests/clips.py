"""Tiny films without loss, written by hand and by FFmpeg's FFV1."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.reference import photograph

Planes = tuple[npt.NDArray[np.uint8], ...]


def moving(count: int = 3, height: int = 48, width: int = 64) -> list[npt.NDArray[np.uint8]]:
    """RGB frames of a photograph that moves by a row a frame."""
    return [photograph("astronaut", 40 + shift, 90, height, width) for shift in range(count)]


def studio_planes(rgb: npt.NDArray[np.uint8]) -> Planes:
    """Planes of 4:2:0 in studio range, roughly: G as luma, B and R as chroma."""
    luma = (16 + rgb[..., 1] * (219 / 255)).astype(np.uint8)
    half = np.ascontiguousarray((64 + rgb[::2, ::2] // 2).transpose(2, 0, 1))
    return luma, half[2], half[0]


def write_y4m(path: Path, frames: Sequence[Planes], chroma: str = "420jpeg") -> Path:
    """Film of planes, as mjpegtools' yuv4mpeg(5) has it."""
    height, width = frames[0][0].shape
    head = f"YUV4MPEG2 W{width} H{height} F25:1 Ip A1:1 C{chroma}\n".encode()
    body = (b"FRAME\n" + b"".join(plane.tobytes() for plane in planes) for planes in frames)
    path.write_bytes(head + b"".join(body))
    return path


def write_mkv(path: Path, frames: Sequence[npt.NDArray[np.uint8]]) -> Path:
    """Film of RGB frames in FFV1."""
    import av

    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "bgr0"
        for frame in frames:
            made = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="bgr0")
            container.mux(stream.encode(made))
        container.mux(stream.encode(None))
    return path
