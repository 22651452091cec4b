"""Inputs and output of a session against the card, and arrays against the session.

A runtime writes through the address of an array without looking at its size, so sizes are compared
here, once when a session is made and once for each window.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

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
    _check(np.float32, (planes, given), (out, made))


def check_integers(
    samples: npt.NDArray[np.int8],
    out: npt.NDArray[np.int8],
    given: tuple[int, ...],
    made: tuple[int, ...],
) -> None:
    """Check that a window's arrays are contiguous int8 of the session's shapes.

    Raises
    ------
    ValueError
        If they are not.
    """
    _check(np.int8, (samples, given), (out, made))


def _check(dtype: type[np.generic], *pairs: tuple[npt.NDArray[Any], tuple[int, ...]]) -> None:
    for array, shape in pairs:
        if array.shape != shape or array.dtype != dtype or not array.flags.c_contiguous:
            raise ValueError(
                f"a session takes contiguous {np.dtype(dtype)} of shape {shape}, not {array.dtype} "
                f"of {array.shape}."
            )
