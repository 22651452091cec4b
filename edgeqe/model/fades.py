"""Fades: how much of the residual a model makes at the finest steps of a codec.

There pictures err by a level or less, and most changes are losses. Two things say how much of the
residual is made: the model's card, by codec (`shares_of`), and, below the steps of every strength
table, a rule for all models (`share_below_one`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from edgeqe.codecs.strength import step_key
from edgeqe.errors import ModelError
from edgeqe.typing import Float

if TYPE_CHECKING:
    from edgeqe.model.card import Card, StrengthTable

#: Least share of INT8, whose scales must stay above 0: of 255 levels it leaves less than half of
#: a 16-bit level, so that every picture stays as it is.
LEAST_INT8_SHARE = 2.0**-20


def share_below_one(step: float) -> float:
    """Share of the change that is made at a step, 0 to 1: below 1 it fades out within an octave.

    No network is trained there, where pictures err by less than a level and every change is a loss:
    the whole change of edgeqe-small takes 0.2 dB at JPEG quality 98 and 4 dB at 100; with this it gains
    0.02 dB at 98, and 99 and 100 stay as they are.
    """
    return min(1.0, max(0.0, 1.0 + math.log2(step)))


def shares_of(card: Card, table: StrengthTable) -> Float:
    """Share of the residual at every row of a strength table, from the fades of a card.

    Between the two steps of a codec's fade, both rounded to keys, it grows from key to key evenly:
    with the logarithm of the step.

    Returns
    -------
    ndarray of float32, shape (rows,)
        0 to 1; of INT8 at least `LEAST_INT8_SHARE`.
    """
    keys = table.first_key + np.arange(table.keys)
    found = np.ones((table.blocks, table.keys))
    for row, codec in zip(found, card.codecs, strict=False):  # one block may serve several codecs
        if codec in card.fades:
            row[:] = np.interp(keys, [step_key(step) for step in card.fades[codec]], [0.0, 1.0])
    least = LEAST_INT8_SHARE if card.precision == "int8" else 0.0
    return np.maximum(found, least).reshape(-1).astype(np.float32)


def check_fades(card: Card, table: StrengthTable | None, default_row: int) -> None:
    """Compare a card's fades with its codecs, its vectors and its strength table.

    Parameters
    ----------
    card : Card
    table : StrengthTable or None
    default_row : int
        Of the strength that the file is stored at.

    Raises
    ------
    ModelError
        If they do not go together.
    """
    if not card.fades and not card.faded:
        return
    if not card.fades or not card.faded:
        raise ModelError("its card has fades without the vectors that they scale, or those alone.")
    for codec in card.fades:
        if codec not in card.codecs:
            raise ModelError(f"its residual fades for codec '{codec}', which it does not serve.")
    following = {*card.vectors, *(f"{value}.scale" for value in card.activations)}
    for name in card.faded:
        if name not in following:
            raise ModelError(f"its fading vector '{name}' does not follow the strength.")
    if table is None or table.blocks != len(card.codecs):
        raise ModelError("its residual fades by codec, and its strengths are not by codec.")
    for codec, steps in card.fades.items():
        first, last = map(step_key, steps)
        if not table.first_key <= first < last < table.first_key + table.keys:
            raise ModelError(
                f"its residual fades in from step {steps[0]:g} to {steps[1]:g} of codec '{codec}', which "
                "are not two strengths of its table."
            )
    if shares_of(card, table)[default_row] != 1.0:
        raise ModelError(
            f"its residual has not faded in at step {card.default_step:g}, which it is stored at."
        )
