"""Clips of reference frames: films without loss, read frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgeqe.coding.coder import Frame, Layout
from edgeqe.coding.pyav import load, taken
from edgeqe.errors import ImageError

#: Containers by the suffixes of their files, as FFmpeg names them.
CONTAINERS = {".y4m": "yuv4mpegpipe", ".mkv": "matroska"}
#: FFmpeg's names of RGB with 8 bits.
_RGB = ("rgb24", "bgr24", "gbrp", "rgb0", "bgr0", "0rgb", "0bgr")


def read_clip(path: Path) -> Iterator[Frame]:
    """Frames of a clip, one at a time.

    Parameters
    ----------
    path : Path
        A film of one of `CONTAINERS`; of several video streams the first.

    Yields
    ------
    Frame
        Gray, 4:2:0 in the film's own range, or RGB; of one size, 8 bits.

    Raises
    ------
    InputError
        If PyAV is not installed.
    ImageError
        If the file cannot be read, has no frames, or such as are none of these.
    """
    av, size = load(), None
    try:
        with av.open(f"file:{path}", format=CONTAINERS[path.suffix.lower()]) as container:
            if not container.streams.video:
                raise ImageError(f"'{path}' holds no pictures: give a film without loss.")
            stream = container.streams.video[0]
            stream.thread_count = 1
            for decoded in container.decode(stream):
                frame = _frame(path, decoded)
                if size not in (None, frame.size):
                    raise ImageError(f"'{path}' has frames of several sizes: cut it there.")
                size = frame.size
                yield frame
    except (av.FFmpegError, OSError) as error:
        raise ImageError(
            f"'{path}' cannot be read as a film ({error}): get it again from its source."
        ) from error
    if size is None:
        raise ImageError(f"'{path}' holds no frame: get it again from its source.")


def _frame(path: Path, decoded: Any) -> Frame:
    name = decoded.format.name
    if name in _RGB:
        return Frame(Layout.RGB, (decoded.to_ndarray(format="rgb24"),))
    if name in ("gray", "yuv420p", "yuvj420p"):
        return taken(decoded)
    raise ImageError(
        f"'{path}' has frames of {name}: reference frames are gray, 4:2:0 or RGB with 8 bits."
    )
