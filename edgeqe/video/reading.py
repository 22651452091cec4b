"""A clip, read: decoded pictures with their strengths, and packets of its other streams."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import IO, Any

from edgeqe.errors import ImageError
from edgeqe.video.containers import check_size, demuxer_of
from edgeqe.video.hdr import HdrMetadata, hdr_of
from edgeqe.video.planes import check_frame, pixel_format
from edgeqe.video.pyav import load
from edgeqe.video.strengths import CODECS, PictureStrength, StrengthReader
from edgeqe.video.y4m import CountedReader

#: Threads of the decoder.
DECODER_THREADS = 4
#: Frames a second of a clip that does not say it.
USUAL_RATE = Fraction(25)


@dataclass(frozen=True)
class ClipFrame:
    """A frame in display order."""

    frame: Any
    strength: PictureStrength | None
    """None where its headers do not say it."""


@dataclass(frozen=True)
class Presentation:
    """How the frames of a clip are to be shown, as the first one says it."""

    matrix: tuple[int, ...]
    """FFmpeg's nine numbers of a rotation and flips; empty where there is none."""
    rotation: int
    """Degrees, counter-clockwise."""
    hdr: HdrMetadata


@dataclass(frozen=True)
class Passed:
    """A packet of a stream that is not enhanced, in its place among the frames."""

    packet: Any


Item = ClipFrame | Passed


class ClipReader:
    """Opens a clip.

    Parameters
    ----------
    source : str or binary file
        The file's name, or what its bytes are read from.
    name : str
        For messages.
    pixel_limit : int
        Pixels of the largest frame that is decoded.
    others : bool
        Whether the packets of other streams are wanted.

    Raises
    ------
    ImageError
        If it cannot be read, or holds no pictures.
    MissingPackageError
        If PyAV is not installed.
    """

    def __init__(
        self, source: str | IO[bytes], name: str, *, pixel_limit: int, others: bool = False
    ) -> None:
        av = load()
        self.name, self.damaged, self.frames = name, 0, 0
        self._av, self._packets, self._cut_off, self._end = av, 0, 0, 0.0
        self._first: tuple[Any, ...] | None = None
        self.presentation: Presentation | None = None
        """Known when the first frame is."""
        self._last_pts: int | None = None
        self._left_open = False
        demuxer = demuxer_of(source, name, pixel_limit=pixel_limit)
        self._source: Any = source
        if demuxer == "yuv4mpegpipe" and not isinstance(source, str):
            self._source = CountedReader(source)
        self._last_byte = 0
        """Where the last packet of the pictures ends."""
        try:
            self.container: Any = av.open(
                f"file:{source}" if isinstance(source, str) else self._source, format=demuxer
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._unreadable(error) from error
        try:
            self.stream: Any = self._choose()
            self.other_streams: list[Any] = [
                stream for stream in self.container.streams if others and stream is not self.stream
            ]
            context = self.stream.codec_context
            check_size(name, context.width, context.height, pixel_limit)
            # threads for several frames would keep more of them, and tell errors of one at another
            context.thread_type, context.thread_count = "SLICE", DECODER_THREADS
            context.options = {"max_pixels": str(pixel_limit)}
            context.copy_opaque = True
            self.codec = CODECS.get(context.name, "")
            """As cards name it; empty where no header is read."""
            self.format_name: str = context.name
            self._reader = StrengthReader(self.codec, self.stream) if self.codec else None
        except BaseException:
            self.container.close()
            raise

    @property
    def rate(self) -> Fraction:
        """Frames a second, the mean where it varies."""
        return Fraction(self.stream.average_rate or self.stream.guessed_rate or USUAL_RATE)

    @property
    def expected_frames(self) -> int:
        """Frames that the container announces; 0 where it does not."""
        if self.stream.frames:
            return int(self.stream.frames)
        if self.container.duration:
            return round(Fraction(self.container.duration, self._av.time_base) * self.rate)
        return 0

    def items(self) -> Iterator[Item]:
        """Decode the clip, one frame at a time, packets of other streams between them.

        Raises
        ------
        ImageError
            If frames cannot be enhanced as `check_frame` has it, their size or format changes,
            or the clip is cut short; what came before has been given then.
        """
        wanted = [self.stream, *self.other_streams]
        packets, why = iter(self.container.demux(wanted)), ""
        while True:
            try:
                packet = next(packets, None)
            except (self._av.FFmpegError, OSError) as error:
                packet, why = None, f"{error.strerror or error}"
                if self._is_y4m and isinstance(error, self._av.InvalidDataError):
                    why = f"what follows frame {self._packets} is no frame"
            if packet is None:
                break
            if packet.pts is not None and packet.size:
                end = (packet.pts + (packet.duration or 0)) * packet.time_base
                self._end = max(self._end, float(end))
            if packet.stream is not self.stream:
                if packet.size:
                    yield Passed(packet)
            elif packet.size:
                self._packets += 1
                self._cut_off += packet.is_discard  # by an edit list: decoded and not shown
                self._last_byte = (packet.pos or 0) + packet.size
                packet.opaque = self._reader.read(bytes(packet)) if self._reader else None
                yield from self._decoded(packet)
        yield from self._decoded(None)
        if self.codec:  # a packet is a frame, or one that nothing could be made of
            self.damaged = max(self.damaged, self._packets - self._cut_off - self.frames)
        if not self.frames:
            raise ImageError(self._no_frame())
        why = why or self._missing()
        if why:
            raise ImageError(f"'{self.name}' is cut short ({why}).")

    def close(self) -> None:
        """Close the file; an open one from outside stays open."""
        if not self._left_open:
            self.container.close()

    def leave_open(self) -> None:
        """Let `close` do nothing: a thread still waits for the source, and would find it gone."""
        self._left_open = True

    def _choose(self) -> Any:
        """The first stream of moving pictures."""
        attached = self._av.stream.Disposition.attached_pic
        for stream in self.container.streams.video:
            if not stream.disposition & attached:
                if stream.codec_context is None:
                    raise ImageError(f"'{self.name}' is of a codec that PyAV does not decode.")
                return stream
        raise ImageError(f"'{self.name}' holds no moving pictures, or is cut short.")

    def _decoded(self, packet: Any) -> Iterator[ClipFrame]:
        damaged = packet is not None and packet.is_corrupt
        try:
            frames = self.stream.decode(packet)
        except self._av.FFmpegError as error:
            if error.errno == errno.ENOMEM:
                raise MemoryError from error
            frames, damaged = [], True
        self.damaged += damaged or any(frame.is_corrupt for frame in frames)
        for frame in frames:
            self._check(frame)
            self._set_times(frame)
            if packet is None and frame is frames[-1]:
                self._set_end(frame)
            self.frames += 1
            yield ClipFrame(frame, frame.opaque)

    def _check(self, frame: Any) -> None:
        shape = (frame.width, frame.height, frame.format.name)
        if self._first is None:
            check_frame(frame)
            if self.codec == "vvc" and pixel_format(shape[2]).bits == 8:
                raise ImageError(
                    f"'{self.name}' is VVC of 8 bits, which PyAV's decoder gets wrong on some "
                    "processors: use one of 10 bits."
                )
            self._first = shape
            matrix = frame.side_data.get("DISPLAYMATRIX")
            numbers = struct.unpack("=9i", bytes(matrix)[:36]) if matrix is not None else ()
            self.presentation = Presentation(numbers, frame.rotation, hdr_of(frame))
        elif shape != self._first:
            old, new = (f"{width}x{height} {form}" for width, height, form in (self._first, shape))
            raise ImageError(
                f"the frames of '{self.name}' change from {old} to {new} at frame "
                f"{self.frames}: cut the clip there."
            )
        elif frame.interlaced_frame:
            check_frame(frame)

    def _set_times(self, frame: Any) -> None:
        """Fill in times that a raw stream lacks; encoders want them to rise."""
        base = frame.time_base or self.stream.time_base
        length = frame.duration or max(round(1 / (self.rate * base)), 1)
        if frame.pts is None:
            frame.pts = 0 if self._last_pts is None else self._last_pts + length
        elif self._last_pts is not None and frame.pts <= self._last_pts:
            frame.pts = self._last_pts + 1
        frame.time_base, frame.duration = base, length
        self._last_pts = frame.pts

    def _set_end(self, frame: Any) -> None:
        """Show the last frame until the end that MP4 states: its lengths are in coding order."""
        whole = self.container.format.name.startswith("mov") and not self._missing()
        if whole and self.stream.duration:
            end = (self.stream.start_time or 0) + self.stream.duration
            if end > frame.pts:
                frame.duration = end - frame.pts

    def _missing(self) -> str:
        """What the container announces and does not hold; empty if nothing."""
        if self.container.format.name.startswith("mov"):
            announced = len(self.stream.index_entries)
            if self._packets < announced:
                return f"{self._packets} of {announced} frames are there"
        if self._is_y4m:
            rest = self._bytes() - self._last_byte
            if rest > 0:
                return f"{rest} bytes behind frame {self._packets} are no frame"
        if self.container.format.name.startswith("matroska") and self.container.duration:
            stated = self.container.duration / self._av.time_base
            if self._end + float(2 / self.rate) + 0.1 < stated:
                return f"{self._end:.2f} of {stated:.2f} seconds are there"
        return ""

    @property
    def _is_y4m(self) -> bool:
        return bool(self.container.format.name == "yuv4mpegpipe")

    def _bytes(self) -> int:
        """Of the whole y4m film, as far as it was read to its end; 0 where they are gone."""
        if not isinstance(self._source, str):
            return int(self._source.taken)
        try:
            return os.path.getsize(self._source)
        except OSError:
            return 0

    def _no_frame(self) -> str:
        """Why there is none."""
        unread = self.container.format.name.startswith("mov") and not self._packets
        if unread and not (isinstance(self._source, str) or _goes_back(self._source)):
            return (
                f"'{self.name}' holds no frame that can be read from a pipe: there mp4 and mov need "
                "their index in front (FFmpeg's -movflags +faststart). Name a file instead."
            )
        return (
            f"'{self.name}' holds no frame that can be decoded: it is damaged or cut short, get it again "
            "from its source."
        )

    def _unreadable(self, error: Exception) -> ImageError:
        return ImageError(
            f"'{self.name}' cannot be read as a clip ({getattr(error, 'strerror', '') or error}): "
            "it is damaged or cut short, get it again from its source."
        )


def _goes_back(source: Any) -> bool:
    """Whether a file object can be read again from an earlier place."""
    return hasattr(source, "seek") and bool(source.seekable())
