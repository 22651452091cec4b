"""Frames without coding, as yuv4mpeg(5) has them: for pipes between programs."""

from __future__ import annotations

from fractions import Fraction
from typing import IO, Any

from edgeqe.errors import InputError
from edgeqe.video.planes import FULL_RANGE, arrays, pixel_format


class CountedReader:
    """A y4m film in a file object, read once from its beginning, and how much of it was taken.

    FFmpeg drops a last frame that is not whole without a word; the bytes tell.

    Parameters
    ----------
    stream : binary file
        Need not be seekable.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.taken = 0
        """Bytes."""

    def read(self, size: int) -> bytes:
        """At most `size` bytes, b"" at the end."""
        found = self._stream.read(size)
        self.taken += len(found)
        return found


class Y4mWriter:
    """Writes frames of one size to a stream.

    Parameters
    ----------
    stream : binary file
        Need not be seekable.
    rate : Fraction
        Frames a second; the format has no times of single frames.
    aspect : Fraction or None
        Width of a pixel over its height.
    """

    def __init__(self, stream: IO[bytes], rate: Fraction, aspect: Fraction | None) -> None:
        self._stream, self._rate, self._aspect = stream, rate, aspect
        self._begun = False

    def write(self, frame: Any) -> None:
        """Write a frame.

        Raises
        ------
        InputError
            If its planes are interleaved, which the format does not have.
        """
        if not self._begun:
            self._stream.write(self._header(frame))
            self._begun = True
        self._stream.write(b"FRAME\n")
        for plane in arrays(frame):
            self._stream.write(plane.tobytes())

    def _header(self, frame: Any) -> bytes:
        form = pixel_format(frame.format.name)
        if form.kind not in ("planes", "gray"):
            raise InputError(f"y4m does not have frames of {frame.format.name}: write .mkv.")
        if form.kind == "gray":
            chroma = "mono" if form.bits == 8 else f"mono{form.bits}"
        else:
            chroma = "420jpeg" if form.bits == 8 else f"420p{form.bits}"
        aspect = self._aspect or Fraction(0)
        shape = f"{aspect.numerator}:{aspect.denominator}" if aspect else "0:0"
        full = int(frame.color_range) == FULL_RANGE
        return (
            f"YUV4MPEG2 W{frame.width} H{frame.height} "
            f"F{self._rate.numerator}:{self._rate.denominator} Ip A{shape} C{chroma} "
            f"XCOLORRANGE={'FULL' if full else 'LIMITED'}\n"
        ).encode()
