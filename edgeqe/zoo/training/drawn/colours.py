"""Colours that belong together: paper, ink, and what stands out on both."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
#: Least sum of differences between an accent and the paper, levels.
NEAREST = 110
#: Kinds of palettes and how often each is drawn.
KINDS = {"plain": 0.30, "paper": 0.15, "dark": 0.22, "light": 0.18, "bold": 0.15}


@dataclass(frozen=True)
class Palette:
    """Colours of one picture, 8-bit RGB."""

    paper: Colour
    """What lies below."""
    ink: Colour
    """What is written on it."""
    faint: Colour
    """Rules and frames: near the paper."""
    raised: Colour
    """Boxes and bars: nearer still."""
    accents: tuple[Colour, ...]
    """What stands out, 1 to 6 colours; ink alone in a picture of two colours."""


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """RGB of a hue (turns), saturation and value (0 to 1)."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """First colour with a share of the second, 0 to 1."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def any_colour(rng: np.random.Generator) -> Colour:
    """Any colour, muted or saturated."""
    hue, saturation, value = rng.random(3)
    return hsv(hue, min(1.0, saturation * 1.3), 0.2 + 0.8 * value)


def palette(rng: np.random.Generator, kind: str | None = None) -> Palette:
    """Draw a palette.

    Parameters
    ----------
    rng : numpy.random.Generator
    kind : str, optional
        One of `KINDS`; drawn if left out.
    """
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values()))) if kind is None else kind
    hue = rng.random()
    if kind == "plain":
        paper, ink = WHITE, BLACK
        if rng.random() < 0.15:
            paper, ink = ink, paper
    elif kind == "paper":
        paper = hsv(0.08 + 0.06 * rng.random(), 0.12 * rng.random(), 0.88 + 0.12 * rng.random())
        ink = hsv(hue, 0.4 * rng.random(), 0.3 * rng.random())
    elif kind == "dark":
        paper = hsv(hue, 0.5 * rng.random(), 0.05 + 0.18 * rng.random())
        ink = hsv(hue, 0.15 * rng.random(), 0.75 + 0.25 * rng.random())
    elif kind == "light":
        paper = hsv(hue, 0.04 + 0.15 * rng.random(), 0.9 + 0.1 * rng.random())
        ink = hsv(hue + 0.2 * rng.random(), 0.8 * rng.random(), 0.1 + 0.3 * rng.random())
    else:
        paper = hsv(hue, 0.6 + 0.4 * rng.random(), 0.35 + 0.65 * rng.random())
        light = sum(paper) < 380 or rng.random() < 0.3
        ink = WHITE if light else hsv(hue + rng.random(), 0.9, 0.25)
    mono = kind == "plain" and rng.random() < 0.4
    accents = (ink,) if mono else _accents(rng, hue, dark=sum(paper) < 330)
    return Palette(
        paper,
        ink,
        mix(paper, ink, 0.12 + 0.2 * rng.random()),
        mix(paper, ink, 0.03 + 0.07 * rng.random()),
        tuple(_apart(accent, paper, ink) for accent in accents),
    )


def _apart(accent: Colour, paper: Colour, ink: Colour) -> Colour:
    """An accent, nearer to the ink where it can hardly be told from the paper."""
    distance = sum(abs(a - b) for a, b in zip(accent, paper, strict=True))
    return accent if distance >= NEAREST else mix(accent, ink, 0.6)


def _accents(rng: np.random.Generator, hue: float, dark: bool) -> tuple[Colour, ...]:
    """Colours of one saturation, spread over the circle of hues."""
    count = int(rng.integers(2, 7))
    saturation, value = (
        rng.uniform(0.3, 1.0),
        rng.uniform(0.6, 1.0) if dark else rng.uniform(0.45, 0.95),
    )
    spread = rng.choice([0.15, 0.4, 1.0])
    return tuple(hsv(hue + spread * place / count, saturation, value) for place in range(count))
