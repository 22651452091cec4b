"""PNG and TIFF of 8 bits that are written strip by strip: no more than a strip lies beside the picture.

Pillow's own encoders want all of an image, which takes four bytes a pixel of any colours. Here they
give what stands beside the samples, and choose a PNG's filters, strip by strip; the stream of
zlib, which goes through all strips, is made here.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import IO, Any, Protocol

import numpy as np

from edgeqe.files.deep_writing import write_directory
from edgeqe.files.picture import Metadata, Picture, Samples
from edgeqe.files.upsample import rgb_rows

#: Rows that are filtered and packed at a time.
PIECE_ROWS = 32
#: Largest chunk of a PNG's samples, bytes.
CHUNK = 1 << 18
SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: zlib's parameters as libpng and Pillow choose them for filtered samples.
WINDOW_BITS, MEMORY_LEVEL = 15, 9


class RowEncoder(Protocol):
    """Writes a file of rows that come from the top."""

    def add(self, rows: Samples) -> None:
        """Write rows, shape (N, W) or (N, W, channels)."""

    def finish(self) -> None:
        """Write what stands behind them."""


class PngEncoder:
    """Writes a PNG.

    Parameters
    ----------
    stream : binary stream
    mode : str
        Pillow's: ``L``, ``LA``, ``RGB`` or ``RGBA``.
    size : (int, int)
        Width and height.
    options : dict
        Of Pillow's writer: what stands beside the samples.
    level : int
        zlib's, 0 to 9.
    """

    def __init__(
        self, stream: IO[bytes], mode: str, size: tuple[int, int], options: Any, level: int
    ) -> None:
        from PIL import Image

        self._stream, self._mode = stream, mode
        self._packer = zlib.compressobj(
            level, zlib.DEFLATED, WINDOW_BITS, MEMORY_LEVEL, zlib.Z_FILTERED
        )
        self._held, self._above = bytearray(), np.empty((0, 0), np.uint8)
        self._behind: list[tuple[bytes, bytes]] = []
        sample = io.BytesIO()
        Image.new(mode, (size[0], 1)).save(sample, "PNG", compress_level=0, **options)
        stream.write(SIGNATURE)
        seen = False
        for kind, body in _chunks(sample.getvalue()):
            if kind == b"IDAT":
                seen = True
            elif seen:
                self._behind.append((kind, body))
            elif kind == b"IHDR":
                self._chunk(kind, struct.pack(">II", *size) + body[8:])
            else:
                self._chunk(kind, body)

    def add(self, rows: Samples) -> None:
        """Write rows."""
        for first in range(0, len(rows), PIECE_ROWS):
            self._add(rows[first : first + PIECE_ROWS])

    def _add(self, rows: Samples) -> None:
        from PIL import Image

        above = self._above
        known = np.concatenate((above, rows)) if above.size else np.ascontiguousarray(rows)
        # level 0: filtered, and stored in a stream that has two bytes in front and a sum behind
        stored = Image.fromarray(known, self._mode).tobytes("zip", self._mode, 0, 0, -1, b"")
        filtered = zlib.decompress(memoryview(stored)[2:-4], -zlib.MAX_WBITS, len(stored))
        skipped = len(filtered) // len(known) if above.size else 0
        self._held += self._packer.compress(memoryview(filtered)[skipped:])
        while len(self._held) >= CHUNK:
            self._chunk(b"IDAT", bytes(self._held[:CHUNK]))
            del self._held[:CHUNK]
        self._above = rows[-1:].copy()

    def finish(self) -> None:
        """Write the last samples, and the chunks behind them."""
        self._chunk(b"IDAT", bytes(self._held) + self._packer.flush())
        for kind, body in self._behind:
            self._chunk(kind, body)

    def _chunk(self, kind: bytes, body: bytes) -> None:
        checked = zlib.crc32(body, zlib.crc32(kind))
        self._stream.write(struct.pack(">I", len(body)) + kind + body)
        self._stream.write(struct.pack(">I", checked))


class TiffEncoder:
    """Writes an uncompressed TIFF.

    Parameters
    ----------
    stream : binary stream
    shape : (int, int, int)
        Height, width, channels.
    metadata : Metadata

    Raises
    ------
    OSError
        If the file would be larger than a TIFF can be.
    """

    def __init__(self, stream: IO[bytes], shape: tuple[int, int, int], metadata: Metadata) -> None:
        write_directory(stream, shape, 8, metadata)
        self._stream = stream

    def add(self, rows: Samples) -> None:
        """Write rows."""
        self._stream.write(np.ascontiguousarray(rows).data)

    def finish(self) -> None:
        """Nothing stands behind them."""


class StripWriter:
    """Takes strips of a picture's planes, and gives rows to an encoder.

    Rows of 4:2:0 become RGB, each as soon as the chroma below it is there.

    Parameters
    ----------
    encoder : RowEncoder
    picture : Picture
        Whose planes come, strip by strip; its alpha goes with them.
    """

    def __init__(self, encoder: RowEncoder, picture: Picture) -> None:
        self._encoder, self._alpha, self._height = encoder, picture.alpha, picture.height
        self._held: tuple[Samples, ...] = ()
        """Planes from the last rows on that are needed above what comes."""
        self._written = 0
        self._bytes = [0, 0]
        self.most_bytes = 0
        """Of two strips, one under way and one being written."""

    def add(self, _: int, planes: tuple[Samples, ...]) -> None:
        """Write the rows that are known now."""
        self._bytes = [self._bytes[1], sum(plane.nbytes for plane in planes)]
        self.most_bytes = max(self.most_bytes, sum(self._bytes))
        if len(planes) == 1:
            self._write(planes[0])
            return
        if self._held:
            planes = tuple(np.concatenate(pair) for pair in zip(self._held, planes, strict=True))
        # rows above the first unwritten one: two of luma for one of chroma
        above = 2 if self._written else 0
        known = len(planes[0])
        last = self._written + known - above == self._height
        end = known if last else 2 * (len(planes[1]) - 1)
        for first in range(above, end, PIECE_ROWS):
            self._write(
                rgb_rows(planes[0], planes[1], planes[2], first, min(first + PIECE_ROWS, end))
            )
        keep = max(0, end - 2)
        self._held = tuple(
            plane[keep // 2 :].copy() if index else plane[keep:].copy()
            for index, plane in enumerate(planes)
        )

    def finish(self) -> None:
        """Write what stands behind the samples."""
        self._encoder.finish()

    def _write(self, rows: Samples) -> None:
        first, self._written = self._written, self._written + len(rows)
        if self._alpha is not None:
            rows = np.dstack((rows, self._alpha[first : self._written]))
        self._encoder.add(rows)


def mode_of(picture: Picture) -> str:
    """Pillow's mode of a picture of 8 bits."""
    gray = len(picture.planes) == 1 and picture.planes[0].ndim == 2
    return ("L" if gray else "RGB") + ("" if picture.alpha is None else "A")


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body of each chunk of a PNG that Pillow wrote."""
    at = len(SIGNATURE)
    while at < len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        yield content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        at += 12 + length
