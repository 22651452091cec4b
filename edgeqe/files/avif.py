"""AVIF: of 8 bits by Pillow's libavif, of 10 and 12 by FFmpeg's AV1 decoder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeqe.codecs.heif_items import HeifItem, HeifItems
from edgeqe.errors import ImageError
from edgeqe.files.colours import unusual
from edgeqe.files.exif import exif_block, upright, upright_xmp
from edgeqe.files.ffmpeg import DecodedFrame, decode_frame
from edgeqe.files.formats import Undecoded
from edgeqe.files.frames import picture_of_frame
from edgeqe.files.picture import Metadata, Picture, Samples
from edgeqe.files.pillow_reading import decode_by

ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"
DECODER = "libdav1d"
#: What an XMP packet among the items has.
XMP_ROOT = b"<x:xmpmeta"


def decode(file: Undecoded) -> Picture:
    """Decode an AVIF; of more than 8 bits it comes upright.

    Raises
    ------
    ImageError
        If it is too large, damaged, or of a kind that is not supported.
    MissingPackageError
        If it has more than 8 bits, and PyAV is not installed.
    """
    if _depth(file) > 8:
        return decode_by_ffmpeg(file)
    from PIL import features

    if "avif" not in features.modules or not features.check("avif"):
        raise ImageError(
            f"{file.name} is AVIF, which this Pillow does not read: pip install --upgrade pillow"
        )
    from PIL.AvifImagePlugin import AvifImageFile

    found = decode_by(AvifImageFile, file)
    if file.coded is None:
        return found
    items = HeifItems(file.data)
    _, profile, colours = _colours(items, items.item(items.primary))
    metadata = found.metadata if profile else replace(found.metadata, colours=colours)
    return replace(found, metadata=metadata)


def _depth(file: Undecoded) -> int:
    """Bits of a sample, by the configuration where the stream's headers cannot be read."""
    if file.coded is not None:
        return file.coded.bit_depth
    _, _, record = file.data.partition(b"av1C")
    return 10 if len(record) > 2 and record[2] & 0x40 else 8


def decode_by_ffmpeg(file: Undecoded) -> Picture:
    """Decode a single picture of any depth, upright; errors as of `decode`."""
    items = HeifItems(file.data)
    item = items.item(items.primary)
    if item.kind != b"av01":
        kind = item.kind.decode("ascii", "replace")
        raise ImageError(
            f"{file.name} is an AVIF of more than 8 bits of the kind {kind!r}, which edgeqe does "
            "not read: convert it to a single picture first."
        )
    frame = _frame(items, item, file)
    exif, xmp, alpha = b"", b"", None
    for extra in items.extras_of(items.primary):
        if extra.kind == b"Exif":
            content = items.bytes_of(extra)
            start = 4 + int.from_bytes(content[:4], "big")
            exif = upright(exif_block(content[start:]))
        elif extra.kind == b"mime" and XMP_ROOT in (content := items.bytes_of(extra)):
            xmp = upright_xmp(content)
        elif extra.kind == b"av01" and _is_alpha(items, extra):
            alpha = _frame(items, extra, file)
    how, profile, colours = _colours(items, item)
    matrix, full_range = how or (frame.matrix, frame.full_range)
    metadata = Metadata(exif, profile, colours=None if profile else colours, xmp=xmp)
    picture = picture_of_frame(frame, alpha, matrix, full_range, metadata, file)
    return _turned(picture, items, item, file)


def _colours(
    items: HeifItems, item: HeifItem
) -> tuple[tuple[int, bool] | None, bytes, tuple[int, int] | None]:
    """Matrix and range, profile, and unusual colours that an item's properties say."""
    how, profile, colours = None, b"", None
    for kind, content in items.properties_of(item):
        if kind == b"colr" and content[:4] == b"nclx" and len(content) >= 11:
            primaries, transfer, matrix = (
                int.from_bytes(content[at : at + 2], "big") for at in (4, 6, 8)
            )
            how, colours = (matrix, bool(content[10] & 0x80)), unusual(primaries, transfer)
        elif kind == b"colr" and content[:4] in (b"prof", b"rICC"):
            profile = content[4:]
    return how, profile, colours


def _frame(items: HeifItems, item: HeifItem, file: Undecoded) -> DecodedFrame:
    """Picture of an item: its configuration's units and its own are one packet."""
    record = items.property(item, b"av1C")
    return decode_frame(DECODER, record[4:] + items.bytes_of(item), file)


def _is_alpha(items: HeifItems, item: HeifItem) -> bool:
    return any(
        kind == b"auxC" and content[4:].startswith(ALPHA)
        for kind, content in items.properties_of(item)
    )


def _turned(picture: Picture, items: HeifItems, item: HeifItem, file: Undecoded) -> Picture:
    """Picture as the item's properties have it shown (ISO/IEC 23008-12, 6.5.10 and 6.5.12)."""

    def turn(samples: Samples) -> Samples:
        for kind, content in items.properties_of(item):
            if kind == b"irot" and content:
                samples = np.rot90(samples, content[0] & 3)
            elif kind == b"imir" and content:
                samples = samples[:, ::-1] if content[0] & 1 else samples[::-1]
            elif kind == b"clap":
                raise ImageError(
                    f"{file.name} is an AVIF of more than 8 bits that is cut by its header, which "
                    "edgeqe does not read: convert it first."
                )
        return np.ascontiguousarray(samples)

    (samples,) = picture.planes
    alpha = None if picture.alpha is None else turn(picture.alpha)
    return Picture((turn(samples),), alpha, None, picture.metadata, picture.coded_depth)
