"""Sets of pictures by name: folders of the user's, and the drawn pictures that no training sees."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from edgeqe.errors import InputError
from edgeqe.files.folders import list_pictures
from edgeqe.protocols.clips import clips_of
from edgeqe.zoo.training.drawn import drawn_set, fingerprint

#: Name that stands for the drawn pictures. A folder of that name is ``./drawn``.
DRAWN = "drawn"

#: Files of each set, by its name in reports.
PictureSets = dict[str, tuple[Path, ...]]


@contextmanager
def picture_sets(data: Sequence[str | os.PathLike[str]]) -> Iterator[PictureSets]:
    """Files of each set while the context lasts.

    Parameters
    ----------
    data : sequence of str or path
        Folders of reference pictures, or of clips, or a clip; ``drawn`` is `edgeqe.zoo.training.drawn.drawn_set`, for which
        PNG files are written and removed again.

    Yields
    ------
    dict of str to tuple of Path
        By the folder's name; by its path as given where two folders share a name. The drawn
        pictures' name ends in their fingerprint, because other versions of Pillow or matplotlib
        draw others.

    Raises
    ------
    InputError
        If none is given, there is no such folder, or it holds no picture.
    """
    sets: PictureSets = {}
    with tempfile.TemporaryDirectory(prefix="edgeqe-") as place:
        for given in dict.fromkeys(os.fspath(one) for one in data):
            if given == DRAWN:
                name, files = _write_drawn(Path(place))
            else:
                files = clips_of(Path(given)) or list_pictures(Path(given))
                name = Path(given).resolve().name
                if name in sets:
                    name = given
            sets[name] = files
        if not sets:
            raise InputError(f"no pictures: give a folder of reference pictures, or '{DRAWN}'.")
        yield sets


def _write_drawn(folder: Path) -> tuple[str, tuple[Path, ...]]:
    """Write the drawn pictures into a folder: name of the set, and its files."""
    pictures = drawn_set()
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(folder / f"{name}.png", compress_level=1)
    return f"{DRAWN} {fingerprint(pictures)}", list_pictures(folder)
