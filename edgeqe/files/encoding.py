"""A picture's samples and what stands beside them to the bytes of a file, by format."""

from __future__ import annotations

from typing import IO, Any

import numpy as np

from edgeqe.files.banded import image_of
from edgeqe.files.colours import profile_for
from edgeqe.files.deep_writing import chunks_of, tiff_tags, write_png, write_tiff
from edgeqe.files.jpeg_metadata import extra_segments
from edgeqe.files.kept import fits_jpeg
from edgeqe.files.lossy import webp_options
from edgeqe.files.packages import load
from edgeqe.files.picture import Metadata, Picture
from edgeqe.files.strip_writing import PngEncoder, StripWriter, TiffEncoder, mode_of

#: zlib level of PNG output: a third of the time of the default 6, for 3 to 9 % more bytes (measured).
PNG_LEVEL = 1
#: Formats that are written strip by strip: libjpeg by Pillow, and libwebp, want a whole picture.
STRIP_FORMATS = ("PNG", "TIFF")


def encode(picture: Picture, target: str, stream: IO[bytes], quality: int | None) -> None:
    """Write a file's bytes.

    Parameters
    ----------
    picture : Picture
    target : str
        Pillow's name of the format.
    stream : binary stream
    quality : int, optional
        Of JPEG and lossy WebP.
    """
    load("PIL", "writing picture files")

    metadata = picture.metadata
    if target in STRIP_FORMATS and picture.bit_depth == 8:
        writer = strip_writer(picture, target, stream)
        writer.add(0, picture.planes)
        writer.finish()
        return
    gray = len(picture.planes) == 1 and picture.planes[0].ndim == 2
    if picture.bit_depth == 16 and (picture.alpha is not None or picture.planes[0].ndim == 3):
        colours = picture.planes[0]
        deep = np.dstack((colours, *(() if picture.alpha is None else (picture.alpha,))))
        if target == "PNG":
            write_png(stream, deep, metadata, PNG_LEVEL)
        else:
            write_tiff(stream, deep, metadata)
        return
    options = _metadata_options(metadata, target, gray=gray)
    if target == "PNG":
        options.update(compress_level=PNG_LEVEL)
    if target == "WEBP":
        options.update(webp_options(quality))
    if target == "JPEG":
        options.update(quality=quality, subsampling=0)
    if target == "JPEG" and len(picture.planes) == 3:
        options.update(subsampling=2)
        image = image_of(picture, as_coded=True)
    else:
        image = image_of(picture)
    image.save(stream, target, **options)


def strip_writer(picture: Picture, target: str, stream: IO[bytes]) -> StripWriter:
    """Begin a PNG or TIFF of 8 bits, whose samples come in strips.

    Parameters
    ----------
    picture : Picture
        Of the size and kind that will come, with its alpha and what is written beside the samples.
    target : str
        One of `STRIP_FORMATS`.
    stream : binary stream
    """
    load("PIL", "writing picture files")

    mode = mode_of(picture)
    size = (picture.width, picture.height)
    if target == "TIFF":
        return StripWriter(TiffEncoder(stream, (*size[::-1], len(mode)), picture.metadata), picture)
    options = _metadata_options(picture.metadata, target, gray=mode.startswith("L"))
    return StripWriter(PngEncoder(stream, mode, size, options, PNG_LEVEL), picture)


def _metadata_options(metadata: Metadata, target: str, *, gray: bool) -> dict[str, Any]:
    """Arguments of Pillow's writer of a format for what is written beside the samples."""
    from PIL.PngImagePlugin import PngInfo

    options: dict[str, Any] = {}
    profile = metadata.icc_profile
    if target != "PNG":
        profile = profile_for(metadata, gray=gray) or b""
    if profile:
        options["icc_profile"] = profile
    if metadata.dpi is not None and target != "WEBP":
        options["dpi"] = metadata.dpi
    if target == "TIFF":
        options["exif"] = tiff_tags(metadata)
    elif metadata.exif:
        options["exif"] = metadata.exif
    if target == "PNG" and (beside := chunks_of(metadata)):
        options["pnginfo"] = PngInfo()
        for kind, content in beside:
            options["pnginfo"].add(kind, content)
    if metadata.xmp and (target == "WEBP" or target == "JPEG" and fits_jpeg(metadata.xmp)):
        options["xmp"] = metadata.xmp
    if target == "JPEG":
        options["extra"] = extra_segments(metadata)
        options["comment"] = metadata.comment
    return {name: value for name, value in options.items() if value}
