"""The report of a bench run: plain values for JSON, lines for the console."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeqe.bench.memory import MemoryUse
from edgeqe.bench.quality import Row
from edgeqe.bench.speed import Timing
from edgeqe.errors import InputError

#: Version of the JSON layout; a reader must refuse one that it does not know.
SCHEMA_VERSION = 1

#: File name of the report in the output folder.
REPORT_NAME = "report.json"

MIB = 1 << 20

HEADINGS = {
    "gray": "studio-range luma (gray pictures as they are), coded as grayscale JPEG",
    "colour": "4:2:0 planes as coded, fancy upsampling behind the network; PSNR in RGB",
    "rgb": "RGB of the decoder, 4:2:0 inside; PSNR in RGB",
}

INPUT_WORDS = {
    "gray": "whole path, gray array",
    "planes": "whole path, 4:2:0 planes",
    "rgb": "whole path, RGB array",
    "network": "network alone",
}


@dataclass
class Report:
    """Everything that one run measured; filled as it goes, valid at any time."""

    stamp: dict[str, Any]
    """What all figures share: versions, machine, decoder."""

    models: list[dict[str, Any]]
    """A dict a model: name, file, runtime, provider, threads, cost."""

    data: dict[str, Any]
    """Name of the set, number of pictures, scale."""

    quality: list[Row] = field(default_factory=list)
    speed: list[Timing] = field(default_factory=list)
    speed_setup: dict[str, Any] = field(default_factory=dict)
    """Pictures, megapixels and quality of the timed frames."""

    memory: list[MemoryUse] = field(default_factory=list)
    interrupted: bool = False
    """Whether the run was broken off; what is here was measured in full."""

    def to_dict(self) -> dict[str, Any]:
        """Report as plain values."""
        return {
            "schema_version": SCHEMA_VERSION,
            "kind": "edgeqe-bench",
            "interrupted": self.interrupted,
            "stamp": self.stamp,
            "models": self.models,
            "data": self.data,
            "quality": [row.to_dict() for row in self.quality],
            "speed": {**self.speed_setup, "lanes": [timing.to_dict() for timing in self.speed]},
            "memory": [use.to_dict() for use in self.memory],
        }

    def to_json(self) -> str:
        """Report as JSON text."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_report(report: Report, path: Path) -> None:
    """Write the JSON under a temporary name, then rename it.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=".report-", suffix=".json", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(report.to_json())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror}): give --out another folder."
        ) from error


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Lines of an aligned table; the first `left` columns and words keep left."""
    widths = [max(len(line[i]) for line in [headers, *rows]) for i in range(len(headers))]
    lines = []
    for line in [headers, *rows]:
        cells = [
            cell.ljust(width) if index < left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def format_report(report: Report) -> str:
    """Whole report as text."""
    parts = [format_header(report)]
    protocols = list(dict.fromkeys(row.protocol for row in report.quality))
    for protocol in protocols:
        rows = [row for row in report.quality if row.protocol == protocol]
        parts.append(format_quality(protocol, rows))
    if report.speed:
        parts.append(format_speed(report.speed, report.speed_setup))
    if report.memory:
        parts.append(format_memory(report.memory))
    parts.append(format_stamp(report))
    if report.interrupted:
        parts.append("Interrupted: only what is shown was measured.")
    return "\n\n".join(parts)


def format_header(report: Report) -> str:
    """State the data, and the models in a table."""
    scale = report.data["scale"]
    scaled = "" if scale == 1 else f", downscaled by {scale:g}"
    lines = [f"{report.data['pictures']} pictures of {report.data['name']}{scaled}", ""]
    rows = [
        [
            model["name"],
            f"{model['kmac_per_pixel']:.2f}",
            str(model["parameters"]),
            f"{model['file_bytes'] / 1024:.0f}",
            model["precision"],
            "x".join(map(str, model["window"])),
            str(model["halo"]),
        ]
        for model in report.models
        if "kmac_per_pixel" in model
    ]
    headers = ["model", "kMAC/px", "parameters", "KiB", "precision", "window", "halo"]
    return "\n".join(lines + table(headers, rows))


def format_quality(protocol: str, rows: Sequence[Row]) -> str:
    """Table of one protocol."""
    colour = protocol != "gray"
    headers = ["model", "q", "n", "bit/px", "JPEG dB", "after dB", "gain", "worst"]
    if colour:
        headers += ["Y JPEG", "Y after"]
    headers += ["SSIM JPEG", "after", "PSNR-B JPEG", "after", "worst picture"]
    cells = []
    for row in rows:
        figures = row.to_dict()
        line = [
            row.model,
            str(row.quality),
            str(len(row.scores)),
            f"{figures['bits_per_pixel']:.3f}",
            f"{figures['psnr_db_before']:.3f}",
            f"{figures['psnr_db_after']:.3f}",
            f"{row.gain:+.3f}",
            f"{row.worst.gain:+.3f}",
        ]
        if colour:
            line += [f"{figures['y_psnr_db_before']:.3f}", f"{figures['y_psnr_db_after']:.3f}"]
        line += [
            f"{figures['ssim_before']:.4f}",
            f"{figures['ssim_after']:.4f}",
            f"{figures['psnr_b_db_before']:.3f}",
            f"{figures['psnr_b_db_after']:.3f}",
            row.worst.name,
        ]
        cells.append(line)
    lines = [f"Quality, protocol {protocol}: {HEADINGS[protocol]}"]
    if colour:
        lines.append("Y: full-range luma; SSIM and PSNR-B are of it.")
    return "\n".join([*lines, "", *table(headers, cells)])


def format_speed(timings: Sequence[Timing], setup: dict[str, Any]) -> str:
    """Table of all lanes."""
    base = next((timing.base for timing in timings if timing.base), None)
    headers = ["model", "what", "Mpx/s", "lowest", "highest", "rounds"]
    if base:
        headers.append("ratio")
    cells = []
    for timing in timings:
        line = [
            timing.name,
            INPUT_WORDS[timing.what],
            f"{timing.megapixels_per_second:.3f}",
            f"{timing.lowest:.3f}",
            f"{timing.highest:.3f}",
            str(timing.rounds),
        ]
        if base:
            line.append("" if timing.ratio is None else f"{timing.ratio:.2f} x {timing.base}")
        cells.append(line)
    heading = (
        f"Speed: {setup['pictures']} pictures, {setup['megapixels']:.2f} megapixels, JPEG quality "
        f"{setup['quality']}; lanes in turns, median of rounds"
    )
    lines = [heading, "", *table(headers, cells, left=2)]
    unsteady = [f"{t.name} ({INPUT_WORDS[t.what]})" for t in timings if t.unsteady]
    if unsteady:
        lines.append(
            f"Unsteady, rounds differ by 10 % or more: {', '.join(unsteady)}. "
            "Close other programs, or run again with a larger --repeats."
        )
    return "\n".join(lines)


def format_memory(uses: Sequence[MemoryUse]) -> str:
    """Table of the peak memory."""
    cells = [
        [
            use.name,
            "x".join(map(str, use.shape)),
            "unknown" if use.peak_bytes is None else f"{use.peak_bytes / MIB:.1f}",
            f"{use.planned_bytes / MIB:.1f}",
            f"{use.limit_bytes / MIB:.1f}",
            "unknown" if use.codec_bytes is None else f"{use.codec_bytes / MIB:.1f}",
        ]
        for use in uses
    ]
    return "\n".join(
        [
            "Memory of one call in MiB, input and output not counted; codecs: what decoding,",
            "conversion to RGB and encoding take beside that from a JPEG file to a PNG file",
            "",
            *table(["model", "array", "measured", "planned", "limit", "codecs"], cells),
        ]
    )


def format_stamp(report: Report) -> str:
    """Versions, machine and decoder; what the models share is said once."""
    stamp = report.stamp
    placed = {
        f"{m['runtime']} {m['runtime_version']}, {m['provider']}, {m['threads']} threads": None
        for m in report.models
    }
    lines = [
        f"edgeqe {stamp['edgeqe']}, Python {stamp['python']}, numpy {stamp['numpy']}",
        *placed,
        f"{stamp['system']}, {stamp['cpu']}, {stamp['cpu_count']} processors",
        f"JPEG: {stamp['jpeg']}",
    ]
    fallbacks = [m for m in report.models if m.get("fallback")]
    lines += [
        f"fallback: {m['fallback']} ({m['name']}: the asked target cannot run here)"
        for m in fallbacks
    ]
    return "\n".join(lines)
