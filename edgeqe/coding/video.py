"""H.264, HEVC and AV1 by PyAV: x264, x265 and SVT-AV1 at a constant quantizer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from edgeqe.coding import pyav
from edgeqe.coding.coder import Frame, Layout


class H264Coder:
    """H.264 by x264, preset medium, every picture by itself, QP exactly.

    Parameters
    ----------
    options : str
        x264's own, behind the project's, such as ``no-deblock=1``.
    """

    codec, unit = "h264", "qp"
    points = (22.0, 27.0, 32.0, 37.0)
    layouts: tuple[Layout, ...] = (Layout.GRAY, Layout.YUV420)
    #: FFmpeg's names of encoder, decoder and of the option that takes the encoder's own.
    encoder, decoder, own = "libx264", "h264", "x264-params"
    #: One thread, because another number of them writes another stream.
    one_thread = "threads=1:lookahead-threads=1"

    def __init__(self, options: str = "") -> None:
        self._options = options

    def encode(self, frame: Frame, value: float) -> bytes:
        """Code one picture at a QP."""
        return b"".join(self.encode_clip([frame], value, intra=True))

    def encode_clip(self, frames: Sequence[Frame], value: float, *, intra: bool) -> list[bytes]:
        """Packets of a clip: all intra, or low delay (one intra picture, then P pictures)."""
        # without ipratio=1 an intra picture gets a lower QP than is asked for
        words = f"qp={round(value)}:ipratio=1.0:bframes=0:{self.one_thread}"
        words += ":keyint=1" if intra else ":keyint=100000:scenecut=0"
        words += f":{self._options}" if self._options else ""
        packets = pyav.encode(self.encoder, frames, {"preset": "medium", self.own: words})
        return [self.without_sei(packet) for packet in packets]

    def without_sei(self, packet: bytes) -> bytes:
        """Packet without x264's own settings, an SEI message (NAL unit of type 6), some 700 bytes."""
        units = re.split(rb"(?=\x00\x00\x01)", packet)
        kept = [unit for unit in units if len(unit) < 4 or unit[3] & 0x1F != 6]
        return b"".join(kept)

    def decode(self, data: bytes) -> Frame:
        """Decode one picture."""
        return pyav.decode(self.decoder, [data])[0]

    def decode_clip(self, packets: Sequence[bytes]) -> list[Frame]:
        """Frames of a clip."""
        return pyav.decode(self.decoder, packets)

    def settings(self) -> Mapping[str, str]:
        """Encoder, its version, and its options."""
        given = f"preset medium, constant QP{f', {self._options}' if self._options else ''}"
        return {
            "encoder": self.encoder,
            "version": f"libavcodec {pyav.version('libavcodec')}",
            "settings": given,
        }


class HevcCoder(H264Coder):
    """HEVC by x265, preset medium, every picture by itself, QP exactly.

    Parameters
    ----------
    options : str
        x265's own, such as ``no-deblock=1:no-sao=1``.
    """

    codec = "hevc"
    encoder, decoder, own = "libx265", "hevc", "x265-params"
    #: One thread, and no settings in words in the stream.
    one_thread = "pools=1:frame-threads=1:no-wpp=1:info=0:log-level=none"

    def without_sei(self, packet: bytes) -> bytes:
        """Packet as it is: `info=0` writes no such message."""
        return packet


class Av1Coder:
    """AV1 by SVT-AV1, preset 6, every picture by itself, quantizer index exactly.

    The strength is SVT's quantizer, 1 to 63, whose base_q_idx is a table of the encoder's.
    """

    codec, unit = "av1", "qp"
    points = (20.0, 28.0, 36.0, 44.0, 52.0)
    layouts = (Layout.YUV420,)

    def encode(self, frame: Frame, value: float) -> bytes:
        """Code one picture, at least 64 pixels a side, at SVT's quantizer."""
        words = f"rc=0:aq-mode=0:qp={round(value)}:keyint=1:lp=1"
        options = {"preset": "6", "svtav1-params": words}
        return b"".join(pyav.encode("libsvtav1", [frame], options))

    def decode(self, data: bytes) -> Frame:
        """Decode one picture."""
        return pyav.decode("libdav1d", [data])[0]

    def settings(self) -> Mapping[str, str]:
        """Encoder, its version, and its options."""
        return {
            "encoder": "libsvtav1",
            "version": f"libavcodec {pyav.version('libavcodec')}",
            "settings": "preset 6, constant quantizer",
        }


class AvifCoder(Av1Coder):
    """AV1 as a picture file holds it: `Av1Coder`'s stream, without the some 300 bytes of the boxes."""

    codec = "avif"
