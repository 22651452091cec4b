"""The report of a bench run as it fills: what JSON, console, page and the baseline check are made from."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeqe.bench import bd
from edgeqe.bench.entries import (
    DataEntry,
    LatencyEntry,
    ModelEntry,
    PeerEntry,
    ReportEntry,
    SetupEntry,
    StampEntry,
    plain,
)
from edgeqe.bench.latency import Timing
from edgeqe.bench.memory import MemoryUse
from edgeqe.bench.quality import QualityRow
from edgeqe.bench.tradeoff import Requirement, advice, pareto
from edgeqe.reports.output_file import write

#: Version of the JSON layout; a reader must refuse one that it does not know.
SCHEMA_VERSION = 4

#: File name of the report in the output folder.
REPORT_NAME = "report.json"

MIB = 1 << 20


@dataclass
class BenchReport:
    """Everything that one run measured; filled as it goes, valid at any time."""

    stamp: StampEntry

    setup: SetupEntry

    models: list[ModelEntry | PeerEntry]

    data: DataEntry

    requirement: Requirement = field(default_factory=Requirement)
    """What advice is asked for."""

    quality: list[QualityRow] = field(default_factory=list)
    latency: list[Timing] = field(default_factory=list)
    latency_quality: int = 0
    """JPEG quality of the timed frames."""
    reference_seconds: list[float] = field(default_factory=list)
    """Of every run of the reference network."""
    reference_balance: float | None = None
    """As of `ReferenceNetwork`."""
    energy: str | None = None
    """What meters the energy, or why nothing does."""
    memory: list[MemoryUse] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What a reader of the figures should know."""
    interrupted: bool = False
    """Whether the run was broken off; what is here was measured in full."""

    def entry(self) -> ReportEntry:
        """All that was measured so far, as its JSON has it."""
        quality = [row.entry() for row in self.quality]
        lanes = [timing.entry() for timing in self.latency]
        trade = pareto(plain(quality), plain(lanes), self.latency_quality)
        seconds = self.reference_seconds
        return ReportEntry(
            schema_version=SCHEMA_VERSION,
            kind="edgeqe-bench",
            interrupted=self.interrupted,
            stamp=self.stamp,
            setup=self.setup,
            models=self.models,
            data=self.data,
            quality=quality,
            bd=[one.to_dict() for one in bd.deltas(self.quality)],
            latency=LatencyEntry(
                reference_ms=1e3 * statistics.median(seconds) if seconds else None,
                reference_balance=self.reference_balance,
                quality=self.latency_quality or None,
                lanes=lanes,
                energy=self.energy,
            ),
            memory=[use.entry() for use in self.memory],
            pareto=trade,
            advice=advice(trade, self.requirement),
            notes=self.notes,
        )

    def to_dict(self) -> dict[str, Any]:
        """Report as plain values, for JSON and what is made of it."""
        values: dict[str, Any] = plain(self.entry())
        return values


def to_json(report: Mapping[str, Any]) -> str:
    """JSON text of a report's plain values."""
    return json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(report: Mapping[str, Any], path: Path) -> None:
    """Write the report's JSON, whole or not at all.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    write(to_json(report).encode(), path)
