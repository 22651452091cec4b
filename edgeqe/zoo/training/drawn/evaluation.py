"""The drawn pictures that are measured on, and never trained on."""

from __future__ import annotations

import zlib

import numpy as np

from edgeqe.typing import Rgb
from edgeqe.zoo.training.drawn.kinds import draw_kind

#: Height and width of every picture, pixels.
SIZE = (384, 512)
#: The pictures are the spawned children of this seed: as lists of numbers they would be
#: [20, 0, 0, 0, child], and a training's lists have a 1 where these have a 0, or fewer numbers.
SEED = 20
#: Kind of each picture, in the order of the children. None was chosen for how it looks; together
#: they hold text of many sizes and colours, line art with and without antialiasing, and light and
#: dark screens.
PICTURES = (
    *("page", "page", "scan", "poster", "confetti", "confetti", "slide"),
    *("pen", "pen", "hatched", "comic", "chart", "diagram", "street_map", "contours"),
    *("desktop", "form", "table", "editor", "web"),
)


def drawn_set() -> dict[str, Rgb]:
    """Twenty drawn pictures: text, line art and screens.

    Returns
    -------
    dict of str to ndarray of uint8, shape (384, 512, 3)
        By name, such as ``page-0``; the same in every process of a machine. Other versions of
        Pillow or matplotlib may draw others: `fingerprint` tells.
    """
    children = np.random.SeedSequence(SEED).spawn(len(PICTURES))
    return {
        f"{kind}-{place}": draw_kind(kind, np.random.default_rng(child), *SIZE)
        for place, (kind, child) in enumerate(zip(PICTURES, children, strict=True))
    }


def fingerprint(pictures: dict[str, Rgb]) -> str:
    """Eight hexadecimal digits of all pixels: figures compare where these are equal."""
    digest = 0
    for picture in pictures.values():
        digest = zlib.crc32(picture.tobytes(), digest)
    return f"{digest:08x}"
