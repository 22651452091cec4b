"""A clip, written: enhanced frames encoded, and everything else of the source copied."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import IO, Any

from edgeqe.errors import InputError
from edgeqe.video.containers import ContainerFormat
from edgeqe.video.encoders import Encoding, check_format, choose, options
from edgeqe.video.hdr import HdrMetadata
from edgeqe.video.hdr_track import track_template
from edgeqe.video.planes import pixel_format
from edgeqe.video.pyav import load
from edgeqe.video.reading import ClipReader, Item, Passed, Presentation
from edgeqe.video.y4m import Y4mWriter

#: Tags that a muxer writes itself, in small letters.
_OWN_TAGS = {"encoder", "duration", "major_brand", "minor_version", "compatible_brands",
             "vendor_id", "bps", "number_of_frames", "number_of_bytes"}  # fmt: skip
#: Muxers that have a place for rotation, chapters and tags.
_RICH = ("mp4", "mov", "matroska", "webm")
#: What transport streams hold; FFmpeg's muxer takes more, which nobody finds again.
_IN_TS = ("aac", "mp2", "mp2float", "mp3", "mp3float", "ac3", "eac3", "dca", "opus", "libopus",
          "dvbsub", "dvb_subtitle", "dvb_teletext", "libzvbi_teletextdec")  # fmt: skip


class ClipWriter:
    """Writes a clip into a file, whose container is opened by the first frame.

    Parameters
    ----------
    file : binary file
        Seekable, but for y4m.
    container : ContainerFormat
    encoding : Encoding
    clip : ClipReader
        Whose other streams, times, colours and tags are taken.
    """

    def __init__(
        self, file: IO[bytes], container: ContainerFormat, encoding: Encoding, clip: ClipReader
    ) -> None:
        self._file, self._format, self._encoding, self._clip = file, container, encoding, clip
        self._output: Any = None
        self._stream: Any = None
        self._y4m: Y4mWriter | None = None
        self._targets: dict[int, Any] = {}
        self._lengths: dict[int, int] = {}
        """Of the frames in the encoder, by their times: how long each is shown."""
        self._early: list[Any] = []
        """Packets that came before the first frame."""
        self.frames = 0
        self.encoder = ""
        """FFmpeg's name, when the first frame has come."""
        self.left_out: list[str] = []
        """What of the source the container has no place for."""
        self.finished = False
        """Whether the file is whole and can be played."""

    def take(self, item: Item) -> None:
        """Write a frame, or a packet of another stream.

        Raises
        ------
        InputError
            If the encoder does not take such frames, or the container not its other streams.
        OSError
            If the file cannot be written.
        """
        if isinstance(item, Passed):
            self._copy(item.packet)
            return
        if not self.encoder:
            self._open(item.frame)
        if self._y4m is not None:
            self._y4m.write(item.frame)
        else:
            self._lengths[item.frame.pts] = item.frame.duration
            self._mux(self._stream.encode(item.frame))
        self.frames += 1

    def finish(self) -> None:
        """Write what the encoder holds back, and the container's end."""
        if self._output is not None:
            self._mux(self._stream.encode(None))
            output, self._output = self._output, None
            output.close()
        self._file.flush()
        self.finished = True

    def abort(self) -> None:
        """Let go of the container, whatever is in it."""
        if self._output is not None:
            output, self._output = self._output, None
            with suppress(Exception):  # the file is not kept
                output.close()

    def _mux(self, packets: Iterable[Any]) -> None:
        """Write coded frames, each shown as long as the source's: encoders know a mean rate alone."""
        for packet in packets:
            packet.duration = self._lengths.pop(packet.pts, packet.duration)
            self._output.mux(packet)

    def _open(self, frame: Any) -> None:
        form = pixel_format(frame.format.name)
        self.encoder = choose(self._encoding.encoder, self._format, self._clip.codec, form.bits)
        shown = self._clip.presentation
        assert shown is not None
        hdr = shown.hdr
        words = options(self.encoder, self._encoding, hdr)
        if self.encoder == "y4m":
            self._y4m = Y4mWriter(
                self._file, self._clip.rate, self._clip.stream.sample_aspect_ratio
            )
        else:
            check_format(self.encoder, frame.format.name, frame.width, frame.height)
            self._output = load().open(self._file, "w", format=self._format.muxer)
            for stream in self._clip.container.streams:
                if stream is self._clip.stream:
                    self._add_video(frame, words, shown)
                elif stream in self._clip.other_streams:
                    self._add_copy(stream)
            self._add_tags()
        self._note_lost(shown)
        for packet in self._early:
            self._copy(packet)
        self._early.clear()

    def _add_video(self, frame: Any, words: dict[str, str], shown: Presentation) -> None:
        source, hdr, template = self._clip.stream, shown.hdr, None
        if self.encoder == "ffv1" and hdr != HdrMetadata():
            template = track_template("V_FFV1", frame.width, frame.height, hdr)
            made = self._output.add_stream_from_template(template.streams.video[0])
            template.close()
            made.codec_context.framerate = self._clip.rate
            made.codec_context.options = words
        else:
            made = self._output.add_stream(self.encoder, rate=self._clip.rate, options=words)
        context = made.codec_context
        context.width, context.height = frame.width, frame.height
        context.pix_fmt = frame.format.name
        context.time_base = made.time_base = frame.time_base
        context.color_range, context.colorspace = frame.color_range, frame.colorspace
        context.color_primaries, context.color_trc = frame.color_primaries, frame.color_trc
        if source.sample_aspect_ratio:
            context.sample_aspect_ratio = source.sample_aspect_ratio
        if shown.matrix and self._format.muxer in _RICH:
            made.set_display_matrix(shown.matrix)
        made.metadata.update(_tags(source.metadata))
        made.disposition = source.disposition
        if template is not None:  # PyAV does not open such ones, whose header must be known
            context.open(strict=False)
        self._stream = made

    def _add_copy(self, source: Any) -> None:
        """Stream for a source's packets, unless the container has no place for such."""
        what = f"{source.type} {_codec_name(source)}"
        fonts = source.type == "attachment" and self._format.muxer == "matroska"
        if self._format.only_pictures or not (
            source.type in ("audio", "subtitle", "video") or fonts
        ):
            if not (source.type == "data" and self._clip.container.chapters()):
                self.left_out.append(what)  # those of chapters come with the chapters
            return
        try:
            if self._format.muxer == "mpegts" and _codec_name(source) not in _IN_TS:
                raise ValueError("not in transport streams")
            made = self._output.add_stream_from_template(source, opaque=True)
        except (load().FFmpegError, ValueError) as error:
            raise InputError(
                f"{what} of '{self._clip.name}' does not fit into this container: write another, "
                "such as the one that it comes in."
            ) from error
        made.metadata.update(_tags(source.metadata))
        made.disposition = source.disposition
        self._targets[source.index] = made

    def _add_tags(self) -> None:
        container = self._clip.container
        self._output.metadata.update(_tags(container.metadata))
        chapters = container.chapters()
        if chapters and self._format.muxer in _RICH:
            self._output.set_chapters(chapters)
        elif chapters:
            self.left_out.append(f"{len(chapters)} chapters")
        if _tags(container.metadata) and self._format.muxer not in _RICH:
            self.left_out.append(f"tags {', '.join(_tags(container.metadata))}")

    def _note_lost(self, shown: Presentation) -> None:
        if self._y4m is not None:
            for stream in self._clip.other_streams:
                self.left_out.append(f"{stream.type} {_codec_name(stream)}")
            if shown.hdr != HdrMetadata():
                self.left_out.append("HDR metadata")
        if shown.rotation and self._format.muxer not in _RICH:
            self.left_out.append(f"rotation by {shown.rotation} degrees")
        aspect = self._clip.stream.sample_aspect_ratio
        # Matroska's own place for it cannot be reached, and AV1 has none; FFV1 has it in each frame
        if self._format.demuxer == "matroska" and self.encoder == "libsvtav1":
            if aspect not in (None, 0, 1):
                self.left_out.append(f"sample aspect ratio {aspect}")

    def _copy(self, packet: Any) -> None:
        if not self.encoder:
            self._early.append(packet)
            return
        target = self._targets.get(packet.stream.index)
        if target is not None:
            packet.stream = target
            self._output.mux(packet)


def _tags(metadata: dict[str, str]) -> dict[str, str]:
    return {
        name: value for name, value in metadata.items()
        if name.lower() not in _OWN_TAGS and not name.lower().startswith("_statistics")
    }  # fmt: skip


def _codec_name(stream: Any) -> str:
    context = stream.codec_context
    return str(context.name if context is not None else stream.name or "of an unknown kind")
