"""A result's file: refused before the work if it cannot be written, and then written whole."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgeqe.errors import InputError

__all__ = ["check_destination", "partial_of", "write", "written_whole"]


def check_destination(path: Path, *, overwrite: bool) -> None:
    """Refuse a file that cannot be written, before anything is measured.

    Raises
    ------
    InputError
        If it exists and may not be replaced, or its folder is missing.
    """
    if path.exists() and not overwrite:
        raise InputError(f"'{path}' exists: add --overwrite, or choose another name.")
    if not path.parent.is_dir() or path.is_dir():
        raise InputError(f"'{path}' cannot be written: name a file in a folder that exists.")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """File beside another that takes its name when the block ends, and is removed if it fails.

    Parameters
    ----------
    path : Path
        What comes into being, or is replaced, whole or not at all.

    Yields
    ------
    Path
        To be written in the block.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    temporary = partial_of(path)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def partial_of(path: Path) -> Path:
    """Name in the same folder, hidden and of nobody else, for what is not whole yet."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.partial")


def write(content: bytes, path: Path) -> None:
    """Write a file whole or not at all.

    Raises
    ------
    InputError
        If its folder cannot be written.
    """
    try:
        with written_whole(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise InputError(f"'{path}' cannot be written ({error.strerror}).") from error
