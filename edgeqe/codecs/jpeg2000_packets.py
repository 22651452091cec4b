"""Headers of a JPEG 2000 tile's packets: what each code-block sends (ITU-T T.800, B.10 and B.12).

Nothing is decoded: a packet's header says how many coding passes of a code-block it holds and how
long they are, which is how far the next packet is.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgeqe.codecs.coded import damaged
from edgeqe.codecs.jpeg2000_geometry import Resolution, Subband
from edgeqe.codecs.jpeg2000_styles import Coding

#: Zero bit planes and bits of a length that no code-block exceeds.
PLANE_LIMIT, LENGTH_BIT_LIMIT = 80, 32
#: Markers in front of a packet, with 4 bytes behind it, and behind its header.
START_OF_PACKET, END_OF_HEADER = b"\xff\x91", b"\xff\x92"


class HeaderBits:
    """Bits of a packet's header: behind 0xFF a byte holds 7."""

    __slots__ = ("_byte", "_data", "_left", "at")

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self.at = at
        self._byte = self._left = 0

    def bit(self) -> int:
        """Next bit.

        Raises
        ------
        ImageError
            If the data ends before.
        """
        if not self._left:
            self._left = 7 if self._byte == 0xFF else 8
            if self.at >= len(self._data):
                raise damaged("a packet of a JPEG 2000 codestream ends too early")
            self._byte = self._data[self.at]
            self.at += 1
        self._left -= 1
        return (self._byte >> self._left) & 1

    def number(self, count: int) -> int:
        """Unsigned number of `count` bits."""
        value = 0
        for _ in range(count):
            value = 2 * value + self.bit()
        return value

    def end(self) -> int:
        """Where the header ends; a byte of 0xFF has another behind it."""
        return self.at + (self._byte == 0xFF)


class TagTree:
    """A grid's numbers, told bit by bit as far as they are needed (B.10.2)."""

    __slots__ = ("_known", "_low", "_parent")

    def __init__(self, across: int, down: int) -> None:
        self._parent: list[int] = []
        while across * down > 1:
            behind = len(self._parent) + across * down
            half = (across + 1) // 2
            self._parent += [
                behind + (row >> 1) * half + (column >> 1)
                for row in range(down)
                for column in range(across)
            ]
            across, down = half, (down + 1) // 2
        self._parent.append(-1)
        self._low = [0] * len(self._parent)
        self._known = [False] * len(self._parent)

    def below(self, leaf: int, limit: int, bits: HeaderBits) -> int | None:
        """A leaf's number, or None if it is not below `limit`."""
        known, lows = self._known, self._low
        path = []
        node = leaf
        while node >= 0 and not known[node]:
            path.append(node)
            node = self._parent[node]
        low = lows[node] if node >= 0 else 0
        while path:
            node = path.pop()
            low = max(low, lows[node])
            while low < limit and not bits.bit():
                low += 1
            lows[node] = low
            if low >= limit:
                return None
            known[node] = True
        return low if low < limit else None


class CodeBlock:
    """What a code-block has sent so far."""

    __slots__ = ("area", "length", "length_bits", "passes", "room", "zero_planes")

    def __init__(self, area: int) -> None:
        self.area = area
        """Samples."""
        self.passes = 0
        self.zero_planes = 0
        """Planes above the first one sent; means nothing before a pass is sent."""
        self.length = 0
        """Bytes of its passes."""
        self.length_bits = 3
        self.room = 0
        """Passes that still go into the last segment."""


class Blocks:
    """Code-blocks of a precinct in a subband."""

    __slots__ = ("band", "blocks", "inclusion", "planes")

    def __init__(self, resolution: Resolution, precinct: int, band: Subband) -> None:
        areas, across, down = resolution.code_blocks(precinct, band)
        self.band = band
        self.blocks = [CodeBlock(area) for area in areas]
        self.inclusion = TagTree(across, down)
        self.planes = TagTree(across, down)


def read_packet(data: bytes, at: int, layer: int, parts: Sequence[Blocks], coding: Coding) -> int:
    """Pass over a packet, and give where the next begins.

    Parameters
    ----------
    data : bytes
        Packets of a tile.
    at : int
        Where this one begins.
    layer : int
    parts : sequence of Blocks
        What the precinct has in each subband; what is sent is added to it.
    coding : Coding

    Raises
    ------
    ImageError
        If it is damaged, or longer than what is there.
    """
    if data.startswith(START_OF_PACKET, at):
        at += 6
    bits = HeaderBits(data, at)
    length = 0
    if bits.bit():
        for part in parts:
            for leaf, block in enumerate(part.blocks):
                if block.passes:
                    if not bits.bit():
                        continue
                else:
                    if part.inclusion.below(leaf, layer + 1, bits) is None:
                        continue
                    zero_planes = part.planes.below(leaf, PLANE_LIMIT, bits)
                    if zero_planes is None:
                        raise damaged("a JPEG 2000 code-block has too many bit planes")
                    block.zero_planes = zero_planes
                length += _contribution(block, bits, coding)
    at = bits.end()
    if data.startswith(END_OF_HEADER, at):
        at += 2
    if at + length > len(data):
        raise damaged("a packet of a JPEG 2000 codestream is longer than its tile")
    return at + length


def _contribution(block: CodeBlock, bits: HeaderBits, coding: Coding) -> int:
    """Read how many passes a packet holds of a code-block, and of how many bytes."""
    passes = _passes(bits)
    while bits.bit():
        block.length_bits += 1
        if block.length_bits > LENGTH_BIT_LIMIT:
            raise damaged("a JPEG 2000 code-block has lengths of too many bits")
    length = 0
    while passes:
        if not block.room:
            block.room = _segment_passes(block.passes, coding)
        taken = min(passes, block.room)
        length += bits.number(block.length_bits + taken.bit_length() - 1)
        block.room -= taken
        block.passes += taken
        passes -= taken
    block.length += length
    return length


def _segment_passes(before: int, coding: Coding) -> int:
    """Passes of the segment that begins behind some passes (table D.9)."""
    if coding.terminated:
        return 1
    if not coding.bypass:
        return 1 << 30
    # ten passes, then by turns two that skip the arithmetic coder and one cleanup pass
    return 10 - before if before < 10 else 2 - (before - 10) % 3 or 1


def _passes(bits: HeaderBits) -> int:
    """Number of coding passes (table B.4)."""
    if not bits.bit():
        return 1
    if not bits.bit():
        return 2
    value = bits.number(2)
    if value < 3:
        return 3 + value
    value = bits.number(5)
    if value < 31:
        return 6 + value
    return 37 + bits.number(7)
