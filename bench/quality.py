"""Quality per strength: reference pictures through a coding protocol, to scores.

What is coded, decoded and enhanced is `edgeqe.protocols`. SSIM and PSNR-B are taken on luma,
because that is where JPEG's 8x8 grid lies; in protocol ``rgb`` it is full-range luma. PSNR is taken
on whole pictures of rounded uint8 pixels. A clip's figures are the means over its frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgeqe import metrics
from edgeqe.bench.clips import ClipSet
from edgeqe.bench.data import PictureSet
from edgeqe.bench.entries import QualityEntry
from edgeqe.coding import RatePoint
from edgeqe.errors import InputError
from edgeqe.protocols import (
    CodingProtocol,
    CompressedPicture,
    MeasuredNetwork,
    MeasuredPicture,
    ReferencePicture,
    compress,
)
from edgeqe.protocols.clips import ReferenceClip

#: PSNR of equal pictures is infinite; a mean needs a number.
PSNR_CEILING = 100.0


@dataclass(frozen=True)
class Score:
    """Figures of a picture or clip before and after, in dB but for SSIM."""

    name: str
    psnr: tuple[float, float]
    y_psnr: tuple[float, float]
    ssim: tuple[float, float]
    psnr_b: tuple[float, float]
    bits_per_pixel: float
    step: float
    """Quantization step of luma, 8-bit levels."""

    @classmethod
    def of_clip(cls, name: str, frames: Sequence[Score]) -> Score:
        """Means over a clip's frames, at least one."""

        def mean(figure: str) -> tuple[float, float]:
            before, after = np.mean([getattr(frame, figure) for frame in frames], axis=0)
            return float(before), float(after)

        bits, step = np.mean([(frame.bits_per_pixel, frame.step) for frame in frames], axis=0)
        return cls(
            name,
            mean("psnr"),
            mean("y_psnr"),
            mean("ssim"),
            mean("psnr_b"),
            float(bits),
            float(step),
        )

    @property
    def gain(self) -> float:
        """PSNR after minus before, in dB."""
        return self.psnr[1] - self.psnr[0]


@dataclass(frozen=True)
class QualityRow:
    """Means over the pictures or clips for one protocol, strength and model."""

    protocol: CodingProtocol
    model: str
    point: RatePoint
    scores: tuple[Score, ...]
    """At least one, in the order of the pictures."""
    ensemble: int = 1
    """8 where the networks ran as an ensemble."""

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

    @property
    def bits_per_pixel(self) -> float:
        """Mean over the pictures."""
        return float(np.mean([score.bits_per_pixel for score in self.scores]))

    def entry(self) -> QualityEntry:
        """Row for a report."""
        bits = self.bits_per_pixel
        colour = self.protocol != CodingProtocol.GRAY
        psnr, ssim, psnr_b = (self.mean(figure) for figure in ("psnr", "ssim", "psnr_b"))
        y_psnr = self.mean("y_psnr") if colour else (None, None)
        return QualityEntry(
            protocol=self.protocol.value,
            model=self.model,
            codec=self.point.codec,
            unit=self.point.unit,
            value=self.point.value,
            ensemble=self.ensemble,
            pictures=len(self.scores),
            step=float(np.mean([score.step for score in self.scores])),
            bits_per_pixel=bits,
            bits_per_channel=bits / 3 if colour else bits,
            gain_db=self.gain,
            worst_gain_db=self.worst.gain,
            worst_picture=self.worst.name,
            psnr_db_before=psnr[0],
            psnr_db_after=psnr[1],
            ssim_before=ssim[0],
            ssim_after=ssim[1],
            psnr_b_db_before=psnr_b[0],
            psnr_b_db_after=psnr_b[1],
            gains_db={score.name: score.gain for score in self.scores},
            y_psnr_db_before=y_psnr[0],
            y_psnr_db_after=y_psnr[1],
        )


class PictureScorer:
    """Figures of one compressed picture and of what networks make of it.

    Parameters
    ----------
    compressed : CompressedPicture
    """

    def __init__(self, compressed: CompressedPicture) -> None:
        self._compressed = compressed
        self._before = _figures(compressed.reference, compressed.decoded)

    def score(self, enhanced: MeasuredPicture) -> Score:
        """Figures of the picture before and after."""
        coded = self._compressed
        pairs = zip(self._before, _figures(coded.reference, enhanced), strict=True)
        psnr, y_psnr, ssim, psnr_b = pairs
        return Score(coded.name, psnr, y_psnr, ssim, psnr_b, coded.bits_per_pixel, coded.step)


def _figures(
    reference: MeasuredPicture, shown: MeasuredPicture
) -> tuple[float, float, float, float]:
    picture = metrics.psnr(reference.pixels, shown.pixels, ceiling=PSNR_CEILING)
    luma = metrics.psnr(reference.luma, shown.luma, ceiling=PSNR_CEILING)
    blocks = min(PSNR_CEILING, metrics.psnr_b(reference.luma, shown.luma))
    return picture, luma, metrics.ssim(reference.luma, shown.luma), blocks


def measure(
    networks: Mapping[str, MeasuredNetwork],
    pictures: PictureSet | ClipSet,
    protocol: CodingProtocol,
    point: RatePoint,
    progress: Callable[[str, int, int], None] = lambda what, done, length: None,
    ensemble: int = 1,
    *,
    low_delay: bool = False,
) -> Iterator[QualityRow]:
    """Measure networks at one strength; each picture is coded once for all of them.

    Parameters
    ----------
    networks : mapping of str to MeasuredNetwork
        By the name for the report.
    pictures : PictureSet or ClipSet
        In the protocols of colour gray ones are left out.
    protocol : CodingProtocol
    point : RatePoint
        Codec and strength.
    progress : callable
        Gets what is being done, how many pictures are done, and how many there are.
    ensemble : int
        What the networks are, for the rows.
    low_delay : bool
        Code clips as an intra picture and P pictures; else each frame by itself.

    Yields
    ------
    QualityRow
        One a network, in their order.

    Raises
    ------
    InputError
        If no picture is left.
    """
    scores: dict[str, list[Score]] = {name: [] for name in networks}
    every: Iterable[ReferencePicture | ReferenceClip] = pictures
    for number, reference in enumerate(every, 1):
        frames: dict[str, list[Score]] = {name: [] for name in networks}
        for coded in _compressed(reference, protocol, point, low_delay):
            scorer = PictureScorer(coded)
            for name, network in networks.items():
                frames[name].append(scorer.score(coded.enhanced(network)))
        for name, done in frames.items():
            if done and isinstance(reference, ReferenceClip):
                scores[name].append(Score.of_clip(reference.name, done))
            else:
                scores[name] += done
        progress(f"{protocol}, {point}", number, len(pictures))
    for name, done in scores.items():
        if not done:
            raise InputError(
                f"{pictures.name} holds only gray pictures, and protocol {protocol} measures "
                "colour: give --protocol gray, or another folder."
            )
        yield QualityRow(protocol, name, point, tuple(done), ensemble)


def _compressed(
    reference: ReferencePicture | ReferenceClip,
    protocol: CodingProtocol,
    point: RatePoint,
    low_delay: bool,
) -> Iterable[CompressedPicture]:
    """A picture behind the encoder, or a clip's frames; nothing of gray ones in colour."""
    if isinstance(reference, ReferenceClip):
        return reference.compressed(protocol, point.value, point.codec, low_delay=low_delay)
    if reference.gray and protocol != CodingProtocol.GRAY:
        return []
    return [compress(reference, protocol, point.value, point.codec)]
