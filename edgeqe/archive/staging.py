"""Results on their way: written beside, recorded, and only then given their names.

A result is in the manifest, by its hash, before it has its name. So a run that ends in between
has lost nothing: the next one finds the result and the line, and gives it the name.
"""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

from edgeqe.archive.index import path_key
from edgeqe.archive.manifest import DONE, Manifest, ManifestEntry
from edgeqe.archive.work import sha256_of
from edgeqe.reports.part_files import give_name

__all__ = ["StagingFolder", "finish_earlier"]

_PREFIX = "staging-"


class StagingFolder:
    """Context that makes the folder of one run, and removes it with what is left in it.

    Parameters
    ----------
    state : Path
        The archive's own folder.
    """

    def __init__(self, state: Path) -> None:
        self.path = state / f"{_PREFIX}{secrets.token_hex(4)}"

    def __enter__(self) -> StagingFolder:
        self.path.mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def name(self, path: str) -> str:
        """Beginning of the name for the result of a file."""
        return str(self.path / f"{path_key(path):016x}")


def finish_earlier(state: Path, output: Path, manifest: Manifest) -> None:
    """Name the results that earlier runs recorded and did not name, and remove all others.

    Raises
    ------
    OSError
        If a result cannot have its name.
    """
    for folder in state.glob(f"{_PREFIX}*"):
        for result in list(folder.iterdir()):
            entry = _recorded(result, manifest)
            if entry is not None:
                with suppress(FileExistsError):  # then that file is told when its turn comes
                    name_result(result, output, entry)
        shutil.rmtree(folder, ignore_errors=True)


def _recorded(result: Path, manifest: Manifest) -> ManifestEntry | None:
    """The entry that a result belongs to, if it is the newest of its file."""
    with suppress(ValueError, OSError):
        size, digest = result.stat().st_size, ""
        paths = set()
        for entry in manifest.entries(int(result.name[:16], 16)):
            newest = entry.path not in paths
            paths.add(entry.path)
            if newest and entry.state == DONE and entry.destination_bytes == size:
                digest = digest or sha256_of(result)
                if entry.destination_sha256 == digest:
                    return entry
    return None


def name_result(result: Path, output: Path, entry: ManifestEntry) -> None:
    """Give a recorded result its name, over the file that it replaces and no other.

    Raises
    ------
    FileExistsError
        If another file has the name.
    OSError
        If the folder refuses it.
    """
    target = output / entry.destination
    target.parent.mkdir(parents=True, exist_ok=True)
    replaced = bool(entry.replaces) and os.path.lexists(target)
    if replaced and sha256_of(target) != entry.replaces:
        raise FileExistsError(f"'{target}' was changed meanwhile: move it away and start again.")
    give_name(result, target, overwrite=replaced)
