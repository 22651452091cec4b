"""Colours that change slowly: where blocks and bands of a codec show most."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgeqe.typing import Float, Rgb
from edgeqe.zoo.training.drawn.canvas import Canvas
from edgeqe.zoo.training.drawn.colours import any_colour, mix
from edgeqe.zoo.training.drawn.fonts import any_font
from edgeqe.zoo.training.drawn.sketch import blob, sketching
from edgeqe.zoo.training.drawn.words import label


def gradient(canvas: Canvas) -> None:
    """A gradient over the whole picture, and now and then shapes and words on it."""
    wash(canvas, strong=True)
    rng = canvas.rng
    if canvas.chance(0.5):
        with sketching(canvas, canvas.chance(0.85)) as sketch:
            for _ in range(canvas.whole(1, 6)):
                radius = canvas.size(8, max(9, canvas.height / 3))
                outline = blob(rng, canvas.place(), radius, canvas.whole(3, 40), rng.random() * 0.3)
                sketch.polygon(outline, any_colour(rng) if canvas.chance(0.7) else canvas.accent())
    if canvas.chance(0.5):
        for _ in range(canvas.whole(1, 4)):
            font = any_font(rng, canvas.size(12, 64))
            x, y = canvas.place()
            colour = canvas.colours.ink if canvas.chance(0.5) else any_colour(rng)
            canvas.text((x * 0.6, y), label(rng, 3), font, colour)


def wash(canvas: Canvas, strong: bool) -> None:
    """Lay a gradient over the whole picture.

    Parameters
    ----------
    canvas : Canvas
    strong : bool
        From any colour to any other; else near the paper, to be written on.
    """
    rng, colours = canvas.rng, canvas.colours
    if strong and canvas.chance(0.25):
        shown = _mesh(canvas)
    else:
        if strong:
            stops = [any_colour(rng) for _ in range(canvas.whole(2, 4))]
        else:
            stops = [colours.paper, mix(colours.paper, canvas.accent(), rng.uniform(0.05, 0.3))]
        places = np.sort(rng.random(len(stops)))
        places[0], places[-1] = 0.0, 1.0
        at = _ramp(canvas)
        shown = np.stack(
            [np.interp(at, places, [stop[c] for stop in stops]) for c in range(3)], axis=-1
        ).astype(np.float32)
    canvas.show(Image.fromarray(_rounded(canvas, shown)))


def _rounded(canvas: Canvas, shown: Float) -> Rgb:
    """To whole levels: to the nearest, which leaves bands, or with noise, which hides them."""
    if canvas.chance(0.4):
        amount = canvas.rng.choice([1.0, 1.0, 3.0])
        shown = shown + (canvas.rng.random(shown.shape, np.float32) - 0.5) * np.float32(amount)
    return np.clip(np.rint(shown), 0, 255).astype(np.uint8)


def _ramp(canvas: Canvas) -> Float:
    """Where along its gradient each pixel lies, 0 to 1: (H, W)."""
    rng = canvas.rng
    y = np.linspace(-1, 1, canvas.height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, canvas.width, dtype=np.float32)[None, :]
    kind = canvas.whole(0, 4)
    if kind == 0:
        return np.broadcast_to((x if canvas.chance(0.3) else y) / 2 + 0.5, (y.size, x.size))
    if kind == 1:
        angle = rng.uniform(0, 2 * np.pi)
        at: Float = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))
    else:
        left, top = rng.uniform(-1, 1, 2).astype(np.float32)
        if kind == 2:
            at = np.arctan2(y - top, x - left)
        else:
            at = np.hypot(x - left, (y - top) * np.float32(rng.uniform(0.4, 2.0)))
    low, high = at.min(), at.max()
    flat: Float = (at - low) / (high - low)
    return flat


def _mesh(canvas: Canvas) -> Float:
    """A few colours, smooth in both directions: (H, W, 3)."""
    few = canvas.rng.uniform(0, 255, (canvas.whole(2, 5), canvas.whole(2, 5), 3))
    return np.stack([smooth(few[..., c], canvas.width, canvas.height) for c in range(3)], axis=-1)


def smooth(few: npt.NDArray[np.floating], width: int, height: int) -> Float:
    """A small field drawn out by cubic interpolation: (height, width)."""
    field = Image.fromarray(few.astype(np.float32))
    return np.asarray(field.resize((width, height), Image.Resampling.BICUBIC))
