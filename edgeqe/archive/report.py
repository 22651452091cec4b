"""What became of an archive, in numbers that do not grow with it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

#: Failed files that a report names; the manifest has all.
NAMED = 1000


@dataclass
class ArchiveReport:
    """Counts of an archive's files; they rise while it runs."""

    source: str
    destination: str
    manifest: str
    """File that says more of each file."""
    model: str = ""
    runtime: str = ""
    provider: str = ""
    fallback: str = ""
    workers: int = 0
    """0 in a dry run."""
    threads: int = 0
    """Of each worker."""
    memory_limit: int = 0
    """Of the enhancement in all workers together, bytes."""
    files: int | None = None
    """Pictures and clips of the archive; None until they are counted."""
    done: int = 0
    """In this run; of a dry run, those that would be."""
    done_before: int = 0
    failed: int = 0
    """In this run and, unless they are tried again, before."""
    left_out: int = 0
    """Files that are neither pictures nor clips by their suffix."""
    noted: int = 0
    """Files that were done, with notes in the manifest."""
    seconds: float = 0.0
    errors: list[tuple[str, str]] = field(default_factory=list)
    """Path and reason of the first thousand that failed."""

    def fail(self, path: str, error: str) -> None:
        """Count a file that failed."""
        self.failed += 1
        if len(self.errors) < NAMED:
            self.errors.append((path, error))

    @property
    def settled(self) -> int:
        """Files whose outcome is known."""
        return self.done + self.done_before + self.failed

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        errors = [{"path": path, "error": error} for path, error in self.errors]
        return {**asdict(self), "seconds": round(self.seconds, 3), "errors": errors}
