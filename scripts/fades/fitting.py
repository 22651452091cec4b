"""Where a codec's residual is to fade in, of the gains at several shares of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgeqe.typing import Array

#: Shares of the residual at which gains are measured; a share of 0 gains 0.
SHARES = (0.25, 0.5, 0.75, 1.0)
#: Most that a picture may lose, dB: less than the 0.05 of `scripts/no_harm`, since other pictures follow.
MOST = 0.045
#: Gain that a fade must add where nothing loses more than `MOST` without it, dB, sum of all rows' means.
WORTH = 0.01


@dataclass(frozen=True)
class Gains:
    """One picture, coded one way at one strength."""

    codec: str
    row: tuple[str, float]
    """How it is coded, and the encoder's strength: pictures of a row are averaged."""
    picture: str
    key: int
    """Quantization step, 1/12 octaves (`edgeqe.codecs.strength.step_key`)."""
    gains: tuple[float, ...]
    """PSNR after less before, dB, at `SHARES`."""


@dataclass(frozen=True)
class Fade:
    """A fade, or none, and what comes of it."""

    keys: tuple[int, int] | None
    """Up to which step nothing of the residual is made, and from which all; None: all of it everywhere."""
    mean: float
    """Sum over the rows of their mean gains, dB."""
    worst: float
    """Least gain of a picture, dB."""


def fit(found: Sequence[Gains]) -> Fade:
    """Fade of most gain at which no picture loses more than `MOST`; if none is, that of the least loss.

    Parameters
    ----------
    found : sequence of Gains
        Of one codec, at least one.
    """
    rows = sorted({gains.row for gains in found})
    weights = np.zeros(len(found))  # of each picture in the sum of the rows' means
    for row in rows:
        members = [index for index, gains in enumerate(found) if gains.row == row]
        weights[members] = 1.0 / len(members)
    keys = np.array([gains.key for gains in found])
    table = np.array([(0.0, *gains.gains) for gains in found])
    whole = _outcome(None, table, np.ones(len(found)), weights)
    tried = [
        _outcome((first, last), table, np.interp(keys, (first, last), (0.0, 1.0)), weights)
        for first in range(min(0, *keys), max(keys))
        for last in range(first + 1, max(keys) + 12)
    ]
    safe = [fade for fade in tried if fade.worst >= -MOST]
    best = (
        max(safe, key=lambda fade: fade.mean) if safe else max(tried, key=lambda fade: fade.worst)
    )
    if whole.worst >= -MOST and best.mean < whole.mean + WORTH:
        return whole
    return best


def _outcome(keys: tuple[int, int] | None, table: Array, shares: Array, weights: Array) -> Fade:
    """Gains of all pictures at their shares, between those measured linearly."""
    place = shares * len(SHARES)
    lower = np.minimum(place.astype(int), len(SHARES) - 1)
    rest, index = place - lower, np.arange(len(table))
    gains = table[index, lower] * (1.0 - rest) + table[index, lower + 1] * rest
    return Fade(keys, float(gains @ weights), float(gains.min()))
