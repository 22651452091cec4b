"""Which codec a file or stream is of, by its first bytes, and how strongly it was coded."""

from __future__ import annotations

from collections.abc import Callable

from edgeqe.codecs import av1, bpg, h264, heif, hevc, jpeg, jpeg2000, vvc, webp
from edgeqe.codecs.coded import CodedStrength, damaged
from edgeqe.codecs.nal import START

#: Bytes in front of a byte stream's first start code that may be zero.
LEADING_ZEROS = 8
#: First bytes of units that begin streams of H.264: parameter sets, delimiters, side information.
H264_STARTS = (0x67, 0x47, 0x27, 0x68, 0x48, 0x28, 0x09, 0x06)
#: First two bytes of units that begin streams of HEVC: VPS, SPS, PPS, delimiter, side information.
HEVC_STARTS = (b"\x40\x01", b"\x42\x01", b"\x44\x01", b"\x46\x01", b"\x4e\x01")
#: As `HEVC_STARTS`, of VVC, which begins with operating points or capabilities too.
VVC_STARTS = tuple(bytes((0, kind << 3 | 1)) for kind in (12, 13, 14, 15, 20, 23))


def strength_of(data: bytes) -> CodedStrength | None:
    """Read from a file's or stream's own headers how strongly it was coded.

    JPEG, JPEG 2000 (.jp2, .j2k), HEIF and HEIC, AVIF, BPG, WebP, and byte streams of H.264, HEVC
    and VVC (annex B) and of AV1 (low overhead). Only headers are read, no sample is decoded.

    Parameters
    ----------
    data : bytes
        The whole file. It may be hostile: no length is believed before it was compared with what
        is there.

    Returns
    -------
    CodedStrength or None
        None for any other file, such as PNG, TIFF or a film.

    Raises
    ------
    ImageError
        If the file is empty, damaged or cut short, or of a kind of its codec that is not
        supported; the message names it.

    Examples
    --------
    >>> strength_of(b"GIF89a, which states no strength") is None
    True
    """
    if not data:
        raise damaged("the file is empty (0 bytes)")
    reader = _reader(data)
    return reader(data) if reader else None


def _reader(data: bytes) -> Callable[[bytes], CodedStrength] | None:
    """Reader for a file by its first bytes; None if there is none."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return webp.strength
    if heif.is_heif(data):
        return heif.strength
    for magic, reader in (
        (b"\xff\xd8\xff", jpeg.strength),
        (jpeg2000.SIGNATURE, jpeg2000.strength),
        (jpeg2000.CODESTREAM, jpeg2000.strength),
        (bpg.MAGIC, bpg.strength),
        (b"\x12\x00\x0a", av1.strength),  # an empty temporal delimiter, then a sequence header
    ):
        if data.startswith(magic):
            return reader
    return _stream_reader(data)


def is_hevc_stream(data: bytes) -> bool:
    """Whether a file begins as a byte stream of HEVC does."""
    return _stream_reader(data) is hevc.strength_of_stream


def _stream_reader(data: bytes) -> Callable[[bytes], CodedStrength] | None:
    start = data.find(START, 0, LEADING_ZEROS)
    if start < 0 or any(data[:start]):
        return None
    unit = data[start + 3 : start + 5]
    if unit in HEVC_STARTS:
        return hevc.strength_of_stream
    if unit in VVC_STARTS:
        return vvc.strength_of_stream
    if unit and unit[0] in H264_STARTS:
        return h264.strength_of_stream
    return None
