"""Quality of lossy output: the caller's, or one that follows the strength of the input.

An enhanced JPEG that is coded with the tables that it had loses its gain again, and at quality 95
it grows sevenfold. With steps a sixth as wide as the input's it has about twice the input's bytes at
every quality from 10 to 75 and keeps 0.7 to 0.8 of the gain (measured on photographs, in 4:2:0).
"""

from __future__ import annotations

from typing import Any

from edgeqe.codecs.strength import step_from_quality
from edgeqe.errors import InputError

#: Quality of JPEG output where nothing is known of the input.
JPEG_QUALITY = 95
#: The input's quantization step in those of the output.
FINER = 6.0
#: Formats that can be lossy.
LOSSY = ("JPEG", "WEBP")
#: Effort of lossless WebP, 0 to 6 and 0 to 100: a tenth of the time of libwebp's own, 4 and 80, for
#: 7 % more bytes (measured on photographs).
WEBP_METHOD, WEBP_EFFORT = 1, 20


def check_quality(quality: int | None, target: str, name: str) -> None:
    """Refuse a quality that is out of range, or of a format that has none.

    Parameters
    ----------
    quality : int, optional
    target : str
        Format, one of `writing.FORMATS`.
    name : str
        Of the output, for the message.

    Raises
    ------
    InputError
    """
    if quality is None:
        return
    if type(quality) is not int or not 1 <= quality <= 100:
        raise InputError(f"output quality {quality!r} is not a whole number from 1 to 100.")
    if target not in LOSSY:
        raise InputError(
            f"{name}: an output quality is of JPEG and WebP, and {target} is lossless: leave it out, "
            "or write .jpg or .webp."
        )


def quality_of(target: str, asked: int | None, step: float | None) -> int | None:
    """Quality that a file is written with; None for a lossless one.

    Parameters
    ----------
    target : str
        Format.
    asked : int, optional
        What the caller gave.
    step : float, optional
        Quantization step of the input, 8-bit sample values.
    """
    if asked is not None or target != "JPEG":
        return asked
    if step is None:
        return JPEG_QUALITY
    fine = (quality for quality in range(1, 101) if step_from_quality(quality) * FINER <= step)
    return next(fine, 100)


def webp_options(quality: int | None) -> dict[str, Any]:
    """Pillow's options of a WebP; without a quality it is lossless."""
    if quality is not None:
        return {"quality": quality}
    return {"lossless": True, "exact": True, "method": WEBP_METHOD, "quality": WEBP_EFFORT}
