"""A point of a codec's rate-quality curve: the codec, and the strength that its encoder is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgeqe.codecs.strength import MEANS, STATED_BY, resolve_strength
from edgeqe.coding.coder import CODECS, coder
from edgeqe.errors import InputError

#: Largest QP of 8-bit samples where it is below the 63 of VVC and AV1.
LARGEST_QP = {"h264": 51, "hevc": 51, "bpg": 51}
#: Names of codecs in words.
_NAMES = {
    "jpeg": "JPEG",
    "jpeg2000": "JPEG 2000",
    "webp": "WebP",
    "h264": "H.264",
    "hevc": "HEVC",
    "bpg": "BPG",
    "av1": "AV1",
    "avif": "AVIF",
    "vvc": "VVC",
}


def codec_in_words(codec: str) -> str:
    """Name of a codec as text has it, such as ``JPEG 2000``; one that is not known as it is."""
    return _NAMES.get(codec, codec)


def unit_in_words(codec: str) -> str:
    """What states a codec's strength, as text has it: ``quality``, ``QP`` or ``rate``."""
    unit = STATED_BY.get(codec, "strength")
    return "QP" if unit == "qp" else unit


def point_in_words(codec: str, value: float) -> str:
    """Codec and strength as text has them, such as ``HEVC QP 32``."""
    return f"{codec_in_words(codec)} {unit_in_words(codec)} {value:g}"


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
        _known(self.codec)
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
        return point_in_words(self.codec, self.value)


def _known(codec: str) -> str:
    """Codec as it is, if it has an encoder."""
    if codec not in CODECS:
        raise InputError(f"codec {codec!r} is not known: give one of {', '.join(CODECS)}.")
    return codec


def asked_points(
    codec: str | None, given: Mapping[str, Sequence[float]], usual: Sequence[float]
) -> tuple[RatePoint, ...]:
    """Points that are measured, each once, all of one codec.

    Parameters
    ----------
    codec : str, optional
        If left out, what the given unit means: ``jpeg``, ``hevc`` or ``jpeg2000``.
    given : mapping of str to sequence of float
        Strengths by their unit, ``quality``, ``qp`` and ``rate``; most are empty.
    usual : sequence of float
        JPEG's if none is given; other codecs have those of their encoder.

    Raises
    ------
    InputError
        If strengths of several units are given, the unit is not the codec's, or as of `RatePoint`.
    """
    units = [unit for unit, values in given.items() if values]
    if len(units) > 1:
        raise InputError(
            f"one codec is measured at a time: give --{units[0]} or --{units[1]}, not both."
        )
    codec = _known(codec or (MEANS[units[0]] if units else "jpeg"))
    if units and units[0] != STATED_BY[codec]:
        raise InputError(f"--{units[0]} does not go with codec {codec}: give --{STATED_BY[codec]}.")
    values = given[units[0]] if units else usual
    if not units and codec != "jpeg":
        values = coder(codec).points
    return tuple(RatePoint(codec, value) for value in dict.fromkeys(values))
