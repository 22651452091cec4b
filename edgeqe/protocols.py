"""Coding protocols: what `gray`, `planes` and `rgb` mean wherever quality is measured.

Bench, drift gate, blame, the validation of trainings and their reports share these. Each protocol
codes a reference picture as JPEG or by another codec, decodes it as a device does, and shows it to
a network; the enhanced picture is compared with the reference in 8 bits.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgeqe.codecs.identify import strength_of
from edgeqe.coding import Coder, Frame, Layout, RatePoint, coder
from edgeqe.coding.video import H264Coder
from edgeqe.errors import InputError
from edgeqe.views.colour import NEUTRAL, full_luma, rgb_to_420, studio_luma

__all__ = [
    "CodingProtocol",
    "CompressedPicture",
    "MeasuredNetwork",
    "MeasuredPicture",
    "ReferencePicture",
    "compress",
    "compress_low_delay",
    "full_luma",
    "protocols_of",
    "protocols_with",
]

Array = npt.NDArray[Any]
Uint8 = npt.NDArray[np.uint8]


class CodingProtocol(str, enum.Enum):
    """How a reference picture is coded, decoded and enhanced. A member equals its name."""

    meaning: str
    """What is done, in half a sentence."""

    def __new__(cls, name: str, meaning: str = "") -> CodingProtocol:
        """Member of a name and its meaning."""
        member = str.__new__(cls, name)
        member._value_, member.meaning = name, meaning
        return member

    def __str__(self) -> str:
        return str(self.value)

    GRAY = "gray", "studio-range luma (gray pictures as they are), coded without chroma"
    """Luma from 16 to 235, decoded as one plane, enhanced as (H, W): the field's "LIVE1 gray"."""
    PLANES = "planes", "4:2:0 planes as coded, enhanced and then upsampled; PSNR in RGB"
    """RGB coded as 4:2:0, decoded as planes as they are coded, enhanced as planes, upsampled with
    libjpeg's triangle filter. A network of RGB enhances what the decoder shows, as in `RGB`."""
    RGB = "rgb", "RGB of the decoder, coded as 4:2:0; PSNR in RGB"
    """RGB coded as 4:2:0, decoded to RGB by the decoder, enhanced as (H, W, 3)."""


def protocols_of(names: Iterable[str]) -> tuple[CodingProtocol, ...]:
    """Protocols by their names, each once.

    Raises
    ------
    InputError
        If a name is none of them.
    """
    known = {protocol.value: protocol for protocol in CodingProtocol}
    for name in names:
        if name not in known:
            renamed = " (colour is planes, what bench measured, or rgb, what drift and blame did)"
            raise InputError(
                f"protocol {str(name)!r} is not known: give one of {', '.join(known)}"
                f"{renamed if name == 'colour' else ''}."
            )
    return tuple(dict.fromkeys(known[name] for name in names))


class MeasuredNetwork(Protocol):
    """What the protocols need of an `Enhancer`."""

    @property
    def takes_planes(self) -> bool:
        """Whether `enhance_planes` works."""

    def enhance(self, image: Array, /, *, step: float, codec: str) -> Array:
        """Enhanced array of the same shape, (H, W) or (H, W, 3)."""

    def enhance_planes(
        self, y: Array, u: Array, v: Array, /, *, step: float, codec: str
    ) -> tuple[Array, Array, Array]:
        """Enhanced planes of the same shapes, (H, W) and twice (ceil(H / 2), ceil(W / 2))."""


@dataclass(frozen=True, eq=False)
class ReferencePicture:
    """A picture without compression artefacts."""

    name: str
    pixels: Uint8
    """(H, W) for gray or (H, W, 3) for RGB."""
    planes: tuple[Uint8, ...] = ()
    """Y (H, W), Cb and Cr (ceil(H / 2), ceil(W / 2)) of a film's frame; they are coded as they are."""

    @property
    def gray(self) -> bool:
        """Whether the picture has no colour."""
        return self.pixels.ndim == 2


@dataclass(frozen=True, eq=False)
class MeasuredPicture:
    """A picture as a protocol measures it."""

    pixels: Uint8
    """(H, W) in protocol ``gray``, else (H, W, 3)."""
    coded_luma: Uint8 | None = None
    """Y as coded or enhanced, (H, W), where the protocol has planes."""

    @cached_property
    def luma(self) -> Uint8:
        """(H, W): Y of the planes, a gray picture itself, or the full-range luma of RGB."""
        if self.coded_luma is not None:
            return self.coded_luma
        return self.pixels if self.pixels.ndim == 2 else full_luma(self.pixels)


@dataclass(frozen=True, eq=False)
class CompressedPicture:
    """A reference picture behind the encoder and the decoder, ready to be enhanced."""

    name: str
    """Of the reference picture."""
    protocol: CodingProtocol
    point: RatePoint
    """Codec, and the strength that its encoder was given."""
    reference: MeasuredPicture
    data: bytes
    """The file or stream; of a clip in low delay the picture's packet."""
    step: float
    """Quantization step in 8-bit sample values, from the stream's own headers."""
    frame: Frame
    """What the decoder gives, in 8 bits."""

    @property
    def bits_per_pixel(self) -> float:
        """Of the whole file or stream, its headers too."""
        height, width = map(int, self.reference.pixels.shape[:2])
        return 8 * len(self.data) / (height * width)

    @cached_property
    def decoded(self) -> MeasuredPicture:
        """What the reference decoder shows."""
        if self.protocol == CodingProtocol.GRAY or self.frame.layout == Layout.RGB:
            return MeasuredPicture(self.frame.planes[0])
        rgb = _shown(self.frame.planes)
        planes = self.protocol == CodingProtocol.PLANES
        return MeasuredPicture(rgb, self.frame.planes[0] if planes else None)

    def enhanced(self, network: MeasuredNetwork, shown: Uint8 | None = None) -> MeasuredPicture:
        """What a network makes of it.

        Parameters
        ----------
        network : MeasuredNetwork
        shown : ndarray of uint8, shape (H, W) or (H, W, 3), optional
            What another decoder shows, to be enhanced instead of `decoded`; not for planes.
        """
        step, codec = self.step, self.point.codec
        if self.protocol == CodingProtocol.PLANES and network.takes_planes:
            y, cb, cr = network.enhance_planes(*self.frame.planes, step=step, codec=codec)
            return MeasuredPicture(_shown((y, cb, cr)), y)
        image = self.decoded.pixels if shown is None else shown
        return MeasuredPicture(network.enhance(image, step=step, codec=codec))


def protocols_with(codec: str) -> tuple[CodingProtocol, ...]:
    """Protocols that pictures of a codec have: JPEG 2000 codes RGB, so it has no planes of 4:2:0."""
    planes = () if codec == "jpeg2000" else (CodingProtocol.PLANES,)
    return (CodingProtocol.GRAY, *planes, CodingProtocol.RGB)


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


def _shown(planes: tuple[Uint8, ...]) -> Uint8:
    """RGB of full-range 4:2:0 planes, as libjpeg upsamples them."""
    from edgeqe.files.upsample import i420_to_rgb

    return i420_to_rgb(*planes)
