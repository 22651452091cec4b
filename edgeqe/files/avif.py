"""AVIF: of 8 bits by Pillow's libavif, of 10 and 12 by FFmpeg's AV1 decoder."""

from __future__ import annotations

from dataclasses import replace

from edgeqe.codecs.heif_items import HeifItem, HeifItems
from edgeqe.errors import ImageError
from edgeqe.files.exif import exif_block, upright, upright_xmp
from edgeqe.files.ffmpeg import DecodedFrame, decode_frame
from edgeqe.files.formats import Undecoded
from edgeqe.files.frames import picture_of_frame
from edgeqe.files.heif_properties import colours_of, transformed
from edgeqe.files.picture import Metadata, Picture
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
    _, profile, colours = colours_of(items, items.item(items.primary))
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
    how, profile, colours = colours_of(items, item)
    matrix, full_range = how or (frame.matrix, frame.full_range)
    metadata = Metadata(exif, profile, colours=None if profile else colours, xmp=xmp)
    picture = picture_of_frame(frame, alpha, matrix, full_range, metadata, file)
    (samples,), transparency = picture.planes, picture.alpha
    if transparency is not None:
        transparency = transformed(transparency, items, item, file.name)
    shown = transformed(samples, items, item, file.name)
    return replace(picture, planes=(shown,), alpha=transparency)


def _frame(items: HeifItems, item: HeifItem, file: Undecoded) -> DecodedFrame:
    """Picture of an item: its configuration's units and its own are one packet."""
    record = items.property(item, b"av1C")
    return decode_frame(DECODER, record[4:] + items.bytes_of(item), file)


def _is_alpha(items: HeifItems, item: HeifItem) -> bool:
    return any(
        kind == b"auxC" and content[4:].startswith(ALPHA)
        for kind, content in items.properties_of(item)
    )
