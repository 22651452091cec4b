"""NAL units and bits of headers: clauses 7.3.1, 7.3.2.1, 9.2 and annex B."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgeqe.codecs.bits import BitReader
from edgeqe.errors import ImageError


def damaged(what: str) -> ImageError:
    """An error for a stream that breaks the standard's rules."""
    return ImageError(f"the HEVC stream is damaged: {what}. Fetch or encode the picture again.")


def unsupported(tool: str) -> ImageError:
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
    """NAL units of the base layer of a byte stream with start codes (annex B)."""
    head, *units = stream.split(b"\0\0\1")
    if head.strip(b"\0") or not units:
        raise damaged("it does not begin with a start code (annex B)")
    for unit in units:
        unit = unit.rstrip(b"\0")
        if len(unit) < 2:
            continue
        layer = (unit[0] & 1) << 5 | unit[1] >> 3
        if layer == 0:
            yield NalUnit(unit[0] >> 1 & 63, unit[2:].replace(b"\0\0\3", b"\0\0"))


class SyntaxReader(BitReader):
    """Reads the syntax elements of a header, each within its range.

    Parameters
    ----------
    data : bytes
        An RBSP.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(data, "header of an HEVC stream")

    def unsigned(self, name: str, highest: int) -> int:
        """ue(v): an unsigned number in 0-th order Exp-Golomb code (9.2), 0 to `highest`."""
        return self.ue(highest, name)

    def signed(self, name: str, lowest: int, highest: int) -> int:
        """se(v): a signed number in Exp-Golomb code (9.2.2), `lowest` to `highest`."""
        code = self.unsigned(name, 2 * max(-lowest, highest))
        value = (code + 1) // 2 if code & 1 else -(code // 2)
        if not lowest <= value <= highest:
            raise damaged(f"{name} is {value}, and {lowest} to {highest} is allowed")
        return value

    def byte_alignment(self) -> int:
        """byte_alignment(): pass over it, and return the position in bytes."""
        if not self.flag():
            raise damaged("a header does not end with a one bit")
        self.align()
        return self.position >> 3
