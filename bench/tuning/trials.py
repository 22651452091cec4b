"""What a search tries, what it finds out about each setting, and what it ends with."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Protocol

from edgeqe.bench.race import spread_of
from edgeqe.bench.tuning.settings import Setting
from edgeqe.bench.tuning.verdict import TuningVerdict


class OpenSetting(Protocol):
    """A setting that is ready to run."""

    window: tuple[int, int]
    """Height and width of the windows of a large picture, pixels."""

    def run(self, level: int) -> object:
        """Enhance a picture; the sides of each level are half of those before."""
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...


@dataclass
class TuningTrial:
    """What was found out about a setting."""

    setting: Setting
    window: tuple[int, int] = (0, 0)
    """Height and width, pixels; 0 where it was not opened."""
    rates: list[float] = field(default_factory=list)
    """Megapixels a second, a round each."""
    ratios: list[float] = field(default_factory=list)
    """Speed over that of the search's reference in the same round."""
    note: str = ""
    """Why it was left out; empty where it was measured."""

    @property
    def ratio(self) -> float:
        """Median ratio to the reference; 0 where it was not measured."""
        return statistics.median(self.ratios) if self.ratios else 0.0

    @property
    def spread(self) -> float:
        """Relative standard deviation of the ratios."""
        return spread_of(self.ratios)


@dataclass(frozen=True)
class Outcome:
    """What a search found."""

    default: Setting
    winner: Setting
    """The fastest; `chosen` says whether it is taken."""
    verdict: TuningVerdict
    trials: tuple[TuningTrial, ...]
    """In the order they were tried; their ratios are to the default."""
    search_pixels: int
    """Pixels of the picture that the search ran on."""
    last_pixels: int
    """Pixels of the last race's; fewer where the default is slow."""

    @property
    def chosen(self) -> Setting:
        """Setting for the profile."""
        return self.default if self.verdict.keeps_default else self.winner
