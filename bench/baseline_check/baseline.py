"""A baseline: the report of an earlier run that this one is compared with."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from edgeqe.bench.baseline_check.comparability import differences
from edgeqe.bench.baseline_check.comparison import Comparison, NotCompared
from edgeqe.bench.baseline_check.rows import (
    BaselineLimits,
    ComparedGain,
    ComparedLatency,
    ComparedMemory,
    ComparedRow,
)
from edgeqe.bench.conditions.snapshot import disturbs
from edgeqe.bench.entries import ReportEntry
from edgeqe.bench.intervals import MOVED, Ratio, between_runs
from edgeqe.bench.kinds import faults, shape_of
from edgeqe.bench.report import SCHEMA_VERSION
from edgeqe.errors import InputError
from edgeqe.reports.tables import printable

#: Key of the path that a baseline was read from; a report has none such.
FILE = "file"
#: What changed since each earlier version, whose reports are refused.
_CHANGED = {
    2: " (since then the protocol that was named colour is named planes, and a row names its codec)",
    3: " (since then a report names codec and encoder, and a row the codec's strength instead of a "
    "JPEG quality)",
}

Entry = Mapping[str, Any]


def read_baseline(path: Path) -> dict[str, Any]:
    """Report of an earlier run, with its path under ``file``; all that is compared was checked.

    An interrupted one will do: it has fewer rows.

    Raises
    ------
    InputError
        If it cannot be read, is no report of `edgeqe bench`, is of another version, or is damaged.
    """
    fix = "give the report.json of an earlier edgeqe bench"
    try:
        report = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
        # Escapes may write what is no Unicode, and could not be printed.
        json.dumps(report, ensure_ascii=False).encode()
    except OSError as error:
        raise InputError(
            f"the baseline '{path}' cannot be read ({error.strerror}): {fix}."
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"the baseline '{path}' is no JSON ({error}): {fix}.") from error
    if not isinstance(report, dict) or report.get("kind") != "edgeqe-bench":
        raise InputError(f"the baseline '{path}' is no report of edgeqe bench: {fix}.")
    version = report.get("schema_version")
    if version != SCHEMA_VERSION:
        raise InputError(
            f"the baseline '{path}' has schema_version {reprlib.repr(version)}, this edgeqe reads "
            f"{SCHEMA_VERSION}{_changed(version)}: measure a new baseline with it."
        )
    fault = next(faults(report, shape_of(ReportEntry)), "")
    if fault:
        raise InputError(f"the baseline '{path}' is damaged ({fault}): measure a new one.")
    return {**report, FILE: str(path)}


def _changed(version: object) -> str:
    """What changed since a version, in words; empty where that is not known."""
    return _CHANGED.get(version, "") if type(version) is int else ""


def check_like(
    baseline: Mapping[str, Any], current: Mapping[str, Any], *, accept_unlike: bool
) -> None:
    """Refuse a baseline that was measured elsewhere or otherwise.

    Call it before anything is measured, and once more behind it: only then are the pictures'
    names known.

    Parameters
    ----------
    baseline : mapping
        As of `read_baseline`.
    current : mapping
        This run's report as plain values; its measurements may be empty.
    accept_unlike : bool
        Compare all the same.

    Raises
    ------
    InputError
        If they differ in a field that must be equal, with all such fields and both values.
    """
    found = [d.words for d in differences(baseline, current) if d.refused]
    if found and not accept_unlike:
        raise InputError(
            f"the baseline '{baseline[FILE]}' was measured with another {', '.join(found)}: "
            "measure a new baseline here, or add --accept-unlike."
        )


def compare(
    baseline: Mapping[str, Any],
    current: Mapping[str, Any],
    max_drop: float,
    max_slowdown: float,
) -> Comparison:
    """Judge every row that both reports have.

    Parameters
    ----------
    baseline : mapping
        As of `read_baseline`.
    current : mapping
        This run's report as plain values.
    max_drop : float
        Most that the mean gain of a row may lose, dB.
    max_slowdown : float
        Most that a latency may grow beside the reference network, percent. It counts if it is
        also significant.

    Raises
    ------
    InputError
        If a limit is no number of 0 or more, or there is nothing to compare.
    """
    limits = BaselineLimits(max_drop, max_slowdown)
    spoilt = tuple(_disturbed(baseline, current))
    gains, no_gains = _pairs(ComparedGain, baseline["quality"], current["quality"])
    lanes, no_lanes = _pairs(
        ComparedLatency, baseline["latency"]["lanes"], current["latency"]["lanes"]
    )
    peaks, no_peaks = _pairs(ComparedMemory, baseline["memory"], current["memory"])
    untold = [
        NotCompared(
            ComparedMemory.KIND, ComparedMemory.name_of(now), "the system does not tell the peak"
        )
        for _, now in peaks
        if now["peak_bytes"] is None
    ]
    made = Comparison(
        baseline=baseline[FILE],
        limits=limits,
        quality=tuple(_quality(*pair, limits) for pair in gains),
        latency=tuple(_latency(*pair, limits, disturbed=bool(spoilt)) for pair in lanes),
        memory=tuple(_memory(*pair) for pair in peaks if pair[1]["peak_bytes"] is not None),
        not_compared=(*no_gains, *no_lanes, *no_peaks, *untold),
        differences=tuple(differences(baseline, current)),
        interrupted=baseline["interrupted"],
        disturbed=spoilt,
        machine=_machine(current["stamp"]),
    )
    if not made.rows:
        raise InputError(
            f"nothing of the baseline '{baseline[FILE]}' was measured now "
            f"({_names(baseline)}; now {_names(current)}): measure the same models, strengths and "
            "sizes."
        )
    return made


def _disturbed(baseline: Entry, current: Entry) -> Iterator[str]:
    """Why only large differences of latency count between two reports, in words."""
    beside = [
        words
        for words, report in (("the baseline", baseline), ("this run", current))
        if disturbs(report["stamp"].get("others_busy"), report["stamp"].get("cpu_count") or 1)
    ]
    if beside:
        yield f"other programs were at work beside {' and '.join(beside)}"
    before, now = (report["latency"].get("reference_balance") for report in (baseline, current))
    if before and now and max(before / now, now / before) >= MOVED:
        yield (
            "the machine was in another state (of the reference network, float32 took "
            f"{before:.2f} times as long as INT8 in the baseline, {now:.2f} times now)"
        )


def _pairs(
    kind: type[ComparedRow], baseline: Sequence[Entry], current: Sequence[Entry]
) -> tuple[list[tuple[Entry, Entry]], list[NotCompared]]:
    """Entries of both reports that belong together, and those that only one of them has."""
    before, now = (
        {tuple(entry[key] for key in kind.KEYS): entry for entry in entries}
        for entries in (baseline, current)
    )
    alone = [(before[key], "only the baseline has it") for key in before if key not in now]
    alone += [(now[key], "the baseline has it not") for key in now if key not in before]
    return (
        [(before[key], now[key]) for key in now if key in before],
        [NotCompared(kind.KIND, kind.name_of(entry), why) for entry, why in alone],
    )


def _quality(before: Entry, now: Entry, limits: BaselineLimits) -> ComparedGain:
    """ComparedRow of two entries; the worst picture is that whose own gain lost most."""
    first, second = before["gains_db"], now["gains_db"]
    drops = {name: first[name] - second[name] for name in second if name in first}
    worst = max(drops, key=lambda name: drops[name], default="")
    return ComparedGain(
        model=now["model"],
        protocol=now["protocol"],
        codec=now["codec"],
        value=now["value"],
        before=before["gain_db"],
        now=now["gain_db"],
        worst_picture=worst,
        worst_drop=drops.get(worst, 0.0),
        max_drop=limits.max_drop,
    )


def _latency(
    before: Entry, now: Entry, limits: BaselineLimits, *, disturbed: bool
) -> ComparedLatency:
    ratios = [Ratio(e["to_reference"], *e["to_reference_interval"]) for e in (before, now)]
    return ComparedLatency(
        model=now["model"],
        what=now["what"],
        size=now["size"],
        before=before["to_reference"],
        now=now["to_reference"],
        change=between_runs(*ratios, disturbed=disturbed),
        max_slowdown=limits.max_slowdown,
    )


def _memory(before: Entry, now: Entry) -> ComparedMemory:
    return ComparedMemory(
        model=now["name"],
        size=now["size"],
        before=before.get("peak_bytes"),
        now=now["peak_bytes"],
        limit=now["limit_bytes"],
    )


def _machine(stamp: Entry) -> str:
    versions = f"edgeqe {stamp['edgeqe']}, Python {stamp['python']}, numpy {stamp['numpy']}"
    return f"{versions}; {stamp['cpu']}, {stamp['system']}"


def _names(report: Entry) -> str:
    """Models of a report."""
    return ", ".join(printable(model["name"]) for model in report["models"]) or "no model"


def _no_number(word: str) -> NoReturn:
    """Refuse what Python's JSON knows beside numbers: NaN and the infinities."""
    raise ValueError(f"{word} is no number")
