"""The clips that are measured: films without loss, as frames that the protocols code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgeqe.bench.data import SMALLEST_SIDE, PictureSet, checked_scale, folder
from edgeqe.coding.clips import CONTAINERS, read_clip
from edgeqe.coding.coder import Layout
from edgeqe.errors import ImageError, InputError
from edgeqe.files.folders import names_of
from edgeqe.files.reading import READ_SUFFIXES
from edgeqe.files.upsample import i420_to_rgb
from edgeqe.protocols import (
    CodingProtocol,
    CompressedPicture,
    ReferencePicture,
    compress,
    compress_low_delay,
)

#: Samples of a clip that low delay keeps in memory: minutes of small frames, seconds of large ones.
LARGEST_CLIP = 1 << 29


@dataclass(frozen=True)
class ReferenceClip:
    """A film without compression artefacts."""

    name: str
    path: Path

    def frames(self) -> Iterator[ReferencePicture]:
        """Read one frame after the other; a frame's name is the clip's with its number.

        Raises
        ------
        ImageError
            As of `edgeqe.coding.clips.read_clip`, and if the frames are too small.
        """
        for number, frame in enumerate(read_clip(self.path)):
            if min(frame.size) < SMALLEST_SIDE:
                raise ImageError(
                    f"{self.path} is {frame.size[1]}x{frame.size[0]} pixels: bench measures clips of "
                    f"at least {SMALLEST_SIDE} each way."
                )
            name = f"{self.name}:{number}"
            if frame.layout == Layout.YUV420:
                yield ReferencePicture(name, i420_to_rgb(*frame.planes), frame.planes)
            else:
                yield ReferencePicture(name, frame.planes[0])

    def compressed(
        self, protocol: CodingProtocol, value: float, codec: str, *, low_delay: bool
    ) -> Iterator[CompressedPicture]:
        """Code the frames, each by itself or as a clip in low delay; nothing of a gray clip in colour.

        Raises
        ------
        InputError
            As of `edgeqe.protocols.compress`, or if the clip is too large for low delay.
        """
        frames = (
            frame for frame in self.frames() if not frame.gray or protocol == CodingProtocol.GRAY
        )
        if not low_delay:
            for frame in frames:
                yield compress(frame, protocol, value, codec)
            return
        held, samples = [], 0
        for frame in frames:
            held.append(frame)
            samples += frame.pixels.size
            if samples > LARGEST_CLIP:
                raise InputError(
                    f"{self.path} is too long to be coded at once ({len(held)} frames of "
                    f"{frame.pixels.shape[1]}x{frame.pixels.shape[0]} and more): cut it."
                )
        if held:
            yield from compress_low_delay(held, protocol, value, codec)


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
    clips = (path,) if _is_clip(path) else _clips_of(path)
    if not clips:
        return folder(path, scale)
    if scale != 1.0:
        raise InputError("--scale is for pictures: clips are measured as they are, leave it out.")
    return ClipSet(path.resolve().name, clips)


def _clips_of(path: Path) -> tuple[Path, ...]:
    """Clips of a folder and its sub-folders; none where there are pictures too."""
    files = [Path(place, name) for place, _, names in os.walk(path) for name in names]
    if any(file.suffix.lower() in READ_SUFFIXES for file in files):
        return ()
    return tuple(sorted(filter(_is_clip, files)))


def _is_clip(path: Path) -> bool:
    return path.suffix.lower() in CONTAINERS and path.is_file()
