"""Size and kind of a picture file from its headers, before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO

from edgeqe.codecs import jpeg
from edgeqe.codecs.jpeg_layout import has_several_scans
from edgeqe.files.formats import format_of
from edgeqe.files.pillow_reading import reader_of
from edgeqe.files.pillow_rows import strips_of
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
    """``planes`` of 4:2:0, ``gray``, ``RGB``, ``RGBA``, ``components`` of JPEGs that code R, G and B,
    ``coded RGB`` of formats that Pillow has another library for, or ``deep`` of more than 8 bits."""
    jpeg: bool = False
    several_scans: bool = False
    """Whether it is a JPEG whose decoder holds all coefficients, progressive or not."""
    by_rows: bool = False
    """Whether it is decoded by rows, without another picture beside the samples."""
    held: bool = True
    """Whether the coded file is held while it is decoded and enhanced."""


def shape_of(path: Path) -> FileShape | None:
    """Shape of a file; None where it is damaged or unknown, which its decoder will say.

    Parameters
    ----------
    path : Path
        Of a pipe or device, which gives its bytes once, nothing is read: None.
    """
    if not path.is_file():
        return None
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
                    kind, is_jpeg = _kind(picture), found.module == "jpeg"
                    return FileShape(
                        width,
                        height,
                        kind,
                        is_jpeg,
                        is_jpeg and _has_several_scans(stream),
                        strips_of(picture, stream) is not None,
                        not found.in_pieces,
                    )
        coded = PictureFile(path).strength
    except Exception:  # Pillow raises nearly anything on damaged headers
        return None
    if coded is None:
        return None
    return FileShape(coded.width, coded.height, "coded RGB" if coded.bit_depth == 8 else "deep")


def _kind(picture: object) -> str:
    """Kind of an open picture, as `pillow_reading` decodes it."""
    mode, name = getattr(picture, "mode", ""), getattr(picture, "format", "")
    if mode.startswith("I"):
        return "deep"
    info = getattr(picture, "info", {})
    if name == "WEBP":
        return "coded RGB"
    if name != "JPEG":
        transparent = mode.endswith("A") or "transparency" in info
        return "RGBA" if transparent else "gray" if mode in ("1", "L") else "RGB"
    if jpeg.component_steps(picture):  # type: ignore[arg-type]
        return "components"
    return "planes" if jpeg.is_420(picture) else "gray" if mode == "L" else "RGB"  # type: ignore[arg-type]


def _has_several_scans(stream: IO[bytes]) -> bool:
    stream.seek(0)
    return has_several_scans(stream.read())
