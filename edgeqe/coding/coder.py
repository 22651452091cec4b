"""What every encoder looks like from outside, and the encoder of a codec by name."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgeqe.errors import InputError

Plane = npt.NDArray[Any]


class Layout(str, Enum):
    """Planes of a frame."""

    GRAY = "gray"
    """Luma alone, (H, W)."""
    YUV420 = "yuv420"
    """Y (H, W); Cb and Cr (ceil(H / 2), ceil(W / 2))."""
    RGB = "rgb"
    """One array (H, W, 3)."""


@dataclass(frozen=True)
class Frame:
    """A picture as an encoder takes it, or a decoder gives it."""

    layout: Layout
    planes: tuple[Plane, ...]
    """uint8, or uint16 of `bit_depth` bits."""
    bit_depth: int = 8

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, pixels."""
        height, width = self.planes[0].shape[:2]
        return height, width

    def in_eight_bits(self) -> tuple[npt.NDArray[np.float32], ...]:
        """Planes as 8-bit sample values in float32, a deeper frame's with fractions."""
        scale = np.float32(2.0 ** (8 - self.bit_depth))
        return tuple(plane.astype(np.float32) * scale for plane in self.planes)


class Coder(Protocol):
    """An encoder with its settings, and the decoder of what it writes."""

    codec: str
    """Name of the codec, as cards have it."""
    unit: str
    """What states its strength: ``quality``, ``qp`` or ``rate``."""
    points: tuple[float, ...]
    """Usual strengths, fine to coarse or coarse to fine, for curves of four points or more."""
    layouts: tuple[Layout, ...]
    """Layouts that it takes."""

    def encode(self, frame: Frame, value: float) -> bytes:
        """Code one picture by itself (all intra) at a strength in `unit`."""
        ...

    def decode(self, data: bytes) -> Frame:
        """Decode what `encode` wrote, as a device's decoder gives it."""
        ...

    def settings(self) -> Mapping[str, str]:
        """Encoder, its version, and its options."""
        ...


#: Codecs that have an encoder here: name of the module, and of its class.
_MADE: Mapping[str, tuple[str, str]] = {
    "jpeg": ("edgeqe.coding.pillow", "JpegCoder"),
    "jpeg2000": ("edgeqe.coding.pillow", "Jpeg2000Coder"),
    "webp": ("edgeqe.coding.webp", "WebpCoder"),
    "h264": ("edgeqe.coding.video", "H264Coder"),
    "hevc": ("edgeqe.coding.video", "HevcCoder"),
    "bpg": ("edgeqe.coding.bpg", "BpgCoder"),
    "av1": ("edgeqe.coding.video", "Av1Coder"),
    "avif": ("edgeqe.coding.video", "AvifCoder"),
    "vvc": ("edgeqe.coding.vvc", "VvcCoder"),
}
CODECS = tuple(_MADE)


def coder(codec: str) -> Coder:
    """Encoder of a codec.

    Raises
    ------
    InputError
        If there is none of that name, or the package that it comes with is not installed.
    """
    if codec not in _MADE:
        raise InputError(f"no encoder of codec {codec!r} here: there are {', '.join(CODECS)}.")
    module, name = _MADE[codec]
    made: Coder = getattr(importlib.import_module(module), name)()
    return made


def needs(package: str, error: ImportError) -> InputError:
    """Error for an encoder whose package is not installed."""
    return InputError(f"{package} is not installed ({error}): run pip install 'edgeqe[codecs]'.")
