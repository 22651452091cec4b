"""Picture files to samples: every format's limits in one place, files untrusted.

Pillow's readers are called one by one, chosen by the file's first bytes, and never
through ``Image.open``: that would try some forty formats, of which one starts another
program, and would judge sizes by a setting that belongs to the caller's process.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from edgeqe.errors import ImageError, MissingImageError, MissingPackageError
from edgeqe.files.picture import Metadata, Picture, Samples

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

Source = str | os.PathLike[str] | bytes | IO[bytes]

#: Largest picture that is decoded unless the caller says otherwise, pixels.
PIXEL_LIMIT = 256_000_000
#: Suffixes of the pictures that are taken from a folder.
READ_SUFFIXES = (
    ".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp",
)  # fmt: skip
FORMAT_NAMES = "JPEG, PNG, TIFF, WebP, AVIF, BMP, GIF, PGM or PPM"

TIFF_BITS_PER_SAMPLE, TIFF_PHOTOMETRIC, TIFF_SAMPLE_FORMAT = 258, 262, 339
ORIENTATION = 0x0112
#: Tags of a TIFF's own directory that describe the picture and not the file's layout:
#: description, maker, model, orientation, software, date, artist, host, copyright,
#: EXIF and GPS directories.
TIFF_DESCRIPTIVE = (270, 271, 272, ORIENTATION, 305, 306, 315, 316, 33432, 34665, 34853)


def read_picture(
    source: Source, *, pixel_limit: int = PIXEL_LIMIT, as_coded: bool = True
) -> Picture:
    """Read a picture file.

    4:2:0 JPEG comes as its coded planes, gray JPEG as luma, any other JPEG as RGB.
    Palettes become RGB, one-bit pictures gray. Pixels stay in stored order: the
    orientation tag is kept, never applied.

    Parameters
    ----------
    source : path, bytes, or binary stream
        A file of JPEG, PNG, TIFF, WebP, AVIF, BMP, GIF, PGM or PPM.
    pixel_limit : int
        Largest number of pixels that is decoded.
    as_coded : bool
        False gives 4:2:0 JPEG as RGB too, as libjpeg shows it.

    Returns
    -------
    Picture

    Raises
    ------
    ImageError
        If the file is empty, damaged, too large, no picture, or holds something that would
        be lost (colour of more than 8 bits, several pictures).
    MissingImageError
        If the file is not there.
    MissingPackageError
        If Pillow is not installed.
    """
    name = source_name(source)
    data = _read_bytes(source, name)
    if not data:
        raise ImageError(f"{name} is empty (0 bytes): get it again from where it came from.")
    try:
        reader = _reader(data, name)
    except ImportError as error:
        raise _pillow_missing() from error
    if reader is None:
        raise ImageError(f"{name} is no picture that edgeqe reads: give {FORMAT_NAMES}.")
    try:
        with reader(io.BytesIO(data), "") as picture:
            _check_size(picture, name, pixel_limit)
            return _decode(picture, data, name, as_coded)
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # Pillow's readers raise nearly anything on damaged files
        reason = str(error).strip().rstrip(".") or type(error).__name__
        raise ImageError(
            f"{name} is damaged or cut short ({reason}): get it again from where it came from."
        ) from error


def source_name(source: Source) -> str:
    """Name a source in messages and reports."""
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    if isinstance(source, bytes):
        return "the given bytes"
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "the given stream"


def _read_bytes(source: Source, name: str) -> bytes:
    if isinstance(source, bytes):
        return source
    try:
        if isinstance(source, (str, os.PathLike)):
            return Path(source).read_bytes()
        return source.read()
    except FileNotFoundError:
        raise MissingImageError(f"{name}: no such file. Check the path.") from None
    except IsADirectoryError:
        raise ImageError(f"{name} is a folder: name a picture file in it.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(
            f"{name} cannot be read ({reason}): check the path and its permissions."
        ) from error


def _pillow_missing() -> MissingPackageError:
    return MissingPackageError("picture files need Pillow: pip install 'edgeqe[files]'")


def _reader(data: bytes, name: str) -> Any:
    """Pillow's reader for a file, by its first bytes; None if there is none."""
    from PIL import features
    from PIL.BmpImagePlugin import BmpImageFile
    from PIL.GifImagePlugin import GifImageFile
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile
    from PIL.PpmImagePlugin import PpmImageFile
    from PIL.TiffImagePlugin import TiffImageFile
    from PIL.WebPImagePlugin import WebPImageFile

    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WebPImageFile
    if data[4:12] in (b"ftypavif", b"ftypavis"):
        if "avif" not in features.modules or not features.check("avif"):
            raise ImageError(
                f"{name} is AVIF, which this Pillow does not read: pip install --upgrade pillow"
            )
        if _is_deep_av1(data):  # Pillow does not tell
            raise _too_deep(name)
        from PIL.AvifImagePlugin import AvifImageFile

        return AvifImageFile
    for magic, reader in (
        (b"\xff\xd8\xff", JpegImageFile),
        (b"\x89PNG\r\n\x1a\n", PngImageFile),
        (b"II*\0", TiffImageFile),
        (b"MM\0*", TiffImageFile),
        (b"II+\0", TiffImageFile),  # BigTIFF
        (b"MM\0+", TiffImageFile),
        (b"GIF87a", GifImageFile),
        (b"GIF89a", GifImageFile),
        (b"BM", BmpImageFile),
        (b"P5", PpmImageFile),
        (b"P6", PpmImageFile),
    ):
        if data.startswith(magic):
            return reader
    return None


def _check_size(picture: ImageFile, name: str, pixel_limit: int) -> None:
    width, height = picture.size
    if width * height > pixel_limit:
        raise ImageError(
            f"{name} says that it is {width}x{height}, more than the limit of "
            f"{pixel_limit / 1e6:g} megapixels: cut it into parts, or, if you trust it, "
            "raise --max-megapixels (in Python pixel_limit=)."
        )


def _decode(picture: ImageFile, data: bytes, name: str, as_coded: bool) -> Picture:
    if getattr(picture, "is_animated", False):
        raise ImageError(f"{name} holds several pictures: give each as a file of its own.")
    table = None
    if picture.format == "JPEG":
        from edgeqe.codecs import jpeg

        tables: dict[int, list[int]] = getattr(picture, "quantization", {})
        layers: list[tuple[int, ...]] = getattr(picture, "layer", [])
        found = tables.get(layers[0][3]) if layers else None
        table = None if found is None or min(found) < 1 else tuple(found)
        if as_coded and jpeg.is_420(picture):
            return Picture(jpeg.decode_420(data), None, table, _metadata(picture))
    _check_depth(picture, name)
    orientation = _tiff_orientation(picture)
    metadata = _metadata(picture, orientation)
    samples, alpha = _samples(picture, name)
    if orientation in _STORED_FROM_SHOWN and _was_transposed(picture):
        stored = _STORED_FROM_SHOWN[orientation]
        samples = np.ascontiguousarray(stored(samples))
        alpha = None if alpha is None else np.ascontiguousarray(stored(alpha))
    return Picture((samples,), alpha, table, metadata)


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
        raise _too_deep(name)


def _too_deep(name: str) -> ImageError:
    return ImageError(
        f"{name} has more than 8 bits a sample in a form that would be cut to 8 bits: give "
        "gray PNG, TIFF or PGM of 16 bits without transparency, or a picture of 8 bits."
    )


def _is_deep_av1(data: bytes) -> bool:
    """Whether an AVIF file's configuration box says 10 or 12 bits (AV1-ISOBMFF, 2.3.3)."""
    _, _, configuration = data.partition(b"av1C")
    return len(configuration) > 2 and bool(configuration[2] & 0x40)


def _samples(picture: ImageFile, name: str) -> tuple[Samples, Samples | None]:
    """Gray or RGB samples, and alpha."""
    mode = picture.mode
    if mode.startswith("I;16") or (mode == "I" and picture.format in ("PNG", "PPM")):
        return np.asarray(picture).astype(np.uint16), None
    palette_alpha = mode == "P" and getattr(picture.palette, "mode", "").endswith("A")
    transparent = mode in ("LA", "PA", "RGBA") or palette_alpha or "transparency" in picture.info
    gray = mode in ("1", "L", "LA")
    if not gray and mode not in ("P", "PA", "RGB", "RGBA", "RGBX"):
        raise ImageError(
            f"{name} has pixels of the kind {mode}, which edgeqe does not enhance: convert it "
            "to RGB or gray with its colour profile first."
        )
    wanted = ("LA" if transparent else "L") if gray else ("RGBA" if transparent else "RGB")
    values = np.asarray(picture if mode == wanted else picture.convert(wanted))
    if not transparent:
        return values, None
    colours = values[..., 0] if gray else values[..., :3]
    return np.ascontiguousarray(colours), np.ascontiguousarray(values[..., -1])


def _metadata(picture: ImageFile, orientation: int = 1) -> Metadata:
    """EXIF, colour profile and resolution of an open file."""
    if picture.format == "TIFF":
        exif = picture.getexif()
        for tag in [tag for tag in exif if tag not in TIFF_DESCRIPTIVE]:
            del exif[tag]
        block = exif.tobytes() if len(exif) else b""
    else:
        found = picture.info.get("exif", b"")
        block = found if isinstance(found, bytes) else b""
    profile = picture.info.get("icc_profile")
    dpi = picture.info.get("dpi")
    try:
        across, down = (float(value) for value in dpi) if dpi else (0.0, 0.0)
    except (TypeError, ValueError, ZeroDivisionError):
        across, down = 0.0, 0.0
    known = 1.0 <= across <= 65535.0 and 1.0 <= down <= 65535.0
    return Metadata(block, profile or b"", (across, down) if known else None)


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
