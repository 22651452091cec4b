"""Folders of pictures for calibration, and pictures without a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from edgeqe.quantization.calibration.samples import Photograph
from edgeqe.typing import Rgb

#: Photographs of scikit-image's package, 512x512 to 600x400.
NAMES = ("astronaut", "brick", "camera", "chelsea", "coffee", "grass", "gravel",
         "immunohistochemistry")  # fmt: skip


def picture(name: str) -> Image.Image:
    """A photograph of scikit-image's package."""
    import skimage.data

    return Image.fromarray(getattr(skimage.data, name)())


def folder_of(folder: Path, names: tuple[str, ...] = NAMES) -> Path:
    """Folder with photographs as PNG files."""
    folder.mkdir(exist_ok=True)
    for name in names:
        picture(name).save(folder / f"{name}.png", compress_level=1)
    return folder


def photograph(*windows: Rgb, name: str = "p", quality: int | None = None) -> Photograph:
    """A picture that has been read."""
    height, width = windows[0].shape[:2]
    small = Image.fromarray(windows[0]).convert("L").resize((32, 32), Image.Resampling.BOX)
    return Photograph(name, name, (width, height), windows, np.asarray(small), quality)
