"""Intra pictures of HEVC in HEIC, BPG and films, made for tests."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("av", reason="streams are made by PyAV")
pytest.importorskip("numba", reason="the HEVC decoder needs numba: pip install 'edgeqe[codecs]'")

import av

from edgeqe.codecs import bpg
from tests import coded_files
from tests.codecs.test_hevc_intra import stream_of

Samples = npt.NDArray[Any]


class Recorder:
    """Stands in for `Enhancer` with a residual: keeps what it was given, and gives other luma."""

    takes_residual = True

    def __init__(self, luma: Samples | None = None) -> None:
        self.luma, self.planes, self.said = luma, list[Samples](), dict[str, Any]()

    def is_exact(self, height: int, width: int) -> bool:
        return True

    def enhance(self, image: Samples, **said: Any) -> Samples:
        self.planes, self.said = [image], said
        return image if self.luma is None else self.luma

    def enhance_planes(
        self, y: Samples, u: Samples, v: Samples, **said: Any
    ) -> tuple[Samples, Samples, Samples]:
        self.planes, self.said = [y, u, v], said
        return y if self.luma is None else self.luma, u, v


def x265(pixels: str = "yuv420p", size: tuple[int, int] = (64, 96), *, qp: int = 34) -> bytes:
    return coded_files.hevc(f"qp={qp}:keyint=1:ipratio=1.0:info=0", pixels=pixels, size=size)


def with_filters(stream: bytes) -> list[Samples]:
    """Planes of 8 bits as FFmpeg gives them, loop filters on."""
    context = av.CodecContext.create("hevc", "r")
    (frame,) = [*context.decode(av.Packet(stream)), *context.decode(None)]
    planes: Any = frame.planes
    return [
        np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width].copy()
        for plane in planes
    ]


def film(stream: bytes, turned: bool = False) -> bytes:
    """MP4 of a stream by FFmpeg's muxer."""
    out = io.BytesIO()
    with (
        av.open(io.BytesIO(stream), "r", format="hevc") as source,
        av.open(out, "w", format="mp4") as target,
    ):
        video = target.add_stream_from_template(source.streams.video[0])
        for index, packet in enumerate(source.demux()):
            if packet.size:
                packet.stream, packet.pts, packet.dts = video, index, index
                target.mux(packet)
    data = out.getvalue()
    if turned:  # a quarter clockwise, as phones write it: 0 1 0 -1 0 0 in place of 1 0 0 0 1 0
        at = data.index(b"tkhd") + 4 + 40
        assert data[at : at + 4] == struct.pack(">i", 65536)
        matrix = struct.pack(">5i", 0, 65536, 0, -65536, 0)
        data = data[:at] + matrix + data[at + 20 :]
    return data


def gray_heic(size: tuple[int, int]) -> tuple[bytes, bytes]:
    made = coded_files.heic(coded_files.photo(*size)[..., 0], 40)
    return made, stream_of(made)


def gray_bpg(pixels: str) -> tuple[bytes, bytes]:
    stream = x265(pixels, (70, 131))
    return bpg.write(stream, 131, 70), stream
