"""Clips as references: films without loss, whose frames the coding protocols code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgeqe.coding.clips import CONTAINERS, read_clip
from edgeqe.coding.coder import Layout
from edgeqe.errors import ImageError, InputError
from edgeqe.files.formats import READ_SUFFIXES
from edgeqe.files.upsample import i420_to_rgb
from edgeqe.protocols import (
    CodingProtocol,
    CompressedPicture,
    ReferencePicture,
    compress,
    compress_low_delay,
)

__all__ = ["ReferenceClip", "clips_of", "is_clip"]

#: Smallest side that is measured: two blocks of 8x8, and more than SSIM's window.
SMALLEST_SIDE = 16
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
                    f"{self.path} is {frame.size[1]}x{frame.size[0]} pixels: clips of at least "
                    f"{SMALLEST_SIDE} each way are measured."
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


def clips_of(path: Path) -> tuple[Path, ...]:
    """Films: a file itself, or those of a folder and its sub-folders; none where there are pictures too.

    Raises
    ------
    InputError
        If it is another file.
    """
    if is_clip(path):
        return (path,)
    if path.is_file():
        raise InputError(
            f"'{path}' is neither a folder nor a clip to measure on: give a folder that holds pictures, "
            f"or a clip without loss ({', '.join(CONTAINERS)})."
        )
    files = [Path(place, name) for place, _, names in os.walk(path) for name in names]
    if any(file.suffix.lower() in READ_SUFFIXES for file in files):
        return ()
    return tuple(sorted(filter(is_clip, files)))


def is_clip(path: Path) -> bool:
    """Whether a file is a film by its suffix."""
    return path.suffix.lower() in CONTAINERS and path.is_file()
