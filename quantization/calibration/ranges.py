"""Activation ranges at several strengths: the result of calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeqe.converters.graph.graph import KEYS
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
        """Range of a value at any keys: linear between the measured ones, constant beyond.

        Between those of one codec: where several have keys, each has a block of its own.
        """
        measured = np.array(self.keys)
        block, of_measured = ((k - KEYS[0]) // len(KEYS) for k in (keys, measured))
        low, high = np.empty(len(keys)), np.empty(len(keys))
        for index in np.unique(block):
            asked, own = block == index, of_measured == index
            own |= not own.any()
            low[asked] = np.interp(keys[asked], measured[own], self.low[value][own])
            high[asked] = np.interp(keys[asked], measured[own], self.high[value][own])
        return low, high
