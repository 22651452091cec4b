"""Every kind of drawn picture, how often it is drawn, and the drawing of one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgeqe.errors import InputError
from edgeqe.typing import Rgb
from edgeqe.zoo.training.drawn import charts, gradients, lines, screens, text
from edgeqe.zoo.training.drawn.canvas import Canvas

#: Smallest side of a drawn picture, pixels.
SMALLEST_SIDE = 16
#: Kinds by name, in four groups, each with how often it is drawn relative to the others.
KINDS: dict[str, tuple[Callable[[Canvas], None], float]] = {
    "page": (text.page, 9),
    "scan": (text.scan, 7),
    "poster": (text.poster, 5),
    "confetti": (text.confetti, 7),
    "slide": (text.slide, 3),
    "pen": (lines.pen, 8),
    "hatched": (lines.hatched, 4),
    "comic": (lines.comic, 6),
    "modules": (lines.modules, 2),
    "sprites": (lines.sprites, 2),
    "pattern": (lines.pattern, 3),
    "chart": (charts.chart, 5),
    "diagram": (charts.diagram, 4),
    "street_map": (charts.street_map, 4),
    "contours": (charts.contours, 3),
    "desktop": (screens.desktop, 6),
    "form": (screens.form, 3),
    "table": (screens.table, 5),
    "editor": (screens.editor, 5),
    "terminal": (screens.terminal, 3),
    "web": (screens.web, 5),
    "icons": (screens.icons, 3),
    "gradient": (gradients.gradient, 7),
}
#: Share of pictures that are put together from two of other kinds, side by side or one above
#: the other.
JOINED = 0.12


def draw(rng: np.random.Generator, height: int, width: int) -> Rgb:
    """Draw a picture that is no photograph: text, line art, a screen, or a gradient.

    Parameters
    ----------
    rng : numpy.random.Generator
        The picture is a function of its state alone on one machine. The fonts are the machine's:
        `edgeqe.zoo.training.drawn.fonts` says which.
    height, width : int
        Pixels, at least 16.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        RGB.

    Raises
    ------
    InputError
        If a side is too small.
    """
    if min(height, width) < SMALLEST_SIDE:
        raise InputError(
            f"a drawn picture of {width}x{height} pixels was asked for: "
            f"give at least {SMALLEST_SIDE} each way."
        )
    if rng.random() < JOINED and min(height, width) >= 8 * SMALLEST_SIDE:
        share = rng.uniform(0.3, 0.7)
        if rng.random() < 0.5:
            first = int(width * share)
            halves = draw(rng, height, first), draw(rng, height, width - first)
            return np.concatenate(halves, axis=1)
        first = int(height * share)
        return np.concatenate([draw(rng, first, width), draw(rng, height - first, width)])
    shares = np.array([share for _, share in KINDS.values()], float)
    kind = list(KINDS)[int(rng.choice(len(KINDS), p=shares / shares.sum()))]
    return draw_kind(kind, rng, height, width)


def draw_kind(kind: str, rng: np.random.Generator, height: int, width: int) -> Rgb:
    """Draw a picture of a kind of `KINDS`; the rest as of `draw`."""
    canvas = Canvas(rng, (width, height))
    KINDS[kind][0](canvas)
    return canvas.pixels()
