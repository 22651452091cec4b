"""Input and output convention of a network: layout, value range, and kind of output."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgeqe.choices import Choice
from edgeqe.errors import InputError


class OutputKind(Choice):
    """What an enhancement network outputs."""

    PICTURE = "picture"
    """The enhanced picture."""
    RESIDUAL = "residual"
    """What is added to the input."""
    NOISE = "noise"
    """What is subtracted from the input."""


@dataclass(frozen=True)
class Convention:
    """Layout and value range of a network's input, and what it outputs."""

    planes: str
    """One of `card.LAYOUTS`."""
    low: float
    """What the 8-bit sample value 0 is to it."""
    high: float
    """What the 8-bit sample value 255 is to it."""
    gives: OutputKind
    """In the unit of its input."""


def parse_range(text: str) -> tuple[float, float]:
    """Parse ``LOW,HIGH``: what the 8-bit sample values 0 and 255 are to a network.

    Raises
    ------
    InputError
        If it is anything else, or both are the same.
    """
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low != high):
        raise InputError(
            f"range '{text}' is not two different numbers with a comma, as 0,1 or -1,1: what the "
            "8-bit sample values 0 and 255 are to the network."
        )
    return low, high
