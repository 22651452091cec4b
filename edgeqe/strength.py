"""Strength: one number, the codec's quantization step, that every model understands.

JPEG states a table of steps, HEVC and VVC a quantization parameter (QP). Both
become one *step*, in grey levels of an 8-bit picture. Models are written for a
step; sessions are kept per step rounded to 1/12 octave, which keeps whole QPs
exact, because a QP is 1/6 octave.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edgeqe.errors import InputError

#: Steps per octave at which sessions and strength tables are kept.
KEYS_PER_OCTAVE = 12

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
    """Step of a JPEG luma table: geometric mean of its zigzag entries 1 to 15.

    Parameters
    ----------
    table : sequence of int, length 64
        Luma quantization table in row order, as Pillow gives it.

    Returns
    -------
    float
        Step in grey levels.

    Raises
    ------
    InputError
        If the table does not hold 64 positive entries.
    """
    if len(table) != 64 or min(table) < 1:
        raise InputError("a JPEG quantization table must hold 64 entries of at least 1.")
    return math.exp(sum(math.log(table[i]) for i in ZIGZAG_1_TO_15) / 15)


def step_from_quality(quality: int) -> float:
    """Step of the IJG table at a JPEG quality from 1 to 100."""
    return step_from_table(ijg_table(quality))


def step_from_qp(qp: float) -> float:
    """Step of an HEVC or VVC quantization parameter: ``2 ** ((qp - 4) / 6)``.

    Raises
    ------
    InputError
        If the QP is not from 0 to 63.
    """
    if not 0 <= qp <= 63:
        raise InputError(f"QP {qp!r} is not from 0 to 63.")
    return float(2.0 ** ((qp - 4) / 6))


def resolve_step(
    *, quality: int | None = None, qp: float | None = None, step: float | None = None
) -> float:
    """Step from exactly one of the three ways to state a strength.

    Raises
    ------
    InputError
        If none or several are given, or the one given is out of range.
    """
    given = [name for name, value in (("quality", quality), ("qp", qp), ("step", step))
             if value is not None]  # fmt: skip
    if len(given) != 1:
        raise InputError(
            f"an array carries no strength: give exactly one of quality= (JPEG, 1 to 100), "
            f"qp= (HEVC or VVC, 0 to 63) or step= (grey levels); got {given or 'none'}."
        )
    if quality is not None:
        return step_from_quality(quality)
    if qp is not None:
        return step_from_qp(qp)
    assert step is not None
    if not (math.isfinite(step) and 0.0 < step <= 4096.0):
        raise InputError(f"step {step!r} is not a number of grey levels above 0 and up to 4096.")
    return float(step)


def step_key(step: float) -> int:
    """Step as a whole number of 1/12 octaves: ``round(12 * log2(step))``."""
    return round(KEYS_PER_OCTAVE * math.log2(step))


def nearest_quality(table: Sequence[int]) -> tuple[int, float]:
    """IJG quality whose luma table is nearest, and its distance.

    Returns
    -------
    quality : int
        1 to 100.
    distance : float
        Mean absolute difference of the entries; above 0 for a custom table.
    """
    tables = np.array([ijg_table(quality) for quality in range(1, 101)])
    distances = np.abs(tables - np.asarray(table)).mean(axis=1)
    best = int(distances.argmin())
    return best + 1, float(distances[best])
