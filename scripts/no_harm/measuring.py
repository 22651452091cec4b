"""What models gain on photographs and drawn pictures, strength by strength."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
from PIL import Image

from edgeqe import metrics
from edgeqe.bench.data import folder, packaged
from edgeqe.bench.latency import ProgressCallback
from edgeqe.bench.quality import PSNR_CEILING
from edgeqe.codecs import jpeg
from edgeqe.codecs.identify import strength_of
from edgeqe.coding import Frame, Layout, RatePoint
from edgeqe.protocols import (
    CodingProtocol,
    CompressedPicture,
    MeasuredNetwork,
    MeasuredPicture,
    ReferencePicture,
    compress,
)
from edgeqe.zoo.training.drawn import drawn_set

#: Strengths by codec, coarse to fine, past the finest that models were trained at.
STRENGTHS: Mapping[str, tuple[float, ...]] = {
    "jpeg": tuple(range(10, 96, 5)),
    "jpeg2000": (0.08, 0.16, 0.27, 0.4, 0.6, 1.2, 2.4, 4, 6),
    "webp": (20, 35, 50, 65, 75, 80, 85, 90, 95, 100),
    "h264": (42, 37, 32, 27, 22, 20, 17, 14, 12),
    "hevc": (42, 37, 32, 27, 23, 22, 20, 17, 14, 12),
    "vvc": (42, 37, 32, 27, 22, 20, 17, 14),
    "avif": (56, 44, 36, 28, 20, 16, 10, 5),
}
#: Photographs are downscaled by so much: off the grid that those which were JPEGs were coded on.
SCALE = 0.7
KINDS = ("photographs", "drawn")


class Coding(str, Enum):
    """How a picture is coded. A member equals its name."""

    LUMA = "luma"
    """Its studio-range luma, as bench's protocol ``gray``."""
    COLOUR = "RGB"
    """Its RGB, 4:2:0 but for JPEG 2000, as bench's protocol ``rgb``."""
    FULL = "RGB 4:4:4"
    """Its RGB as a JPEG whose chroma is not subsampled."""

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True)
class HarmRow:
    """One model on all pictures of a kind, coded one way at one strength."""

    model: str
    kind: str
    """One of `KINDS`."""
    coding: Coding
    point: RatePoint
    before: float
    """Mean PSNR of the compressed pictures, dB."""
    gains: Mapping[str, float]
    """PSNR after less before, dB, by picture; at least one."""

    @property
    def mean(self) -> float:
        """Mean gain, dB."""
        return float(np.mean(list(self.gains.values())))

    @property
    def worst(self) -> str:
        """Name of the picture that gains least."""
        return min(self.gains, key=lambda name: self.gains[name])


def codings(kind: str, codec: str) -> tuple[Coding, ...]:
    """How pictures of a kind are coded by a codec."""
    if kind == "photographs":
        return Coding.LUMA, Coding.COLOUR
    return (Coding.COLOUR, Coding.FULL) if codec == "jpeg" else (Coding.COLOUR,)


def measure(
    networks: Mapping[str, MeasuredNetwork],
    kinds: Sequence[str],
    data: Path | None,
    points: Sequence[RatePoint],
    progress: ProgressCallback,
) -> list[HarmRow]:
    """Gains of all networks, each picture coded once for all of them.

    Parameters
    ----------
    networks : mapping of str to Enhancer
    kinds : sequence of str
        Some of `KINDS`.
    data : Path or None
        Folder of more photographs.
    points : sequence of RatePoint
        Codecs and strengths.
    progress : callable
        Gets progress: what is done, how much of it, and of how much.

    Raises
    ------
    InputError
        If a network does not serve a codec, or its encoder is not installed.
    """
    found: dict[tuple[str, str, Coding, RatePoint], dict[str, tuple[float, float]]] = {}
    for kind in kinds:
        pictures = list(_pictures(kind, data))
        for done, picture in enumerate(pictures, 1):
            for point in points:
                for coding in codings(kind, point.codec):
                    shown = coded(picture, coding, point)
                    before = _psnr(shown, shown.decoded)
                    for name, network in networks.items():
                        row = found.setdefault((name, kind, coding, point), {})
                        row[picture.name] = before, _psnr(shown, shown.enhanced(network))
            progress(kind, done, len(pictures))
    return [
        HarmRow(
            *key,
            float(np.mean([before for before, _ in row.values()])),
            {name: after - before for name, (before, after) in row.items()},
        )
        for key, row in found.items()
    ]


def _pictures(kind: str, data: Path | None) -> Iterator[ReferencePicture]:
    """Pictures of a kind, each with a name of its own."""
    if kind == "drawn":
        yield from (ReferencePicture(name, pixels) for name, pixels in drawn_set().items())
        return
    yield from (picture for picture in packaged() if not picture.gray)
    sets = [packaged(SCALE), *([folder(data, SCALE)] if data is not None else [])]
    for pictures in sets:
        for picture in pictures:
            if not picture.gray:
                yield ReferencePicture(f"{picture.name} x{SCALE}", picture.pixels)


def coded(picture: ReferencePicture, coding: Coding, point: RatePoint) -> CompressedPicture:
    """A picture behind the encoder, and what the decoder gives."""
    if coding != Coding.FULL:
        protocol = CodingProtocol.GRAY if coding == Coding.LUMA else CodingProtocol.RGB
        return compress(picture, protocol, point.value, point.codec)
    data = jpeg.encode(Image.fromarray(picture.pixels), round(point.value), 0)
    stated = strength_of(data)
    assert stated is not None, "it is a JPEG"
    return CompressedPicture(
        picture.name,
        CodingProtocol.RGB,
        point,
        MeasuredPicture(picture.pixels),
        data,
        stated.step,
        Frame(Layout.RGB, (jpeg.decode_rgb(data),)),
    )


def _psnr(compressed: CompressedPicture, shown: MeasuredPicture) -> float:
    """PSNR of all samples, dB, counted up to a ceiling: equal pictures have none."""
    return metrics.psnr(compressed.reference.pixels, shown.pixels, ceiling=PSNR_CEILING)
