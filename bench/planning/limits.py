"""Limits as people state them, ``0.15bpp``, ``200KiB`` or seconds, as exact whole numbers."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from edgeqe.bench.planning.tables import PlanLimits
from edgeqe.engine.memory import parse_size
from edgeqe.errors import InputError

__all__ = ["parse_rate", "plan_limits"]

_RATE = re.compile(r"\s*(\d{1,9}(?:\.\d{1,18})?)\s*bpp\s*", re.IGNORECASE | re.ASCII)


def parse_rate(size_limit: int | str) -> Fraction | None:
    """Bits a pixel of ``0.15bpp``; None of a size in bytes, which is checked.

    Raises
    ------
    InputError
        If it is neither.
    """
    if isinstance(size_limit, str) and (match := _RATE.fullmatch(size_limit)):
        return Fraction(match[1])
    try:
        parse_size(size_limit)
    except InputError as error:
        raise InputError(
            f"size limit {size_limit!r} is no size: write bits a pixel, such as 0.15bpp, or bytes, such "
            "as 200KiB."
        ) from error
    return None


def plan_limits(size_limit: int | str, time_limit: float, pixels: int) -> PlanLimits:
    """Limits for pictures of so many pixels in all.

    Parameters
    ----------
    size_limit : int or str
        Of all coded files: bits a pixel, ``"0.15bpp"``, or bytes, ``"200KiB"``.
    time_limit : float
        Of the networks on all pictures, seconds, 0 or more.
    pixels : int
        Of all pictures.

    Raises
    ------
    InputError
        If one is none.
    """
    if not 0 <= time_limit < math.inf:
        raise InputError(f"time limit {time_limit!r} is not a number of seconds, 0 or more.")
    microseconds = int(Fraction(repr(float(time_limit))) * 10**6)
    rate = parse_rate(size_limit)
    if rate is None:
        return PlanLimits(parse_size(size_limit), microseconds)
    return PlanLimits(math.floor(rate * pixels / 8), microseconds, pixels)
