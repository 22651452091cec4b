"""Containers of clips: their suffixes, what begins them, and what encoders they take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from edgeqe.errors import ImageError, InputError, MissingImageError


@dataclass(frozen=True)
class ContainerFormat:
    """A container by FFmpeg's names."""

    demuxer: str
    muxer: str
    """Empty where nothing is written."""
    encoders: tuple[str, ...]
    """Those that a file of it can hold; the first one where nothing else is said."""
    only_pictures: bool = False
    """Whether it has no place for sound, subtitles, chapters and the like."""


_MPEG = ("libx264", "libx265", "libsvtav1")
#: By suffix, in small letters.
CONTAINERS = {
    ".mp4": ContainerFormat("mov", "mp4", _MPEG),
    ".m4v": ContainerFormat("mov", "mp4", _MPEG),
    ".mov": ContainerFormat("mov", "mov", ("libx264", "libx265")),
    ".mkv": ContainerFormat("matroska", "matroska", ("ffv1", *_MPEG)),
    ".webm": ContainerFormat("matroska", "webm", ("libsvtav1",)),
    ".ts": ContainerFormat("mpegts", "mpegts", ("libx264", "libx265")),
    ".y4m": ContainerFormat("yuv4mpegpipe", "y4m", ("y4m",), True),
    **dict.fromkeys((".h264", ".264"), ContainerFormat("h264", "h264", ("libx264",), True)),
    **dict.fromkeys((".hevc", ".h265", ".265"), ContainerFormat("hevc", "hevc", ("libx265",), True)),
    **dict.fromkeys((".266", ".vvc"), ContainerFormat("vvc", "", (), True)),
}  # fmt: skip
#: What a y4m film begins with.
Y4M_MAGIC = b"YUV4MPEG2"
#: Bytes that tell a container.
HEAD = 189
#: FFmpeg takes frames whose sides, each with 128 more, span fewer pixels than this.
FFMPEG_PIXELS = (2**31 - 1) // 8


def is_clip_name(name: str) -> bool:
    """Whether a file is a clip by its suffix."""
    return Path(name).suffix.lower() in CONTAINERS


def output_container(name: str) -> ContainerFormat:
    """Container that a clip is written as.

    Parameters
    ----------
    name : str
        A file, or ``-`` for a y4m pipe.

    Raises
    ------
    InputError
        If it is none that can be written.
    """
    found = CONTAINERS.get(".y4m" if name == "-" else Path(name).suffix.lower())
    if found is None or not found.muxer:
        why = "PyAV has no encoder of VVC" if found else "that is no container of clips"
        known = ", ".join(suffix for suffix, one in CONTAINERS.items() if one.muxer)
        raise InputError(f"'{name}' cannot be written, because {why}: use one of {known}.")
    return found


def demuxer_of(source: str | IO[bytes], name: str, *, pixel_limit: int) -> str:
    """FFmpeg's demuxer for a clip, by its first bytes, then by its suffix.

    FFmpeg itself is not asked to guess: play lists, which it would follow, are not clips.

    Raises
    ------
    ImageError
        If it is missing, empty, or no clip of a known kind, or if a y4m film states no size, or one
        above `pixel_limit`.
    """
    try:
        head = _head(source)
    except FileNotFoundError as error:
        raise MissingImageError(f"'{name}' is not there: check the name.") from error
    except OSError as error:
        raise ImageError(f"'{name}' cannot be read ({error.strerror or error}).") from error
    if not head:
        raise ImageError(f"'{name}' is empty (0 bytes): get it again from its source.")
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "mov"
    if head.startswith(Y4M_MAGIC):
        _check_y4m(head, name, pixel_limit)
        return "yuv4mpegpipe"
    if head[:1] == b"G" and head[188:189] in (b"G", b""):
        return "mpegts"
    by_suffix = CONTAINERS.get(Path(name).suffix.lower())
    if by_suffix is not None and by_suffix.only_pictures and head[:2] == b"\0\0":
        return by_suffix.demuxer
    raise ImageError(
        f"'{name}' is no clip of a known kind ({', '.join(CONTAINERS)}), or it is damaged."
    )


def check_size(name: str, width: int, height: int, pixel_limit: int) -> None:
    """Refuse frames that are too large.

    Raises
    ------
    ImageError
        If they have more pixels than `pixel_limit`, or than FFmpeg takes.
    """
    if (width + 128) * (height + 128) >= FFMPEG_PIXELS:
        raise ImageError(
            f"'{name}' has frames of {width}x{height}, and FFmpeg takes no more than "
            f"{FFMPEG_PIXELS // 10**6} megapixels: make them smaller."
        )
    if width * height > pixel_limit:
        raise ImageError(
            f"'{name}' has frames of {width}x{height}, above the limit of "
            f"{pixel_limit / 1e6:g} megapixels: if you trust the clip, raise --max-megapixels (in Python "
            "pixel_limit=)."
        )


def _check_y4m(head: bytes, name: str, pixel_limit: int) -> None:
    """Refuse a y4m film by its size: what FFmpeg says of it names another fault.

    Raises
    ------
    ImageError
        If its header states no width or height, or one below 1, or as of `check_size`.
    """
    line, end, _ = head.partition(b"\n")
    words = line.split()[1:] if end else line.split()[1:-1]  # the last may be cut
    stated = {word[:1]: word[1:] for word in words}
    for letter, what in ((b"W", "width"), (b"H", "height")):
        said = stated.get(letter)
        if said is None and not end:  # behind what was looked at
            continue
        if said is None or not said.isdigit() or int(said) == 0:
            found = "none" if said is None else f"'{said.decode('ascii', 'backslashreplace')}'"
            raise ImageError(
                f"'{name}' is a y4m film whose header must state its {what} in pixels, as "
                f"{letter.decode()}640: it states {found}. Write it again."
            )
    if b"W" in stated and b"H" in stated:
        check_size(name, int(stated[b"W"]), int(stated[b"H"]), pixel_limit)


def _head(source: str | IO[bytes]) -> bytes:
    if isinstance(source, str):
        with open(source, "rb") as file:
            return file.read(HEAD)
    stream: Any = source
    if hasattr(stream, "peek"):
        return bytes(stream.peek(HEAD)[:HEAD])
    head: bytes = stream.read(HEAD)
    stream.seek(0)
    return head
