"""PNG and TIFF of 16 bits in colour or with alpha, which Pillow does not write."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from edgeqe.files.colours import png_chunk, profile_for
from edgeqe.files.exif import EXIF_NAME, tiff_exif
from edgeqe.files.jpeg_metadata import resources
from edgeqe.files.picture import Metadata, Samples
from edgeqe.files.png_chunks import HDR_CHUNKS, comment_chunk, xmp_chunk

if TYPE_CHECKING:
    from PIL.Image import Exif

#: Rows that are converted at a time: bounds the temporaries.
STRIPE_ROWS = 64
#: Colour types of PNG by channels: gray, gray and alpha, RGB, RGB and alpha.
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
#: The filter that stores each byte's difference to the pixel before (PNG, 9.2).
SUB = 1
#: Largest chunk of a PNG's samples, bytes.
CHUNK = 1 << 20
#: TIFF's kinds of values, and its largest file.
SHORT, LONG, RATIONAL, UNDEFINED = 3, 4, 5, 7
TIFF_LIMIT = 2**32
#: Tags of a TIFF that hold an XMP packet and Photoshop's data.
TIFF_XMP, TIFF_PHOTOSHOP = 700, 34377


def write_png(stream: IO[bytes], samples: Samples, metadata: Metadata, level: int) -> None:
    """Write a PNG.

    Parameters
    ----------
    stream : binary stream
    samples : ndarray of uint16, shape (H, W, C)
        1 to 4 channels; of 2 and 4 the last is alpha.
    metadata : Metadata
    level : int
        zlib's, 0 to 9.
    """
    height, width, channels = samples.shape

    def chunk(kind: bytes, body: bytes) -> None:
        checked = zlib.crc32(body, zlib.crc32(kind))
        stream.write(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checked))

    stream.write(b"\x89PNG\r\n\x1a\n")
    chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, COLOUR_TYPES[channels], 0, 0, 0))
    if metadata.icc_profile:
        chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(metadata.icc_profile))
    for kind, content in chunks_of(metadata):
        chunk(kind, content)
    if metadata.dpi is not None:
        across, down = (round(dpi / 0.0254) for dpi in metadata.dpi)
        chunk(b"pHYs", struct.pack(">IIB", across, down, 1))
    if metadata.exif:
        chunk(b"eXIf", metadata.exif.removeprefix(EXIF_NAME))
    packer = zlib.compressobj(level)
    held = bytearray()
    for rows in _stripes(samples, ">u2"):
        step = 2 * channels
        filtered = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
        filtered[:, 0] = SUB
        filtered[:, 1 : 1 + step] = rows[:, :step]
        filtered[:, 1 + step :] = rows[:, step:] - rows[:, :-step]
        held += packer.compress(filtered.tobytes())
        if len(held) >= CHUNK:
            chunk(b"IDAT", bytes(held))
            held.clear()
    chunk(b"IDAT", bytes(held) + packer.flush())
    chunk(b"IEND", b"")


def write_tiff(stream: IO[bytes], samples: Samples, metadata: Metadata) -> None:
    """Write an uncompressed TIFF.

    Parameters
    ----------
    stream : binary stream
    samples : ndarray of uint16, shape (H, W, C)
        As of `write_png`.
    metadata : Metadata

    Raises
    ------
    OSError
        If the file would be larger than a TIFF can be.
    """
    height, width, channels = samples.shape
    write_directory(stream, (height, width, channels), 16, metadata)
    for rows in _stripes(samples, "<u2"):
        stream.write(rows.tobytes())


def write_directory(
    stream: IO[bytes], shape: tuple[int, int, int], bits: int, metadata: Metadata
) -> None:
    """Write what stands in front of the samples of an uncompressed TIFF of one strip.

    Parameters
    ----------
    stream : binary stream
    shape : (int, int, int)
        Height, width, channels.
    bits : int
        Of a sample, 8 or 16.
    metadata : Metadata

    Raises
    ------
    OSError
        As of `write_tiff`.
    """
    from PIL import TiffTags
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    height, width, channels = shape
    size = height * width * channels * bits // 8
    if size >= TIFF_LIMIT - 2**20:
        raise OSError("TIFF holds at most 4 GB of samples, write .png instead")
    directory: Any = ImageFileDirectory_v2()
    tags = tiff_tags(metadata)
    for tag in tags or ():
        is_directory = tag in TiffTags.TAGS_V2_GROUPS
        directory[tag] = tags.get_ifd(tag) if is_directory else tags[tag]  # type: ignore[index, union-attr]

    def put(tag: int, kind: int, value: Any) -> None:
        directory[tag] = value
        directory.tagtype[tag] = kind

    put(256, LONG, width)
    put(257, LONG, height)
    put(258, SHORT, (bits,) * channels)
    put(259, SHORT, 1)  # no compression
    put(262, SHORT, 2 if channels > 2 else 1)  # RGB, or gray whose 0 is black
    put(273, LONG, 0)  # the strip lies behind the directory, which adds where that is
    put(277, SHORT, channels)
    put(278, LONG, height)
    put(279, LONG, size)
    put(284, SHORT, 1)  # samples of a pixel side by side
    if channels in (2, 4):
        put(338, SHORT, 2)  # alpha that is not multiplied in
    if metadata.dpi is not None:
        put(282, RATIONAL, metadata.dpi[0])
        put(283, RATIONAL, metadata.dpi[1])
        put(296, SHORT, 2)  # inches
    if profile := profile_for(metadata, gray=channels < 3):
        put(34675, UNDEFINED, profile)
    directory.save(stream)


def chunks_of(metadata: Metadata) -> tuple[tuple[bytes, bytes], ...]:
    """Chunks of a PNG, kind and content, for what stands beside the samples.

    Not profile, resolution and EXIF block, which every writer has.
    """
    found = [(kind, content) for kind, content in metadata.colour_chunks if kind not in HDR_CHUNKS]
    if metadata.icc_profile:  # which excludes sRGB
        found = [(kind, content) for kind, content in found if kind != b"sRGB"]
    if metadata.colours is not None and b"cICP" not in dict(found):
        found.append((b"cICP", png_chunk(metadata.colours)))
    if metadata.xmp:
        found.append(xmp_chunk(metadata.xmp))
    if metadata.comment:
        found.append(comment_chunk(metadata.comment))
    return (*found, *metadata.texts)


def tiff_tags(metadata: Metadata) -> Exif | None:
    """Tags of a TIFF for EXIF block, XMP and Photoshop's data; None if there are none."""
    if not (metadata.exif or metadata.xmp or metadata.photoshop):
        return None
    tags, _ = tiff_exif(metadata.exif)
    if metadata.xmp:
        tags[TIFF_XMP] = metadata.xmp
    if metadata.photoshop:
        tags[TIFF_PHOTOSHOP] = resources(metadata)
    return tags


def _stripes(samples: Samples, order: str) -> Iterator[Samples]:
    """Rows of bytes in an order, some at a time."""
    for first in range(0, len(samples), STRIPE_ROWS):
        rows = np.ascontiguousarray(samples[first : first + STRIPE_ROWS].astype(order))
        yield rows.reshape(len(rows), -1).view(np.uint8)
