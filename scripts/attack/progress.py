"""What was tried and what came of it, kept in a file between runs if one is named."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path


class Progress:
    """Counts of each part and model, and the number of the next attempt of each.

    Parameters
    ----------
    path : Path, optional
        File of earlier runs with the same seed and size.
    seed : int
    full : bool
    """

    def __init__(self, path: Path | None, seed: int, *, full: bool) -> None:
        self._path, self._run = path, {"seed": seed, "full": full}
        self._next: dict[str, int] = {}
        self._counts: dict[str, Counter[str]] = {}
        if path is not None and path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            if kept["run"] != self._run:
                sys.exit(f"{path} is of another run: {kept['run']}")
            self._next = kept["next"]
            self._counts = {part: Counter(counts) for part, counts in kept["counts"].items()}

    def next(self, part: str, model: str) -> int:
        """Number of the attempt to go on with."""
        return self._next.get(f"{part}/{model}", 0)

    def add(self, part: str, model: str, found: Counter[str], following: int) -> None:
        """Add what a run found, and keep it."""
        counts = self._counts.setdefault(part, Counter())
        grown = max(counts["KiB grown at most"], found.pop("KiB grown at most", 0))
        counts.update(found)
        counts["KiB grown at most"] = grown
        self._next[f"{part}/{model}"] = following
        if self._path is not None:
            kept = {"run": self._run, "next": self._next, "counts": self._counts}
            self._path.write_text(json.dumps(kept, indent=1), encoding="utf-8")

    def total(self, outcome: str) -> int:
        """How often something came of all parts."""
        return sum(counts[outcome] for counts in self._counts.values())

    def line(self, part: str, share: int) -> str:
        """One line about a part."""
        counts = dict(self._counts.get(part, Counter()))
        tried = counts.pop("tried", 0)
        said = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()) if count)
        return f"{part}: {tried} of {share}: {said or 'nothing yet'}"
