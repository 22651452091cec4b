"""Samples to picture files: by suffix, whole or not at all, nothing replaced unasked."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, final

from edgeqe.errors import (
    EdgeqeError,
    ImageError,
    InputError,
    MissingImageError,
)
from edgeqe.files.encoding import STRIP_FORMATS, encode, strip_writer
from edgeqe.files.kept import not_kept
from edgeqe.files.lossy import check_quality, quality_of
from edgeqe.files.picture import Picture, Samples, picture_from_array
from edgeqe.reports.part_files import CheckedWriter, PartFile

#: Gets the first row of a strip, and its planes.
Take = Callable[[int, tuple[Samples, ...]], None]
Destination = str | os.PathLike[str] | IO[bytes]

#: Format of each suffix that can be written.
FORMATS = {
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
}
#: Format that is written to a stream.
STREAM_FORMAT = "PNG"
#: Largest side that libjpeg and WebP can write, pixels.
LARGEST_SIDE = {"JPEG": 65500, "WEBP": 16383}
#: Largest EXIF block of a JPEG: one marker segment.
JPEG_EXIF_LIMIT = 65533


def write_picture(
    picture: Picture | Samples,
    destination: Destination,
    *,
    overwrite: bool = False,
    quality: int | None = None,
) -> None:
    """Write a picture file: PNG, TIFF, WebP (lossless) or JPEG by suffix.

    JPEG is 4:4:4, but 4:2:0 planes are coded as 4:2:0, as they are.

    Parameters
    ----------
    picture : Picture or ndarray
        An array has the shape (H, W), (H, W, 3) or (H, W, 4).
    destination : path or binary stream
        A stream gets PNG.
    overwrite : bool
        Replace an existing file.
    quality : int, optional
        Of JPEG, 95 if left out, or of lossy WebP, 1 to 100.

    Raises
    ------
    ImageError
        If the file exists, cannot be written, or its format cannot hold the picture.
    InputError
        If the suffix or the array is none that can be written, or the quality is not for it.
    """
    whole = picture if isinstance(picture, Picture) else picture_from_array(picture)
    with Output(destination, overwrite=overwrite, quality=quality) as output:
        output.write(whole)


def format_of(path: str | os.PathLike[str]) -> str:
    """Format of a path's suffix; InputError with the list if there is none."""
    suffix = Path(path).suffix
    if suffix.lower() not in FORMATS:
        raise InputError(
            f"{os.fspath(path)}: the suffix '{suffix}' is none that edgeqe writes: use one of "
            f"{', '.join(FORMATS)}."
        )
    return FORMATS[suffix.lower()]


def check_path(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Refuse what can be known before any work: suffix, existing file, missing folder."""
    format_of(path)
    target, name = Path(path), os.fspath(path)
    try:
        if target.is_dir():
            raise ImageError(f"{name} is a folder: name a file in it.")
        if os.path.lexists(target) and not overwrite:
            raise _exists(name)
        if target.exists() and not target.is_file():
            raise ImageError(f"{name} is no plain file: name another.")
        if not target.parent.is_dir():
            raise MissingImageError(
                f"{name}: the folder {target.parent} does not exist: make it, or name another."
            )
    except (OSError, ValueError) as error:
        if isinstance(error, ImageError):
            raise
        raise _unwritable(name, error) from error


@final
class Output:
    """A picture file that comes into being whole, under its name, or not at all.

    A context manager. Entering makes a temporary file in the target's folder, so that
    a folder that cannot be written is found before the work; leaving removes it unless
    `write` has given it its name.

    Parameters
    ----------
    destination : path or binary stream
    overwrite : bool
        Replace an existing file.
    quality : int, optional
        Of JPEG, or of WebP, which is lossless without one: 1 to 100.

    Raises
    ------
    ImageError
        If the file exists or cannot be made.
    InputError
        If the suffix is none that can be written, or the quality is not for it.
    """

    def __init__(
        self, destination: Destination, *, overwrite: bool, quality: int | None = None
    ) -> None:
        self._part: PartFile | None = None
        self.bytes = 0
        """Of the file, when it is written."""
        if isinstance(destination, (str, os.PathLike)):
            self._stream: IO[bytes] | None = None
            self.name = os.fspath(destination)
            self.format = format_of(destination)
            check_path(destination, overwrite=overwrite)
            self._part = PartFile(Path(destination), overwrite=overwrite)
        else:
            self._stream = destination
            name = getattr(destination, "name", None)
            self.name = name if isinstance(name, str) else "the given stream"
            self.format = STREAM_FORMAT
        check_quality(quality, self.format, self.name)
        self._asked = quality
        self.quality = quality
        """That it is written with; None of a lossless file."""

    def __enter__(self) -> Output:
        """Make the temporary file."""
        if self._part is not None:
            try:
                self._part.create()
            except OSError as error:
                raise _unwritable(self.name, error) from error
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what was not finished."""
        if self._part is not None:
            self._part.discard()

    def check(self, picture: Picture) -> None:
        """Raise ImageError if the format cannot hold the picture."""
        use = "write .png, .tif or .webp instead"
        if self.format in LARGEST_SIDE and (side := max(picture.height, picture.width)) > (
            largest := LARGEST_SIDE[self.format]
        ):
            raise ImageError(
                f"{self.name}: {self.format} holds sides of at most {largest} pixels, not {side}: "
                "write .png or .tif instead."
            )
        if picture.bit_depth == 16 and self.format in ("JPEG", "WEBP"):
            raise ImageError(
                f"{self.name}: {self.format} cannot hold 16 bits: write .png or .tif instead."
            )
        if self.format != "PNG" and (colours := picture.metadata.colours) is not None:
            raise ImageError(
                f"{self.name}: {self.format} cannot hold the picture's colours (primaries "
                f"{colours[0]} and transfer {colours[1]} of ITU-T H.273): write .png instead."
            )
        if self.format == "JPEG" and picture.alpha is not None:
            raise ImageError(f"{self.name}: JPEG cannot hold transparency: {use}.")
        if self.format == "JPEG" and len(picture.metadata.exif) > JPEG_EXIF_LIMIT:
            raise ImageError(f"{self.name}: JPEG cannot hold so large an EXIF block: {use}.")

    def not_kept(self, picture: Picture) -> tuple[str, ...]:
        """Name what the format cannot hold of the picture's metadata."""
        gray = len(picture.planes) == 1 and picture.planes[0].ndim == 2
        return not_kept(picture.metadata, self.format, gray=gray)

    def takes_strips(self, picture: Picture) -> bool:
        """Whether such a picture can be written by `write_strips`."""
        return self.format in STRIP_FORMATS and picture.bit_depth == 8

    def write(self, picture: Picture, step: float | None = None) -> None:
        """Encode the picture and give it its name; a JPEG's quality follows the input's `step`."""
        self.check(picture)
        self.quality = quality_of(self.format, self._asked, step)
        with self._named_errors():
            with self._opened() as stream:
                encode(picture, self.format, stream, self.quality)
                self._written(stream)
            self._publish()

    def write_strips(self, picture: Picture, produce: Callable[[Take], None]) -> int:
        """Encode a picture while its planes come strip by strip, and give it its name.

        Parameters
        ----------
        picture : Picture
            Of the size and kind of what comes.
        produce : callable
            Gives the strips in order, each with its first row, to what it is called with.

        Returns
        -------
        int
            Most bytes of strips that were held at a time.
        """
        self.check(picture)
        with self._opened() as stream:
            with self._named_errors():
                writer = strip_writer(picture, self.format, stream)

            def take(row: int, planes: tuple[Samples, ...]) -> None:
                with self._named_errors():
                    writer.add(row, planes)

            produce(take)
            with self._named_errors():
                writer.finish()
                self._written(stream)
        with self._named_errors():
            self._publish()
        return writer.most_bytes

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        """What the file's bytes are written to: a stream of the caller's gets them when all are there."""
        if self._part is None:
            yield io.BytesIO()  # left open: errors hold views of it
            return
        with self._named_errors():
            stream = CheckedWriter(self._part.path)
        try:
            yield stream
        except BaseException:
            stream.raw.close()  # what it still holds is of no use, and may not fit either
            raise
        with self._named_errors():
            stream.close()

    def _written(self, stream: IO[bytes]) -> None:
        """All bytes are there."""
        if self._stream is not None:
            assert isinstance(stream, io.BytesIO)
            self.bytes = len(stream.getbuffer())
            _write_all(self._stream, stream.getbuffer())
        else:
            stream.flush()

    def _publish(self) -> None:
        if self._part is not None:
            self.bytes = self._part.path.stat().st_size
            self._part.publish()

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        """Errors of writing name the file."""
        try:
            yield
        except (EdgeqeError, BrokenPipeError, MemoryError):
            raise
        except FileExistsError:
            raise _exists(self.name) from None
        except Exception as error:  # a strange EXIF block makes Pillow raise nearly anything
            raise _unwritable(self.name, error) from error


def _exists(name: str) -> ImageError:
    return ImageError(f"{name} exists: give --overwrite (in Python overwrite=True), or another.")


def _unwritable(name: str, error: Exception) -> ImageError:
    reason = getattr(error, "strerror", None) or error
    return ImageError(
        f"{name} cannot be written ({reason}): check the folder, its permissions and free space."
    )


def _write_all(stream: IO[bytes], content: memoryview) -> None:
    """Write all bytes to a stream; an unbuffered one may take a part of them at a time."""
    raw = isinstance(stream, io.RawIOBase)
    while len(content):
        written = stream.write(content)
        if raw and not written:
            raise OSError(errno.EAGAIN, "it takes no more at the moment")
        if type(written) is not int:  # a stream of the caller's own, which takes all
            break
        content = content[written:]
    stream.flush()
