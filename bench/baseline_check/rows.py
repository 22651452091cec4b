"""One figure of a run beside the same of its baseline, and what the limits say of it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from edgeqe.bench.intervals import Change
from edgeqe.bench.report import MIB
from edgeqe.coding.rate_point import point_in_words
from edgeqe.errors import InputError

HOLDS, REGRESSES = "holds", "REGRESSES"
FASTER, NO_DIFFERENCE = "faster", "no significant difference"
#: Growth of the peak memory that is worth a note; it fails nothing as long as the limit holds.
GROWN = 1.2
#: What is at its limit holds, though a sum of the same figures may end in other bits: dB, percent.
ROUNDING = 1e-9


@dataclass(frozen=True)
class BaselineLimits:
    """By how much a run may be worse than its baseline."""

    max_drop: float
    """Most that a mean gain may lose, dB."""
    max_slowdown: float
    """Most that a latency may grow beside the reference network, percent."""

    def __post_init__(self) -> None:
        for name in ("max_drop", "max_slowdown"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0.0):
                raise InputError(f"{name.replace('_', '-')} {value!r} is no number of 0 or more.")


class ComparedRow(ABC):
    """What the rows of all kinds share."""

    KIND: ClassVar[str]
    """``quality``, ``latency`` or ``memory``."""
    KEYS: ClassVar[tuple[str, ...]]
    """Fields of a report's entry that tell a row from the others."""
    NAME: ClassVar[str] = ""
    """Pattern of the name, for the values of the keys."""
    HEADERS: ClassVar[tuple[str, ...]]
    LEFT: ClassVar[int]
    """Columns of the table that are words."""

    @classmethod
    def name_of(cls, entry: Mapping[str, Any]) -> str:
        """Name of the row that a report's entry makes."""
        return cls.NAME.format(*(entry[key] for key in cls.KEYS))

    @property
    def name(self) -> str:
        """For sentences and test cases."""
        return self.name_of(self.to_dict())

    @property
    def failure(self) -> str:
        """Sentence that names the row and says why it regresses; empty where it does not."""
        return f"{self.name}: {self.reason()}" if self.verdict == REGRESSES else ""

    @property
    @abstractmethod
    def verdict(self) -> str:
        """What the limits say."""

    @abstractmethod
    def reason(self) -> str:
        """Figures and limit in words."""

    @abstractmethod
    def cells(self) -> list[str]:
        """Line of the table."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Plain values."""


@dataclass(frozen=True)
class ComparedGain(ComparedRow):
    """Gain of a model at one strength in one protocol."""

    KIND = "quality"
    KEYS = ("model", "protocol", "codec", "value")
    HEADERS = ("model", "protocol", "coded", "gain before", "now", "lost", "loses most", "")
    LEFT = 3

    model: str
    protocol: str
    codec: str
    value: float
    """Strength, as the codec states it."""
    before: float
    """Mean gain of the baseline, dB."""
    now: float
    worst_picture: str
    """The one whose own gain lost most, which is told and not judged; empty if both have none."""
    worst_drop: float
    """What that one lost, dB."""
    max_drop: float
    """As of `BaselineLimits`."""

    @classmethod
    def name_of(cls, entry: Mapping[str, Any]) -> str:
        """Name of the row that a report's entry makes."""
        point = point_in_words(entry["codec"], entry["value"])
        return f"gain of {entry['model']}, {entry['protocol']}, {point}"

    @property
    def drop(self) -> float:
        """What the mean gain lost, dB; below 0 where it grew."""
        return self.before - self.now

    @property
    def verdict(self) -> str:
        """``REGRESSES`` or ``holds``."""
        return REGRESSES if self.drop > self.max_drop + ROUNDING else HOLDS

    def reason(self) -> str:
        """Figures and limit in words."""
        worst = (
            f"; {self.worst_picture} loses {self.worst_drop:.3f} dB" if self.worst_picture else ""
        )
        return (
            f"{self.drop:.3f} dB lost ({self.before:.3f}, now {self.now:.3f}), at most "
            f"{self.max_drop:g} dB may go{worst}"
        )

    def cells(self) -> list[str]:
        """Line of the table."""
        worst = f"{self.worst_drop:+.3f} {self.worst_picture}" if self.worst_picture else ""
        point = point_in_words(self.codec, self.value)
        return [self.model, self.protocol, point, f"{self.before:+.3f}",
                f"{self.now:+.3f}", f"{self.drop:+.3f}", worst, self.verdict]  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "protocol": self.protocol,
            "model": self.model,
            "codec": self.codec,
            "value": self.value,
            "baseline_gain_db": self.before,
            "gain_db": self.now,
            "drop_db": self.drop,
            "worst_picture": self.worst_picture or None,
            "worst_drop_db": self.worst_drop if self.worst_picture else None,
            "verdict": self.verdict,
        }


@dataclass(frozen=True)
class ComparedLatency(ComparedRow):
    """Latency of a lane, each time as a ratio to the reference network of its run."""

    KIND = "latency"
    KEYS = ("model", "what", "size")
    NAME = "latency of {}, {}, {}"
    HEADERS = ("model", "what", "size", "x reference before", "now", "slower by", "interval", "")
    LEFT = 3

    model: str
    what: str
    """As of a lane: ``rgb``, ``gray``, ``planes``, ``network``."""
    size: str
    before: float
    now: float
    change: Change
    """Of the ratio."""
    max_slowdown: float
    """As of `BaselineLimits`."""

    @property
    def slowdown(self) -> float:
        """By how much it is slower, percent; below 0 where it is faster."""
        return 100 * (self.change.ratio.value - 1)

    @property
    def interval(self) -> tuple[float, float]:
        """Of `slowdown`, 95 %, percent."""
        return 100 * (self.change.ratio.low - 1), 100 * (self.change.ratio.high - 1)

    @property
    def over(self) -> bool:
        """Whether the slowdown is above its limit, significant or not."""
        return self.slowdown > self.max_slowdown + ROUNDING

    @property
    def verdict(self) -> str:
        """``REGRESSES``, ``holds`` (slower, but not by too much), ``faster``, or no difference."""
        if not self.change.significant:
            return NO_DIFFERENCE
        if self.over:
            return REGRESSES
        return FASTER if self.slowdown < 0 else HOLDS

    def reason(self) -> str:
        """Figures and limit in words."""
        low, high = self.interval
        return (
            f"{self.slowdown:.1f} % slower beside the reference network (interval {low:.1f} to "
            f"{high:.1f} %), at most {self.max_slowdown:g} % is allowed"
        )

    def cells(self) -> list[str]:
        """Line of the table."""
        low, high = self.interval
        return [self.model, self.what, self.size, f"{self.before:.3f}", f"{self.now:.3f}",
                f"{self.slowdown:+.1f} %", f"{low:+.1f} to {high:+.1f}", self.verdict]  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "model": self.model,
            "what": self.what,
            "size": self.size,
            "baseline_to_reference": self.before,
            "to_reference": self.now,
            "slowdown_percent": self.slowdown,
            "slowdown_interval_percent": list(self.interval),
            "significant": self.change.significant,
            "verdict": self.verdict,
        }


@dataclass(frozen=True)
class ComparedMemory(ComparedRow):
    """Peak memory of a call."""

    KIND = "memory"
    KEYS = ("name", "size")
    NAME = "memory of {}, {}"
    HEADERS = ("model", "size", "peak MiB before", "now", "limit", "")
    LEFT = 2

    model: str
    size: str
    before: int | None
    """Bytes; None where the system did not tell."""
    now: int
    """Bytes."""
    limit: int
    """The memory limit of this run, bytes."""

    @property
    def grown(self) -> bool:
        """Whether the peak is more than a fifth above the baseline's."""
        return self.before is not None and self.now > GROWN * self.before

    @property
    def verdict(self) -> str:
        """``REGRESSES`` above the limit, else ``holds``."""
        return REGRESSES if self.now > self.limit else HOLDS

    def reason(self) -> str:
        """Figures and limit in words."""
        return (
            f"the peak of {self.now / MIB:.1f} MiB is above the limit of {self.limit / MIB:.1f} MiB"
        )

    def cells(self) -> list[str]:
        """Line of the table."""
        return [self.model, self.size, mebibytes(self.before), mebibytes(self.now),
                mebibytes(self.limit), self.verdict]  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.model,
            "size": self.size,
            "baseline_peak_bytes": self.before,
            "peak_bytes": self.now,
            "limit_bytes": self.limit,
            "verdict": self.verdict,
        }


def mebibytes(count: int | None) -> str:
    """Bytes in MiB."""
    return "unknown" if count is None else f"{count / MIB:.1f}"
