"""JPEG 2000 (.jp2, .j2k): Pillow's OpenJPEG, deep colour by FFmpeg, metadata out of the boxes."""

from __future__ import annotations

import dataclasses
import io

import numpy as np

from edgeqe.codecs.boxes import boxes, find
from edgeqe.codecs.jpeg2000 import SIGNATURE
from edgeqe.errors import ImageError
from edgeqe.files.exif import exif_block
from edgeqe.files.ffmpeg import decode_frame
from edgeqe.files.formats import Undecoded
from edgeqe.files.heic import picture_of
from edgeqe.files.picture import Metadata, Picture
from edgeqe.files.pillow_reading import decode_by, metadata_of

#: Name of the box that holds an EXIF block.
EXIF_UUID = b"JpgTiffExif->JP2"
#: As `EXIF_UUID`, of an XMP packet (XMP specification, part 3, 1.1.4).
XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
#: Methods by which the box ``colr`` holds an ICC profile: restricted, and any.
ICC_METHODS = (2, 3)
#: Packed formats in which FFmpeg gives deep samples, in the high bits.
DEEP_FORMATS = ("rgb48", "rgba64", "ya16")


def decode(file: Undecoded) -> Picture:
    """Decode a file or codestream.

    Raises
    ------
    ImageError
        If it is too large, damaged, or of a kind that would be lost.
    MissingPackageError
        If its colours have more than 8 bits, and PyAV is not installed.
    """
    from PIL import features
    from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

    if not features.check("jpg_2000"):
        raise ImageError(
            f"{file.name} is JPEG 2000, which this Pillow does not read: pip install --upgrade pillow"
        )
    coded = file.coded
    assert coded is not None  # every codestream has a strength, or is refused
    metadata = _metadata(file.data)
    with Jpeg2KImageFile(io.BytesIO(file.data), "") as picture:
        if picture.size != (coded.width, coded.height):
            raise ImageError(
                f"{file.name} says {'x'.join(map(str, picture.size))} in its header and "
                f"{coded.width}x{coded.height} in its codestream: it is damaged, get it again "
                "from where it came from."
            )
        own, mode = metadata_of(picture), picture.mode
    metadata = dataclasses.replace(metadata, dpi=own.dpi)
    if coded.bit_depth <= 8:
        found = decode_by(Jpeg2KImageFile, file)
        return dataclasses.replace(found, metadata=metadata)
    if mode == "I;16":
        found = decode_by(Jpeg2KImageFile, file)
        (samples,) = found.planes  # OpenJPEG's, in the high bits
    else:
        frame = decode_frame("jpeg2000", file.data, file)
        if frame.format not in DEEP_FORMATS:
            raise ImageError(
                f"{file.name} is a JPEG 2000 of {coded.bit_depth} bits whose pixels are "
                f"{frame.format}, which edgeqe does not read: convert it to RGB first."
            )
        (samples,) = frame.planes
    return picture_of(samples >> np.uint16(16 - coded.bit_depth), coded.bit_depth, metadata)


def _metadata(data: bytes) -> Metadata:
    """Colour profile, EXIF block and XMP of a JP2; none in a codestream."""
    if not data.startswith(SIGNATURE):
        return Metadata()
    exif, xmp, profile = b"", b"", b""
    for box in boxes(data, 0, len(data)):
        if box.kind == b"uuid" and data[box.start : box.start + 16] == EXIF_UUID:
            exif = exif_block(data[box.start + 16 : box.stop])
        if box.kind == b"uuid" and data[box.start : box.start + 16] == XMP_UUID:
            xmp = data[box.start + 16 : box.stop]
    header = find(data, 0, len(data), b"jp2h")
    for box in boxes(data, header.start, header.stop) if header else ():
        if box.kind == b"colr" and data[box.start] in ICC_METHODS:
            profile = data[box.start + 3 : box.stop]
            break
    return Metadata(exif, profile, xmp=xmp)
