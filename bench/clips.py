"""The clips that are measured: one, or those of a folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgeqe.bench.data import PictureSet, checked_scale, folder
from edgeqe.errors import InputError
from edgeqe.files.folders import names_of
from edgeqe.protocols.clips import ReferenceClip, clips_of


@dataclass(frozen=True)
class ClipSet:
    """Clips in a fixed order."""

    name: str
    """For reports: the folder's or the file's name."""
    paths: tuple[Path, ...]
    scale: float = 1.0
    """Clips are measured as they are."""

    def __len__(self) -> int:
        """Count the clips."""
        return len(self.paths)

    def __iter__(self) -> Iterator[ReferenceClip]:
        """List the clips; nothing is read."""
        for name, path in zip(names_of(self.paths), self.paths, strict=True):
            yield ReferenceClip(str(PurePosixPath(name).with_suffix("")), path)


def references(path: Path, scale: float = 1.0) -> PictureSet | ClipSet:
    """Set of a clip, of the clips of a folder without pictures, or of a folder's pictures.

    Raises
    ------
    InputError
        If the scale is none, clips shall be scaled, or as of `edgeqe.bench.data.folder`.
    """
    checked_scale(scale)
    clips = clips_of(path)
    if not clips:
        return folder(path, scale)
    if scale != 1.0:
        raise InputError("--scale is for pictures: clips are measured as they are, leave it out.")
    return ClipSet(path.resolve().name, clips)
