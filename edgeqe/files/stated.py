"""How strongly a picture file was compressed: as it says, as its pixels do, or as the caller does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeqe.codecs.coded import Scale
from edgeqe.codecs.strength import Strength
from edgeqe.errors import ImageError
from edgeqe.estimation import FACTOR, StrengthEstimate, estimate_strength
from edgeqe.files.picture import Picture
from edgeqe.files.reading import PictureFile
from edgeqe.views.colour import RGB_TO_YCC


@dataclass(frozen=True)
class StatedStrength:
    """A strength, and how its codec counts it."""

    strength: Strength
    scale: str
    """A value of `Scale`, or empty where a step was given."""
    number: float | None
    """The strength on that scale."""
    exact: bool = True
    """Whether `number` says it all: not for a JPEG with a table of its own, nor for an estimate."""
    origin: str = "argument"
    """``argument``, ``file`` of a file's headers, or ``pixels`` of an estimate."""

    @property
    def quality(self) -> int | None:
        """Quality, of codecs that count so."""
        return round(self.number) if self.number is not None and self.scale == "quality" else None


def strength_given(
    strength: Strength, *, quality: int | None, qp: float | None, rate: float | None
) -> StatedStrength:
    """Strength of a caller who gave at most one of these, or a step."""
    for scale, number in ((Scale.QUALITY, quality), (Scale.QP, qp), (Scale.RATE, rate)):
        if number is not None:
            return StatedStrength(strength, scale.value, float(number))
    return StatedStrength(strength, "", None)


def strength_in(file: PictureFile) -> StatedStrength:
    """Strength that a file's own headers say.

    Raises
    ------
    ImageError
        If they say none, are damaged, or say that nothing was lost.
    """
    coded = file.strength
    how = (
        "give the setting that it was compressed with, --quality (JPEG, 1 to 100), --qp (HEVC, 0 "
        "to 63) or --rate (JPEG 2000, bits per pixel), and --codec for another one; in Python quality=, qp=, "
        "rate= or step=, and codec=."
    )
    if coded is None:
        raise ImageError(f"{file.name} carries no strength: {how}")
    if coded.lossless:
        raise ImageError(
            f"{file.name} is coded without loss, so it carries no strength: if it was compressed "
            f"before, {how}"
        )
    return StatedStrength(
        Strength(coded.step, coded.codec), coded.scale.value, coded.number, coded.exact, "file"
    )


def strength_shown(file: PictureFile, picture: Picture) -> tuple[StatedStrength, StrengthEstimate]:
    """Strength that a picture's pixels show; the headers' own where they show no coarser coding.

    Parameters
    ----------
    file : PictureFile
    picture : Picture
        Decoded from it.

    Raises
    ------
    ImageError
        If pixels and headers say none.
    """
    # of planes too by way of RGB, whose rounding the estimate counts on: luma as coded shows the last
    # of two codings on one grid alone
    luma = picture.pixels()
    luma = luma if luma.ndim == 2 else luma @ RGB_TO_YCC[0]
    estimate = estimate_strength(luma if picture.bit_depth == 8 else luma / np.float32(257.0))
    coded, found = file.strength, estimate.coding
    told = coded.step if coded is not None and not coded.lossless else None
    if found is not None and (told is None or told * FACTOR < found.step):
        number = float(found.quality)
        return StatedStrength(
            Strength(found.step, "jpeg"), Scale.QUALITY.value, number, False, "pixels"
        ), estimate
    if told is not None:
        return strength_in(file), estimate
    seen = "show no coding as JPEG"
    if estimate.codings:
        best = estimate.codings[0]
        seen = f"show JPEG quality {best.quality} with a confidence of {best.confidence:.2f} only"
    raise ImageError(
        f"{file.name}: its pixels {seen}: it was not compressed, or scaled or filtered since; leave "
        "it, or give --quality, --qp or --rate."
    )
