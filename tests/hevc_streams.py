"""HEVC streams by x265, and what FFmpeg decodes from a stream, both through PyAV."""

from __future__ import annotations

import io
from typing import Any

import av
import numpy as np
import numpy.typing as npt

Planes = list[npt.NDArray[Any]]


def drawn(width: int, height: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """RGB picture of waves, flat squares and noise, so that all sizes of blocks are chosen."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = 128 + 60 * np.sin(x / 9 + y / 23) + 40 * np.sin(x * y / 900)
    noise = random.normal(0, 12, (height, width)) * ((x // 40 + y // 40) % 2)
    flat = np.where((x // 48 + y // 32) % 3 == 0, 90.0, waves + noise)
    return np.stack([flat, flat[::-1], flat[:, ::-1]], -1).clip(0, 255).astype(np.uint8)


def encode(
    settings: str,
    width: int = 160,
    height: int = 104,
    pixels: str = "yuv420p",
    pictures: int = 1,
    keyint: int = 1,
) -> bytes:
    """A stream of drawn pictures by x265; settings as in x265-params."""
    stream = io.BytesIO()
    # Settings of their own threads: without a pool, x265 writes slices that no decoder reads.
    parameters = f"log-level=none:frame-threads=1:keyint={keyint}:bframes=0:{settings}"
    with av.open(stream, "w", format="hevc") as container:
        video = container.add_stream("libx265", rate=25)
        video.width, video.height, video.pix_fmt = width, height, pixels
        video.options = {"preset": "medium", "x265-params": parameters}
        for index in range(pictures):
            picture = np.roll(drawn(width, height), 7 * index, 1)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format=pixels)
            container.mux(video.encode(frame))
        container.mux(video.encode())
    return stream.getvalue()


def decode_by_ffmpeg(stream: bytes) -> list[Planes]:
    """Planes of all pictures of a stream, without deblocking and SAO."""
    pictures = []
    with av.open(io.BytesIO(stream), "r", format="hevc") as container:
        video = container.streams.video[0]
        # Unaligned: FFmpeg would not cut at the left where that moves lines off a boundary.
        video.codec_context.options = {"skip_loop_filter": "all", "flags": "unaligned"}
        video.thread_type = "NONE"
        for frame in container.decode(video):
            kind = np.dtype(np.uint16 if "10" in frame.format.name else np.uint8)
            count = 1 if frame.format.name.startswith("gray") else 3
            pictures.append([_plane(plane, kind) for plane in frame.planes[:count]])
    return pictures


def _plane(plane: Any, kind: np.dtype[Any]) -> npt.NDArray[Any]:
    rows = np.frombuffer(plane, kind).reshape(plane.height, plane.line_size // kind.itemsize)
    return rows[:, : plane.width].copy()
