"""A point of a codec's rate-quality curve: the codec, and the strength that its encoder is given."""

from __future__ import annotations

from dataclasses import dataclass

from edgeqe.codecs.strength import STATED_BY, resolve_strength
from edgeqe.coding.coder import CODECS
from edgeqe.errors import InputError

#: Largest QP of 8-bit samples where it is below the 63 of VVC and AV1.
LARGEST_QP = {"h264": 51, "hevc": 51}
#: Names of codecs in words.
_NAMES = {
    "jpeg": "JPEG",
    "jpeg2000": "JPEG 2000",
    "webp": "WebP",
    "h264": "H.264",
    "hevc": "HEVC",
    "av1": "AV1",
    "avif": "AVIF",
    "vvc": "VVC",
}


def codec_in_words(codec: str) -> str:
    """Name of a codec as text has it, such as ``JPEG 2000``."""
    return _NAMES[codec]


@dataclass(frozen=True)
class RatePoint:
    """Codec and strength, checked.

    Parameters
    ----------
    codec : str
        One of `edgeqe.coding.CODECS`.
    value : float
        IJG or libwebp's quality, QP, or rate in bits per pixel, as `unit` has it.

    Raises
    ------
    InputError
        If there is no encoder of the codec, or it has no such strength.
    """

    codec: str
    value: float

    def __post_init__(self) -> None:
        """Refuse what no encoder takes."""
        if self.codec not in CODECS:
            raise InputError(f"codec {self.codec!r} is not known: give one of {', '.join(CODECS)}.")
        resolve_strength(**{self.unit: self.value}, codec=self.codec)  # type: ignore[arg-type]
        if self.unit == "qp":
            largest = LARGEST_QP.get(self.codec, 63)
            if self.value != int(self.value) or self.value > largest:
                raise InputError(
                    f"QP {self.value:g} of {self.codec} is not a whole number from 0 to {largest}."
                )

    @property
    def unit(self) -> str:
        """What states the strength: ``quality``, ``qp`` or ``rate``."""
        return STATED_BY[self.codec]

    def __str__(self) -> str:
        unit = {"qp": "QP"}.get(self.unit, self.unit)
        return f"{codec_in_words(self.codec)} {unit} {self.value:g}"
