"""NAL units of a whole stream, and what the decoder refuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgeqe.codecs.coded import damaged
from edgeqe.codecs.hevc_nal import unit_kind
from edgeqe.errors import ImageError


def outside_profiles(tool: str) -> ImageError:
    """An error for a stream with a tool that is not of the three intra profiles."""
    return ImageError(
        f"the HEVC stream uses {tool}: only intra pictures of the profiles Main, Main 10 and Main "
        "Still Picture (4:2:0 or gray, 8 or 10 bit) are decoded. Encode the picture in one of them."
    )


@dataclass(frozen=True)
class NalUnit:
    """A NAL unit (7.3.1.1).

    Attributes
    ----------
    kind : int
        nal_unit_type.
    rbsp : bytes
        Its payload without emulation prevention bytes.
    """

    kind: int
    rbsp: bytes


def nal_units(stream: bytes) -> Iterator[NalUnit]:
    """NAL units of the base layer of a byte stream with start codes (annex B), all and whole."""
    head, *units = stream.split(b"\0\0\1")
    if head.strip(b"\0") or not units:
        raise damaged("the HEVC stream does not begin with a start code (annex B)")
    for unit in units:
        kind = unit_kind(unit.rstrip(b"\0"))
        if kind >= 0:
            yield NalUnit(kind, unit.rstrip(b"\0")[2:].replace(b"\0\0\3", b"\0\0"))
