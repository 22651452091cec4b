"""A result's file: refused before the work if it cannot be written, and then written whole."""

from __future__ import annotations

import os
from pathlib import Path

from edgeqe.errors import InputError


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


def write(content: bytes, path: Path) -> None:
    """Write a file whole or not at all.

    Raises
    ------
    InputError
        If its folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"'{path}' cannot be written ({error.strerror}).") from error
    finally:
        temporary.unlink(missing_ok=True)
