"""The end of the page: versions, machine, how the models ran, conditions and notes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgeqe.bench.console import encoder_words
from edgeqe.bench.page.content import Column, PageTable
from edgeqe.bench.page.tables import ways
from edgeqe.bench.report import MIB
from edgeqe.coding.rate_point import codec_in_words, unit_in_words

Entry = Mapping[str, Any]

#: Of a snapshot's keys the words and the format; what is unknown is not shown.
SNAPSHOT = {
    "load_average": ("Load average", ".2f"),
    "frequency_mhz": ("Clock, MHz", ".0f"),
    "highest_mhz": ("Highest clock, MHz", ".0f"),
    "governor": ("Governor", "s"),
    "throttled": ("Clock held down", ""),
    "throttle_count": ("Times held down", "d"),
    "temperature_celsius": ("Temperature, °C", ".1f"),
    "power_mode": ("Power mode", "s"),
}


def conditions(report: Entry) -> dict[str, Any]:
    """What all figures were measured with, as the section's template shows it."""
    stamp, setup = report["stamp"], report["setup"]
    snapshots = stamp.get("conditions", {})
    limit = setup["memory_limit_bytes"]
    return {
        "facts": {
            "edgeqe": f"{stamp['edgeqe']}, Python {stamp['python']}, numpy {stamp['numpy']}",
            "System": stamp["system"],
            "Processor": stamp["cpu"],
            "Processors": _words(stamp["cpu_count"]),
            "Features": ", ".join(stamp["cpu_features"]),
            "JPEG": stamp["jpeg"],
            "Reference network": stamp["reference"],
            "Target": f"{setup['target']}{', in full' if setup['full'] else ''}",
            "Codec": f"{codec_in_words(setup['codec'])}, {setup['coding']}",
            "Encoder": encoder_words(setup),
            "Strengths": _strengths(setup),
            "Protocols": _listed(setup["protocols"]),
            "Sizes": _listed(setup["sizes"]),
            "Threads": _words(setup["threads"]),
            "Memory limit": f"{limit / MIB:g} MiB" if limit else "",
        },
        "models": ways(report["models"]),
        "snapshots": _snapshots(snapshots),
        "notes": _notes(report, snapshots),
    }


def _snapshots(snapshots: Mapping[str, Entry]) -> PageTable:
    """Snapshots before and after, side by side; lines that say nothing are left out."""
    lines = {
        words: [_form(snapshot.get(key), form) for snapshot in snapshots.values()]
        for key, (words, form) in SNAPSHOT.items()
    }
    lines = {words: cells for words, cells in lines.items() if any(cells)}
    columns = [
        Column(when.capitalize(), [cells[index] for cells in lines.values()])
        for index, when in enumerate(snapshots)
    ]
    return PageTable("Conditions of the machine", [Column("Condition", list(lines)), *columns])


def _notes(report: Entry, snapshots: Mapping[str, Entry]) -> list[str]:
    said = list(report["notes"])
    for when, snapshot in snapshots.items():
        said += [f"{when.capitalize()}: {note}" for note in snapshot.get("notes", ())]
    return said


def _form(value: Any, form: str) -> str:
    """A value of a snapshot in words; empty where it is unknown."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format(value, form)


def _words(value: object) -> str:
    return "" if value is None else str(value)


def _strengths(setup: Entry) -> str:
    values = ", ".join(f"{value:g}" for value in setup["values"])
    return f"{unit_in_words(setup['codec'])} {values}" if values else ""


def _listed(values: list[Any]) -> str:
    return ", ".join(str(value) for value in values)
