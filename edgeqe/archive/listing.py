"""Files of an archive, one after another: what each is, and what it becomes.

One folder is held at a time, so memory grows with the largest folder and not with the archive.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgeqe.files.formats import READ_SUFFIXES
from edgeqe.video.containers import CONTAINERS

__all__ = ["ListedFile", "count_files", "list_archive"]

#: Container of the clips whose own cannot be written, without loss.
CLIP_SUFFIX = ".mkv"


@dataclass(frozen=True)
class ListedFile:
    """One file of an archive."""

    path: str
    """Below the archive's folder, with ``/`` between folders."""
    destination: str
    """Below the output's folder; empty where nothing becomes of it."""
    is_clip: bool = False
    error: str = ""
    """Why it cannot be read, of a folder."""


def list_archive(folder: Path, suffix: str, output: Path) -> Iterator[ListedFile]:
    """List all files of a folder and its sub-folders, by path within each folder.

    Links to folders are not followed. In one folder, files that would become one keep their whole
    names: ``a.jpg`` and ``a.png`` become ``a.jpg.png`` and ``a.png.png``.

    Parameters
    ----------
    folder : Path
    suffix : str
        Of the pictures that are written. Clips keep theirs.
    output : Path
        Left out where it lies in the folder.
    """
    left_out = os.path.realpath(output)
    waiting = [""]
    while waiting:
        below = waiting.pop()
        place = os.path.join(folder, below)
        names, folders, others = [], [], []
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.name)
                    elif entry.is_file():
                        names.append(entry.name)
                    elif not entry.is_dir():  # a pipe, a device, a link to nothing
                        others.append(entry.name)
        except OSError as error:
            why = f"the folder '{place}' cannot be read ({error.strerror}): check its permissions."
            yield ListedFile(below, "", error=why)
            continue
        made = destinations(names, suffix)
        for name in sorted(names + others):
            parent = PurePosixPath(below)
            becomes = str(parent / made[name]) if name in made else ""
            yield ListedFile(str(parent / name), becomes, _suffix(name) in CONTAINERS)
        for name in sorted(folders, reverse=True):
            if os.path.realpath(os.path.join(place, name)) != left_out:
                waiting.append(os.path.join(below, name))


def count_files(folder: Path, output: Path) -> int:
    """Number of pictures and clips that `list_archive` gives."""
    return sum(bool(file.destination) for file in list_archive(folder, ".png", output))


def destinations(names: list[str], suffix: str) -> dict[str, str]:
    """Names that the pictures and clips of one folder become; no two of them are the same."""
    made = {}
    for name in names:
        if _suffix(name) in READ_SUFFIXES:
            made[name] = os.path.splitext(name)[0] + suffix
        elif _suffix(name) in CONTAINERS:
            container = CONTAINERS[_suffix(name)]
            made[name] = name if container.muxer else os.path.splitext(name)[0] + CLIP_SUFFIX
    clash = _clashing(made)
    while clash:
        made.update({name: name + os.path.splitext(made[name])[1] for name in clash})
        clash = _clashing(made)
    return made


def _clashing(made: Mapping[str, str]) -> list[str]:
    """Files whose destination is another's too."""
    taken: dict[str, list[str]] = {}
    for name, becomes in made.items():
        taken.setdefault(becomes, []).append(name)
    return [name for names in taken.values() if len(names) > 1 for name in names]


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()
