"""Lossy WebP by PyAV's libwebp: planes in and out, without a colour transform."""

from __future__ import annotations

from collections.abc import Mapping

from edgeqe.coding import pyav
from edgeqe.coding.coder import Frame, Layout


class WebpCoder:
    """Lossy WebP, method 4, as cwebp's default."""

    codec, unit = "webp", "quality"
    points = (10.0, 25.0, 50.0, 75.0, 90.0)
    layouts = (Layout.YUV420,)

    def encode(self, frame: Frame, value: float) -> bytes:
        """Code at libwebp's quality, 0 to 100."""
        options = {"quality": f"{value:g}", "compression_level": "4", "lossless": "0"}
        return b"".join(pyav.encode("libwebp", [frame], options))

    def decode(self, data: bytes) -> Frame:
        """Planes as coded."""
        return pyav.decode("webp", [data])[0]

    def settings(self) -> Mapping[str, str]:
        """Encoder, its version, and its options."""
        return {
            "encoder": "libwebp",
            "version": f"libavcodec {pyav.version('libavcodec')}",
            "settings": "method 4",
        }
