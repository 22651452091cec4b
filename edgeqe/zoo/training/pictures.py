"""Picture files to train on: which are held out, and reading them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from edgeqe.files.folders import read_reference
from edgeqe.typing import Rgb

#: Pictures of train/free that are never trained on: they validate.
HOLDOUT = Path(__file__).with_name("holdout.txt")
#: Suffixes of files that keep every sample: they need no downscaling to hide an older codec.
LOSSLESS = {".bmp", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}


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


def split(files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
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
    held = held or list(files[::10][: len(files) - 1])
    apart = set(held)
    return [file for file in files if file not in apart], held


def load(path: Path) -> Rgb:
    """Read a picture as RGB, shape (H, W, 3).

    Raises
    ------
    ImageError
        As of `edgeqe.files.folders.read_reference`.
    """
    pixels = read_reference(path)
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)


def load_all(files: list[Path]) -> list[Rgb]:
    """Read pictures as `load` does, on two threads (decoders release the interpreter's lock)."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(load, files))
