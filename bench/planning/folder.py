"""The folder that a plan writes: the chosen coded files, model files that are not shipped, and the plan."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgeqe.errors import InputError
from edgeqe.planned import MANIFEST_NAME
from edgeqe.reports.part_files import PartFile

__all__ = ["check_output", "manifest_bytes", "write_folder"]

#: Folder of the model files.
NETWORKS = "networks"


def check_output(out: Path, data: Path, *, overwrite: bool) -> None:
    """Refuse a folder that cannot take a plan, before anything is measured.

    Raises
    ------
    InputError
        If it is a file, is not empty and may not be replaced, lies in the folder of the references,
        or cannot be made.
    """
    if out.resolve() == data.resolve() or data.resolve() in out.resolve().parents:
        raise InputError(
            f"-o {out} lies in '{data}', whose pictures it is for: name another folder."
        )
    nearest = next(p for p in (out, *out.absolute().parents) if os.path.lexists(p))
    if not nearest.is_dir():
        raise InputError(f"-o {out}: {nearest} is a file, not a folder. Name a folder.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(f"-o {out}: {nearest} cannot be written. Check its permissions.")
    if nearest == out and not overwrite and any(out.iterdir()):
        raise InputError(f"-o {out} is not empty: give --overwrite, or another folder.")


def manifest_bytes(
    codec: str, networks: Sequence[Mapping[str, str]], pictures: Sequence[Mapping[str, Any]]
) -> bytes:
    """Content of a plan's file, as `edgeqe.planned` reads it."""
    values = {
        "kind": "edgeqe-plan",
        "schema_version": 1,
        "codec": codec,
        "networks": list(networks),
        "pictures": list(pictures),
    }
    return f"{json.dumps(values, indent=2)}\n".encode()


def write_folder(
    out: Path, files: Mapping[str, Path], manifest: bytes, sources: Sequence[Path]
) -> None:
    """Write all files, and give them their names when all of them are whole, the plan's last.

    An earlier plan is removed before the first gets its name, so no plan stands beside files of
    another. Other files of the folder stay.

    Parameters
    ----------
    out : Path
        Is made if it is not there.
    files : mapping of str to Path
        What each file of the folder is a copy of, by its name in there.
    manifest : bytes
    sources : sequence of Path
        Reference pictures, of which none is replaced.

    Raises
    ------
    InputError
        If one would replace a reference picture, or cannot be written.
    """
    kept = {path.resolve() for path in sources}
    for name in files:
        if (out / name).resolve() in kept:
            raise InputError(f"{out / name} is a reference picture: name another folder as -o.")
    parts: list[PartFile] = []
    made: list[Path] = []

    def part_of(name: str) -> PartFile:
        path = out / name
        missing = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
        made.extend(reversed(missing))
        path.parent.mkdir(parents=True, exist_ok=True)
        parts.append(PartFile(path, overwrite=True))
        parts[-1].create()
        return parts[-1]

    try:
        for name, source in files.items():
            shutil.copyfile(source, part_of(name).path)
        part_of(MANIFEST_NAME).path.write_bytes(manifest)
        (out / MANIFEST_NAME).unlink(missing_ok=True)
        for part in parts:
            part.publish()
    except OSError as error:
        raise InputError(
            f"'{error.filename or out}' cannot be written ({error.strerror or error}): check the folder, "
            "its permissions and free space."
        ) from error
    finally:
        for part in parts:
            part.discard()
        for folder in reversed(made):  # those that got no file
            with contextlib.suppress(OSError):
                folder.rmdir()
