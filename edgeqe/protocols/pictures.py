"""A picture as reference, as compressed, and as measured."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from edgeqe.coding import Frame, Layout, RatePoint
from edgeqe.protocols.protocol import CodingProtocol
from edgeqe.typing import Array, Uint8
from edgeqe.views.colour import full_luma

__all__ = ["CompressedPicture", "MeasuredNetwork", "MeasuredPicture", "ReferencePicture"]


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


def _shown(planes: tuple[Uint8, ...]) -> Uint8:
    """RGB of full-range 4:2:0 planes, as libjpeg upsamples them."""
    from edgeqe.files.upsample import i420_to_rgb

    return i420_to_rgb(*planes)
