"""What the first steps of the published trainings took, kept for the ledger."""

from __future__ import annotations

import json
from pathlib import Path

from edgeqe.reports.output_file import written_whole

#: What was tried, by recipe.
TRIED = Path(__file__).with_name("results") / "tried.json"


def crops_of(row: dict[str, float]) -> str:
    """Crops a step, and how many the recipe has if those were fewer."""
    fewer = "" if row["batch"] == row["published_batch"] else f" of {row['published_batch']}"
    return f"{row['batch']}{fewer} x {row['crop']}x{row['crop']}"


def outcome(row: dict[str, float]) -> str:
    """What the steps took, and the loss of the last."""
    return f"{row['processor_seconds']:.0f} s of processor time, loss {row['loss']:.4g}"


def tried(results: Path = TRIED) -> dict[str, dict[str, float]]:
    """Rows by recipe; none if nothing was tried."""
    if not results.is_file():
        return {}
    rows: dict[str, dict[str, float]] = json.loads(results.read_text(encoding="utf-8"))
    return rows


def keep(name: str, row: dict[str, float], results: Path) -> None:
    """Write a recipe's row beside the others."""
    with written_whole(results) as path:
        text = json.dumps({**tried(results), name: row}, indent=1, sort_keys=True)
        path.write_text(text + "\n", encoding="utf-8")
