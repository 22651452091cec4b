"""How strongly a picture file was compressed: as it says itself, or as the caller does."""

from __future__ import annotations

from dataclasses import dataclass

from edgeqe.codecs.coded import Scale
from edgeqe.codecs.strength import Strength
from edgeqe.errors import ImageError
from edgeqe.files.reading import PictureFile


@dataclass(frozen=True)
class StatedStrength:
    """A strength, and how its codec counts it."""

    strength: Strength
    scale: str
    """A value of `Scale`, or empty where a step was given."""
    number: float | None
    """The strength on that scale."""
    exact: bool = True
    """Whether `number` says it all: not for a JPEG with a table of its own."""

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
        "to 63) or --rate (JPEG 2000, bits per pixel); in Python quality=, qp=, rate= or step=."
    )
    if coded is None:
        raise ImageError(f"{file.name} carries no strength: {how}")
    if coded.lossless:
        raise ImageError(
            f"{file.name} is coded without loss, so it carries no strength: if it was compressed "
            f"before, {how}"
        )
    return StatedStrength(
        Strength(coded.step, coded.codec), coded.scale.value, coded.number, coded.exact
    )
