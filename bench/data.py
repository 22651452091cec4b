"""The pictures that are measured: a folder's, or scikit-image's packaged photographs."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.errors import ImageError, InputError
from edgeqe.protocols import ReferencePicture

Uint8 = npt.NDArray[np.uint8]

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

#: Suffixes that count as pictures in a folder.
SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".pgm", ".tif", ".tiff", ".webp")

#: Pillow's modes that count as gray, and as colour.
GRAY_MODES = ("1", "L", "LA")
COLOUR_MODES = ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")

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
        return (read_picture(path, self.scale) for path in self.paths)

    def colour_only(self) -> PictureSet:
        """Set without its gray pictures, told by the files' headers."""
        paths = tuple(path for path in self.paths if not _is_gray(path))
        return PictureSet(self.name, paths, self.scale)

    def spread(self, count: int) -> PictureSet:
        """Subset of at most `count` pictures, evenly spread."""
        total = len(self.paths)
        count = min(count, total)
        paths = tuple(self.paths[index * total // count] for index in range(count))
        return PictureSet(self.name, paths, self.scale)


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
        raise InputError(
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
    """Set of a folder's pictures by name, without its sub-folders.

    Raises
    ------
    InputError
        If there is no such folder, or it holds no picture.
    """
    if not path.is_dir():
        raise InputError(f"{path} is not a folder: give a folder of pictures to measure.")
    paths = tuple(sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES))
    if not paths:
        raise InputError(
            f"the folder {path} holds no pictures; these suffixes count: {', '.join(SUFFIXES)}."
        )
    return PictureSet(path.resolve().name, paths, checked_scale(scale))


def checked_scale(scale: float) -> float:
    """Scale as it is, if it is above 0 and at most 1."""
    if not 0.0 < scale <= 1.0:
        raise InputError(f"scale {scale!r} is not above 0 and at most 1.")
    return scale


def read_picture(path: Path, scale: float = 1.0) -> ReferencePicture:
    """Pixels of a picture file as 8-bit gray or RGB.

    Raises
    ------
    ImageError
        If the file cannot be read, has more than 8 bits, or is too small.
    """
    image = pillow_image()
    with _opened(path) as opened:
        mode = opened.mode
        if mode not in GRAY_MODES + COLOUR_MODES:
            raise ImageError(
                f"{path} has pixels of kind {mode}: bench measures 8-bit gray and RGB; "
                "convert the picture first."
            )
        picture = opened.convert("L" if mode in GRAY_MODES else "RGB")
    if scale != 1.0:
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, image.Resampling.BICUBIC)
    if min(picture.size) < SMALLEST_SIDE:
        raise ImageError(
            f"{path} is {picture.width}x{picture.height} pixels: "
            f"bench measures pictures of at least {SMALLEST_SIDE} each way."
        )
    # a name that is no Unicode could be written into no report
    return ReferencePicture(path.stem.encode(errors="replace").decode(), np.asarray(picture))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a picture; what Pillow cannot read is an ImageError."""
    image = pillow_image()
    try:
        with image.open(path) as opened:
            yield opened
    except ImageError:
        raise
    except (OSError, SyntaxError, ValueError, image.DecompressionBombError) as error:
        reason = "it is no picture" if isinstance(error, image.UnidentifiedImageError) else error
        raise ImageError(
            f"{path} cannot be read ({reason}): replace it, or take it out of the folder."
        ) from error


def _is_gray(path: Path) -> bool:
    with _opened(path) as opened:
        return opened.mode in GRAY_MODES


def pillow_image() -> ModuleType:
    """Pillow's module ``Image``, or one line that says how to get it."""
    try:
        from PIL import Image
    except ImportError as error:
        raise InputError(
            "Pillow, which codes and reads the pictures, is not installed: "
            "pip install 'edgeqe[bench,files]'"
        ) from error
    return Image
