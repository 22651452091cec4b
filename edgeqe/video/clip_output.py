"""Where a clip is written: a file that gets its name when it is whole, or a pipe."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

from edgeqe.errors import InputError
from edgeqe.reports.part_files import CheckedWriter, PartFile


class ClipOutput:
    """Context that makes the file, and removes it if it was not published.

    Parameters
    ----------
    destination : str or binary file
        Name of the file, or a pipe, to which all is written as it comes.
    overwrite : bool
        Replace an existing file.
    """

    def __init__(self, destination: str | IO[bytes], *, overwrite: bool) -> None:
        self._part: PartFile | None = None
        self._pipe: IO[bytes] | None = None
        if isinstance(destination, str):
            self._path = Path(destination)
            self._part = PartFile(self._path, overwrite=overwrite)
        else:
            self._pipe = destination
        self._file: IO[bytes] | None = None

    @property
    def file(self) -> IO[bytes]:
        """To be written."""
        assert self._file is not None
        return self._file

    def __enter__(self) -> ClipOutput:
        """Make the file.

        Raises
        ------
        InputError
            If the folder refuses it.
        """
        if self._part is None:
            self._file = self._pipe
            return self
        try:
            self._part.create()
            self._file = CheckedWriter(self._part.path)
        except OSError as error:
            self._part.discard()
            raise self._unwritable(error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the file, unless it has its name."""
        if self._part is not None:
            self._close()
            self._part.discard()

    def publish(self) -> None:
        """Give the file its name.

        Raises
        ------
        InputError
            If the disk is full, or the name is taken meanwhile.
        """
        if self._part is None:
            return
        try:
            self.file.close()
            self._part.publish()
        except OSError as error:
            raise self._unwritable(error) from error

    def keep_partial(self) -> str:
        """Give the file a free name that says ``partial``: the name, or "" where that fails."""
        if self._part is None:
            return ""
        with suppress(OSError):
            self.file.close()
            for number in range(1, 1000):
                word = "partial" if number == 1 else f"partial-{number}"
                path = self._path.with_name(f"{self._path.stem}.{word}{self._path.suffix}")
                partial = PartFile(path, overwrite=False)
                try:
                    partial.create()
                    os.replace(self._part.path, partial.path)
                    self._part.discard()
                    partial.publish()
                except FileExistsError:  # an earlier one: take the next number
                    os.replace(partial.path, self._part.path)
                else:
                    return str(path)
                finally:
                    partial.discard()
        return ""

    def _close(self) -> None:
        with suppress(OSError):  # a full disk: the file is removed anyway
            self.file.close()

    def _unwritable(self, error: OSError) -> InputError:
        if isinstance(error, FileExistsError):
            return InputError(f"'{self._path}' exists: add --overwrite, or choose another name.")
        return InputError(
            f"'{self._path}' cannot be written ({error.strerror or error}): check the folder, its "
            "permissions and free space."
        )
