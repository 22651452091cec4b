"""Pictures of a folder, and reference pictures out of their files: one rule for every verb."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeqe.errors import ImageError, InputError
from edgeqe.files.formats import READ_SUFFIXES, format_of
from edgeqe.files.picture import Picture
from edgeqe.files.reading import read_picture

__all__ = [
    "list_files",
    "list_pictures",
    "names_of",
    "no_pictures",
    "read_reference",
    "reference_pixels",
]

Uint8 = npt.NDArray[np.uint8]

#: Bytes that tell a file's format.
HEAD = 4096


def list_pictures(folder: Path) -> tuple[Path, ...]:
    """Picture files of a folder and its sub-folders, by path.

    A picture is a file whose suffix is one of `formats.READ_SUFFIXES`, in any case. Links to
    folders are not followed.

    Raises
    ------
    InputError
        If there is no such folder, it or a sub-folder cannot be read, or it holds no picture.
    """
    found = tuple(file for file, why in list_files(folder) if not why)
    if not found:
        raise no_pictures(folder)
    return found


def no_pictures(folder: Path, *, recursive: bool = True) -> InputError:
    """Error for a folder that holds no picture."""
    below = " and its sub-folders" if recursive else ""
    return InputError(
        f"no pictures in '{folder}'{below}: give a folder with some ({', '.join(READ_SUFFIXES)})."
    )


def list_files(folder: Path, *, recursive: bool = True) -> list[tuple[Path, str]]:
    """All files of a folder and its sub-folders by path, each with why it is not taken.

    Parameters
    ----------
    folder : Path
    recursive : bool
        False leaves sub-folders out, which are then listed themselves.

    Returns
    -------
    list of (Path, str)
        The reason is empty for the pictures, as `list_pictures` takes them.

    Raises
    ------
    InputError
        If there is no such folder, or it or a sub-folder cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise InputError(
            f"the folder '{error.filename}' cannot be read ({error.strerror}): check its "
            "permissions."
        ) from error

    if not folder.is_dir():
        raise InputError(f"'{folder}' is no folder: give one that holds pictures.")
    found: list[tuple[Path, str]] = []
    for place, folders, names in os.walk(folder, onerror=refuse):
        links = {name for name in folders if os.path.islink(os.path.join(place, name))}
        found += [(Path(place, name), "a link to a folder, not followed") for name in links]
        if not recursive:
            found += [(Path(place, name), "a sub-folder") for name in folders if name not in links]
            folders.clear()
        found += [(path, _why_not(path)) for path in (Path(place, name) for name in names)]
    return sorted(found)


def _why_not(path: Path) -> str:
    """Why a file of a folder is no picture that is taken; empty if it is one."""
    if not path.is_file():
        return "a link to nothing" if path.is_symlink() and not path.exists() else "no plain file"
    suffix = path.suffix.lower()
    if suffix in READ_SUFFIXES:
        return ""
    try:
        with path.open("rb") as file:
            picture = format_of(file.read(HEAD)) is not None
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if picture:
        return (
            f"'{suffix}' is no suffix of a picture, but its bytes are one's: name the file itself"
        )
    return f"no picture ('{suffix}')" if suffix else "no picture"


def names_of(files: Sequence[Path]) -> list[str]:
    """Names of files for reports: paths below the deepest folder that holds them all.

    Every name can be printed; bytes that are no UTF-8 are escaped.
    """
    if not files:
        return []
    top = os.path.commonpath([file.parent for file in files])
    names = [file.relative_to(top).as_posix() for file in files]
    return [name.encode("utf-8", "backslashreplace").decode("utf-8") for name in names]


def read_reference(file: Path) -> Uint8:
    """Pixels of a picture file to measure or train on.

    Returns
    -------
    ndarray of uint8, shape (H, W) or (H, W, 3)
        Gray or RGB as the file's decoder shows it, in stored order, without alpha.

    Raises
    ------
    ImageError
        If the file cannot be read, or has more than 8 bits a sample.
    """
    return reference_pixels(read_picture(file, as_coded=False), file)


def reference_pixels(picture: Picture, file: Path) -> Uint8:
    """Pixels of a picture that was read from a file, as of `read_reference`.

    Raises
    ------
    ImageError
        If it has more than 8 bits a sample.
    """
    if picture.bit_depth != 8:
        raise ImageError(
            f"'{file}' has {picture.coded_depth or picture.bit_depth} bits a sample: give reference pictures of 8 bits."
        )
    pixels: Uint8 = picture.pixels()
    return pixels
