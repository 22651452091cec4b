"""Writes docs/REPRODUCTION.md from the figures that `measure` kept; nothing in it is typed by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from comparisons import verdicts
from sections import SECTIONS, Section
from systems import GROUPS
from tried import TRIED, crops_of, outcome, tried

from edgeqe.reports.output_file import written_whole

RESULTS = Path(__file__).with_name("results")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "REPRODUCTION.md"
HEAD = """# What was reproduced of the five papers

Written by `python scripts/reproduce ledger` from what `python scripts/reproduce measure` kept. Every
system's recipe exists twice: as published, for a GPU (`edgeqe train liu-adaptive --data DATA`), and
reduced, with the same structure (`edgeqe train liu-adaptive-reduced --data DATA`). Ours are the
reduced ones unless a row says otherwise: directions and gaps count, not the height. `not run` says just that.
"""
FIRST_STEPS = """## The published trainings start

Every training as published, with its own network, loss and schedule, for its first steps; printed by
`python scripts/reproduce try GROUP --data DATA`, where a row has fewer crops with `--batch`.
"""


def write_ledger(results: Path = RESULTS, page: Path = PAGE) -> None:
    """Write the page from a folder of results."""
    parts = [HEAD, *(section_text(section, results) for section in SECTIONS)]
    parts.append(first_steps_text(results / TRIED.name))
    with written_whole(page) as path:
        path.write_text("\n".join(parts), encoding="utf-8")


def section_text(section: Section, results: Path) -> str:
    """One system: what was measured, how it was trained, what differs."""
    lines = [f"## {section.title}", "", section.claim, ""]
    for group, claims in section.groups.items():
        file = results / f"{group}.json"
        if not file.is_file():
            lines += table([(what, published, "not run") for what, published in claims])
            lines += ["", f"Would be printed by `{command_of(group)}`.", ""]
            continue
        values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        lines += table([(row["what"], row["published"], row["ours"]) for row in values["rows"]])
        lines += ["", f"Printed by `{values['command']}`, {values['pictures']}.", ""]
        found = verdicts(group, {row["what"]: row["ours"] for row in values["rows"]})
        if found:
            lines += [*table(found, ("claim", "difference", "holds here")), ""]
        lines += trainings_table(values)
    if section.not_run:
        lines += table([(what, published, "not run") for what, published in section.not_run])
        lines.append("")
    lines += ["What differs from the paper:", ""]
    lines += [f"- {difference}" for difference in section.differs]
    return "\n".join([*lines, ""])


def first_steps_text(results: Path) -> str:
    """The published trainings' first steps: which were run here, and what they took."""
    rows, lines = tried(results), []
    for group in GROUPS.values():
        for name in group:
            row = rows.get(name)
            if row is None:
                lines.append((name, "", "not run"))
            else:
                lines.append((name, crops_of(row), f"{row['steps']} steps, {outcome(row)}"))
    return "\n".join([FIRST_STEPS, *table(lines, ("training", "crops a step", "here")), ""])


def command_of(group: str) -> str:
    """Command that measures a group."""
    return f"python scripts/reproduce measure {group} --data PICTURES"


def table(
    rows: list[tuple[str, str, str]], heads: tuple[str, str, str] = ("", "published", "ours")
) -> list[str]:
    """Markdown of three columns: figures, published and ours."""
    return [f"| {' | '.join(row)} |" for row in (heads, ("---",) * 3, *rows)]


def trainings_table(values: dict[str, Any]) -> list[str]:
    """Markdown of a group's trainings."""
    lines = ["| training | data | steps | batch | minutes |", "|---|---|---|---|---|"]
    for one in values["trainings"]:
        crops = f"{one['batch']} x {one['crop']}x{one['crop']}"
        steps, minutes = f"{one['steps']:,}", f"{one['minutes']:.1f}, {one['precision']}"
        lines.append(f"| {one['name']} | {one['data']} | {steps} | {crops} | {minutes} |")
    hours = sum(one["minutes"] for one in values["trainings"]) / 60
    return [*lines, "", f"{hours:.1f} hours in all on {values['machine']}.", ""]
