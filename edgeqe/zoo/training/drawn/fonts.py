"""Fonts: what Pillow holds embedded, and what matplotlib brings along.

No font of the system is used. The set of fonts is still the machine's: it follows the versions
of Pillow and matplotlib, so pictures are equal only where those are.
"""

from __future__ import annotations

import importlib.util
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from PIL import ImageFont

Font = ImageFont.FreeTypeFont

#: Letters that a font must tell apart to count for a script. The first two are of one height in
#: any lettering, the last one is higher: a font of symbols is out.
SCRIPTS = {"latin": "aeg8RM", "accented": "aeéöñM", "greek": "αεδλπΣ", "cyrillic": "аебджЖ"}
#: Name of the face that Pillow embeds.
EMBEDDED = ""
#: Part of a file's name that says all letters are of one width.
MONO = ("mono", "cmtt")


@lru_cache(maxsize=512)
def font(face: str, size: int) -> Font:
    """Font of a face of `faces` at a size in pixels."""
    if face == EMBEDDED:
        embedded = ImageFont.load_default(size)
        assert isinstance(embedded, Font)  # with a size, Pillow gives nothing else
        return embedded.font_variant(layout_engine=ImageFont.Layout.BASIC)
    return ImageFont.truetype(face, size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=512)
def enlarged(small: Font, factor: int) -> Font:
    """The same face, so many times as large."""
    return small.font_variant(size=small.size * factor)


@cache
def faces(script: str = "latin", mono: bool = False) -> tuple[str, ...]:
    """Faces that hold a script of `SCRIPTS`, by name of file; the embedded one comes first.

    Without matplotlib, and for what no face of it holds, the embedded face alone.
    """
    found = [face for face in _files() if _holds(face, SCRIPTS[script])]
    if mono:
        found = [face for face in found if any(part in Path(face).name.lower() for part in MONO)]
    embedded = [EMBEDDED] if not (mono and found) and _holds(EMBEDDED, SCRIPTS[script]) else []
    return tuple(embedded + found) or (EMBEDDED,)


def any_font(
    rng: np.random.Generator, size: int, script: str = "latin", mono: bool = False
) -> Font:
    """One of the faces, each as likely as another."""
    choice = faces(script, mono)
    return font(choice[int(rng.integers(len(choice)))], size)


@lru_cache(maxsize=1)
def _files() -> tuple[str, ...]:
    """TrueType files in matplotlib's package; imports nothing of it."""
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or spec.origin is None:
        return ()
    folder = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
    return tuple(str(path) for path in sorted(folder.glob("*.ttf")))


def _holds(face: str, letters: str) -> bool:
    """Whether a face draws letters of `SCRIPTS`, each unlike the others: a missing one is a box."""
    large = font(face, 48)
    if len({bytes(large.getmask(letter)) for letter in letters}) < len(letters):
        return False
    boxes = [large.getbbox(letter) for letter in letters]
    first, second, last = (box[3] - box[1] for box in (boxes[0], boxes[1], boxes[-1]))
    return abs(first - second) <= 3 and 0 < first < last < large.size
