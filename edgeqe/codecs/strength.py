"""Strength: a codec, and its quantization step, the one number that every model understands.

JPEG states a table of steps, H.264 and its successors a quantization parameter (QP), AV1 and
WebP an index into a table, JPEG 2000 its rate. All become one *step*, in 8-bit sample
values. Models are written for a
step; sessions are kept per step rounded to 1/12 octave, which keeps whole QPs
exact, because a QP is 1/6 octave.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
import numpy.typing as npt

from edgeqe.codecs import av1, jpeg2000, webp
from edgeqe.errors import InputError, InputTypeError

#: Steps per octave at which sessions and strength tables are kept.
KEYS_PER_OCTAVE = 12

#: Codecs by the names that cards have for them, and the argument that states their strength; a
#: step states that of any.
STATED_BY = {
    "jpeg": "quality",
    "jpeg2000": "rate",
    "heif": "qp",
    "bpg": "qp",
    "h264": "qp",
    "hevc": "qp",
    "vvc": "qp",
    "av1": "qp",
    "avif": "qp",
    "webp": "quality",
}
#: Codec that an argument means unless the caller names one.
MEANS = {"quality": "jpeg", "qp": "hevc", "rate": "jpeg2000"}

#: Formats of still pictures, and the codec that their pictures are coded with.
STILLS = {"heif": "hevc", "bpg": "hevc", "avif": "av1"}

#: Luma table of ITU-T T.81, table K.1, in row order.
IJG_LUMA = (
    *(16, 11, 10, 16, 24, 40, 51, 61),
    *(12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56),
    *(14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77),
    *(24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101),
    *(72, 92, 95, 98, 112, 100, 103, 99),
)

#: Row-order positions of the zigzag entries 1 to 15 (ITU-T T.81, figure 5).
ZIGZAG_1_TO_15 = (1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5)


#: Weight of a table's own first entries beside the nearest IJG table's, in the logarithm of the step.
OWN_SHARE = 1 / 3
#: Root mean square of the entries below which a table's step is below 1: just below the IJG's of quality 97.
FINE_RMS = 4.0


def ijg_table(quality: int) -> tuple[int, ...]:
    """Luma quantization table of the IJG library at a quality.

    Parameters
    ----------
    quality : int
        1 to 100.

    Returns
    -------
    tuple of int, length 64
        Steps in row order, 1 to 255 (baseline tables).

    Raises
    ------
    InputError
        If the quality is not a whole number from 1 to 100.

    References
    ----------
    libjpeg, ``jcparam.c``, ``jpeg_quality_scaling``.
    """
    if isinstance(quality, bool) or not 1 <= quality <= 100 or quality != int(quality):
        raise InputError(f"quality {quality!r} is not a whole number from 1 to 100.")
    quality = int(quality)
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return tuple(min(255, max(1, (entry * percent + 50) // 100)) for entry in IJG_LUMA)


def step_from_table(table: Sequence[int]) -> float:
    """Step of a JPEG luma table: of an IJG table the geometric mean of its zigzag entries 1 to 15.

    Other tables rise less towards the high frequencies (MPEG's of FFmpeg, Photoshop's, flat ones), so
    that these entries alone make them seem up to four times as coarse as they are: edgeqe-small lost
    up to 2 dB at such steps. Their step is that mean to the power of a third times the mean of the
    nearest IJG table to the power of two thirds, within 0.25 dB of the best step for tables of all three kinds.

    The first entries of the finest tables are all 1, of quality 100 as of 98, which errs 2.6 times as much. Where the
    root of all entries' mean square is below `FINE_RMS`, its share of that is the step, below 1.

    Parameters
    ----------
    table : sequence of int, length 64
        Luma quantization table in row order, as Pillow gives it.

    Returns
    -------
    float
        Step in 8-bit sample values.

    Raises
    ------
    InputError
        If the table does not hold 64 positive entries.
    """
    if len(table) != 64 or min(table) < 1:
        raise InputError("a JPEG quantization table must hold 64 entries of at least 1.")
    rms = math.sqrt(sum(entry * entry for entry in table) / 64)
    if rms < FINE_RMS:
        return rms / FINE_RMS
    quality, distance = nearest_quality(table)
    if not distance:
        return _mean_of_first(table)
    nearest = step_from_quality(quality)
    return float(_mean_of_first(table) ** OWN_SHARE * nearest ** (1.0 - OWN_SHARE))


def _mean_of_first(table: Sequence[int]) -> float:
    """Geometric mean of the zigzag entries 1 to 15."""
    return math.exp(sum(math.log(table[i]) for i in ZIGZAG_1_TO_15) / 15)


def step_from_quality(quality: int) -> float:
    """Step of the IJG table at a JPEG quality from 1 to 100."""
    return step_from_table(ijg_table(quality))


def step_from_qp(qp: float) -> float:
    """Step of a quantization parameter of H.264 or its successors: ``2 ** ((qp - 4) / 6)``.

    Raises
    ------
    InputError
        If the QP is not from 0 to 63.
    """
    if not 0 <= qp <= 63:
        raise InputError(f"QP {qp!r} is not from 0 to 63.")
    return float(2.0 ** ((qp - 4) / 6))


def step_from_quantizer(quantizer: float) -> float:
    """Step of a quantizer of AV1 as libaom and SVT-AV1 count it, 0 to 63.

    Raises
    ------
    InputError
        If the quantizer is not from 0 to 63.
    """
    if not 0 <= quantizer <= av1.LARGEST_QUANTIZER:
        raise InputError(f"quantizer {quantizer!r} of AV1 is not from 0 to 63.")
    return av1.step_from_index(av1.index_from_quantizer(quantizer))


def step_from_webp_quality(quality: float) -> float:
    """Step of libwebp at a quality, 0 to 100, in evenly textured pictures.

    Raises
    ------
    InputError
        If the quality is not from 0 to 100.
    """
    if not 0 <= quality <= 100:
        raise InputError(f"quality {quality!r} of WebP is not from 0 to 100.")
    return webp.step_from_index(webp.index_from_quality(quality))


def step_from_rate(rate: float) -> float:
    """Step of JPEG 2000 at a rate, bits per pixel of a colour picture, 0.01 to 80.

    See `edgeqe.codecs.jpeg2000.step_from_rate`, which has gray pictures too.

    Raises
    ------
    InputError
        If the rate is not from 0.01 to 80.
    """
    if not 0.01 <= rate <= 80:
        raise InputError(f"rate {rate!r} is not from 0.01 to 80 bits per pixel.")
    return jpeg2000.step_from_rate(rate)


@dataclass(frozen=True)
class Strength:
    """How strongly a picture was compressed, and by what."""

    step: float
    """Quantization step, 8-bit sample values."""
    codec: str = ""
    """Empty where a step alone is given: whatever the model serves."""
    codec_from: str = ""
    """Argument that the codec follows from by `MEANS`; empty where it was named, or is not."""


def resolve_strength(
    *,
    quality: int | None = None,
    qp: float | None = None,
    rate: float | None = None,
    step: float | None = None,
    codec: str | None = None,
) -> Strength:
    """Strength from exactly one of the four ways to state it, and perhaps a codec.

    Parameters
    ----------
    quality : int, optional
        JPEG quality, 1 to 100; of codec ``webp`` libwebp's, 0 to 100.
    qp : float, optional
        Quantization parameter, 0 to 63, of HEVC or another codec of `STATED_BY`; of ``av1`` and
        ``avif`` the quantizer as libaom and SVT-AV1 count it.
    rate : float, optional
        Bits per pixel of JPEG 2000 in colour, 0.01 to 80; of a gray picture 2.5 times its rate.
    step : float, optional
        Quantization step of any codec, 8-bit sample values, above 0 and up to 4096.
    codec : str, optional
        What the picture was compressed with. If left out, `MEANS` of quality, QP and rate, and
        none in particular of a step.

    Raises
    ------
    InputTypeError
        If the one given is no number.
    InputError
        If none or several are given, the one given is out of range, or it is not how the
        codec states its strength.
    """
    ways = {"quality": quality, "qp": qp, "rate": rate, "step": step}
    given = [name for name, value in ways.items() if value is not None]
    if len(given) != 1:
        raise InputError(
            f"an array carries no strength: give exactly one of quality= (JPEG, 1 to 100), "
            f"qp= (HEVC, 0 to 63), rate= (JPEG 2000, bits per pixel) or step= (8-bit sample values); "
            f"got {given or 'none'}."
        )
    (way,) = given
    if not isinstance(ways[way], Real):
        raise InputTypeError(f"{way}={ways[way]!r} is no number.")
    if codec is not None and way != "step" and STATED_BY.get(codec) != way:
        raise InputError(
            f"{way}= does not go with codec {codec!r}: quality= goes with {_listed('quality')}, "
            f"qp= with {_listed('qp')}, rate= with {_listed('rate')}, step= with any codec."
        )
    if quality is not None:
        found = step_from_webp_quality(quality) if codec == "webp" else step_from_quality(quality)
    elif qp is not None:
        found = step_from_quantizer(qp) if codec in ("av1", "avif") else step_from_qp(qp)
    elif rate is not None:
        found = step_from_rate(rate)
    else:
        assert step is not None
        if not (math.isfinite(step) and 0.0 < step <= 4096.0):
            raise InputError(
                f"step {step!r} is not a number above 0 and up to 4096 (8-bit sample values)."
            )
        found = float(step)
    if codec is not None:
        return Strength(found, codec)
    return Strength(found, MEANS[way], way) if way in MEANS else Strength(found)


def resolve_if_given(
    *,
    quality: int | None = None,
    qp: float | None = None,
    rate: float | None = None,
    step: float | None = None,
    codec: str | None = None,
) -> Strength | None:
    """As `resolve_strength`, or None where a picture file shall say its own strength.

    Raises
    ------
    InputError
        If a codec is given without a strength, or as of `resolve_strength`.
    """
    if (quality, qp, rate, step) != (None, None, None, None):
        return resolve_strength(quality=quality, qp=qp, rate=rate, step=step, codec=codec)
    if codec is not None:
        stated = STATED_BY.get(codec, "step")
        raise InputError(
            f"codec {codec!r} says what a strength is of, and none is given: give "
            f"{stated}= (--{stated}) with it, or leave it out for the file's own strength."
        )
    return None


def _listed(way: str) -> str:
    """Codecs whose strength an argument states."""
    names = [codec for codec, stated in STATED_BY.items() if stated == way]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def coded_as(codec: str, served: Collection[str]) -> str:
    """Codec among those that a model serves that a codec's pictures are enhanced as.

    Itself, or the one that codes it, as HEVC does HEIF; empty where none is served.
    """
    return next((name for name in (codec, STILLS.get(codec, "")) if name in served), "")


def step_key(step: float) -> int:
    """Step as a whole number of 1/12 octaves: ``round(12 * log2(step))``."""
    return round(KEYS_PER_OCTAVE * math.log2(step))


@functools.cache
def _ijg_tables() -> npt.NDArray[np.int64]:
    """Tables of all qualities, a row each."""
    return np.array([ijg_table(quality) for quality in range(1, 101)])


def nearest_quality(table: Sequence[int]) -> tuple[int, float]:
    """IJG quality whose luma table is nearest, and its distance.

    Returns
    -------
    quality : int
        1 to 100.
    distance : float
        Mean absolute difference of the entries; above 0 for a custom table.
    """
    distances = np.abs(_ijg_tables() - np.asarray(table)).mean(axis=1)
    best = int(distances.argmin())
    return best + 1, float(distances[best])
