"""Code reference pictures as a protocol has it, each by itself or as a clip in low delay."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeqe.codecs.identify import strength_of
from edgeqe.coding import Coder, Frame, Layout, RatePoint, coder
from edgeqe.coding.video import H264Coder
from edgeqe.errors import InputError
from edgeqe.protocols.pictures import CompressedPicture, MeasuredPicture, ReferencePicture
from edgeqe.protocols.protocol import CodingProtocol, protocols_with
from edgeqe.typing import Uint8
from edgeqe.views.colour import NEUTRAL, rgb_to_420, studio_luma

__all__ = ["compress", "compress_low_delay"]


def compress(
    picture: ReferencePicture, protocol: CodingProtocol, value: float, codec: str = "jpeg"
) -> CompressedPicture:
    """Code a picture by itself (all intra) as a protocol has it.

    Luma is coded as a picture without chroma, or with neutral chroma by encoders of 4:2:0 alone.
    RGB goes to encoders that do not convert it as full-range Y, Cb, Cr (ITU-T T.871), chroma being
    the mean of 2x2 pixels; such a picture loses its last row or column where its sides are odd.

    Parameters
    ----------
    picture : ReferencePicture
        Gray pictures have a part in protocol ``gray`` alone.
    protocol : CodingProtocol
    value : float
        Strength of the encoder: IJG quality 1 to 100, or as `edgeqe.coding.RatePoint` has it.
    codec : str
        One of `edgeqe.coding.CODECS`.

    Raises
    ------
    InputError
        If a gray picture is asked for in colour, the codec has no such strength or protocol, its
        encoder is not installed or does not take the picture.
    """
    point, encoder = RatePoint(codec, value), coder(codec)
    reference, frame = _source(picture, protocol, encoder)
    data = encoder.encode(frame, value)
    return _compressed(picture.name, protocol, point, reference, data, data, encoder.decode(data))


def compress_low_delay(
    pictures: Sequence[ReferencePicture], protocol: CodingProtocol, value: float, codec: str
) -> list[CompressedPicture]:
    """Code the frames of a clip one after another: an intra picture, then P pictures.

    Parameters
    ----------
    pictures : sequence of ReferencePicture
        Frames of one size, at least one.
    protocol, value
        As of `compress`.
    codec : str
        ``h264`` or ``hevc``.

    Raises
    ------
    InputError
        As of `compress`, or if the codec's encoder here codes pictures by themselves alone.
    """
    point, encoder = RatePoint(codec, value), coder(codec)
    if not isinstance(encoder, H264Coder):
        raise InputError(
            f"the encoder of codec {codec} here codes pictures by themselves: low delay is for h264 "
            "and hevc."
        )
    sources = [_source(picture, protocol, encoder) for picture in pictures]
    packets = encoder.encode_clip([frame for _, frame in sources], value, intra=False)
    decoded, stream = encoder.decode_clip(packets), b"".join(packets)
    return [
        _compressed(picture.name, protocol, point, reference, packet, stream, frame)
        for picture, (reference, _), packet, frame in zip(
            pictures, sources, packets, decoded, strict=True
        )
    ]


def _compressed(
    name: str,
    protocol: CodingProtocol,
    point: RatePoint,
    reference: MeasuredPicture,
    data: bytes,
    stream: bytes,
    frame: Frame,
) -> CompressedPicture:
    """Compressed picture whose strength is read from a stream."""
    stated = strength_of(stream)
    assert stated is not None, "every codec's streams are known by their first bytes"
    if stated.lossless:
        raise InputError(
            f"'{name}' is coded without loss at {point}: there is nothing to enhance, state a coarser "
            "strength."
        )
    return CompressedPicture(
        name, protocol, point, reference, data, stated.step, _in_eight_bits(frame)
    )


def _source(
    picture: ReferencePicture, protocol: CodingProtocol, encoder: Coder
) -> tuple[MeasuredPicture, Frame]:
    """What a picture is compared with, and what an encoder is given of it."""
    pixels = picture.pixels
    if protocol not in protocols_with(encoder.codec):
        known = " or ".join(protocols_with(encoder.codec))
        raise InputError(f"{encoder.codec} has no protocol {protocol}: give --protocol {known}.")
    if protocol == CodingProtocol.GRAY:
        luma = picture.planes[0] if picture.planes else pixels
        luma = luma if luma.ndim == 2 else studio_luma(luma)
        if Layout.GRAY in encoder.layouts:
            return MeasuredPicture(luma), Frame(Layout.GRAY, (luma,))
        luma = _even(luma)
        neutral = np.full([side // 2 for side in luma.shape], NEUTRAL, np.uint8)
        return MeasuredPicture(luma), Frame(Layout.YUV420, (luma, neutral, neutral))
    if picture.gray:
        raise InputError(f"{picture.name} is gray: protocol {protocol} measures colour pictures.")
    if Layout.RGB in encoder.layouts:
        return MeasuredPicture(pixels), Frame(Layout.RGB, (pixels,))
    pixels = _even(pixels)
    planes = _planes_of(picture, *pixels.shape[:2])
    coded_luma = planes[0] if protocol == CodingProtocol.PLANES else None
    return MeasuredPicture(pixels, coded_luma), Frame(Layout.YUV420, planes)


def _even(pixels: Uint8) -> Uint8:
    """Picture without the last row or column of an odd number."""
    height, width = pixels.shape[:2]
    return np.ascontiguousarray(pixels[: height // 2 * 2, : width // 2 * 2])


def _planes_of(picture: ReferencePicture, height: int, width: int) -> tuple[Uint8, ...]:
    """Planes of 4:2:0 of a picture of colour, up to an even height and width."""
    if picture.planes:
        sizes = ((height, width), *[(height // 2, width // 2)] * 2)
        pairs = zip(picture.planes, sizes, strict=True)
        return tuple(
            np.ascontiguousarray(plane[:rows, :columns]) for plane, (rows, columns) in pairs
        )
    return rgb_to_420(picture.pixels[:height, :width])


def _in_eight_bits(frame: Frame) -> Frame:
    """Frame with samples rounded to 8 bits."""
    if frame.bit_depth == 8:
        return frame
    rounded = (np.clip(np.floor(plane + 0.5), 0, 255) for plane in frame.in_eight_bits())
    return Frame(frame.layout, tuple(plane.astype(np.uint8) for plane in rounded))
