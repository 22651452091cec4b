"""What became of every file that ``edgeqe enhance`` was given: a line, a row, and a table of all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from edgeqe.reports.tables import printable, table

if TYPE_CHECKING:
    from edgeqe.cli.jobs import FileJob
    from edgeqe.cli.whole_process import ProcessPeak
    from edgeqe.files.file_report import FileReport

#: Codecs, and what they count their strength in, as people write them.
CODEC_NAMES = {
    "jpeg": "JPEG",
    "jpeg2000": "JPEG 2000",
    "heif": "HEIC",
    "bpg": "BPG",
    "h264": "H.264",
    "hevc": "HEVC",
    "vvc": "VVC",
    "av1": "AV1",
    "avif": "AVIF",
    "webp": "WebP",
}
SCALE_NAMES = {
    "quality": "quality {}",
    "qp": "QP {}",
    "index": "index {}",
    "rate": "at {} bits per pixel",
}
#: States of a row, in the order of the table.
ENHANCED, PLANNED, SKIPPED, FAILED = "enhanced", "planned", "skipped", "failed"
#: What is said of those whose output is there already.
EXISTS = "its output exists (--overwrite replaces it)"
#: Files of one reason that the table names.
NAMED = 3


@dataclass(frozen=True)
class Row:
    """What became of one file."""

    source: str
    destination: str
    """Empty where none was meant for it."""
    state: str
    """``enhanced``, ``planned`` (of a dry run), ``skipped`` or ``failed``."""
    reason: str = ""
    """Why, unless it was enhanced."""

    def to_dict(self) -> dict[str, str]:
        """Give the fields as plain values."""
        return asdict(self)


def table_of(rows: Sequence[Row]) -> list[str]:
    """Lines of a table: how many files of each state, and of the skipped why and which.

    All that failed are named, of those that were skipped for one reason the first few.
    """
    counted: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        why = row.reason if row.state == SKIPPED else ""
        why = EXISTS if why == f"{row.destination} exists" else why
        counted.setdefault((row.state, why), []).append(printable(row.source))
    cells = [["state", "files", "why and which"]]
    for state in (ENHANCED, PLANNED, SKIPPED, FAILED):
        for (found, why), names in counted.items():
            if found == state:
                cells.append([state, str(len(names)), _which(state, why, names)])
    return table(cells, left={0, 2})


def _which(state: str, why: str, names: Sequence[str]) -> str:
    if state == FAILED:
        return ", ".join(names)
    if state != SKIPPED:
        return ""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{why}: {', '.join(names[:NAMED])}{more}"


def strength_words(
    codec: str, scale: str, number: float | None, step: float, sign: str = ""
) -> str:
    """A strength as people write it, such as ``JPEG quality 20``."""
    name, words = CODEC_NAMES.get(codec, codec), SCALE_NAMES.get(scale)
    if number is None or words is None:
        return f"{name} step {step:.2f}".lstrip()
    return f"{name} {words.format(f'{sign}{number:.4g}')}"


def line(report: FileReport) -> str:
    """One line about a picture that was enhanced."""
    sign = "about " if report.quality_exact is False else ""
    strength = strength_words(report.codec, report.scale, report.number, report.step, sign)
    if report.confidence is not None:
        told = (
            "" if report.stated_quality is None else f", its table says {report.stated_quality:g}"
        )
        strength += f" by its pixels (confidence {report.confidence:.2f}{told})"
    if report.drawn is not None and report.drawn >= 0.5:
        strength += f", {report.drawn:.0%} drawn"
    if report.residual_from:
        strength += f", prediction residual from the {report.residual_from}"
    if report.amount != 1.0:
        strength += f", amount {report.amount:g}"
    if report.ensemble != 1:
        strength += f", ensemble of {report.ensemble}"
    note = ""
    if report.output_quality is not None:
        ratio = report.destination_bytes / report.source_bytes
        note += f"  written at quality {report.output_quality}, {ratio:.1f} times the bytes"
    if not report.exact:
        note += "  not exact: smaller than the target's window"
    if report.not_kept:
        note += f"  not kept: {', '.join(report.not_kept)}"
    if report.present is not None:
        note += f"  cut short: {int(100 * report.present)} % of the picture was there"
    return (
        f"{printable(report.source)} -> {printable(report.destination)}  {report.width}x{report.height}  {report.kind}  "
        f"{strength}  {report.seconds:.2f} s  {report.megapixels_per_second:.1f} MP/s"
        f"{note}"
    )


class Account:
    """What became of the files so far, told as it happens and at the end."""

    def __init__(self, jobs: list[FileJob], *, to_stdout: bool, as_json: bool) -> None:
        self.jobs, self.to_stdout, self.as_json = jobs, to_stdout, as_json
        self.reports: list[dict[str, Any]] = []
        self.rows: list[Row] = []
        self.network = ""
        """What enhances the next pictures of a plan; empty where one network does all."""

    def add(self, row: Row) -> None:
        """Count a file; one that failed is told at once."""
        self.rows.append(row)
        if row.state == FAILED and not self.as_json:
            click.echo(f"edgeqe: {printable(' '.join(row.reason.split()))}", err=True)

    def enhanced(self, report: FileReport, peak: ProcessPeak | None) -> None:
        """Count a picture that was enhanced, and tell it."""
        whole = None if peak is None else peak.total
        more = {"network": self.network} if self.network else {}
        self.reports.append({**report.to_dict(), "process_bytes": whole, **more})
        self.add(Row(report.source, report.destination, ENHANCED))
        if not self.as_json:
            by = f"  by {self.network}" if self.network else ""
            click.echo(f"{line(report)}{by}", err=self.to_stdout)

    def show(self, info: Any = None) -> None:
        """Print the report as JSON, or the table of several files.

        Parameters
        ----------
        info : Info or mapping of str to Info, optional
            Of the network, or of each of a plan's by its name; None of a dry run.
        """
        if self.as_json and self.rows:
            click.echo(_json(info, self.reports, self.rows))
        elif len(self.rows) > 1 or any(row.state == SKIPPED for row in self.rows):
            click.echo("\n".join(["", *table_of(self.rows)]), err=self.to_stdout)

    def check(self) -> None:
        """Raise InputError if a picture failed."""
        from edgeqe.errors import InputError

        failed = sum(row.state == FAILED for row in self.rows)
        if failed:
            pictures = sum(row.state != SKIPPED for row in self.rows)
            raise InputError(f"{failed} of {pictures} pictures failed, see above.")


def _json(info: Any, reports: list[dict[str, Any]], rows: list[Row]) -> str:
    about: dict[str, Any] = {"schema_version": 1}
    if info is None:
        about["dry_run"] = True
    elif isinstance(info, dict):
        about["networks"] = {name: _about(one) for name, one in info.items()}
    else:
        about |= _about(info)
    failed = [{"source": row.source, "error": row.reason} for row in rows if row.state == FAILED]
    return json.dumps(
        {
            **about,
            "pictures": reports,
            "failed": failed,
            "files": [row.to_dict() for row in rows],
        },
        indent=2,
    )


def _about(info: Any) -> dict[str, Any]:
    """What is told of a network."""
    names = (
        "model",
        "runtime",
        "runtime_version",
        "target",
        "provider",
        "fallback",
        "threads",
        "memory_limit",
        "random_weights",
        "not_fine_tuned",
        "foreign",
    )
    return {name: getattr(info, name) for name in names}
