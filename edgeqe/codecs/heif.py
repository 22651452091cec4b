"""HEIF, HEIC and AVIF: the strength of the stream of the primary item, or of a grid's tiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from edgeqe.codecs import av1, h264, hevc
from edgeqe.codecs.coded import CodedStrength, check_size, damaged, mean_strength, unsupported
from edgeqe.codecs.heif_items import HeifItem, HeifItems
from edgeqe.codecs.nal import UNIT_LIMIT, join_annex_b, split_lengths
from edgeqe.errors import ImageError

#: Brands of files that hold pictures; those of films are not among them.
BRANDS = (b"mif1", b"mif2", b"heic", b"heix", b"heim", b"heis", b"avif", b"avci", b"miaf")
#: Tiles of a grid that are read, spread evenly over it.
TILE_LIMIT = 256
#: Properties that turn, mirror or cut an item.
TRANSFORMS = (b"irot", b"imir", b"clap")


@dataclass(frozen=True)
class HeifTiles:
    """Streams of a picture of HEVC: one, or those of a grid's tiles row by row."""

    streams: tuple[bytes, ...]
    """Byte streams with start codes (annex B)."""
    columns: int
    """Tiles side by side."""
    size: tuple[int, int] | None
    """Width and height of a grid, which cuts its last column and row; None without a grid."""


def is_heif(data: bytes) -> bool:
    """Whether a file says by its brands that it is HEIF or AVIF."""
    return any(brand in BRANDS for brand in _brands(data))


def is_avif(data: bytes) -> bool:
    """Whether a file says by its brands that it is AVIF, one picture or several."""
    return any(brand in (b"avif", b"avis") for brand in _brands(data))


def _brands(data: bytes) -> list[bytes]:
    """Brands of the box ``ftyp``, which is the first one; none if it is another."""
    if data[4:8] != b"ftyp":
        return []
    end = min(int.from_bytes(data[:4], "big"), len(data), 256)
    return [data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))]


def strength(data: bytes) -> CodedStrength:
    """Strength of a file: of its primary item, or the mean over a grid's tiles.

    Codecs are reported as ``heif`` (HEVC in it), ``avif`` (AV1 in it) or ``h264``.

    Parameters
    ----------
    data : bytes

    Raises
    ------
    ImageError
        If the file is damaged, or its picture is of an unknown kind.
    """
    items = HeifItems(data)
    item = items.item(items.primary)
    if item.kind != b"grid":
        return _strength_of(items, item)
    size = _grid_size(items.bytes_of(item))
    if not item.tiles:
        raise damaged("a grid has no tiles")
    tiles = list(dict.fromkeys(item.tiles))
    count = min(len(tiles), TILE_LIMIT)
    chosen = [tiles[place * len(tiles) // count] for place in range(count)]
    limit = UNIT_LIMIT // count
    found = [_strength_of(items, items.item(number), limit) for number in chosen]
    first = found[0]
    if any(tile.codec != first.codec for tile in found):
        raise unsupported("grids of several codecs")
    lossy = [tile for tile in found if not tile.lossless]
    if not lossy:
        return replace(first, width=size[0], height=size[1])
    numbers, steps = [tile.number for tile in lossy], [tile.step for tile in lossy]
    mean = mean_strength(first.codec, first.scale, numbers, steps, size, first.bit_depth)
    return replace(mean, per_picture=(mean.number,))


def hevc_tiles(data: bytes) -> HeifTiles:
    """Streams of the primary item of a file, as they are coded: neither turned nor cut.

    Parameters
    ----------
    data : bytes

    Raises
    ------
    ImageError
        If the file is damaged, or its picture is not of HEVC.
    """
    items = HeifItems(data)
    item = items.item(items.primary)
    if item.kind != b"grid":
        return HeifTiles((_hevc_stream(items, item),), 1, None)
    content = items.bytes_of(item)
    size = _grid_size(content)
    rows, columns = content[2] + 1, content[3] + 1
    if len(item.tiles) != rows * columns:
        raise damaged(f"a grid of {columns}x{rows} names {len(item.tiles)} tiles")
    tiles = [items.item(number) for number in item.tiles]
    if any(kind in TRANSFORMS for tile in tiles for kind, _ in items.properties_of(tile)):
        raise unsupported("grids whose tiles are turned or cut one by one")
    made = {number: _hevc_stream(items, items.item(number)) for number in set(item.tiles)}
    return HeifTiles(tuple(made[number] for number in item.tiles), columns, size)


def _hevc_stream(items: HeifItems, item: HeifItem) -> bytes:
    if item.kind not in (b"hvc1", b"hev1"):
        name = item.kind.decode("ascii", "replace")
        raise ImageError(f"its picture is of the kind {name!r}, which is not HEVC.")
    return join_annex_b(_hevc_units(items, item))


def _grid_size(data: bytes) -> tuple[int, int]:
    """Width and height of a grid (ISO/IEC 23008-12, 6.6.2.3)."""
    size = 4 if data[1:2] and data[1] & 1 else 2
    if len(data) < 4 + 2 * size:
        raise damaged("a grid says no size")
    width = int.from_bytes(data[4 : 4 + size], "big")
    height = int.from_bytes(data[4 + size : 4 + 2 * size], "big")
    check_size(width, height)
    return width, height


def _strength_of(items: HeifItems, item: HeifItem, limit: int = UNIT_LIMIT) -> CodedStrength:
    """Strength of a coded item, of whose units a limited number is looked at."""
    if item.kind in (b"hvc1", b"hev1"):
        return hevc.strength(islice(_hevc_units(items, item), limit), "heif")
    if item.kind == b"av01":
        before = items.property(item, b"av1C")[4:]
        return av1.strength(items.bytes_of(item), "avif", before, limit)
    if item.kind == b"avc1":
        return h264.strength(islice(_avc_units(items, item), limit))
    name = item.kind.decode("ascii", "replace")
    raise unsupported(f"HEIF pictures of the kind {name!r}")


def _hevc_units(items: HeifItems, item: HeifItem) -> Iterator[bytes]:
    """Parameter sets of the box ``hvcC``, then the item's own units."""
    yield from configured_units(items.property(item, b"hvcC"), items.bytes_of(item))


def configured_units(record: bytes, sample: bytes) -> Iterator[bytes]:
    """Units of a picture behind the parameter sets of its box ``hvcC`` (ISO/IEC 14496-15, 8.3.3).

    Raises
    ------
    ImageError
        If one of the two is damaged.
    """
    if len(record) < 23:
        raise damaged("the box 'hvcC' ends too early")
    at = 23
    for _ in range(record[22]):
        count = int.from_bytes(record[at + 1 : at + 3], "big")
        at += 3
        for _ in range(count):
            at, unit = _unit(record, at)
            yield unit
    yield from split_lengths(sample, 1 + (record[21] & 3))


def _avc_units(items: HeifItems, item: HeifItem) -> Iterator[bytes]:
    """Parameter sets of the box ``avcC``, then the item's own units."""
    record = items.property(item, b"avcC")
    if len(record) < 7:
        raise damaged("the box 'avcC' ends too early")
    at = 6
    for count in (record[5] & 31, None):
        if count is None:
            count, at = (record[at] if at < len(record) else 0), at + 1
        for _ in range(count):
            at, unit = _unit(record, at)
            yield unit
    yield from split_lengths(items.bytes_of(item), 1 + (record[4] & 3))


def _unit(record: bytes, at: int) -> tuple[int, bytes]:
    """Unit with two bytes of length in front; where the next one lies."""
    length = int.from_bytes(record[at : at + 2], "big")
    if not length or length > len(record) - at - 2:
        raise damaged(f"a parameter set says that it has {length} bytes")
    return at + 2 + length, record[at + 2 : at + 2 + length]
