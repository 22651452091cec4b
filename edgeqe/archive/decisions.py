"""What is to be done with a file, by what the manifest and the output's folder say of it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from edgeqe.archive.listing import ListedFile
from edgeqe.archive.manifest import FAILED, ManifestEntry
from edgeqe.archive.work import sha256_of

__all__ = ["Decision", "Decider"]


@dataclass(frozen=True)
class Decision:
    """What is to be done with one file."""

    destination: str = ""
    """Where its result goes, below the output's folder; empty where nothing is to be done."""
    replaces: str = ""
    """SHA-256 of the file that is replaced there."""
    error: str = ""
    """Why it failed, before or now."""
    fresh: ManifestEntry | None = None
    """Entry to be added, because the source's time changed and its content did not."""


@dataclass(frozen=True)
class Decider:
    """Decides file by file.

    Parameters
    ----------
    folder, output : Path
    key : str
        Of the identity of this run.
    overwrite : bool
        Replace files that are in the way.
    retry_failed : bool
        Begin files again that failed.
    """

    folder: Path
    output: Path
    key: str
    overwrite: bool
    retry_failed: bool

    def decide(self, file: ListedFile, entry: ManifestEntry | None) -> Decision:
        """Say what is to be done with a file, given its newest entry."""
        ours = entry if entry is not None and entry.settings == self.key else None
        if ours is not None:
            fresh = self._unchanged(file, ours)
            if fresh is not None and ours.state == FAILED:
                if not self.retry_failed:
                    return Decision(error=ours.error)
            elif fresh is not None and self._is_there(ours):
                return Decision(fresh=None if fresh == ours else fresh)
        destination = file.destination
        if ours is not None and ours.destination:
            destination = ours.destination  # kept where new neighbours would give another
        target = self.output / destination
        if not os.path.lexists(target):
            return Decision(destination)
        known = entry.destination_sha256 if entry and entry.destination == destination else ""
        try:
            found = sha256_of(target)
        except OSError as error:
            return Decision(
                error=f"'{target}' is in the way and cannot be read ({error.strerror})."
            )
        if self.overwrite or found == known:
            return Decision(destination, found)
        why = "was changed since it was written" if known else "exists and is not of this archive"
        return Decision(error=f"'{target}' {why}: move it away, or give --overwrite to replace it.")

    def _unchanged(self, file: ListedFile, entry: ManifestEntry) -> ManifestEntry | None:
        """The entry, with the source's present time, if the source is the same; else None."""
        path = self.folder / file.path
        try:
            found = os.stat(path)
            if found.st_size != entry.size:
                return None
            if found.st_mtime_ns == entry.mtime_ns:
                return entry
            if entry.sha256 and sha256_of(path) == entry.sha256:
                return replace(entry, mtime_ns=found.st_mtime_ns)
        except OSError:
            return entry if entry.size == -1 else None
        return None

    def _is_there(self, entry: ManifestEntry) -> bool:
        """Whether a result is there, by its size."""
        try:
            return os.path.getsize(self.output / entry.destination) == entry.destination_bytes
        except OSError:
            return False
