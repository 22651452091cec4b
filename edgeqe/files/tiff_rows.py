"""Samples of a TIFF some rows at a time, where Pillow would hold the whole picture beside them.

The strips or tiles of a TIFF are coded each by itself. Some rows of them, under a directory of
their own, are a small TIFF, which Pillow and libtiff decode as they would the whole.

References
----------
TIFF, revision 6.0: directory (2), strips (3), tiles (15).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from edgeqe.codecs import pillow_stripes
from edgeqe.files.picture import Samples

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

#: Pillow's modes of the pictures that are read by rows, gray or RGB with or without alpha.
MODES = ("L", "LA", "RGB", "RGBA", "I;16", "I;16B")
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
CHANNELS, PLANAR, PREDICTOR, EXTRA, FORMAT = 277, 284, 317, 338, 339
#: Tags of the places, packed bytes and rows of strips, and of tiles.
STRIP_TAGS, TILE_TAGS, TILE_WIDTH = (273, 279, 278), (324, 325, 323), 322
#: Compressions: none, LZW, deflate by both numbers, PackBits; and gray or RGB.
NONE, COMPRESSIONS, PHOTOMETRICS = 1, (1, 5, 8, 32946, 32773), (0, 1, 2)
#: Tags that a part has from its file.
COPIED = (BITS, COMPRESSION, PHOTOMETRIC, CHANNELS, PREDICTOR, EXTRA, FORMAT)
#: Kinds of values, and their format characters.
SHORT, LONG, CHARACTERS = 3, 4, {3: "H", 4: "I"}
#: Pixels of a row of strips or tiles from which on the whole is read as well.
LARGEST_ROW = 1 << 21
#: Packed bytes of a block beside twice its samples: more than any of the compressions makes.
PACKED_BESIDE = 1024


@dataclass(frozen=True)
class _Part:
    """Rows of a picture that can be decoded without the others."""

    first: int
    rows: int
    block_rows: int
    """Of a strip or tile."""
    places: list[tuple[int, int]]
    """Where each block lies, and its bytes."""


@dataclass(frozen=True)
class _Blocks:
    """How a TIFF is cut into strips or tiles."""

    width: int
    height: int
    columns: int
    rows: int
    """Of a strip or tile, pixels."""
    pixel: int
    """Bytes."""
    places: tuple[tuple[int, int], ...]
    tiled: bool
    packed: bool

    def parts(self) -> Iterator[_Part]:
        """Parts of about a stripe, from the top."""
        most = max(1, pillow_stripes.STRIPE_PIXELS // self.width)
        if self.rows > most and not self.tiled and not self.packed:
            yield from self._cut(most)
            return
        across, together = -(-self.width // self.columns), max(1, most // self.rows)
        for first in range(0, self.height, together * self.rows):
            rows, at = min(together * self.rows, self.height - first), first // self.rows
            places = self.places[across * at : across * (at - (-rows // self.rows))]
            yield _Part(first, rows, self.rows, list(places))

    def _cut(self, most: int) -> Iterator[_Part]:
        """Parts of large strips whose rows are not packed."""
        row = self.width * self.pixel
        for strip, (place, _) in enumerate(self.places):
            start = strip * self.rows
            for first in range(0, min(self.rows, self.height - start), most):
                rows = min(most, self.rows - first, self.height - start - first)
                yield _Part(start + first, rows, rows, [(place + first * row, rows * row)])


def strips(picture: ImageFile, stream: IO[bytes]) -> Iterator[tuple[int, Samples]] | None:
    """First row and samples of strips of an open TIFF, in stored order.

    Parameters
    ----------
    picture : TiffImageFile
        Not loaded.
    stream : binary stream
        Of the file, that can seek.

    Returns
    -------
    iterator or None
        It raises OSError, ValueError, EOFError or what else Pillow does where the data is damaged.
        None of a TIFF of other pixels or compressions than those above, or of very large blocks.
    """
    tags: Any = getattr(picture, "tag_v2", {})
    blocks = _blocks(picture.mode, tags)
    return None if blocks is None else _strips(picture.mode, tags, blocks, stream)


def _blocks(mode: str, tags: Any) -> _Blocks | None:
    usual = (
        mode in MODES
        and tags.get(COMPRESSION, NONE) in COMPRESSIONS
        and tags.get(PHOTOMETRIC) in PHOTOMETRICS
        and tags.get(PLANAR, 1 if tags.get(CHANNELS, 1) == 1 else 0)
        == 1  # a damaged tag is left out
        and tags.get(FILL_ORDER, 1) == 1
        and (STRIP_TAGS[0] in tags) != (TILE_TAGS[0] in tags)
    )
    bits = set(tags.get(BITS, ()))
    if not usual or bits != ({16} if mode.startswith("I") else {8}):
        return None
    width, height, tiled = tags[WIDTH], tags[HEIGHT], TILE_TAGS[0] in tags
    place, size, rows = (tags.get(tag) for tag in (TILE_TAGS if tiled else STRIP_TAGS))
    columns = tags.get(TILE_WIDTH) if tiled else width
    rows = rows if tiled else min(height, height if rows is None else rows)
    channels, packed = tags.get(CHANNELS, 1), tags.get(COMPRESSION, NONE) != NONE
    counts = (width, height, columns, rows, channels)
    if not all(isinstance(count, int) and count > 0 for count in counts):
        return None
    pixel = channels * max(bits) // 8
    across, down = -(-width // columns), -(-height // rows)
    if (tiled or packed) and across * columns * rows > LARGEST_ROW or len(place) != across * down:
        return None
    if not packed:  # what the file says of their bytes is not needed, and often wrong
        last = rows if tiled else height - (down - 1) * rows
        size = [columns * pixel * (last if n == down - 1 else rows) for n in range(down)]
        size = [bytes_ for bytes_ in size for _ in range(across)]
    if size is None or len(size) != len(place) or min(size) < 1:
        return None
    found = tuple(zip(place, size, strict=True))
    return _Blocks(width, height, columns, rows, pixel, found, tiled, packed)


def _strips(
    mode: str, tags: Any, blocks: _Blocks, stream: IO[bytes]
) -> Iterator[tuple[int, Samples]]:
    from PIL.TiffImagePlugin import TiffImageFile

    for part in blocks.parts():
        samples = blocks.columns * part.block_rows * blocks.pixel
        if sum(size for _, size in part.places) > len(part.places) * (2 * samples + PACKED_BESIDE):
            raise ValueError("strips have more bytes than any compression makes")
        content = _small_tiff(tags, blocks, part, stream)
        with TiffImageFile(io.BytesIO(content), "") as small:
            if small.mode != mode or small.size != (blocks.width, part.rows):
                raise ValueError(f"a part of a picture of mode {mode} is read as {small.mode}")
            small.load()
            yield part.first, np.asarray(small)


def _small_tiff(tags: Any, blocks: _Blocks, part: _Part, stream: IO[bytes]) -> bytes:
    """A TIFF of one part."""
    order = "<" if tags.prefix == b"II" else ">"
    place, size, rows = TILE_TAGS if blocks.tiled else STRIP_TAGS
    entries: dict[int, tuple[int, tuple[int, ...]]] = {
        tag: (SHORT, value if isinstance(value, tuple) else (value,))
        for tag in COPIED
        if (value := tags.get(tag)) is not None
    }
    entries[WIDTH], entries[HEIGHT] = (LONG, (blocks.width,)), (LONG, (part.rows,))
    entries[rows] = (LONG, (part.block_rows,))
    if blocks.tiled:
        entries[TILE_WIDTH] = (LONG, (blocks.columns,))
    sizes = [count for _, count in part.places]
    entries[place] = entries[size] = (LONG, tuple(sizes))
    at = len(_directory(order, entries))
    entries[place] = (LONG, tuple(at + sum(sizes[:before]) for before in range(len(sizes))))
    parts = [_directory(order, entries)]
    for start, count in part.places:
        stream.seek(start)
        parts.append(stream.read(count))
        if len(parts[-1]) < count:
            raise EOFError("strips are missing")
    return b"".join(parts)


def _directory(order: str, entries: dict[int, tuple[int, tuple[int, ...]]]) -> bytes:
    """Header and directory of a TIFF, and the values that do not fit into it."""
    prefix = b"II" if order == "<" else b"MM"
    head = prefix + struct.pack(order + "HIH", 42, 8, len(entries))
    behind, at = b"", len(head) + 12 * len(entries) + 4
    for tag, (kind, values) in sorted(entries.items()):
        value = struct.pack(f"{order}{len(values)}{CHARACTERS[kind]}", *values)
        if len(value) > 4:
            value, behind = struct.pack(order + "I", at + len(behind)), behind + value
        head += struct.pack(order + "HHI", tag, kind, len(values)) + value.ljust(4, b"\0")
    return head + bytes(4) + behind
