"""The manifest of an archive: a line of JSON for each run and each file that was done or failed.

Lines are added and never changed, so a file that ends anywhere holds all that was written before.
The newest line about a file counts. ``kind`` is ``run`` or ``file``.
"""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from edgeqe.archive.index import LineIndex, path_key
from edgeqe.errors import InputError

__all__ = ["DONE", "FAILED", "Manifest", "ManifestEntry"]

VERSION = 1
DONE, FAILED = "done", "failed"


@dataclass(frozen=True)
class ManifestEntry:
    """What became of one file."""

    path: str
    """Below the archive's folder, with ``/`` between folders; bytes that are no UTF-8 escaped as Python does."""
    state: str
    """``done`` or ``failed``."""
    size: int
    """Of the source, bytes; -1 where nothing is known of it."""
    mtime_ns: int
    """Of the source, nanoseconds since 1970."""
    sha256: str
    """Of the source; empty where it could not be read."""
    settings: str
    """Key of the identity (model and settings) of its run."""
    finished: str
    """Time, UTC."""
    destination: str = ""
    """Below the output's folder; of a failed file that of an earlier result that is still there."""
    destination_bytes: int = 0
    destination_sha256: str = ""
    replaces: str = ""
    """SHA-256 of the file that it replaced."""
    codec: str = ""
    """What its strength is of."""
    scale: str = ""
    """What `number` counts: ``quality``, ``qp``, ``index`` or ``rate``."""
    number: float | None = None
    """Strength; of a clip the mean over its frames."""
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    """What was not as it should be, but done."""
    error: str = ""
    """Why it failed."""


_FIELDS = {field.name for field in fields(ManifestEntry)}


class Manifest:
    """A manifest that is read, and one writer's.

    Parameters
    ----------
    path : Path
        Its file, which need not be there to be read.

    Raises
    ------
    InputError
        If it cannot be read, or a newer version wrote it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged = 0
        """Lines that are none, such as the last one before a power cut; their files are done again."""
        self.last_identity: dict[str, Any] | None = None
        """Model and settings of the newest run; None before the first."""
        self._reader, self._writer = -1, -1
        keys, offsets = array("Q"), array("Q")
        try:
            self._reader = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            offset = 0
            with open(path, "rb") as file:
                for line in file:
                    found = _parsed(line)
                    if found is None:
                        self.damaged += 1
                    elif found["kind"] == "run":
                        self._take_run(found)
                    else:
                        keys.append(path_key(found["path"]))
                        offsets.append(offset)
                    offset += len(line)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise InputError(f"the manifest '{path}' cannot be read ({error.strerror}).") from error
        self._index = LineIndex(keys, offsets)

    def _take_run(self, found: dict[str, Any]) -> None:
        if found.get("version") != VERSION:
            raise InputError(
                f"the manifest '{self.path}' has version {found.get('version')}, this edgeqe reads "
                f"{VERSION}: use the edgeqe that wrote it, or another output folder."
            )
        self.last_identity = found.get("identity")

    def entry(self, path: str) -> ManifestEntry | None:
        """Newest entry of a file, as of the opening; None if there is none."""
        return next((one for one in self.entries(path_key(path)) if one.path == path), None)

    def entries(self, key: int) -> list[ManifestEntry]:
        """Entries of all paths of a key, the newest first."""
        found = []
        for offset in self._index.offsets(key):
            values = _parsed(_line_at(self._reader, offset))
            if values is not None:
                known = {name: value for name, value in values.items() if name in _FIELDS}
                found.append(ManifestEntry(**{**known, "notes": tuple(known.get("notes", ()))}))
        return found

    def start_writing(self) -> None:
        """Open it for new lines; a last line that is cut short is removed.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        self._writer = os.open(
            self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644
        )
        end = os.fstat(self._writer).st_size
        start = max(0, end - (1 << 20))
        tail = os.pread(self._writer, end - start, start)
        os.ftruncate(self._writer, start + tail.rfind(b"\n") + 1)

    def add_run(self, identity: dict[str, Any], **about: Any) -> None:
        """Add a run: its identity, and what else is told of it."""
        self._append([{"kind": "run", "version": VERSION, **about, "identity": identity}])

    def add(self, entries: Sequence[ManifestEntry]) -> None:
        """Add files; when it returns, the lines are on the disk.

        Raises
        ------
        OSError
            If the disk is full; then none of them is in it.
        """
        self._append([{"kind": "file", **asdict(entry)} for entry in entries])

    def _append(self, lines: Sequence[dict[str, Any]]) -> None:
        if not lines:
            return
        before = os.fstat(self._writer).st_size
        left = memoryview("".join(f"{json.dumps(line)}\n" for line in lines).encode())
        try:
            while left:
                left = left[os.write(self._writer, left) :]
            os.fsync(self._writer)
        except OSError:
            os.ftruncate(self._writer, before)
            raise

    def close(self) -> None:
        """Close its files."""
        for file in (self._reader, self._writer):
            if file >= 0:
                os.close(file)
        self._reader = self._writer = -1


def _line_at(file: int, offset: int) -> bytes:
    """The line that begins at an offset."""
    line = b""
    while b"\n" not in line:
        more = os.pread(file, 4096, offset + len(line))
        if not more:
            break
        line += more
    return line.partition(b"\n")[0]


def _parsed(line: bytes) -> dict[str, Any] | None:
    """Values of a line; None if it is none of ours."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    if not isinstance(found, dict) or found.get("kind") not in ("run", "file"):
        return None
    needed = ("path", "state", "size", "mtime_ns", "sha256", "settings", "finished")
    if found["kind"] == "file" and any(name not in found for name in needed):
        return None
    if found["kind"] == "file" and not isinstance(found["path"], str):
        return None
    return found
