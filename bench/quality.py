"""Quality per strength: three protocols, each from an undamaged picture to scores.

``gray``
    Studio-range luma (16 to 235; a gray picture as it is), coded as a grayscale
    JPEG, decoded as one plane, enhanced as (H, W). The field's "LIVE1 gray".
``colour``
    RGB coded as 4:2:0, decoded as planes as they are coded, enhanced as planes,
    then upsampled with libjpeg's triangle filter and converted to RGB. A network of RGB
    enhances what the decoder shows, as in ``rgb``.
``rgb``
    RGB coded as 4:2:0, decoded to RGB by the decoder, enhanced as (H, W, 3).

The step comes from the file's own table. Y figures of the colour protocols are
full-range luma; SSIM and PSNR-B are taken on luma, because that is where JPEG's
8x8 grid lies. PSNR is taken on whole pictures of rounded uint8 pixels.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgeqe import metrics
from edgeqe.bench.data import Picture, PictureSet, pillow_image
from edgeqe.codecs import jpeg
from edgeqe.codecs.strength import step_from_table
from edgeqe.errors import InputError
from edgeqe.typing import Uint8
from edgeqe.views.colour import RGB_TO_YCC, studio_luma

PROTOCOLS = ("gray", "colour", "rgb")

#: PSNR of equal pictures is infinite; a mean needs a number.
PSNR_CEILING = 100.0


class Network(Protocol):
    """What the protocols need of an `Enhancer`."""

    @property
    def takes_planes(self) -> bool:
        """Whether `enhance_planes` works."""

    def enhance(self, image: npt.NDArray[Any], /, *, step: float) -> npt.NDArray[Any]:
        """Enhanced array of the same shape."""

    def enhance_planes(
        self,
        y: npt.NDArray[Any],
        u: npt.NDArray[Any],
        v: npt.NDArray[Any],
        /,
        *,
        step: float,
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
        """Enhanced planes of the same shapes."""


@dataclass(frozen=True)
class View:
    """A picture as a protocol measures it."""

    picture: Uint8
    """(H, W) in protocol ``gray``, else (H, W, 3)."""

    luma: Uint8
    """(H, W); the picture itself in protocol ``gray``."""


@dataclass(frozen=True)
class Coded:
    """A picture behind the codec, ready to be enhanced."""

    data: bytes
    """The JPEG."""
    reference: View
    jpeg: View
    step: float
    bits_per_pixel: float
    enhance: Callable[[Network], View]

    def score(self, name: str, enhanced: View) -> Score:
        """Figures of the picture before and after."""
        pairs = zip(self._before, _figures(self.reference, enhanced), strict=True)
        psnr, y_psnr, ssim, psnr_b = pairs
        return Score(name, psnr, y_psnr, ssim, psnr_b, self.bits_per_pixel, self.step)

    @cached_property
    def _before(self) -> tuple[float, float, float, float]:
        """Figures of the JPEG, for every network that is measured."""
        return _figures(self.reference, self.jpeg)


@dataclass(frozen=True)
class Score:
    """One picture's figures before and after, in dB but for SSIM."""

    name: str
    psnr: tuple[float, float]
    y_psnr: tuple[float, float]
    ssim: tuple[float, float]
    psnr_b: tuple[float, float]
    bits_per_pixel: float
    step: float

    @property
    def gain(self) -> float:
        """PSNR after minus before, in dB."""
        return self.psnr[1] - self.psnr[0]


@dataclass(frozen=True)
class Row:
    """Means over the pictures for one protocol, quality and model."""

    protocol: str
    model: str
    quality: int
    scores: tuple[Score, ...]
    """At least one, in the order of the pictures."""
    ensemble: int = 1
    """8 where the networks ran in their slow mode."""

    def mean(self, figure: str) -> tuple[float, float]:
        """Mean over pictures of a figure before and after, such as ``psnr``."""
        pairs = np.array([getattr(score, figure) for score in self.scores])
        return float(pairs[:, 0].mean()), float(pairs[:, 1].mean())

    @property
    def gain(self) -> float:
        """Mean of the pictures' gains in dB."""
        return float(np.mean([score.gain for score in self.scores]))

    @property
    def worst(self) -> Score:
        """Score of the picture with the smallest gain."""
        return min(self.scores, key=lambda score: score.gain)

    def to_dict(self) -> dict[str, Any]:
        """Row as plain values for a report."""
        bits = float(np.mean([score.bits_per_pixel for score in self.scores]))
        row: dict[str, Any] = {
            "protocol": self.protocol,
            "model": self.model,
            "quality": self.quality,
            "ensemble": self.ensemble,
            "pictures": len(self.scores),
            "step": float(np.mean([score.step for score in self.scores])),
            "bits_per_pixel": bits,
            "bits_per_channel": bits if self.protocol == "gray" else bits / 3,
            "gain_db": self.gain,
            "worst_gain_db": self.worst.gain,
            "worst_picture": self.worst.name,
        }
        figures = {"psnr": "psnr_db", "ssim": "ssim", "psnr_b": "psnr_b_db"}
        if self.protocol != "gray":
            figures["y_psnr"] = "y_psnr_db"
        for figure, key in figures.items():
            row[f"{key}_before"], row[f"{key}_after"] = self.mean(figure)
        row["gains_db"] = {score.name: score.gain for score in self.scores}
        return row


def full_luma(rgb: Uint8) -> Uint8:
    """Luma 0 to 255 of RGB, as JPEG codes it: (H, W, 3) to (H, W)."""
    weights = RGB_TO_YCC[0].astype(np.float64)
    luma: Uint8 = np.clip(np.floor(rgb @ weights + 0.5), 0, 255).astype(np.uint8)
    return luma


def code(picture: Picture, protocol: str, quality: int) -> Coded:
    """Send a picture through JPEG as a protocol has it.

    Parameters
    ----------
    picture : Picture
        Gray pictures have no place in the colour protocols.
    protocol : {"gray", "colour", "rgb"}
    quality : int
        IJG quality, 1 to 100.
    """
    image = pillow_image()
    if protocol == "gray":
        luma = picture.pixels if picture.gray else studio_luma(picture.pixels)
        data = jpeg.encode(image.fromarray(luma), quality)
        step = file_step(data)
        y = jpeg.decode_luma(data)

        def enhance(network: Network) -> View:
            better = network.enhance(y, step=step)
            return View(better, better)

        return Coded(data, View(luma, luma), View(y, y), step, _bits(data, luma), enhance)

    if picture.gray:
        raise InputError(f"{picture.name} is gray: protocol {protocol} measures colour pictures.")
    rgb = picture.pixels
    data = jpeg.encode(image.fromarray(rgb), quality)
    step = file_step(data)
    with image.open(io.BytesIO(data)) as opened:
        shown = np.asarray(opened.convert("RGB"))
    reference = View(rgb, full_luma(rgb))

    if protocol == "colour":
        planes = jpeg.decode_420(data)

        def enhance(network: Network) -> View:
            from edgeqe.files.upsample import i420_to_rgb

            if not network.takes_planes:
                better = network.enhance(shown, step=step)
                return View(better, full_luma(better))
            y, cb, cr = network.enhance_planes(*planes, step=step)
            return View(i420_to_rgb(y, cb, cr), y)

        before = View(shown, planes[0])
    else:

        def enhance(network: Network) -> View:
            better = network.enhance(shown, step=step)
            return View(better, full_luma(better))

        before = View(shown, full_luma(shown))
    return Coded(data, reference, before, step, _bits(data, rgb), enhance)


def file_step(data: bytes) -> float:
    """Step of a JPEG's own luma table."""
    with pillow_image().open(io.BytesIO(data)) as opened:
        return float(step_from_table(opened.quantization[0]))


def _bits(data: bytes, pixels: Uint8) -> float:
    """Bits per pixel of the whole file, its headers too."""
    height, width = map(int, pixels.shape[:2])
    return 8 * len(data) / (height * width)


def _figures(reference: View, shown: View) -> tuple[float, float, float, float]:
    picture = min(PSNR_CEILING, metrics.psnr(reference.picture, shown.picture))
    luma = min(PSNR_CEILING, metrics.psnr(reference.luma, shown.luma))
    blocks = min(PSNR_CEILING, metrics.psnr_b(reference.luma, shown.luma))
    return picture, luma, metrics.ssim(reference.luma, shown.luma), blocks


def measure(
    networks: Mapping[str, Network],
    pictures: PictureSet,
    protocol: str,
    quality: int,
    tell: Callable[[str, int, int], None] = lambda what, done, length: None,
    ensemble: int = 1,
) -> Iterator[Row]:
    """Measure networks at one quality; each picture is coded once for all of them.

    Parameters
    ----------
    networks : mapping of str to Network
        By the name for the report.
    pictures : PictureSet
        In the colour protocols gray pictures are left out.
    protocol : {"gray", "colour", "rgb"}
    quality : int
        IJG quality, 1 to 100.
    tell : callable
        Gets what is being done, how many pictures are done, and how many there are.
    ensemble : int
        What the networks are, for the rows.

    Yields
    ------
    Row
        One a network, in their order.

    Raises
    ------
    InputError
        If no picture is left.
    """
    scores: dict[str, list[Score]] = {name: [] for name in networks}
    for number, picture in enumerate(pictures, 1):
        if picture.gray and protocol != "gray":
            continue
        coded = code(picture, protocol, quality)
        for name, network in networks.items():
            scores[name].append(coded.score(picture.name, coded.enhance(network)))
        tell(f"{protocol}, quality {quality}", number, len(pictures))
    for name, done in scores.items():
        if not done:
            raise InputError(
                f"{pictures.name} holds only gray pictures, and protocol {protocol} measures "
                "colour: give --protocol gray, or another folder."
            )
        yield Row(protocol, name, quality, tuple(done), ensemble)
