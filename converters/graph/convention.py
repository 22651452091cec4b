"""Input and output convention of a network: layout, value range, and kind of output."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class OutputKind(str, Enum):
    """What an enhancement network outputs."""

    PICTURE = "picture"
    """The enhanced picture."""
    RESIDUAL = "residual"
    """What is added to the input."""
    NOISE = "noise"
    """What is subtracted from the input."""

    def __str__(self) -> str:
        return self.value


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
