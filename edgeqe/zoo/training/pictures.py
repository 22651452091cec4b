"""Picture files to train on: which are held out, and reading them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from edgeqe.errors import ImageError, InputError
from edgeqe.typing import Rgb

#: Pictures of train/free that are never trained on: they validate.
HOLDOUT = Path(__file__).with_name("holdout.txt")
SUFFIXES = {".avif", ".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"}
#: Suffixes of files that keep every sample: they need no downscaling to hide an older codec.
LOSSLESS = {".png", ".webp", ".tif", ".tiff"}


def picture_files(folder: Path) -> list[Path]:
    """Picture files below a folder in a fixed order.

    Raises
    ------
    InputError
        If there are none.
    """
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not files:
        raise InputError(f"no pictures in '{folder}': give the folder that holds them by --data.")
    return files


def training_folder(data: Path, name: str) -> Path:
    """Sub-folder of a data folder that a recipe names, or the folder itself if it has none such.

    Parameters
    ----------
    data : Path
        Data folder, or a folder of pictures.
    name : str
        The recipe's `data`.
    """
    return data / name if (data / name).is_dir() else data


def holdout_names(path: Path = HOLDOUT) -> frozenset[str]:
    """File names of the held-out pictures that a list holds; none if there is no such list."""
    if not path.is_file():
        return frozenset()
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def split(files: list[Path]) -> tuple[list[Path], list[Path]]:
    """Files to train on and files held out.

    Held out is what the list of train/free names, and what a list ``holdout.txt`` beside the
    pictures does; where none is named, every tenth.
    """
    names = holdout_names()
    listed = {
        folder / name
        for folder in {file.parent for file in files}
        for name in holdout_names(folder / HOLDOUT.name)
    }
    held = [file for file in files if file.name in names or file in listed]
    held = held or files[::10][: len(files) - 1]
    apart = set(held)
    return [file for file in files if file not in apart], held


def load(path: Path) -> Rgb:
    """Read a picture as RGB, shape (H, W, 3).

    Raises
    ------
    ImageError
        If it cannot be read.
    """
    try:
        with Image.open(path) as file:
            return np.asarray(file.convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise ImageError(
            f"'{path}' cannot be read as a picture ({reason}): take it out of the folder."
        ) from error


def load_all(files: list[Path]) -> list[Rgb]:
    """Read pictures as `load` does, on two threads (decoders release the interpreter's lock)."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(load, files))
