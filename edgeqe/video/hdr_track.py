"""HDR metadata for encoders that have no place for it: a track entry of Matroska as template.

FFV1 carries no side information, so Matroska's own elements must. PyAV gives a new stream such
metadata only from another stream; this is one, a file of a header alone (RFC 9559).
"""

from __future__ import annotations

import io
import struct
from typing import Any

from edgeqe.video.hdr import HdrMetadata
from edgeqe.video.pyav import load


def track_template(codec_id: str, width: int, height: int, hdr: HdrMetadata) -> Any:
    """Container whose only stream carries the metadata; to be closed.

    Parameters
    ----------
    codec_id : str
        Matroska's, such as ``V_FFV1``.
    width, height : int
        Pixels.
    hdr : HdrMetadata
    """
    return load().open(io.BytesIO(_file(codec_id, width, height, hdr)), format="matroska")


def _file(codec_id: str, width: int, height: int, hdr: HdrMetadata) -> bytes:
    colour = b""
    if hdr.light_level:
        colour += _number(0x55BC, hdr.light_level[0]) + _number(0x55BD, hdr.light_level[1])
    if hdr.mastering:
        ids = (*range(0x55D1, 0x55D9), 0x55DA, 0x55D9)  # the darkest comes after the brightest
        values = (*hdr.primaries, *hdr.white, *hdr.luminance)
        parts = (_real(one, value) for one, value in zip(ids, values, strict=True))
        colour += _element(0x55D0, b"".join(parts))
    video = _number(0xB0, width) + _number(0xBA, height) + _element(0x55B0, colour)
    track = (
        _number(0xD7, 1)  # number
        + _number(0x73C5, 1)  # unique number
        + _number(0x83, 1)  # video
        + _element(0x86, codec_id.encode())
        + _element(0xE0, video)
    )
    head = _element(0x4282, b"matroska") + _number(0x4287, 4) + _number(0x4285, 2)
    info = _number(0x2AD7B1, 1_000_000)  # nanoseconds of a unit of time
    cluster = _element(0x1F43B675, _number(0xE7, 0))  # empty: readers look for one
    body = _element(0x1549A966, info) + _element(0x1654AE6B, _element(0xAE, track)) + cluster
    return _element(0x1A45DFA3, head) + _element(0x18538067, body)


def _element(identifier: int, content: bytes) -> bytes:
    length = (len(content) | 1 << 56).to_bytes(8, "big")
    return identifier.to_bytes((identifier.bit_length() + 7) // 8, "big") + length + content


def _number(identifier: int, value: int) -> bytes:
    return _element(identifier, value.to_bytes(8, "big"))


def _real(identifier: int, value: float) -> bytes:
    return _element(identifier, struct.pack(">d", value))
