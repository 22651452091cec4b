"""Segments of a JPEG file in their order, and the entropy-coded data between them.

References
----------
ITU-T T.81, annex B.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from edgeqe.codecs.coded import damaged

#: Markers of frame headers; DHT, JPG and DAC lie between them (table B.1).
FRAME_MARKERS = tuple(marker for marker in range(0xC0, 0xD0) if marker not in (0xC4, 0xC8, 0xCC))
#: Start of scan, end of image, tables, restart interval, hierarchical progression.
SOS, EOI, DQT, DRI, DHP = 0xDA, 0xD9, 0xDB, 0xDD, 0xDE
#: Application segments 0, 1, 2, 13 and 14, and a comment.
APP0, APP1, APP2, APP13, APP14, COM = 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE
#: Markers without a segment: TEM, restarts, SOI.
STANDALONE_MARKERS = (0x00, 0x01, *range(0xD0, 0xD9))
#: Segments of a file that are looked at.
SEGMENT_LIMIT = 10_000
#: Restart markers.
RESTARTS = tuple(range(0xD0, 0xD8))
#: A restart marker with its fill bytes.
RESTART = re.compile(rb"\xff+[\xd0-\xd7]")
#: What ends entropy-coded data: any marker but a restart, a stuffed byte or a fill byte.
_END_OF_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")


@dataclass(frozen=True)
class JpegSegment:
    """A marker, and where it and its content lie in the file."""

    marker: int
    start: int
    """Of the marker."""
    stop: int
    """Behind the content; of a scan its entropy-coded data begins here."""
    content: bytes


def segments(data: bytes) -> Iterator[JpegSegment]:
    """Segments from the start of the image to its end; data of scans is passed over.

    The last is the end of the image, which a file that is cut short has not.

    Parameters
    ----------
    data : bytes

    Raises
    ------
    ImageError
        If a length goes beyond the file, or there are more than `SEGMENT_LIMIT`.
    """
    at = 2
    for _ in range(SEGMENT_LIMIT):
        start = data.find(b"\xff", at)
        while 0 <= start < len(data) - 1 and data[start + 1] == 0xFF:
            start += 1
        if 0 <= start < len(data) - 1 and data[start + 1] == EOI:
            yield JpegSegment(EOI, start, start + 2, b"")
            return
        if start < 0 or start + 4 > len(data):
            return
        marker, length = data[start + 1], int.from_bytes(data[start + 2 : start + 4], "big")
        if marker in STANDALONE_MARKERS:
            at = start + 2
            continue
        at = start + 2 + length
        if length < 2 or at > len(data):
            raise damaged(f"a segment of a JPEG says that it has {length} bytes")
        yield JpegSegment(marker, start, at, data[start + 4 : at])
        if marker == SOS:
            at = end_of_scan(data, at)
    raise damaged(f"a JPEG has more than {SEGMENT_LIMIT} segments")


def end_of_scan(data: bytes, start: int) -> int:
    """Place of the marker behind a scan's entropy-coded data; the file's end if there is none."""
    found = _END_OF_SCAN.search(data, start)
    return found.start() if found else len(data)
