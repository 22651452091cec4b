"""What a run says beside its baseline: all rows with their verdicts, as text and plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgeqe.bench.baseline_check.comparability import Difference
from edgeqe.bench.baseline_check.rows import (
    BaselineLimits,
    ComparedGain,
    ComparedLatency,
    ComparedMemory,
    ComparedRow,
    mebibytes,
)
from edgeqe.bench.intervals import BETWEEN, BETWEEN_DISTURBED
from edgeqe.reports.tables import printable, table

#: Most rows that the text names of those that were not compared for one reason.
FEW = 4


@dataclass(frozen=True)
class NotCompared:
    """A row that cannot be judged."""

    kind: str
    """``quality``, ``latency`` or ``memory``."""
    name: str
    why: str


@dataclass(frozen=True)
class Comparison:
    """A run beside its baseline."""

    baseline: str
    """Path of the baseline."""
    limits: BaselineLimits
    quality: tuple[ComparedGain, ...]
    latency: tuple[ComparedLatency, ...]
    memory: tuple[ComparedMemory, ...]
    not_compared: tuple[NotCompared, ...]
    differences: tuple[Difference, ...]
    """Fields in which the two reports differ, see `comparability.differences`."""
    interrupted: bool
    """Whether the baseline was broken off, and so has not all rows."""
    disturbed: tuple[str, ...]
    """Why only large differences of latency count, in words."""
    machine: str
    """What this run ran on, in a line."""

    @property
    def rows(self) -> tuple[ComparedRow, ...]:
        """Every row that was judged."""
        return (*self.quality, *self.latency, *self.memory)

    def failures(self) -> list[str]:
        """Why the run regresses, a sentence for each row that does; empty where it holds."""
        return [printable(row.failure) for row in self.rows if row.failure]

    def notes(self) -> list[str]:
        """What a reader of the verdicts should know; none of it fails the run."""
        found = []
        if self.interrupted:
            found.append("the baseline was interrupted: it has only what was measured by then")
        if self.latency and self.disturbed:
            found.append(
                f"{'; '.join(self.disturbed)}: only differences of {BETWEEN_DISTURBED:.0%} and more "
                "count as a slowdown; measure again on a quiet machine"
            )
        if self.latency and self.limits.max_slowdown < 100 * BETWEEN:
            found.append(
                f"two runs are told apart from {BETWEEN:.0%} on, so that a slowdown between "
                f"{self.limits.max_slowdown:g} and {100 * BETWEEN:g} % is not found"
            )
        found += [
            f"{row.name}: {row.slowdown:.1f} % slower would be too much, but the two runs are too "
            "unsteady to tell: measure again with more --repeats"
            for row in self.latency
            if row.over and not row.change.significant and row.slowdown >= 100 * BETWEEN
        ]
        found += [
            f"{row.name}: the peak grew from {mebibytes(row.before)} to {mebibytes(row.now)} MiB"
            for row in self.memory
            if row.grown
        ]
        return [printable(note) for note in found]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "file": self.baseline,
            "interrupted": self.interrupted,
            "max_drop_db": self.limits.max_drop,
            "max_slowdown_percent": self.limits.max_slowdown,
            "holds": not self.failures(),
            "failures": self.failures(),
            "quality": [row.to_dict() for row in self.quality],
            "latency": [row.to_dict() for row in self.latency],
            "memory": [row.to_dict() for row in self.memory],
            "not_compared": [dict(row.__dict__) for row in self.not_compared],
            "differences": [difference.to_dict() for difference in self.differences],
            "notes": self.notes(),
        }

    def to_text(self) -> str:
        """Tables, what was not compared and what differs, and the verdict."""
        lines = [f"Compared with {self.baseline}"]
        headings = (
            f"Quality: mean gains in dB, at most {self.limits.max_drop:g} dB may go",
            "Latency as a ratio to the reference network of the same run: at most "
            f"{self.limits.max_slowdown:g} % slower; interval of 95 %",
            "Memory: the peak of one call must keep its limit",
        )
        for heading, rows in zip(headings, (self.quality, self.latency, self.memory), strict=True):
            lines += _section(heading, rows)
        lines.append("")
        lines += _left_out(self.not_compared)
        refused = [d.words for d in self.differences if d.refused]
        noted = [d.words for d in self.differences if not d.refused]
        if refused:
            lines.append(f"unlike, and compared all the same: {', '.join(refused)}")
        if noted:
            lines.append(f"changed since: {', '.join(noted)}")
        lines += [f"note: {note}" for note in self.notes()]
        failures = self.failures()
        lines += failures or [f"nothing regresses in {len(self.rows)} rows"]
        return "\n".join(printable(line) for line in lines)


def _section(heading: str, rows: Sequence[ComparedRow]) -> list[str]:
    """Table below its heading; nothing of no rows."""
    if not rows:
        return []
    cells = [rows[0].HEADERS, *(row.cells() for row in rows)]
    return ["", heading, "", *table(cells, range(rows[0].LEFT))]


def _left_out(rows: Sequence[NotCompared]) -> list[str]:
    """A line for each reason."""
    names: dict[str, list[str]] = {}
    for row in rows:
        names.setdefault(row.why, []).append(row.name)
    return [
        f"not compared, {why}: {'; '.join(few[:FEW])}"
        + (f"; and {len(few) - FEW} more" if len(few) > FEW else "")
        for why, few in names.items()
    ]
