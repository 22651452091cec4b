"""Frames through PyAV's encoders and decoders, packet by packet, without a container."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from edgeqe.coding.coder import Frame, Layout, needs
from edgeqe.errors import ImageError, InputError

#: FFmpeg's pixel formats by layout and bit depth.
FORMATS = {
    (Layout.GRAY, 8): "gray",
    (Layout.GRAY, 10): "gray10le",
    (Layout.YUV420, 8): "yuv420p",
    (Layout.YUV420, 10): "yuv420p10le",
}
#: The same picture by FFmpeg's names for other ranges.
_OTHER = {"yuvj420p": "yuv420p"}


def load() -> Any:
    """PyAV, its logging switched off.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise needs("PyAV", error) from error
    av.logging.set_level(av.logging.PANIC)
    os.environ.setdefault("SVT_LOG", "0")  # SVT-AV1 talks past FFmpeg's log
    return av


def encode(encoder: str, frames: Sequence[Frame], options: Mapping[str, str]) -> list[bytes]:
    """Packets of frames of one size.

    Parameters
    ----------
    encoder : str
        FFmpeg's name of it.
    frames : sequence of Frame
    options : mapping
        The encoder's, by FFmpeg's names.

    Raises
    ------
    InputError
        If PyAV or the encoder is not there, or refuses the frames.
    """
    av = load()
    first = frames[0]
    height, width = first.size
    try:
        context = av.CodecContext.create(encoder, "w")
        context.width, context.height = width, height
        context.pix_fmt = FORMATS[first.layout, first.bit_depth]
        context.time_base, context.framerate = Fraction(1, 25), Fraction(25, 1)
        context.thread_count = 1
        context.options = dict(options)
        packets = []
        for index, frame in enumerate(frames):
            packets += [bytes(packet) for packet in context.encode(_given(av, frame, index))]
        return packets + [bytes(packet) for packet in context.encode(None)]
    except (av.FFmpegError, ValueError, KeyError) as error:
        raise InputError(
            f"the encoder {encoder} does not take {width}x{height} frames of "
            f"{first.layout.value} with {first.bit_depth} bits ({error})."
        ) from error


def decode(decoder: str, packets: Sequence[bytes]) -> list[Frame]:
    """Frames of packets.

    Raises
    ------
    InputError
        If PyAV or the decoder is not there.
    ImageError
        If the packets cannot be decoded.
    """
    av = load()
    try:
        context = av.CodecContext.create(decoder, "r")
        context.thread_count = 1
        found = []
        for data in packets:
            found += [taken(frame) for frame in context.decode(av.Packet(data))]
        found += [taken(frame) for frame in context.decode(None)]
    except av.FFmpegError as error:
        raise ImageError(f"the decoder {decoder} refuses the stream ({error}).") from error
    if not found:
        raise ImageError(f"the decoder {decoder} finds no picture in the stream.")
    return found


def version(library: str) -> str:
    """Version of a library of PyAV's FFmpeg."""
    return ".".join(str(part) for part in load().library_versions[library])


def _given(av: Any, frame: Frame, index: int) -> Any:
    """FFmpeg's frame with these planes."""
    height, width = frame.size
    made = av.VideoFrame(width, height, FORMATS[frame.layout, frame.bit_depth])
    for held, plane in zip(made.planes, frame.planes, strict=True):
        rows = np.frombuffer(held, plane.dtype).reshape(held.height, -1)
        rows[:, : plane.shape[1]] = plane
    made.pts = index
    return made


def taken(frame: Any) -> Frame:
    """Copy of the planes of FFmpeg's frame.

    Raises
    ------
    ImageError
        If it is of another layout or depth than `FORMATS` has.
    """
    names = {name: key for key, name in FORMATS.items()}
    name = _OTHER.get(frame.format.name, frame.format.name)
    if name not in names:
        raise ImageError(f"frames of {name} are not supported: gray and 4:2:0, 8 or 10 bits, are.")
    layout, bits = names[name]
    dtype = np.uint8 if bits == 8 else np.uint16
    planes = []
    for held in frame.planes:
        rows = np.frombuffer(held, np.uint8).reshape(held.height, held.line_size)
        planes.append(np.ascontiguousarray(rows.view(dtype)[:, : held.width]))
    return Frame(layout, tuple(planes), bits)
