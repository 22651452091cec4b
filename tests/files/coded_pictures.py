"""Small pictures in HEIC, AVIF and JPEG 2000 of any depth, and FFmpeg to decode them."""

import io
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms

from tests import coded_files
from tests.files.test_files import MAKE, ORIENTATION

Samples = npt.NDArray[Any]
PHOTO = coded_files.landscape(64, 96)
ALPHA = np.linspace(0, 255, 64 * 96).astype(np.uint8).reshape(64, 96)
PROFILE: bytes = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif(orientation: int) -> bytes:
    block = Image.Exif()
    block[MAKE] = "edge camera"
    block[ORIENTATION] = orientation
    return block.tobytes()


def heic(samples: Samples, mode: str, **options: Any) -> bytes:
    module = pytest.importorskip("pillow_heif", reason="pillow-heif writes HEIC")
    stream = io.BytesIO()
    size = samples.shape[1], samples.shape[0]
    module.encode(mode, size, np.ascontiguousarray(samples).tobytes(), stream, **options)
    return stream.getvalue()


def avif(samples: Samples, pixels: str) -> bytes:
    """AVIF of any depth, by FFmpeg's muxer."""
    av = pytest.importorskip("av", reason="PyAV writes deep AVIF")
    stream = io.BytesIO()
    with av.open(stream, "w", format="avif") as container:
        video = container.add_stream("libsvtav1", rate=25)
        video.height, video.width = samples.shape[:2]
        video.pix_fmt = pixels
        words = "rc=0:qp=10:keyint=1:lp=1:aq-mode=0"
        video.options = {"preset": "10", "svtav1-params": words}
        frame = av.VideoFrame.from_ndarray(samples, "rgb24").reformat(format=pixels)
        frame.pts = 0
        for packet in [*video.encode(frame), *video.encode(None)]:
            container.mux(packet)
    return stream.getvalue()


def jpeg_2000(samples: Samples, pixels: str, **options: str) -> bytes:
    """JPEG 2000 of any depth, by FFmpeg's encoder."""
    av = pytest.importorskip("av", reason="PyAV writes deep JPEG 2000")
    context = av.CodecContext.create("jpeg2000", "w")
    context.height, context.width = samples.shape[:2]
    context.pix_fmt, context.time_base = pixels, Fraction(1, 25)
    context.options = {"format": "jp2", "pred": "dwt53", **options}
    frame = av.VideoFrame.from_ndarray(samples, pixels)
    frame.pts = 0
    return b"".join(bytes(p) for p in [*context.encode(frame), *context.encode(None)])


def by_ffmpeg(data: bytes | Path, pixels: str = "") -> Samples:
    """Samples of the first picture in a file, as FFmpeg decodes it; packed formats."""
    av = pytest.importorskip("av", reason="PyAV is the reference")
    source = str(data) if isinstance(data, Path) else io.BytesIO(data)
    with av.open(source) as container:
        frame = next(container.decode(video=0))
        frame = frame.reformat(format=pixels) if pixels else frame
        name, plane = frame.format.name, frame.planes[0]
        order = ">u2" if name.endswith("be") else "<u2" if name.endswith("le") else "u1"
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        count = len(frame.format.components)
        values = rows[:, : plane.width * count * np.dtype(order).itemsize].copy().view(order)
        return np.squeeze(values.reshape(plane.height, plane.width, count))


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content
