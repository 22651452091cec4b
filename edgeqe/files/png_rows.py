"""Samples of a PNG some rows at a time, where Pillow would hold the whole picture beside them.

The stream of zlib is unpacked here, some rows at a time; Pillow undoes their filters, which need
the row above them and nothing else.

References
----------
PNG, third edition: filters (9), order of chunks (5.6).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

import numpy as np

from edgeqe.codecs import pillow_stripes
from edgeqe.files.picture import Samples
from edgeqe.files.png_chunks import chunks

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

#: Channels by Pillow's mode, of the PNGs of 8 bits that are read by rows.
CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
#: Chunks that may stand behind the samples, and their bytes: Pillow takes others for damage.
BEHIND, BEHIND_BYTES = (b"tEXt", b"tIME", b"eXIf"), 1 << 20
#: Chunks of animations.
FRAMES = (b"acTL", b"fcTL", b"fdAT")
#: Packed bytes that are read at a time.
PIECE = 1 << 16


def strips(picture: ImageFile, stream: IO[bytes]) -> Iterator[tuple[int, Samples]] | None:
    """First row and samples of strips of an open PNG.

    Parameters
    ----------
    picture : PngImageFile
        Not loaded.
    stream : binary stream
        Of the file, that can seek.

    Returns
    -------
    iterator or None
        It raises ValueError, EOFError or zlib.error where the data is damaged. None of a PNG
        that has not 8 bits, is interlaced, has a palette, a transparent colour, several frames or unusual chunks.
    """
    plain = picture.mode in CHANNELS and not picture.info.get("interlace")
    plain = plain and len(picture.tile) == 1 and picture.tile[0][3] == picture.mode
    if not plain or "transparency" in picture.info:
        return None
    places = _places(stream)
    if places is None:
        return None
    return _strips(picture.mode, picture.size, _packed(stream, places))


def _places(stream: IO[bytes]) -> list[tuple[int, int]] | None:
    """Where the packed samples begin and end; None if the chunks are not as usual."""
    found: list[tuple[int, int]] = []
    ended, behind = False, 0
    for kind, start, stop in chunks(stream):
        if kind in FRAMES or ended and kind == b"IDAT":
            return None
        if kind == b"IDAT":
            found.append((start, stop))
        elif found:
            ended, behind = True, behind + stop - start
            if kind == b"IEND":
                return found
            if kind not in BEHIND or behind > BEHIND_BYTES:
                return None
    return None


def _packed(stream: IO[bytes], places: list[tuple[int, int]]) -> Iterator[bytes]:
    for start, stop in places:
        stream.seek(start)
        while start < stop and (piece := stream.read(min(PIECE, stop - start))):
            start += len(piece)
            yield piece


def _strips(
    mode: str, size: tuple[int, int], packed: Iterator[bytes]
) -> Iterator[tuple[int, Samples]]:
    from PIL import Image

    width, height = size
    row = 1 + width * CHANNELS[mode]
    rows = max(1, pillow_stripes.STRIPE_PIXELS // width)
    first, above = 0, b""
    for filtered in _unpacked(packed, rows * row, height * row):
        count = len(filtered) // row
        known = count + bool(above)
        # the row above is one without a filter; level 0: stored
        stored = zlib.compress(b"\0" + above + filtered if above else filtered, 0)
        strip = np.asarray(Image.frombytes(mode, (width, known), stored, "zip", mode))
        yield first, strip[known - count :]
        first, above = first + count, strip[-1].tobytes()


def _unpacked(packed: Iterator[bytes], size: int, total: int) -> Iterator[bytes]:
    """Unpacked bytes, so many at a time; EOFError if there are others than so many in all."""
    unpacker, tail = zlib.decompressobj(), b""
    while total:
        parts, missing = [], min(size, total)
        total -= missing
        while missing:
            tail = tail or next(packed, b"")
            part = unpacker.decompress(tail, missing)
            if not part and (unpacker.eof or not tail):
                raise EOFError("samples are missing")
            tail = unpacker.unconsumed_tail
            parts.append(part)
            missing -= len(part)
        yield b"".join(parts)
    while not unpacker.eof:  # the check sum
        tail = tail or next(packed, b"")
        if unpacker.decompress(tail, 1) or not tail and not unpacker.eof:
            raise EOFError("the samples have no end")
        tail = unpacker.unconsumed_tail
