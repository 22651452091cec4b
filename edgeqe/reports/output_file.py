"""A result's file: refused before the work if it cannot be written, and then written whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgeqe.errors import EdgeqeError, InputError
from edgeqe.reports.part_files import PartFile

__all__ = ["check_destination", "write", "written_whole"]


def check_destination(path: Path, *, overwrite: bool) -> None:
    """Refuse a file that cannot be written, before anything is measured.

    Raises
    ------
    InputError
        If it exists and may not be replaced, or its folder is missing.
    """
    try:
        if os.path.lexists(path) and not overwrite:
            raise InputError(f"'{path}' exists: add --overwrite, or choose another name.")
        if not path.parent.is_dir() or path.is_dir():
            raise InputError(f"'{path}' cannot be written: name a file in a folder that exists.")
        if path.exists() and not path.is_file():
            raise InputError(f"'{path}' is no plain file: name another.")
    except OSError as error:
        raise InputError(f"'{path}' cannot be written ({error.strerror}).") from error


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """File beside another that takes its name when the block ends, and is removed if it fails.

    Parameters
    ----------
    path : Path
        What comes into being, or is replaced, whole or not at all. A link stays one, and what it
        names is replaced.

    Yields
    ------
    Path
        To be written in the block.

    Raises
    ------
    InputError
        If it cannot be written, whether the folder, the disk or the name is why.
    """
    try:
        part = PartFile(path, overwrite=True)
        try:
            part.create()
            yield part.path
            part.publish()
        finally:
            part.discard()
    except EdgeqeError:  # some of which are an OSError too
        raise
    except OSError as error:
        raise InputError(
            f"'{path}' cannot be written ({error.strerror or error}): check the folder, its "
            "permissions and free space."
        ) from error


def write(content: bytes, path: Path) -> None:
    """Write a file whole or not at all.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    with written_whole(path) as temporary:
        temporary.write_bytes(content)
