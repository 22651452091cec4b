"""Coded pictures for tests, made by encoders that are installed, and what FFmpeg says of them."""

from __future__ import annotations

import io
import struct
import subprocess
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, features


def photo(height: int = 64, width: int = 96) -> npt.NDArray[np.uint8]:
    """RGB picture with edges and fine texture."""
    draw = np.random.default_rng(3)
    coarse = draw.integers(0, 256, (-(-height // 8), -(-width // 8), 3), dtype=np.uint8)
    blocks = coarse.repeat(8, 0).repeat(8, 1)[:height, :width].astype(np.int16)
    fine = draw.integers(-20, 21, blocks.shape)
    return np.asarray(np.clip(blocks + fine, 0, 255), np.uint8)


def landscape(height: int, width: int) -> npt.NDArray[np.uint8]:
    """RGB picture whose amplitudes fall with the frequency, as those of photographs do."""
    draw = np.random.default_rng(5)
    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    amplitude = 1 / np.maximum(np.hypot(down, across), 1 / max(height, width))
    planes = []
    for _ in range(3):
        phases = np.exp(2j * np.pi * draw.random(amplitude.shape))
        plane = np.fft.irfft2(amplitude * phases, s=(height, width))
        planes.append(128 + 48 * plane / plane.std())
    return np.asarray(np.clip(np.dstack(planes), 0, 255), np.uint8)


def pillow(kind: str, picture: npt.NDArray[np.uint8], **options: Any) -> bytes:
    """File that Pillow writes."""
    needed = {"AVIF": "avif", "JPEG2000": "jpg_2000", "WEBP": "webp"}.get(kind)
    if needed and not features.check(needed):
        pytest.skip(f"this Pillow was built without {kind}")
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, kind, **options)
    return stream.getvalue()


def heic(picture: npt.NDArray[np.uint8], quality: int, **options: Any) -> bytes:
    """File that pillow-heif writes."""
    module = pytest.importorskip("pillow_heif", reason="pillow-heif writes HEIC")
    stream = io.BytesIO()
    module.from_pillow(Image.fromarray(picture)).save(stream, quality=quality, **options)
    return stream.getvalue()


def stream(
    encoder: str,
    options: dict[str, str],
    *,
    count: int = 1,
    pixels: str = "yuv420p",
    size: tuple[int, int] = (64, 96),
) -> bytes:
    """Byte stream that an encoder of PyAV makes of a moving picture.

    Parameters
    ----------
    encoder : str
    options : dict
    count : int
        Pictures.
    pixels : str
        FFmpeg's name of a pixel format.
    size : tuple of int
        Height and width.
    """
    av = pytest.importorskip("av", reason="PyAV encodes")
    if encoder not in av.codecs_available:
        pytest.skip(f"this PyAV has no {encoder}")
    context = av.CodecContext.create(encoder, "w")
    context.height, context.width = size
    context.pix_fmt = pixels
    context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
    context.options = options
    picture = photo(*size)
    packets = []
    for index in range(count):
        moved = np.ascontiguousarray(np.roll(picture, 3 * index, 1))
        frame = av.VideoFrame.from_ndarray(moved, "rgb24").reformat(format=pixels)
        frame.pts = index
        packets += context.encode(frame)
    packets += context.encode(None)
    return b"".join(bytes(packet) for packet in packets)


def hevc(parameters: str, **shape: Any) -> bytes:
    """HEVC stream of x265."""
    quiet = {"preset": "ultrafast", "x265-params": f"{parameters}:log-level=none:pools=1"}
    return stream("libx265", quiet, **shape)


def hevc_intra(qp: int, **shape: Any) -> bytes:
    """HEVC stream of x265 whose intra pictures have exactly a QP."""
    return hevc(f"qp={qp}:keyint=1:ipratio=1.0:info=0", **shape)


def h264(parameters: str, **shape: Any) -> bytes:
    """H.264 stream of x264."""
    return stream("libx264", {"x264-params": parameters}, **shape)


def av1(parameters: str, **shape: Any) -> bytes:
    """AV1 stream of SVT-AV1."""
    return stream("libsvtav1", {"preset": "10", "svtav1-params": parameters}, **shape)


#: One picture with exactly the asked QP: no perceptual adaptation, no offset of intra pictures.
VVC_INTRA = ("-qpa", "0", "-vvenc-params",
             "intraperiod=1:gopsize=1:decodingrefreshtype=idr:intraqpoffset=0")  # fmt: skip


def vvc(qp: int, *options: str, count: int = 1, size: tuple[int, int] = (64, 96)) -> bytes:
    """VVC stream of vvenc in 10 bit."""
    module = pytest.importorskip("imageio_ffmpeg", reason="imageio-ffmpeg's program has vvenc")
    height, width = size
    raw = b"".join(
        np.roll(photo(*size), 3 * index, 1)[..., 1].tobytes() + bytes([128]) * (height * width // 2)
        for index in range(count)
    )
    command = [module.get_ffmpeg_exe(), "-loglevel", "error", "-f", "rawvideo", "-pix_fmt",
               "yuv420p", "-s", f"{width}x{height}", "-i", "-", "-pix_fmt", "yuv420p10le", "-c:v",
               "libvvenc", "-preset", "faster", "-qp", str(qp), *options, "-f", "vvc", "-"]  # fmt: skip
    done = subprocess.run(command, input=raw, capture_output=True, check=False)
    if b"Unknown encoder" in done.stderr:
        pytest.skip("this imageio-ffmpeg has no vvenc")
    assert done.returncode == 0, done.stderr
    return done.stdout


def trace(data: bytes, kind: str) -> list[tuple[str, int]]:
    """Syntax elements of a stream's headers in order, as FFmpeg's ``trace_headers`` reads them.

    Parameters
    ----------
    data : bytes
    kind : str
        FFmpeg's name of the format: h264, hevc, vvc, obu, ivf.
    """
    av = pytest.importorskip("av", reason="PyAV has trace_headers")
    av.logging.set_level(av.logging.TRACE)
    try:
        with av.logging.Capture() as lines, av.open(io.BytesIO(data), format=kind) as source:
            video = source.streams.video[0]
            named = av.BitStreamFilterContext("trace_headers", video)
            del lines[:]  # what the demuxer read to find the stream
            for packet in source.demux(video):
                named.filter(packet)
    finally:
        av.logging.set_level(None)
    found = []
    for _, who, text in lines:
        words = text.split()
        if who == "trace_headers" and len(words) > 3 and words[-2] == "=":
            found.append((words[1], int(words[-1])))
    return found


def ivf(frame: bytes, fourcc: bytes, width: int, height: int) -> bytes:
    """A frame in the smallest container that FFmpeg reads."""
    header = struct.pack("<4sHH4sHHIIII", b"DKIF", 0, 32, fourcc, width, height, 25, 1, 1, 0)
    return header + struct.pack("<IQ", len(frame), 0) + frame
