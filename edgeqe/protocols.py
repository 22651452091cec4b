"""Coding protocols: what `gray`, `planes` and `rgb` mean wherever quality is measured.

Bench, drift gate, blame, the validation of trainings and their reports share these. Each protocol
codes a reference picture as JPEG, decodes it through one of the device's front ends, and shows it
to a network; the enhanced picture is compared with the reference in 8 bits.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgeqe.codecs import jpeg
from edgeqe.codecs.strength import step_from_table
from edgeqe.errors import InputError
from edgeqe.views.colour import RGB_TO_YCC, studio_luma

__all__ = [
    "CodingProtocol",
    "CompressedPicture",
    "MeasuredNetwork",
    "MeasuredPicture",
    "ReferencePicture",
    "compress",
    "full_luma",
    "protocols_of",
    "step_of",
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

    GRAY = "gray", "studio-range luma (gray pictures as they are), coded as grayscale JPEG"
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

    def enhance(self, image: Array, /, *, step: float) -> Array:
        """Enhanced array of the same shape, (H, W) or (H, W, 3)."""

    def enhance_planes(
        self, y: Array, u: Array, v: Array, /, *, step: float
    ) -> tuple[Array, Array, Array]:
        """Enhanced planes of the same shapes, (H, W) and twice (ceil(H / 2), ceil(W / 2))."""


@dataclass(frozen=True, eq=False)
class ReferencePicture:
    """A picture without compression artefacts."""

    name: str
    pixels: Uint8
    """(H, W) for gray or (H, W, 3) for RGB."""

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
    """A reference picture behind the encoder, ready to be decoded and enhanced."""

    name: str
    """Of the reference picture."""
    protocol: CodingProtocol
    quality: int
    """IJG quality, 1 to 100."""
    reference: MeasuredPicture
    data: bytes
    """The JPEG file."""

    @cached_property
    def step(self) -> float:
        """Quantization step in 8-bit levels, from the file's own table."""
        return step_of(self.data)

    @property
    def bits_per_pixel(self) -> float:
        """Of the whole file, its headers too."""
        height, width = map(int, self.reference.pixels.shape[:2])
        return 8 * len(self.data) / (height * width)

    @cached_property
    def decoded(self) -> MeasuredPicture:
        """What the reference decoder shows."""
        if self.protocol == CodingProtocol.GRAY:
            return MeasuredPicture(jpeg.decode_luma(self.data))
        rgb = jpeg.decode_rgb(self.data)
        if self.protocol == CodingProtocol.PLANES:
            return MeasuredPicture(rgb, self._planes[0])
        return MeasuredPicture(rgb)

    @cached_property
    def _planes(self) -> tuple[Uint8, Uint8, Uint8]:
        return jpeg.decode_420(self.data)

    def enhanced(self, network: MeasuredNetwork, shown: Uint8 | None = None) -> MeasuredPicture:
        """What a network makes of it.

        Parameters
        ----------
        network : MeasuredNetwork
        shown : ndarray of uint8, shape (H, W) or (H, W, 3), optional
            What another decoder shows, to be enhanced instead of `decoded`; not for planes.
        """
        if self.protocol == CodingProtocol.PLANES and network.takes_planes:
            from edgeqe.files.upsample import i420_to_rgb

            y, cb, cr = network.enhance_planes(*self._planes, step=self.step)
            return MeasuredPicture(i420_to_rgb(y, cb, cr), y)
        image = self.decoded.pixels if shown is None else shown
        return MeasuredPicture(network.enhance(image, step=self.step))


def compress(
    picture: ReferencePicture, protocol: CodingProtocol, quality: int
) -> CompressedPicture:
    """Code a picture as a protocol has it.

    Parameters
    ----------
    picture : ReferencePicture
        Gray pictures have a part in protocol ``gray`` alone.
    protocol : CodingProtocol
    quality : int
        IJG quality, 1 to 100.

    Raises
    ------
    InputError
        If a gray picture is asked for in colour.
    """
    from PIL import Image

    pixels = picture.pixels
    if protocol == CodingProtocol.GRAY and not picture.gray:
        pixels = studio_luma(pixels)
    elif protocol != CodingProtocol.GRAY and picture.gray:
        raise InputError(f"{picture.name} is gray: protocol {protocol} measures colour pictures.")
    data = jpeg.encode(Image.fromarray(pixels), quality)
    return CompressedPicture(picture.name, protocol, quality, MeasuredPicture(pixels), data)


def full_luma(rgb: Uint8) -> Uint8:
    """Luma 0 to 255 of RGB, as JPEG codes it: (H, W, 3) to (H, W)."""
    weights = RGB_TO_YCC[0].astype(np.float64)
    luma: Uint8 = np.clip(np.floor(rgb @ weights + 0.5), 0, 255).astype(np.uint8)
    return luma


def step_of(data: bytes) -> float:
    """Quantization step of a JPEG's own luma table, 8-bit levels."""
    return float(step_from_table(jpeg.luma_table(data)))
