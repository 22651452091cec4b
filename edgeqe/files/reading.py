"""Picture files to samples, untrusted: their bytes, their strength, their size, then their samples.

A format is told by the file's first bytes (`formats.py`), and only its own reader is called. Of
coded files the headers are read first, by `edgeqe.codecs`: what says a size above the limit, or
lengths that are not there, never reaches a decoder.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import IO

from edgeqe.codecs.coded import CodedStrength, UnsupportedCodingError
from edgeqe.codecs.identify import strength_of
from edgeqe.errors import EdgeqeError, ImageError, MissingImageError
from edgeqe.files.formats import FORMAT_NAMES, Undecoded, format_of
from edgeqe.files.packages import load
from edgeqe.files.picture import Picture

Source = str | os.PathLike[str] | bytes | IO[bytes]

#: Largest picture that is decoded unless the caller says otherwise, pixels.
PIXEL_LIMIT = 256_000_000


def read_picture(
    source: Source, *, pixel_limit: int = PIXEL_LIMIT, as_coded: bool = True
) -> Picture:
    """Read a picture file.

    4:2:0 JPEG and BPG come as their coded planes, gray ones as luma, any others as RGB.
    Palettes become RGB, one-bit pictures gray. Pixels stay in stored order: the
    orientation tag is kept, never applied; but HEIC comes upright.

    Parameters
    ----------
    source : path, bytes, or binary stream
        A file of one of `formats.FORMAT_NAMES`.
    pixel_limit : int
        Largest number of pixels that is decoded.
    as_coded : bool
        False gives 4:2:0 planes as RGB too, as libjpeg shows them.

    Returns
    -------
    Picture

    Raises
    ------
    ImageError
        If the file is empty, damaged, too large, no picture, or holds something that would
        be lost (several pictures, colour of more than 8 bits in PNG, TIFF and PPM).
    MissingImageError
        If the file is not there.
    MissingPackageError
        If the package that reads the format is not installed.
    """
    return PictureFile(source).decode(pixel_limit=pixel_limit, as_coded=as_coded)


class PictureFile:
    """A picture file: its bytes, told by their beginning, and not decoded yet.

    Parameters
    ----------
    source : path, bytes, or binary stream

    Raises
    ------
    ImageError, MissingImageError, MissingPackageError
        As of `read_picture`; a damaged file is found later.
    """

    def __init__(self, source: Source) -> None:
        self.name = source_name(source)
        self._data = _read_bytes(source, self.name)
        if not self._data:
            raise ImageError(
                f"{self.name} is empty (0 bytes): get it again from where it came from."
            )
        self.bytes = len(self._data)
        """Of the file."""
        found = format_of(self._data)
        if found is None:
            raise ImageError(f"{self.name} is no picture that edgeqe reads: give {FORMAT_NAMES}.")
        load(found.package, self.name)
        self._format = found

    @cached_property
    def strength(self) -> CodedStrength | None:
        """What the file's own headers say of its strength; None where they say nothing.

        Raises
        ------
        ImageError
            If the headers are damaged, or of a kind that is not supported.
        """
        try:
            return strength_of(self._data)
        except ImageError as error:
            raise type(error)(f"{self.name}: {error}") from error

    def decode(self, *, pixel_limit: int = PIXEL_LIMIT, as_coded: bool = True) -> Picture:
        """Decode the samples; parameters and errors as of `read_picture`."""
        coded = self._headers() if self._format.headers_first else None

        def check_size(width: int, height: int) -> None:
            if width * height > pixel_limit:
                raise ImageError(
                    f"{self.name} says that it is {width}x{height}, more than the limit of "
                    f"{pixel_limit / 1e6:g} megapixels: cut it into parts, or, if you trust it, "
                    "raise --max-megapixels (in Python pixel_limit=)."
                )

        if coded is not None:
            check_size(coded.width, coded.height)
        try:
            return self._format.decode(
                Undecoded(self._data, self.name, coded, as_coded, check_size)
            )
        except (EdgeqeError, MemoryError):
            raise
        except Exception as error:  # decoders raise nearly anything on damaged files
            reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            raise ImageError(
                f"{self.name} is damaged or cut short ({reason}): get it again from where it "
                "came from."
            ) from error

    def _headers(self) -> CodedStrength | None:
        """As `strength`, but None where only the strength is what cannot be read."""
        try:
            return self.strength
        except UnsupportedCodingError:
            return None


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
