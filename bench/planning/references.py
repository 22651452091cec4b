"""The pictures that a plan is for: named, upright, and what of them no coded file will hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgeqe.bench.data import resized
from edgeqe.files.exif import orientation
from edgeqe.files.folders import list_pictures, reference_pixels
from edgeqe.files.reading import read_picture
from edgeqe.typing import Uint8

__all__ = ["PlanSource", "list_sources"]

#: Pixels as shown from pixels as stored, by the orientation tag (TIFF 6.0, section 8).
_SHOWN: dict[int, Callable[[Uint8], Uint8]] = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: stored[::-1].swapaxes(0, 1),
    7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
    8: lambda stored: stored[:, ::-1].swapaxes(0, 1),
}


@dataclass(frozen=True)
class PlanSource:
    """A reference picture."""

    name: str
    """Path below its folder, ``/`` between folders, without the suffix where that is enough."""
    path: Path

    def read(self, scale: float = 1.0) -> tuple[Uint8, bool]:
        """Read the pixels, upright, whatever the file's orientation tag says.

        Parameters
        ----------
        scale : float
            Factor of a bicubic resize.

        Returns
        -------
        ndarray of uint8, shape (H, W) or (H, W, 3)
        bool
            Whether the file holds more than samples: alpha, a colour profile, metadata.

        Raises
        ------
        ImageError
            If the file cannot be read, has more than 8 bits, or is too small.
        """
        picture = read_picture(self.path, as_coded=False)
        said = picture.metadata
        more = bool(said.icc_profile or said.exif or said.xmp or said.colours or said.colour_chunks)
        shown = _SHOWN[orientation(said.exif)](reference_pixels(picture, self.path))
        return resized(shown.copy(), scale, self.path), more or picture.alpha is not None


def list_sources(folder: Path) -> list[PlanSource]:
    """Pictures of a folder and its sub-folders; those of one stem keep their suffix in the name.

    Raises
    ------
    InputError
        As of `edgeqe.files.folders.list_pictures`.
    """
    paths = list_pictures(folder)
    whole = [path.relative_to(folder) for path in paths]
    stems = [path.with_suffix("") for path in whole]
    count = Counter(stems)
    names = [stem if count[stem] == 1 else path for stem, path in zip(stems, whole, strict=True)]
    if len(set(names)) < len(names):  # a.png and a.jpg beside an a.png.png
        names = whole
    return [PlanSource(name.as_posix(), path) for name, path in zip(names, paths, strict=True)]
