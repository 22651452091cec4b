"""Synthetic pictures (text, line art, screens) among the calibration samples.

Photographs alone leave out what text and line art do to a network: edges from black to white
within a pixel, whose values lie beyond the ranges that photographs take.
"""

from __future__ import annotations

import hashlib

import numpy as np
from PIL import Image

from edgeqe.errors import InputError
from edgeqe.quantization.calibration.samples import SIDE, THUMBNAIL, Photograph
from edgeqe.zoo.training.drawn import draw

#: Share of the windows of what ships: sharp edges reach further than photographs do.
SHARE = 0.2
#: Root of the seeds, another than that of `drawn.evaluation`.
SEED = 8


def with_drawn(photographs: list[Photograph], share: float, block: int = 0) -> list[Photograph]:
    """Add drawn pictures to the samples, a share of all windows.

    Parameters
    ----------
    photographs : list of Photograph
        Checked already: drawn pictures need no check.
    share : float
        0 to less than 1.
    block : int
        Side of the windows of a network that is defined on blocks; 0 for `SIDE`.

    Returns
    -------
    list of Photograph
        The photographs, and behind them the drawn ones.

    Raises
    ------
    InputError
        If the share is out of range.
    """
    if not 0.0 <= share < 1.0:
        raise InputError(f"a drawn share of {share!r} is not from 0 to below 1.")
    side = block or SIDE
    windows = sum(len(photograph.windows) for photograph in photographs)
    count = round(windows * share / (1.0 - share))
    seeds = np.random.SeedSequence(SEED).spawn(count)
    drawn = [_drawn(place, seed, side) for place, seed in enumerate(seeds)]
    return [*photographs, *drawn]


def _drawn(place: int, seed: np.random.SeedSequence, side: int) -> Photograph:
    """A drawn picture of one window."""
    window = draw(np.random.default_rng(seed), side, side)
    small = Image.fromarray(window).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    return Photograph(
        name=f"drawn-{place}",
        sha256=hashlib.sha256(window.tobytes()).hexdigest(),
        size=(side, side),
        windows=(window,),
        thumbnail=np.asarray(small.convert("L")),
        jpeg_quality=None,
    )
