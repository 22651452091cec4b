"""A JPEG 2000 codestream's marker segments and tile-parts (ITU-T T.800, Annex A)."""

from __future__ import annotations

from dataclasses import dataclass

from edgeqe.codecs.boxes import ByteReader
from edgeqe.codecs.coded import check_size, damaged

SIZ = 0xFF51
START_OF_TILE, START_OF_DATA, END_OF_CODESTREAM = 0xFF90, 0xFF93, 0xFFD9
#: Tile-parts and header segments of a codestream that are looked at.
PART_LIMIT = 70_000
#: Most components and tiles that a codestream has.
COMPONENT_LIMIT, TILE_LIMIT = 16_384, 65_535


@dataclass(frozen=True)
class Component:
    """A component's samples."""

    bit_depth: int
    across: int
    """Reference grid points from sample to sample."""
    down: int


@dataclass(frozen=True)
class Rectangle:
    """Left, top, right and bottom; right and bottom are the first ones outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def area(self) -> int:
        """Samples inside."""
        return max(self.right - self.left, 0) * max(self.bottom - self.top, 0)


@dataclass(frozen=True)
class PictureSize:
    """What the segment SIZ says."""

    picture: Rectangle
    """On the reference grid."""
    first_tile: Rectangle
    components: tuple[Component, ...]

    @property
    def tiles_across(self) -> int:
        """Tiles in a row."""
        tile = self.first_tile
        return -(-(self.picture.right - tile.left) // (tile.right - tile.left))

    @property
    def tiles(self) -> int:
        """Tiles of the picture."""
        tile = self.first_tile
        return self.tiles_across * -(-(self.picture.bottom - tile.top) // (tile.bottom - tile.top))

    def tile(self, index: int) -> Rectangle:
        """Part of the reference grid that a tile covers."""
        down, across = divmod(index, self.tiles_across)
        tile, picture = self.first_tile, self.picture
        left = tile.left + across * (tile.right - tile.left)
        top = tile.top + down * (tile.bottom - tile.top)
        return Rectangle(
            max(left, picture.left),
            max(top, picture.top),
            min(left + tile.right - tile.left, picture.right),
            min(top + tile.bottom - tile.top, picture.bottom),
        )


@dataclass(frozen=True)
class Segment:
    """A marker segment, and where its content lies behind the length."""

    marker: int
    start: int
    stop: int


@dataclass(frozen=True)
class TilePart:
    """Where a tile-part's header segments begin, and where its data ends."""

    tile: int
    start: int
    stop: int


@dataclass(frozen=True)
class Codestream:
    """Segments of the main header and tile-parts, in their order."""

    data: bytes
    size: PictureSize
    header: tuple[Segment, ...]
    parts: tuple[TilePart, ...]
    stop: int
    """Behind the last marker."""


def read_codestream(data: bytes, start: int, stop: int) -> Codestream:
    """Segments and tile-parts of a codestream.

    Parameters
    ----------
    data : bytes
    start, stop : int
        Where it begins, with its first marker, and where it ends at the latest.

    Raises
    ------
    ImageError
        If it is damaged or cut short.
    """
    at = start + 2
    header: list[Segment] = []
    parts: list[TilePart] = []
    size = None
    for _ in range(PART_LIMIT):
        reader = ByteReader(data, at, stop, "JPEG 2000 codestream")
        marker = reader.u(2)
        if size is None:
            size = _size(data, at, stop)
        if marker == END_OF_CODESTREAM:
            return Codestream(data, size, tuple(header), tuple(parts), reader.at)
        length = reader.u(2)
        if marker == START_OF_TILE:
            tile = reader.u(2)
            length = reader.u(4) or _last_part(data, at, stop)
            parts.append(TilePart(tile, at + 12, at + length))
            at += length
        else:
            header.append(Segment(marker, at + 4, at + 2 + length))
            at += 2 + length
        if length < (14 if marker == START_OF_TILE else 2) or at > stop or marker < 0xFF01:
            raise damaged("a part of a JPEG 2000 codestream says a length that it has not")
    raise damaged(f"a JPEG 2000 codestream has more than {PART_LIMIT} parts")


def part_header(data: bytes, part: TilePart) -> tuple[list[Segment], int]:
    """Header segments of a tile-part, and where its packets begin.

    Raises
    ------
    ImageError
        If its header does not end in it.
    """
    segments: list[Segment] = []
    at = part.start
    while True:
        reader = ByteReader(data, at, part.stop, "JPEG 2000 tile-part's header")
        marker = reader.u(2)
        if marker == START_OF_DATA:
            return segments, reader.at
        length = reader.u(2)
        at += 2 + length
        if length < 2 or at > part.stop:
            raise damaged("a segment of a JPEG 2000 tile-part says a length that it has not")
        segments.append(Segment(marker, reader.at, at))


def _size(data: bytes, at: int, stop: int) -> PictureSize:
    """What SIZ says, from its marker on."""
    reader = ByteReader(data, at + 6, stop, "JPEG 2000 header")
    right, bottom, left, top = (reader.u(4) for _ in range(4))
    check_size(right - left, bottom - top)
    width, height, tile_left, tile_top = (reader.u(4) for _ in range(4))
    count = reader.u(2)
    if not 1 <= count <= COMPONENT_LIMIT:
        raise damaged(f"a JPEG 2000 codestream says that it has {count} components")
    components = []
    for _ in range(count):
        depth, across, down = reader.take(3)
        components.append(Component(1 + (depth & 127), across, down))
    size = PictureSize(
        Rectangle(left, top, right, bottom),
        Rectangle(tile_left, tile_top, tile_left + width, tile_top + height),
        tuple(components),
    )
    if (
        not (width and height)
        or not (tile_left <= left < tile_left + width and tile_top <= top < tile_top + height)
        or not all(component.across and component.down for component in components)
        or size.tiles > TILE_LIMIT
    ):
        raise damaged("a JPEG 2000 codestream's tiles or components do not cover its picture")
    return size


def _last_part(data: bytes, at: int, stop: int) -> int:
    """Length of a tile-part that goes up to the end."""
    end = data.rfind(END_OF_CODESTREAM.to_bytes(2, "big"), at, stop)
    if end < 0:
        raise damaged("a JPEG 2000 codestream has no end")
    return end - at
