"""Inputs and output of a session against the card, and arrays against the session.

A runtime writes through the address of an array without looking at its size, so sizes are compared
here, once when a session is made and once for each window.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgeqe.errors import ModelError
from edgeqe.model.card import Card
from edgeqe.typing import Float


def check_ends(inputs: Mapping[str, int], outputs: tuple[int, ...], card: Card | None) -> None:
    """Compare what a session takes and gives with the card, or with one output without a card.

    Parameters
    ----------
    inputs : mapping of str to int
        Channels of each input, in order.
    outputs : tuple of int
        Channels of each output.
    card : Card, optional

    Raises
    ------
    ModelError
        If they differ.
    """
    wanted = inputs if card is None else card.input_channels
    channels = outputs[:1] if card is None else (card.channels,)
    if list(inputs.items()) != list(wanted.items()) or outputs != channels or not outputs:
        raise ModelError(
            f"the runtime's session takes {dict(inputs)} channels and gives {list(outputs)}, the "
            f"card says {dict(wanted)} and {list(channels)}."
        )


def check_arrays(planes: Float, out: Float, given: tuple[int, ...], made: tuple[int, ...]) -> None:
    """Check that a window's arrays are contiguous float32 of the session's shapes.

    Raises
    ------
    ValueError
        If they are not.
    """
    for array, shape in ((planes, given), (out, made)):
        if array.shape != shape or array.dtype != np.float32 or not array.flags.c_contiguous:
            raise ValueError(
                f"a session takes contiguous float32 of shape {shape}, not {array.dtype} of "
                f"{array.shape}."
            )
