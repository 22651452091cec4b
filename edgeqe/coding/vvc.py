"""VVC by the FFmpeg program of imageio-ffmpeg, which holds VVenC; one process a picture."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from typing import Any

from edgeqe.coding import pyav
from edgeqe.coding.coder import Frame, Layout, needs
from edgeqe.errors import InputError

#: Without these VVenC changes the QP that it is given: perceptual adaptation, an offset for
#: intra pictures, and a group of pictures.
EXACT = "intraperiod=1:gopsize=1:decodingrefreshtype=idr:intraqpoffset=0"
#: Seconds that a picture may take.
LIMIT = 300.0


class VvcCoder:
    """VVC by VVenC, preset faster, internally 10 bits, every picture by itself, QP exactly."""

    codec, unit = "vvc", "qp"
    points = (22.0, 27.0, 32.0, 37.0)
    layouts = (Layout.YUV420,)

    def encode(self, frame: Frame, value: float) -> bytes:
        """Code one picture at a QP."""
        height, width = frame.size
        form = pyav.FORMATS[frame.layout, frame.bit_depth]
        command = [
            *(_program(), "-v", "error", "-f", "rawvideo", "-pix_fmt", form),
            *("-s", f"{width}x{height}", "-i", "pipe:0", "-frames:v", "1", "-threads", "1"),
            *("-c:v", "libvvenc", "-preset", "faster", "-qp", str(round(value)), "-qpa", "0"),
            *("-vvenc-params", EXACT, "-f", "vvc", "pipe:1"),
        ]
        given = b"".join(plane.tobytes() for plane in frame.planes)
        done = subprocess.run(command, input=given, capture_output=True, timeout=LIMIT, check=False)
        if done.returncode or not done.stdout:
            said = " ".join(done.stderr.decode(errors="replace").split())[-200:]
            raise InputError(f"VVenC does not take {width}x{height} frames ({said}).")
        return done.stdout

    def decode(self, data: bytes) -> Frame:
        """Decode one picture: 10 bits, where FFmpeg's decoder is right on every processor."""
        return pyav.decode("vvc", [data])[0]

    def settings(self) -> Mapping[str, str]:
        """Encoder, its version, and its options."""
        return {
            "encoder": "libvvenc",
            "version": f"FFmpeg {_package().get_ffmpeg_version()}",
            "settings": "preset faster, constant QP",
        }


def _package() -> Any:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise needs("imageio-ffmpeg", error) from error
    return imageio_ffmpeg


def _program() -> str:
    return str(_package().get_ffmpeg_exe())
