"""Pillow's open picture to samples and metadata; what Pillow would lose is refused."""

from __future__ import annotations

import dataclasses
import importlib
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from edgeqe.codecs import pillow_stripes
from edgeqe.errors import ImageError
from edgeqe.files import gif
from edgeqe.files.colours import unusual
from edgeqe.files.deep_writing import TIFF_PHOTOSHOP
from edgeqe.files.exif import ORIENTATION, drop_damaged, exif_block
from edgeqe.files.formats import Undecoded
from edgeqe.files.jpeg_metadata import segments_of_resources
from edgeqe.files.picture import DAMAGED_PROFILE, Metadata, Picture, Samples
from edgeqe.files.pillow_limit import pillow_limit_off
from edgeqe.files.pillow_rows import samples_by_rows
from edgeqe.files.png_chunks import said
from edgeqe.files.truncated import load_png

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

#: Pillow's names of formats by the first two bytes of a file; each is imported by itself, because
#: together they take some MiB.
READERS = {
    b"RI": "WebP", b"\x89P": "Png", b"II": "Tiff", b"MM": "Tiff", b"GI": "Gif", b"BM": "Bmp",
    b"P5": "Ppm", b"P6": "Ppm",
}  # fmt: skip
#: Flag of a WebP's extended header, which stands behind 20 bytes.
WEBP_ANIMATION = 2
TIFF_BITS_PER_SAMPLE, TIFF_PHOTOMETRIC, TIFF_SAMPLE_FORMAT = 258, 262, 339
#: Tags of a TIFF's own directory that describe the picture and not the file's layout:
#: description, maker, model, orientation, software, date, artist, host, copyright,
#: EXIF and GPS directories.
TIFF_DESCRIPTIVE = (270, 271, 272, ORIENTATION, 305, 306, 315, 316, 33432, 34665, 34853)


def decode(file: Undecoded) -> Picture:
    """Decode a PNG, TIFF, WebP, BMP, GIF, PGM or PPM.

    Raises
    ------
    ImageError
        If it is too large, or holds what would be lost.
    """
    return decode_by(reader_of(file.data, file.name), file)


def decode_by(reader: Any, file: Undecoded) -> Picture:
    """Decode a file by one of Pillow's readers."""
    size = (0, 0)
    if file.data.startswith(b"GIF"):
        size = gif.size_of(file.data)
        file.check_size(*size)
    elif file.coded is not None:
        size = (file.coded.width, file.coded.height)
    with pillow_limit_off(*size), file.open() as stream, reader(stream, "") as picture:
        file.check_size(*picture.size)
        if getattr(picture, "is_animated", False):
            raise several(file.name)
        _check_depth(picture, file.name)
        orientation = _tiff_orientation(picture)
        metadata = metadata_of(picture, orientation)
        if picture.format == "PNG":
            metadata = _with_chunks(metadata, stream)
        with pillow_limit_off(*picture.size):
            found = samples_by_rows(picture, stream)
            if found is not None:
                return Picture((found[0],), found[1], None, metadata)
            present = load_png(picture, file) if picture.format == "PNG" else None
            samples, alpha = _samples(picture, file.name)
        if orientation in _STORED_FROM_SHOWN and _was_transposed(picture):
            stored = _STORED_FROM_SHOWN[orientation]
            samples = np.ascontiguousarray(stored(samples))
            alpha = None if alpha is None else np.ascontiguousarray(stored(alpha))
        return Picture((samples,), alpha, None, metadata, present=present)


def several(name: str) -> ImageError:
    """Error for a file of several pictures."""
    return ImageError(f"{name} holds several pictures: give each as a file of its own.")


def reader_of(data: bytes, name: str) -> Any:
    """Pillow's reader for a file, by its first bytes."""
    if data.startswith(b"RIFF"):
        if data[12:16] == b"VP8X" and data[20] & WEBP_ANIMATION:
            raise several(name)  # before libwebp allocates a canvas of any size
    format_ = READERS[data[:2]]
    return getattr(importlib.import_module(f"PIL.{format_}ImagePlugin"), f"{format_}ImageFile")


def _check_depth(picture: ImageFile, name: str) -> None:
    """Refuse what Pillow would cut to 8 bits, or show as a negative, without a word."""
    lost = False
    if picture.format == "TIFF":
        tags: Any = getattr(picture, "tag_v2", {})
        bits = tags.get(TIFF_BITS_PER_SAMPLE, (1,))
        formats = tags.get(TIFF_SAMPLE_FORMAT, (1,))
        black_is_zero = tags.get(TIFF_PHOTOMETRIC) == 1
        if max(bits) > 8 or max(formats) != 1:
            lost = tuple(bits) != (16,) or max(formats) != 1 or not black_is_zero
    elif picture.format == "PNG":
        lost = picture.mode not in ("I", "I;16") and ";16" in str(picture.tile[0][3])
        lost |= picture.mode in ("I", "I;16") and "transparency" in picture.info
    elif picture.format == "PPM":
        arguments: Any = picture.tile[0][3]
        lost = picture.mode == "RGB" and not isinstance(arguments, str) and arguments[-1] > 255
    if lost:
        raise too_deep(name)


def too_deep(name: str) -> ImageError:
    """Error for samples that Pillow would cut to 8 bits."""
    return ImageError(
        f"{name} has more than 8 bits a sample in a form that would be cut to 8 bits: give "
        "gray PNG, TIFF or PGM of 16 bits without transparency, or a picture of 8 bits."
    )


def _samples(picture: ImageFile, name: str) -> tuple[Samples, Samples | None]:
    """Gray or RGB samples, and alpha."""
    mode = picture.mode
    if mode.startswith("I;16") or (mode == "I" and picture.format in ("PNG", "PPM")):
        return pillow_stripes.samples(picture, mode).astype(np.uint16, copy=False), None
    palette_alpha = mode == "P" and getattr(picture.palette, "mode", "").endswith("A")
    transparent = mode in ("LA", "PA", "RGBA") or palette_alpha or "transparency" in picture.info
    gray = mode in ("1", "L", "LA")
    if not gray and mode not in ("P", "PA", "RGB", "RGBA", "RGBX"):
        raise ImageError(
            f"{name} has pixels of the kind {mode}, which edgeqe does not enhance: convert it "
            "to RGB or gray with its colour profile first."
        )
    wanted = ("LA" if transparent else "L") if gray else ("RGBA" if transparent else "RGB")
    values = pillow_stripes.samples(picture, wanted)
    if not transparent:
        return values, None
    colours = values[..., 0] if gray else values[..., :3]
    return np.ascontiguousarray(colours), np.ascontiguousarray(values[..., -1])


def metadata_of(picture: ImageFile, orientation: int = 1) -> Metadata:
    """EXIF, colour profile, XMP and resolution of an open file."""
    left: tuple[str, ...] = ()
    if picture.format == "TIFF":
        exif = picture.getexif()
        for tag in [tag for tag in exif if tag not in TIFF_DESCRIPTIVE]:
            del exif[tag]
        left = () if drop_damaged(exif) else ("damaged EXIF tags",)
        block = exif.tobytes() if len(exif) else b""
    else:
        found = picture.info.get("exif", b"")
        block = exif_block(found if isinstance(found, bytes) else b"")
    profile = picture.info.get("icc_profile")
    xmp = picture.info.get("xmp")
    dpi = picture.info.get("dpi")
    try:
        across, down = (float(value) for value in dpi) if dpi else (0.0, 0.0)
    except (TypeError, ValueError, ZeroDivisionError):
        across, down = 0.0, 0.0
    known = 1.0 <= across <= 65535.0 and 1.0 <= down <= 65535.0
    return Metadata(
        block,
        profile or b"",
        (across, down) if known else None,
        xmp=xmp if isinstance(xmp, bytes) else b"",
        photoshop=_photoshop(picture),
        left_behind=left,
    )


def _photoshop(picture: ImageFile) -> tuple[bytes, ...]:
    """Photoshop's data of a TIFF."""
    tags: Any = getattr(picture, "tag_v2", {})
    found = tags.get(TIFF_PHOTOSHOP)
    return segments_of_resources(found) if isinstance(found, bytes) else ()


def _with_chunks(metadata: Metadata, stream: IO[bytes]) -> Metadata:
    """Metadata of a PNG with what its chunks say."""
    named, texts, xmp = said(stream)
    exif = exif_block(named.pop(b"eXIf", b""))
    lost = named.pop(b"iCCP", None) is not None and not metadata.icc_profile
    colours = None
    cicp = named.get(b"cICP", b"")
    if len(cicp) == 4 and not metadata.icc_profile:
        usual = unusual(cicp[0], cicp[1]) is None and cicp[2:] == b"\0\1"
        colours = None if usual else (cicp[0], cicp[1])
    return dataclasses.replace(
        metadata, exif=metadata.exif or exif, colours=colours, xmp=xmp,
        colour_chunks=tuple(named.items()), texts=texts,
        left_behind=(*metadata.left_behind, *([DAMAGED_PROFILE] if lost else [])),
    )  # fmt: skip


def _tiff_orientation(picture: ImageFile) -> int:
    """Orientation tag of a TIFF, which Pillow applies when it loads; 1 for others."""
    tags: Any = getattr(picture, "tag_v2", {})
    value = tags.get(ORIENTATION, 1)
    return value if isinstance(value, int) else 1


def _was_transposed(picture: ImageFile) -> bool:
    """Whether loading applied the orientation tag: it then takes the tag away."""
    return ORIENTATION not in picture.getexif()


#: Stored pixels from pixels as shown, per orientation: the inverse of each turn.
_STORED_FROM_SHOWN: dict[int, Any] = {
    2: lambda shown: shown[:, ::-1],
    3: lambda shown: shown[::-1, ::-1],
    4: lambda shown: shown[::-1],
    5: lambda shown: shown.swapaxes(0, 1),
    6: lambda shown: shown.swapaxes(0, 1)[::-1, :],
    7: lambda shown: shown[::-1, ::-1].swapaxes(0, 1),
    8: lambda shown: shown.swapaxes(0, 1)[:, ::-1],
}
