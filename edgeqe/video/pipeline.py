"""Decoding, enhancement and encoding side by side, with bounded queues between them.

The caller's thread enhances, because signals raise there; two others decode and encode.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from edgeqe.errors import EdgeqeError, InputError
from edgeqe.video.channel import Channel, ChannelClosed
from edgeqe.video.frame_enhancer import FrameEnhancer
from edgeqe.video.frames import AHEAD, decode_into
from edgeqe.video.gain import Gain
from edgeqe.video.pyav import load
from edgeqe.video.reading import ClipFrame, ClipReader, Item
from edgeqe.video.strengths import PictureStrength
from edgeqe.video.writing import ClipWriter

#: Seconds that a decoder which is no longer wanted may wait for its source, such as a silent pipe.
PATIENCE = 5.0


class Pipeline:
    """Carries a clip's items from its reader to its writer, once.

    Parameters
    ----------
    clip : ClipReader
    frames : FrameEnhancer
    writer : ClipWriter
    gain : Gain or None
    progress : callable
        Called with the frames done and those expected.
    """

    def __init__(
        self,
        clip: ClipReader,
        frames: FrameEnhancer,
        writer: ClipWriter,
        gain: Gain | None,
        progress: Callable[[int, int], None],
    ) -> None:
        self._clip, self._frames, self._writer = clip, frames, writer
        self._gain, self._progress = gain, progress
        self._decoded: Channel[Item] = Channel(AHEAD)
        self._enhanced: Channel[Item] = Channel(AHEAD)
        self._write_error: BaseException | None = None
        self._done = 0
        self.first_strength: PictureStrength | None = None

    def run(self) -> None:
        """Run to the end; the writer has finished then, unless it is the one that failed.

        Raises
        ------
        ImageError
            What ended the source; what came before has been written.
        InputError
            If the result cannot be written, or a frame not be enhanced.
        """
        decoder = threading.Thread(
            target=decode_into, args=(self._clip, self._decoded), name="edgeqe-decode", daemon=True
        )
        encoder = threading.Thread(target=self._write, name="edgeqe-encode", daemon=True)
        problem: BaseException | None = None
        try:
            decoder.start()
            encoder.start()
            try:
                self._enhance_all()
            except ChannelClosed:
                pass  # the writer's error is told below
            except BaseException as error:
                problem = error
            self._enhanced.end()
            encoder.join()
        finally:  # a second interrupt comes here at once
            self._decoded.abandon()
            self._enhanced.abandon()
            encoder.join()
            decoder.join(PATIENCE)
            if decoder.is_alive():
                self._clip.leave_open()
            if not self._writer.finished:
                self._writer.abort()
        if self._write_error is not None:
            raise self._told(self._write_error) from self._write_error
        if problem is not None:
            raise problem

    def _enhance_all(self) -> None:
        try:
            for item in self._decoded:
                if isinstance(item, ClipFrame):
                    self._see(item)
                self._pass_on(self._frames.take(item))
        except BaseException as error:
            if error is self._decoded.error:  # of the source: what came before is good
                self._pass_on(self._frames.flush())
            raise
        self._pass_on(self._frames.flush())

    def _see(self, item: ClipFrame) -> None:
        if self.first_strength is None:
            self.first_strength = item.strength
        if self._gain is not None:
            self._gain.see_decoded(item.frame)

    def _pass_on(self, items: Iterable[Item]) -> None:
        for item in items:
            if isinstance(item, ClipFrame):
                if self._gain is not None:
                    self._gain.see_enhanced(item.frame)
                self._done += 1
                self._progress(self._done, self._clip.expected_frames)
            self._enhanced.put(item)

    def _write(self) -> None:
        """Write what is enhanced; in a thread of its own."""
        try:
            for item in self._enhanced:
                self._writer.take(item)
            if not self._enhanced.abandoned:
                self._writer.finish()
        except BaseException as error:  # told by `run`
            self._write_error = error
            self._enhanced.abandon()

    def _told(self, error: BaseException) -> BaseException:
        """The writer's error, as the user can act on it."""
        of_ffmpeg = isinstance(error, load().FFmpegError)
        if isinstance(error, EdgeqeError) or not (of_ffmpeg or isinstance(error, OSError)):
            return error
        if isinstance(error, BrokenPipeError):
            return error
        log = getattr(error, "log", None)  # level, who and what of FFmpeg's last message
        reason = log[2] if log else getattr(error, "strerror", "") or error
        return InputError(
            f"the clip cannot be written ({reason}): check the folder, its permissions and free "
            f"space, and that {self._writer.encoder or 'the encoder'} takes such frames."
        )
