"""Shares of a codec's residual, and where it is to fade in, of the gains at several shares of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edgeqe.typing import Array

#: Shares of the whole residual at which gains are measured, and those of chroma in it. A share of 0 gains 0.
SHARES = (0.25, 0.5, 0.75, 1.0)
CHROMA = (0.4, 0.5, 0.6, 0.7, 0.8, 1.0)
#: Shares of the whole that are tried where it has faded in: a less one takes from every picture.
WHOLE = (0.85, 0.9, 0.95, 1.0)
#: Most that a picture may lose, dB: less than the 0.05 of `scripts/no_harm`, since other pictures follow.
MOST = 0.046
#: Gain that shares and a fade must add where nothing loses more than `MOST` without them, dB, mean of the rows.
WORTH = 0.001


@dataclass(frozen=True)
class Gains:
    """One picture, coded one way at one strength."""

    codec: str
    row: tuple[str, float]
    """How it is coded, and the encoder's strength: pictures of a row are averaged."""
    picture: str
    key: int
    """Quantization step, 1/12 octaves (`edgeqe.codecs.strength.step_key`)."""
    gains: tuple[tuple[float, ...], ...]
    """PSNR after less before, dB, a row each of `CHROMA`, at `SHARES`."""


@dataclass(frozen=True)
class Fade:
    """Shares and a fade, and what comes of them."""

    whole: float
    """Share of the residual where it has faded in; that of luma."""
    chroma: float
    """Share of chroma in it."""
    keys: tuple[int, int] | None
    """Up to which step nothing is made, and from which `whole`; None: no fade."""
    mean: float
    """Mean over the rows of their mean gains, dB."""
    worst: float
    """Least gain of a picture, dB."""


def fit(found: Sequence[Gains]) -> Fade:
    """Shares and fade of most gain at which no picture loses more than `MOST`; else those of the least loss.

    Parameters
    ----------
    found : sequence of Gains
        Of one codec, at least one.
    """
    rows = sorted({gains.row for gains in found})
    weights = np.zeros(len(found))  # of each picture in the mean of the rows' means
    for row in rows:
        members = [index for index, gains in enumerate(found) if gains.row == row]
        weights[members] = 1.0 / len(members) / len(rows)
    tried = list(_outcomes(found, weights))
    unchanged = next(fade for fade in tried if (fade.whole, fade.chroma, fade.keys) == (1, 1, None))
    safe = [fade for fade in tried if fade.worst >= -MOST]
    best = (
        max(safe, key=lambda fade: fade.mean) if safe else max(tried, key=lambda fade: fade.worst)
    )
    if unchanged.worst >= -MOST and best.mean < unchanged.mean + WORTH:
        return unchanged
    return best


def _outcomes(found: Sequence[Gains], weights: Array) -> Iterator[Fade]:
    """Outcomes of all shares and fades."""
    keys = np.array([gains.key for gains in found])
    ramps: list[tuple[tuple[int, int] | None, Array]] = [(None, np.ones(len(found)))]
    for first in range(min(0, *keys), max(keys)):
        for last in range(first + 1, max(keys) + 12):
            ramps.append(((first, last), np.interp(keys, (first, last), (0.0, 1.0))))
    index = np.arange(len(found))
    for row, chroma in enumerate(CHROMA):
        table = np.array([(0.0, *gains.gains[row]) for gains in found])
        for whole in WHOLE:
            for ends, ramp in ramps:  # between those measured linearly
                place = whole * ramp * len(SHARES)
                lower = np.minimum(place.astype(int), len(SHARES) - 1)
                rest = place - lower
                gains = table[index, lower] * (1.0 - rest) + table[index, lower + 1] * rest
                yield Fade(whole, chroma, ends, float(gains @ weights), float(gains.min()))
