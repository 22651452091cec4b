"""Size and kind of a picture file from its headers, before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeqe.codecs import jpeg
from edgeqe.files.formats import format_of
from edgeqe.files.pillow_reading import reader_of
from edgeqe.files.reading import PictureFile

#: Bytes that tell a file's format.
HEAD = 4096


@dataclass(frozen=True)
class FileShape:
    """What a file's headers say of its picture."""

    width: int
    """Pixels."""
    height: int
    """Pixels."""
    kind: str
    """``planes`` of 4:2:0, ``gray``, ``RGB``, or ``deep`` of more than 8 bits; of JPEGs of several
    scans ``progressive planes`` and ``progressive RGB``, because whole ones are compared."""


def shape_of(path: Path) -> FileShape | None:
    """Shape of a file; None where it is damaged or unknown, which its decoder will say.

    Parameters
    ----------
    path : Path
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD)
            found = format_of(head)
            if found is not None and found.module in ("jpeg", "pillow_reading"):
                from PIL.JpegImagePlugin import JpegImageFile

                reader = JpegImageFile if found.module == "jpeg" else reader_of(head, path.name)
                stream.seek(0)
                with reader(stream, "") as picture:
                    width, height = picture.size
                    return FileShape(width, height, _kind(picture))
        coded = PictureFile(path).strength
    except Exception:  # Pillow raises nearly anything on damaged headers
        return None
    if coded is None:
        return None
    return FileShape(coded.width, coded.height, "RGB" if coded.bit_depth == 8 else "deep")


def _kind(picture: object) -> str:
    """Kind of an open picture, as `pillow_reading` decodes it."""
    mode, name = getattr(picture, "mode", ""), getattr(picture, "format", "")
    if mode.startswith("I"):
        return "deep"
    if mode in ("1", "L"):
        return "gray"
    if name != "JPEG":
        return "RGB"
    kind = "planes" if jpeg.is_420(picture) else "RGB"  # type: ignore[arg-type]
    return f"progressive {kind}" if "progressive" in getattr(picture, "info", {}) else kind
