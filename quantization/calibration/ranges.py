"""Activation ranges at several strengths: the result of calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeqe.typing import Double


@dataclass(frozen=True)
class Ranges:
    """Smallest and largest float of each value that quantization must represent."""

    keys: tuple[int, ...]
    """Strengths that were measured, ascending keys of the strength table."""
    low: Mapping[str, Double]
    """Lower end of each value's range at each key, shape (len(keys),), never above 0."""
    high: Mapping[str, Double]
    """Upper end, never below 0."""

    def at(self, value: str, keys: npt.NDArray[np.int64]) -> tuple[Double, Double]:
        """Range of a value at any keys: linear between the measured ones, constant beyond."""
        return (
            np.interp(keys, self.keys, self.low[value]),
            np.interp(keys, self.keys, self.high[value]),
        )
