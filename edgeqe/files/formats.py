"""Formats of picture files by their first bytes, and the decoder of each.

Pillow's readers are called one by one and never through ``Image.open``: that would try some
forty formats, of which one starts another program, and would judge sizes by a setting that
belongs to the caller's process.
"""

from __future__ import annotations

import importlib
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from edgeqe.codecs import bpg, heif, jpeg2000, movie
from edgeqe.codecs.coded import CodedStrength
from edgeqe.codecs.identify import is_hevc_stream
from edgeqe.files.bounded import open_again
from edgeqe.files.picture import Picture

if TYPE_CHECKING:
    from edgeqe.files.intra import IntraFile

#: Suffixes of the pictures that are taken from a folder.
READ_SUFFIXES = (
    ".avif", ".bmp", ".bpg", ".gif", ".heic", ".heif", ".hif", ".j2c", ".j2k", ".jp2", ".jpc",
    ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp",
)  # fmt: skip
FORMAT_NAMES = (
    "JPEG, JPEG 2000, HEIC, AVIF, WebP, BPG, PNG, TIFF, BMP, GIF, PGM or PPM, or HEVC of one "
    "picture (.hevc, .mp4)"
)
RESIDUAL_NAMES = "HEIC, BPG, or HEVC of one picture (.hevc, .mp4)"


@dataclass(frozen=True)
class Undecoded:
    """A file on its way to its decoder."""

    data: bytes
    """All of it, or its first bytes where it has a path."""
    name: str
    """For messages."""
    coded: CodedStrength | None
    """What its headers say; None where they were not read first, or cannot be."""
    as_coded: bool
    """Whether 4:2:0 planes are wanted as they are coded, and not as RGB."""
    check_size: Callable[[int, int], None]
    """Raises ImageError for a width and height above the limit."""
    pixel_limit: int
    accept_truncated: bool = False
    """Whether what is there of a file that is cut short is wanted."""
    path: str | os.PathLike[str] | None = None
    """Where the rest is; None if `data` is all."""

    def open(self) -> IO[bytes]:
        """Open the file as a stream that can seek."""
        return io.BytesIO(self.data) if self.path is None else open_again(self.path, self.name)


@dataclass(frozen=True)
class FileFormat:
    """How files of a format are decoded."""

    module: str
    """Module of `edgeqe.files` whose ``decode`` takes an `Undecoded`; imported when needed."""
    package: str
    """Module of the package that decodes it, one of `packages.PACKAGES`."""
    headers_first: bool = True
    """Whether `edgeqe.codecs` reads the headers, and judges the size, before the decoder does."""

    in_pieces: bool = False
    """Whether its decoder reads a file piece by piece, so that nobody holds it."""

    has_residual: bool = False
    """Whether its module has ``decode_with_residual`` too, which gives an `IntraFile`."""

    def decode(self, file: Undecoded) -> Picture:
        """Decode a file; ImageError, or whatever a library raises, for a damaged one."""
        made: Picture = importlib.import_module(f"edgeqe.files.{self.module}").decode(file)
        return made

    def decode_with_residual(self, file: Undecoded) -> IntraFile:
        """Decode a file as an intra picture; see `decode`."""
        module = importlib.import_module(f"edgeqe.files.{self.module}")
        made: IntraFile = module.decode_with_residual(file)
        return made


JPEG = FileFormat("jpeg", "PIL", headers_first=False)
PILLOW = FileFormat("pillow_reading", "PIL", headers_first=False)
PIECES = FileFormat("pillow_reading", "PIL", headers_first=False, in_pieces=True)
WEBP = FileFormat("pillow_reading", "PIL")
AVIF = FileFormat("avif", "PIL")
JPEG_2000 = FileFormat("jpeg2000", "PIL")
HEIC = FileFormat("heic", "pillow_heif", has_residual=True)
BPG = FileFormat("bpg", "av", has_residual=True)
HEVC = FileFormat("hevc", "av", has_residual=True)
#: First bytes of formats, and what decodes them.
MAGICS: tuple[tuple[bytes, FileFormat], ...] = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PIECES),
    (b"II*\0", PIECES),  # TIFF
    (b"MM\0*", PIECES),
    (b"II+\0", PIECES),  # BigTIFF
    (b"MM\0+", PIECES),
    (b"GIF87a", PILLOW),
    (b"GIF89a", PILLOW),
    (b"BM", PILLOW),
    (b"P5", PILLOW),
    (b"P6", PILLOW),
    (jpeg2000.SIGNATURE, JPEG_2000),
    (jpeg2000.CODESTREAM, JPEG_2000),
    (bpg.MAGIC, BPG),
)


def format_of(data: bytes) -> FileFormat | None:
    """Format of a file; None if it is none that is read."""
    if heif.is_avif(data):
        return AVIF
    if heif.is_heif(data):
        return HEIC
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WEBP
    if movie.is_movie(data) or is_hevc_stream(data):
        return HEVC
    return next((found for magic, found in MAGICS if data.startswith(magic)), None)
