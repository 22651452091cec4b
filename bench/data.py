"""The pictures that are measured: a folder's, or scikit-image's packaged photographs."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import ModuleType

import numpy as np

from edgeqe.errors import ImageError, InputError, MissingPackageError
from edgeqe.files.folders import list_pictures, names_of, read_reference
from edgeqe.protocols import ReferencePicture
from edgeqe.typing import Uint8

#: scikit-image's colour photographs that its wheel holds. The rocket comes as a
#: JPEG, the others without loss.
COLOUR_PHOTOGRAPHS = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "motorcycle_left.png",
    "rocket.jpg",
)

#: Its gray photographs.
GRAY_PHOTOGRAPHS = ("brick.png", "camera.png", "coins.png", "grass.png", "gravel.png", "moon.png")

#: Smallest side that is measured: two JPEG blocks, and more than SSIM's window.
SMALLEST_SIDE = 16


@dataclass(frozen=True)
class PictureSet:
    """Pictures in a fixed order, read one at a time."""

    name: str
    """For reports: the folder's name, or what the pictures are."""

    paths: tuple[Path, ...]

    scale: float = 1.0
    """Factor of a bicubic resize before anything else; 1 keeps every pixel."""

    def __len__(self) -> int:
        """Count the pictures."""
        return len(self.paths)

    def __iter__(self) -> Iterator[ReferencePicture]:
        """Read one picture after the other."""
        return (read_picture(path, self.scale, name) for name, path in self.named().items())

    def named(self) -> dict[str, Path]:
        """Files by the names of their pictures: paths without suffix, below their folder."""
        names = (PurePosixPath(name).with_suffix("") for name in names_of(self.paths))
        return {str(name): path for name, path in zip(names, self.paths, strict=True)}


def packaged(scale: float = 1.0) -> PictureSet:
    """Set of scikit-image's packaged photographs.

    Raises
    ------
    InputError
        If scikit-image, or one of its photographs, is not installed.
    """
    names = sorted((*COLOUR_PHOTOGRAPHS, *GRAY_PHOTOGRAPHS))
    paths = tuple(packaged_file(name) for name in names)
    return PictureSet("scikit-image's packaged photographs", paths, checked_scale(scale))


def packaged_file(name: str) -> Path:
    """Path of one of scikit-image's packaged photographs; imports nothing of it.

    Raises
    ------
    InputError
        If scikit-image, or this photograph, is not installed.
    """
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        raise MissingPackageError(
            "scikit-image, whose photographs are used, is not installed: "
            "pip install 'edgeqe[bench,files]'"
        )
    path = Path(spec.origin).parent / "data" / name
    if not path.is_file():
        raise InputError(
            f"this scikit-image holds no photograph {name}: pip install --upgrade scikit-image"
        )
    return path


def folder(path: Path, scale: float = 1.0) -> PictureSet:
    """Set of the pictures of a folder and its sub-folders.

    Raises
    ------
    InputError
        As of `edgeqe.files.folders.list_pictures`.
    """
    return PictureSet(path.resolve().name, list_pictures(path), checked_scale(scale))


def checked_scale(scale: float) -> float:
    """Scale as it is, if it is above 0 and at most 1."""
    if not 0.0 < scale <= 1.0:
        raise InputError(f"scale {scale!r} is not above 0 and at most 1.")
    return scale


def read_picture(path: Path, scale: float = 1.0, name: str = "") -> ReferencePicture:
    """Pixels of a picture file as 8-bit gray or RGB.

    Parameters
    ----------
    path : Path
    scale : float
        Factor of a bicubic resize.
    name : str
        For reports; the file's name without its suffix if left out.

    Raises
    ------
    ImageError
        If the file cannot be read, has more than 8 bits, or is too small.
    """
    pillow_image()
    return ReferencePicture(name or path.stem, resized(read_reference(path), scale, path))


def resized(pixels: Uint8, scale: float, path: Path) -> Uint8:
    """Pixels after a bicubic resize by a factor; 1 keeps every pixel.

    Raises
    ------
    ImageError
        If less than 16 pixels are left each way.
    """
    if scale != 1.0:
        image = pillow_image()
        height, width = pixels.shape[:2]
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        pixels = np.asarray(image.fromarray(pixels).resize(size, image.Resampling.BICUBIC))
    if min(pixels.shape[:2]) < SMALLEST_SIDE:
        raise ImageError(
            f"{path} is {pixels.shape[1]}x{pixels.shape[0]} pixels: "
            f"bench measures pictures of at least {SMALLEST_SIDE} each way."
        )
    return pixels


def pillow_image() -> ModuleType:
    """Pillow's module ``Image``, or one line that says how to get it."""
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingPackageError(
            "Pillow, which codes and reads the pictures, is not installed: "
            "pip install 'edgeqe[bench,files]'"
        ) from error
    return Image
