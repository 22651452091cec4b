"""Picture files to samples, untrusted: their bytes, their strength, their size, then their samples.

A format is told by the file's first bytes (`formats.py`), and only its own reader is called. Of
coded files the headers are read first, by `edgeqe.codecs`: what says a size above the limit, or
lengths that are not there, never reaches a decoder.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from typing import IO, TYPE_CHECKING, TypeVar

from edgeqe.codecs import movie
from edgeqe.codecs.coded import CodedStrength, UnsupportedCodingError
from edgeqe.codecs.identify import strength_of
from edgeqe.errors import EdgeqeError, ImageError, MissingImageError
from edgeqe.files.bounded import file_bytes, stream_bytes
from edgeqe.files.formats import FORMAT_NAMES, RESIDUAL_NAMES, Undecoded, format_of
from edgeqe.files.packages import load
from edgeqe.files.picture import Picture

if TYPE_CHECKING:
    from edgeqe.files.intra import IntraFile

Decoded = TypeVar("Decoded")

Source = str | os.PathLike[str] | bytes | IO[bytes]

#: Largest picture that is decoded unless the caller says otherwise, pixels.
PIXEL_LIMIT = 256_000_000
#: A file of more pixels a byte is sparse: it may only have a part of the limit, because it costs
#: time and memory that its size does not show.
SPARSE, SPARSE_PART = 256, 8


def read_picture(
    source: Source,
    *,
    pixel_limit: int = PIXEL_LIMIT,
    as_coded: bool = True,
    accept_truncated: bool = False,
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
        Largest number of pixels that is decoded; of a file of more than 256 pixels a byte an
        eighth of it.
    as_coded : bool
        False gives 4:2:0 planes as RGB too, as libjpeg shows them.
    accept_truncated : bool
        Take what is there of a JPEG or PNG that is cut short; `Picture.present` says how much.

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
    return PictureFile(source).decode(
        pixel_limit=pixel_limit, as_coded=as_coded, accept_truncated=accept_truncated
    )


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
        self._path: str | os.PathLike[str] | None
        """Of a file whose decoder reads it; the others are held."""
        self.bytes: int
        """Of the file."""
        self.name = source_name(source)
        self._data, self.bytes = _read_bytes(source, self.name)
        if not self._data:
            raise ImageError(
                f"{self.name} is empty (0 bytes): get it again from where it came from."
            )
        found = format_of(self._data)
        if found is None:
            raise ImageError(f"{self.name} is no picture that edgeqe reads: give {FORMAT_NAMES}.")
        load(found.package, self.name)
        self._format = found
        self._path = None
        if isinstance(source, (str, os.PathLike)) and len(self._data) < self.bytes:
            self._path = source

    @cached_property
    def strength(self) -> CodedStrength | None:
        """What the file's own headers say of its strength; None where they say nothing.

        Raises
        ------
        ImageError
            If the headers are damaged, or of a kind that is not supported.
        """
        try:
            reader = movie.strength if movie.is_movie(self._data) else strength_of
            return reader(self._data)
        except ImageError as error:
            raise type(error)(f"{self.name}: {error}") from error

    def decode(
        self,
        *,
        pixel_limit: int = PIXEL_LIMIT,
        as_coded: bool = True,
        accept_truncated: bool = False,
    ) -> Picture:
        """Decode the samples; parameters and errors as of `read_picture`."""
        return self._decoded(self._format.decode, pixel_limit, as_coded, accept_truncated)

    def check_residual(self) -> None:
        """Refuse a file whose format holds no prediction residual that is decoded.

        Raises
        ------
        ImageError
            If so.
        """
        if not self._format.has_residual:
            raise ImageError(
                f"{self.name} is not of HEVC, and this model needs the prediction residual of HEVC's "
                f"decoder: give {RESIDUAL_NAMES}, or another model."
            )

    def decode_with_residual(self, *, pixel_limit: int = PIXEL_LIMIT) -> IntraFile:
        """Decode an intra picture of HEVC with its prediction residual.

        Raises
        ------
        ImageError
            As of `read_picture`, or if the file is not of HEVC, or needs a tool that is not of its
            intra profiles.
        MissingPackageError
            If PyAV or numba is not installed.
        """
        self.check_residual()
        load("av", self.name)
        return self._decoded(self._format.decode_with_residual, pixel_limit, True, False)

    def _decoded(
        self,
        decoder: Callable[[Undecoded], Decoded],
        pixel_limit: int,
        as_coded: bool,
        accept_truncated: bool,
    ) -> Decoded:
        coded = self._headers() if self._format.headers_first else None

        def check_size(width: int, height: int) -> None:
            if width * height > pixel_limit:
                raise ImageError(
                    f"{self.name} says that it is {width}x{height}, more than the limit of "
                    f"{pixel_limit / 1e6:g} megapixels: cut it into parts, or, if you trust it, "
                    "raise --max-megapixels (in Python pixel_limit=)."
                )
            sparse = width * height > SPARSE * self.bytes
            if sparse and width * height > pixel_limit // SPARSE_PART:
                raise ImageError(
                    f"{self.name} says that it is {width}x{height} in {self.bytes} bytes, which "
                    f"is nearly nothing for more than {pixel_limit / SPARSE_PART / 1e6:g} megapixels: "
                    f"if you trust it, raise --max-megapixels (in Python pixel_limit=) to "
                    f"{SPARSE_PART} times its size."
                )

        if coded is not None:
            check_size(coded.width, coded.height)
        try:
            return decoder(
                Undecoded(
                    self._data,
                    self.name,
                    coded,
                    as_coded,
                    check_size,
                    pixel_limit,
                    accept_truncated,
                    self._path,
                )
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


def _is_picture(head: bytes) -> bool:
    return format_of(head) is not None


def _is_left(head: bytes) -> bool:
    found = format_of(head)
    return found is not None and found.in_pieces


def _read_bytes(source: Source, name: str) -> tuple[bytes, int]:
    """Bytes of a source, or the first of a file whose decoder reads the rest; how many it has."""
    if isinstance(source, bytes):
        return source, len(source)
    try:
        if isinstance(source, (str, os.PathLike)):
            return file_bytes(source, name, _is_picture, _is_left)
        content = stream_bytes(source, name, _is_picture)
        return content, len(content)
    except EdgeqeError:
        raise
    except FileNotFoundError:
        raise MissingImageError(f"{name}: no such file. Check the path.") from None
    except IsADirectoryError:
        raise ImageError(f"{name} is a folder: name a picture file in it.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(
            f"{name} cannot be read ({reason}): check the path and its permissions."
        ) from error
