"""Input and output convention of a network: layout, value range, and kind of output."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edgeqe.choices import Choice
from edgeqe.errors import InputError
from edgeqe.typing import Float
from edgeqe.views.colour import SCALE


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
    output_range: tuple[float, float] | None = None
    """What the sample values 0 and 255 are to its output; None where that is as in its input."""

    def described(self, name: str) -> str:
        """A sentence for the card of what is made of a file."""
        made = "" if self.output_range is None else " from {:g} to {:g}".format(*self.output_range)
        return (
            f"Converted from {name}, which takes pictures from {self.low:g} to {self.high:g} and gives the "
            f"{self.gives}{made}."
        )

    def to_input_range(self) -> tuple[float, float]:
        """Factor and shift that bring the output into the value range of the input."""
        if self.output_range is None:
            return 1.0, 0.0
        low, high = self.output_range
        factor = (self.high - self.low) / (high - low)
        return factor, self.low - factor * low if self.gives is OutputKind.PICTURE else 0.0

    def residual(self, given: Float, output: Float) -> Float:
        """What the network's output adds to its input, in 8-bit levels.

        Parameters
        ----------
        given, output : ndarray of float32, of one shape
            Its input and output, each in its own value range.
        """
        factor, shift = self.to_input_range()
        if (factor, shift) != (1.0, 0.0):
            output = output * np.float32(factor) + np.float32(shift)
        if self.gives is OutputKind.PICTURE:
            output = output - given
        sign = -1.0 if self.gives is OutputKind.NOISE else 1.0
        residual: Float = np.asarray(output * (sign * SCALE / (self.high - self.low)), np.float32)
        return residual


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
