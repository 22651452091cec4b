"""Bjontegaard deltas: bits that a network saves at equal quality, decibels at equal bits.

A codec's curve is its quality over the logarithm of its rate. The deltas are the mean
distance of two curves, along the rate or along the quality, where both have values.
Enhancement costs no bits: before and after, a picture has the rate of its coded file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from edgeqe.bench.quality import QualityRow, Score
from edgeqe.errors import InputError
from edgeqe.protocols import CodingProtocol

Float64 = npt.NDArray[np.float64]

#: Points of a curve, as in the common test conditions; fewer leave too much to the
#: interpolation.
LEAST_POINTS = 4


def bd_rate(
    rate_a: npt.ArrayLike, dist_a: npt.ArrayLike, rate_b: npt.ArrayLike, dist_b: npt.ArrayLike
) -> float:
    """Mean difference of rate of curve b to curve a, at equal quality.

    Parameters
    ----------
    rate_a, rate_b : array_like, shape (N,)
        Rates above 0, in one unit, such as bits per pixel. Four points or more, in any
        order; the curves may have different numbers of points.
    dist_a, dist_b : array_like, shape (N,)
        Quality at these rates, such as PSNR in dB: higher is better, and it must rise
        with the rate.

    Returns
    -------
    float
        In percent: -10 says that b needs 10 % fewer bits than a.

    Raises
    ------
    InputError
        If a curve has fewer than four points, values that are not finite, a rate that is
        not above 0, or a quality that does not rise with the rate; or if the two have no
        range of quality in common.
    ImportError
        If scipy is not installed.

    Notes
    -----
    VCEG-M33 put one cubic through the four points, and that can swing between them. Here
    it is a monotone piecewise cubic (PCHIP) in the natural logarithm of the rate, as the
    common test conditions of HEVC and VVC compute it. Nothing is extrapolated, so curves
    that overlap little are compared on little.

    References
    ----------
    G. Bjontegaard, "Calculation of average PSNR differences between RD-curves", ITU-T
    SG16 Q.6, VCEG-M33, 2001.

    F. Bossen et al., "VTM common test conditions and software reference configurations
    for SDR video", JVET-T2010, 2020.

    "Working practices using objective metrics for evaluation of video coding efficiency
    experiments", ITU-T technical paper HSTP-VID-WPOM, 2020.
    """
    a, b = _curve("a", rate_a, dist_a), _curve("b", rate_b, dist_b)
    lowest, highest = _shared("quality", a.dist, b.dist)
    gap = _mean_gap((a.dist, np.log(a.rate)), (b.dist, np.log(b.rate)), lowest, highest)
    return 100 * math.expm1(gap)


def bd_psnr(
    rate_a: npt.ArrayLike, dist_a: npt.ArrayLike, rate_b: npt.ArrayLike, dist_b: npt.ArrayLike
) -> float:
    """Mean difference of quality of curve b to curve a, at equal rate.

    Parameters
    ----------
    rate_a, dist_a, rate_b, dist_b : array_like, shape (N,)
        Two curves, as `bd_rate` takes them.

    Returns
    -------
    float
        In the unit of the quality, dB for PSNR: 1 says that b is 1 dB better than a.

    Raises
    ------
    InputError
        If a curve is none that `bd_rate` takes, or if the two have no range of rates in
        common.
    ImportError
        If scipy is not installed.

    Notes
    -----
    The mean is over the logarithm of the rate, with the interpolation and the sources of
    `bd_rate`.
    """
    a, b = _curve("a", rate_a, dist_a), _curve("b", rate_b, dist_b)
    lowest, highest = np.log(_shared("rates", a.rate, b.rate))
    return _mean_gap((np.log(a.rate), a.dist), (np.log(b.rate), b.dist), lowest, highest)


class _Curve(NamedTuple):
    """Points by rising rate, which is by rising quality too."""

    rate: Float64
    dist: Float64


def _curve(name: str, rate: npt.ArrayLike, dist: npt.ArrayLike) -> _Curve:
    rates, dists = np.asarray(rate, np.float64), np.asarray(dist, np.float64)
    if rates.ndim != 1 or rates.shape != dists.shape or rates.size < LEAST_POINTS:
        raise InputError(
            f"curve {name} has rates of shape {rates.shape} and qualities of shape {dists.shape}: "
            f"give one rate and one quality a point, for {LEAST_POINTS} points or more."
        )
    wrong = np.flatnonzero(~(np.isfinite(rates) & np.isfinite(dists) & (rates > 0)))
    if wrong.size:
        raise InputError(
            f"curve {name} has quality {dists[wrong[0]]} at rate {rates[wrong[0]]}: "
            "give finite values, and rates above 0."
        )
    order = np.argsort(rates)
    rates, dists = rates[order], dists[order]
    flat = np.flatnonzero((np.diff(rates) <= 0) | (np.diff(dists) <= 0))
    if flat.size:
        low, high = flat[0], flat[0] + 1
        raise InputError(
            f"curve {name} has quality {dists[low]} at rate {rates[low]} and "
            f"{dists[high]} at rate {rates[high]}: a curve's quality must rise with its rate."
        )
    return _Curve(rates, dists)


def _shared(what: str, a: Float64, b: Float64) -> tuple[float, float]:
    """Range that two rising series have in common."""
    lowest, highest = max(a[0], b[0]), min(a[-1], b[-1])
    if lowest >= highest:
        raise InputError(
            f"the curves have no range of {what} in common: a has {a[0]} to {a[-1]}, "
            f"b has {b[0]} to {b[-1]}: measure points whose ranges overlap."
        )
    return float(lowest), float(highest)


def _mean_gap(
    a: tuple[Float64, Float64], b: tuple[Float64, Float64], lowest: float, highest: float
) -> float:
    """Mean of b less a over a range of x, each curve given as its x and y."""
    from scipy.interpolate import PchipInterpolator  # half a second that help need not wait

    areas = [float(PchipInterpolator(x, y).integrate(lowest, highest)) for x, y in (a, b)]
    return (areas[1] - areas[0]) / (highest - lowest)


@dataclass(frozen=True)
class Bd:
    """One model's deltas to a codec itself in one protocol, by one measure of quality."""

    protocol: CodingProtocol
    model: str
    measure: str
    """``psnr``, or ``y_psnr`` of luma in the protocols of colour."""

    codec: str
    """The codec whose curve is compared with."""

    values: tuple[float, ...]
    """Strengths of the curves' points, rising."""

    rate_percent: float | None
    """Mean of the pictures' BD-rates, negative where bits are saved; None without pictures."""

    psnr_db: float | None
    """Mean of the pictures' BD-PSNRs, positive for better ones; None without pictures."""

    rates_percent: Mapping[str, float]
    """BD-rate of each picture or clip that the means are of, by its name."""

    left_out: tuple[str, ...]
    """Names of the pictures whose curves cannot be compared."""

    @property
    def worst(self) -> str:
        """Name of the picture with the largest BD-rate; empty without pictures."""
        return max(self.rates_percent, key=lambda name: self.rates_percent[name], default="")

    def to_dict(self) -> dict[str, Any]:
        """Deltas as plain values for a report."""
        return {
            "protocol": self.protocol.value,
            "model": self.model,
            "measure": self.measure,
            "codec": self.codec,
            "values": list(self.values),
            "bd_rate_percent": self.rate_percent,
            "bd_psnr_db": self.psnr_db,
            "pictures": len(self.rates_percent),
            "worst_picture": self.worst or None,
            "worst_bd_rate_percent": self.rates_percent.get(self.worst),
            "bd_rates_percent": dict(self.rates_percent),
            "left_out": list(self.left_out),
        }


def deltas(rows: Sequence[QualityRow]) -> list[Bd]:
    """Deltas of each model to the codec itself, over all strengths that it was measured at.

    Both deltas are computed for every picture by itself and averaged over the pictures, as
    common test conditions average over sequences; the delta of the mean curve would be
    another figure. A picture is left out, and named, where its curves cannot be compared:
    a quality that does not rise with the rate, such as an exact JPEG's at the PSNR ceiling,
    or no quality in common.

    Parameters
    ----------
    rows : sequence of QualityRow
        Of one codec and of any protocols, models and strengths, in any order; the rows of one
        protocol and model are of the same pictures.

    Returns
    -------
    list of Bd
        By protocol and model, in the order of their first rows: ``psnr``, and in the
        protocols of colour ``y_psnr`` after it. Nothing of a model with fewer than four strengths.

    Raises
    ------
    ImportError
        If there is something to compare and scipy is not installed.
    """
    groups: dict[tuple[CodingProtocol, str], dict[float, QualityRow]] = {}
    for row in rows:
        groups.setdefault((row.protocol, row.model), {})[row.point.value] = row
    found = []
    for (protocol, _), by_value in groups.items():
        if len(by_value) < LEAST_POINTS:
            continue
        measured = [by_value[value] for value in sorted(by_value)]
        measures = ("psnr",) if protocol == CodingProtocol.GRAY else ("psnr", "y_psnr")
        found += [_over_pictures(measured, measure) for measure in measures]
    return found


def _over_pictures(rows: Sequence[QualityRow], measure: str) -> Bd:
    """Mean deltas of one model's rows, one row a strength."""
    rates: dict[str, float] = {}
    gains, left_out = [], []
    for scores in zip(*(row.scores for row in rows), strict=True):
        before, after = _curves(scores, measure)
        try:
            picture = bd_rate(*before, *after), bd_psnr(*before, *after)
        except InputError:
            left_out.append(scores[0].name)
            continue
        rates[scores[0].name] = picture[0]
        gains.append(picture[1])
    return Bd(
        protocol=rows[0].protocol,
        model=rows[0].model,
        measure=measure,
        codec=rows[0].point.codec,
        values=tuple(row.point.value for row in rows),
        rate_percent=float(np.mean(list(rates.values()))) if rates else None,
        psnr_db=float(np.mean(gains)) if gains else None,
        rates_percent=rates,
        left_out=tuple(left_out),
    )


def _curves(scores: Sequence[Score], measure: str) -> list[tuple[list[float], list[float]]]:
    """One picture's points before and after enhancement, each as rates and qualities."""
    bits = [score.bits_per_pixel for score in scores]
    return [(bits, [getattr(score, measure)[index] for score in scores]) for index in (0, 1)]
