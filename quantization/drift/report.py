"""The report of the drift gate: a table for people, JSON, and JUnit for CI."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeqe.coding.rate_point import codec_in_words, unit_in_words
from edgeqe.protocols import CodingProtocol
from edgeqe.quantization.drift.drift import (
    BLOCK,
    EQUAL_LEVELS,
    PICTURE_CEILING,
    TILE_CEILING,
    TILE_SIDE,
    USUAL_GAIN,
    DriftRow,
)
from edgeqe.quantization.drift.limits import DriftLimits, DriftVerdict
from edgeqe.quantization.drift.reporting import Model, machine_line, signed
from edgeqe.reports.junit import Case, to_xml
from edgeqe.reports.tables import table

SCHEMA_VERSION = 3
COLUMNS = ("n", "reference", "candidate", "loss", "limit", "worst picture",
           "worst tile, row,column", "")  # fmt: skip
LEFT = (7, 8, 9)


@dataclass(frozen=True)
class DriftReport:
    """What a drift gate measured, and what it says."""

    reference: Model
    candidate: Model
    limits: DriftLimits
    rows: tuple[DriftRow, ...]
    notes: tuple[str, ...]
    """What a reader of the figures should know."""
    stamp: dict[str, Any]
    """See `edgeqe.quantization.drift.reporting.machine`."""
    encoder: Mapping[str, str]
    """What codes the pictures: ``encoder``, ``version`` and ``settings``."""

    @property
    def data(self) -> str:
        """Names of the sets of pictures."""
        return ", ".join(dict.fromkeys(row.data for row in self.rows))

    def verdicts(self) -> list[tuple[DriftRow, DriftVerdict]]:
        """Every row and what the limits say of it."""
        return [(row, self.limits.judge(row)) for row in self.rows]

    def failures(self) -> list[str]:
        """Why the candidate drifts, one sentence a row that fails; empty where it holds."""
        return [
            f"{row.data}, {row.protocol} {row.point}: {'; '.join(filter(None, verdict.reasons))}"
            for row, verdict in self.verdicts()
            if not verdict.holds
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "schema_version": SCHEMA_VERSION,
            "kind": "edgeqe-drift",
            "holds": not self.failures(),
            "reference": self.reference.to_dict(),
            "candidate": self.candidate.to_dict(),
            "data": self.data,
            "encoder": dict(self.encoder),
            "limits": dataclasses.asdict(self.limits),
            "tile": {
                "side": TILE_SIDE,
                "block": BLOCK,
                "psnr_ceiling_db": TILE_CEILING,
                "equal_levels": EQUAL_LEVELS,
                "usual_gain_db": USUAL_GAIN,
            },
            "picture": {"psnr_ceiling_db": PICTURE_CEILING},
            "rows": [_row(row, verdict) for row, verdict in self.verdicts()],
            "notes": list(self.notes),
            "stamp": self.stamp,
        }

    def to_json(self) -> str:
        """JSON text."""
        return json.dumps(self.to_dict(), indent=2)

    def to_text(self) -> str:
        """Tables, a protocol each, between the models and the machine."""
        lines = [f"reference  {self.reference.line()}", f"candidate  {self.candidate.line()}"]
        tables: dict[tuple[str, CodingProtocol], list[Sequence[str]]] = {}
        for row, verdict in self.verdicts():
            tables.setdefault((row.data, row.protocol), [_columns(row)]).append(
                _cells(row, verdict)
            )
        for (data, protocol), cells in tables.items():
            lines += ["", f"pictures of {data}", f"{protocol}: {protocol.meaning}; gains in dB"]
            lines += table(cells, LEFT)
        lines += ["", *(f"note: {note}" for note in self.notes)]
        lines.append(
            f"tiles of {TILE_SIDE} pixels; PSNR of each of their {BLOCK}x{BLOCK} blocks counts up to "
            f"{TILE_CEILING:g} dB, and is the reference's where no pixel is more than {EQUAL_LEVELS} "
            f"level from it; a tile that gains more than {USUAL_GAIN:g} dB may drop as much more"
        )
        made = self.encoder
        lines.append(f"coded by {made['encoder']} ({made['version']}), {made['settings']}")
        lines += [machine_line(self.stamp), ""]
        return "\n".join([*lines, *(self.failures() or ["the candidate holds"])])

    def to_junit(self) -> bytes:
        """JUnit XML: of every row a test case for the mean gain and one for the worst tile."""
        ran = f"{self.candidate.name} {self.candidate.precision} on {self.candidate.runtime}"
        cases = []
        for row, verdict in self.verdicts():
            details = "\n".join(table([_columns(row), _cells(row, verdict)], LEFT))
            cases += [
                Case(
                    classname=f"edgeqe.drift.{row.protocol}",
                    name=f"{ran}, {row.data}, {row.point}: {what}",
                    failure=reason,
                    details=details,
                )
                for what, reason in zip(("mean gain", "worst tile"), verdict.reasons, strict=True)
            ]
        facts = {"data": self.data, "machine": machine_line(self.stamp)}
        facts |= {"reference": self.reference.line(), "candidate": self.candidate.line()}
        return to_xml(f"edgeqe drift: {ran}", facts, cases, self.to_text())


def _row(row: DriftRow, verdict: DriftVerdict) -> dict[str, Any]:
    picture, tile = row.worst_picture, row.worst_tile
    return {
        "data": row.data,
        "protocol": row.protocol.value,
        "codec": row.point.codec,
        "unit": row.point.unit,
        "value": row.point.value,
        "pictures": len(row.pictures),
        "coded_psnr_db": row.mean("coded"),
        "reference_gain_db": row.reference_gain,
        "candidate_gain_db": row.candidate_gain,
        "loss_db": row.loss,
        "limit_db": verdict.limit,
        "worst_picture": {"name": picture.name, "loss_db": picture.loss},
        "worst_tile": {
            "name": tile.name,
            "row": tile.tile.row,
            "column": tile.tile.column,
            "drop_db": tile.tile.drop,
            "gain_db": tile.tile.gain,
        },
        "holds": verdict.holds,
        "failures": [reason for reason in verdict.reasons if reason],
        "losses_db": {picture.name: picture.loss for picture in row.pictures},
    }


def _columns(row: DriftRow) -> Sequence[str]:
    """Headers of a table of a row's codec."""
    codec = row.point.codec
    before, *others = COLUMNS
    return (unit_in_words(codec), before, f"{codec_in_words(codec)} dB", *others)


def _cells(row: DriftRow, verdict: DriftVerdict) -> list[str]:
    picture, worst = row.worst_picture, row.worst_tile
    tile = worst.tile
    return [
        f"{row.point.value:g}",
        str(len(row.pictures)),
        f"{row.mean('coded'):.3f}",
        signed(row.reference_gain),
        signed(row.candidate_gain),
        signed(row.loss),
        f"{verdict.limit:.4f}",
        f"{signed(picture.loss)} {picture.name}",
        f"{signed(tile.drop)} {worst.name} {tile.row},{tile.column}",
        "holds" if verdict.holds else "DRIFTS",
    ]
