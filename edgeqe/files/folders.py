"""Pictures of a folder, and reference pictures out of their files: one rule for every verb."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeqe.errors import ImageError, InputError
from edgeqe.files.formats import READ_SUFFIXES
from edgeqe.files.reading import read_picture

__all__ = ["list_pictures", "names_of", "read_reference"]

Uint8 = npt.NDArray[np.uint8]


def list_pictures(folder: Path) -> tuple[Path, ...]:
    """Picture files of a folder and its sub-folders, by path.

    A picture is a file whose suffix is one of `formats.READ_SUFFIXES`, in any case. Links to
    folders are not followed.

    Raises
    ------
    InputError
        If there is no such folder, it or a sub-folder cannot be read, or it holds no picture.
    """

    def refuse(error: OSError) -> None:
        raise InputError(
            f"the folder '{error.filename}' cannot be read ({error.strerror}): check its "
            "permissions."
        ) from error

    if not folder.is_dir():
        raise InputError(f"'{folder}' is no folder: give one that holds pictures.")
    files = []
    for place, _, names in os.walk(folder, onerror=refuse):
        files += [Path(place, name) for name in names]
    found = sorted(p for p in files if p.suffix.lower() in READ_SUFFIXES and p.is_file())
    if not found:
        raise InputError(
            f"no pictures in '{folder}' and its sub-folders: give a folder with some "
            f"({', '.join(READ_SUFFIXES)})."
        )
    return tuple(found)


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
    picture = read_picture(file, as_coded=False)
    if picture.bit_depth != 8:
        raise ImageError(
            f"'{file}' has {picture.coded_depth or picture.bit_depth} bits a sample: give reference pictures of 8 bits."
        )
    pixels: Uint8 = picture.pixels()
    return pixels
