"""Bjontegaard deltas against published figures, the bjontegaard package and closed forms."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from edgeqe.bench.bd import Bd, bd_psnr, bd_rate, deltas
from edgeqe.bench.entries import plain
from edgeqe.bench.quality import PSNR_CEILING, QualityRow, Score
from edgeqe.coding import RatePoint
from edgeqe.errors import InputError
from edgeqe.protocols import CodingProtocol

Points = tuple[Sequence[float], Sequence[float]]

RATES = (0.2, 0.4, 0.8, 1.6)
PSNRS = (30.0, 33.0, 35.5, 37.0)

#: Anchor, test and BD-rate of the workbook in JCTVC-E137-v1.zip, which interpolates
#: piecewise; as quoted by VMAF's python/test/bd_rate_calculator_test.py.
JCTVC_E137 = [
    (
        ((108048.8736, 61279.976, 33905.6656, 18883.6928), (43.6471, 40.3953, 37.247, 34.2911)),
        ((108061.2784, 61299.9936, 33928.7472, 18910.912), (43.6768, 40.4232, 37.2761, 34.3147)),
        -0.465215420752807,
    ),
    (
        ((40433.8848, 7622.7456, 2394.488, 1017.6184), (37.5761, 35.3756, 33.8977, 32.0603)),
        ((40370.12, 7587.0024, 2390.0944, 1017.0984), (37.5982, 35.4025, 33.9194, 32.0822)),
        -1.8779823450567612,
    ),
]


def curve(points: int, rng: np.random.Generator) -> Points:
    """Points that rise in uneven steps, from about 0.25 bits per pixel and 30 dB on."""
    rates = rng.uniform(0.1, 0.2) * np.cumprod(rng.uniform(1.2, 2.5, points))
    psnrs = rng.uniform(27, 29) + np.cumsum(rng.uniform(0.3, 3.0, points))
    return rates.tolist(), psnrs.tolist()


@pytest.mark.parametrize(("anchor", "test", "percent"), JCTVC_E137)
def test_bd_rate_is_the_published_one(anchor: Points, test: Points, percent: float) -> None:
    # Published to 15 digits. A single cubic, as in VCEG-M33, gives -0.464 and -1.910.
    assert bd_rate(*anchor, *test) == pytest.approx(percent, rel=1e-9)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("points_a", "points_b"), [(4, 4), (6, 6), (5, 9)])
def test_both_deltas_are_those_of_the_bjontegaard_package(
    points_a: int, points_b: int, seed: int
) -> None:
    package = pytest.importorskip("bjontegaard")
    rng = np.random.default_rng(seed)
    a, b = curve(points_a, rng), curve(points_b, rng)
    options = {"method": "pchip", "require_matching_points": False, "min_overlap": 0}
    # The same interpolation, in another order of float64 and another base of the
    # logarithm: far inside the 0.01 % that is asked for.
    assert bd_rate(*a, *b) == pytest.approx(package.bd_rate(*a, *b, **options), rel=1e-9)
    assert bd_psnr(*a, *b) == pytest.approx(package.bd_psnr(*a, *b, **options), rel=1e-9)


def test_half_the_rate_at_equal_quality_is_minus_50_percent() -> None:
    halved = [rate / 2 for rate in RATES]
    assert bd_rate(RATES, PSNRS, halved, PSNRS) == pytest.approx(-50, abs=1e-9)
    assert bd_rate(halved, PSNRS, RATES, PSNRS) == pytest.approx(100, abs=1e-9)


def test_a_curve_that_lies_1_db_higher_has_1_db() -> None:
    higher = [psnr + 1 for psnr in PSNRS]
    assert bd_psnr(RATES, PSNRS, RATES, higher) == pytest.approx(1, abs=1e-9)
    assert bd_psnr(RATES, higher, RATES, PSNRS) == pytest.approx(-1, abs=1e-9)


def test_lines_of_unlike_slope_have_the_mean_gap_of_their_overlap() -> None:
    # A monotone piecewise cubic keeps a line. a: 30 dB at rate 1 and 3 dB an octave;
    # b: 31 dB at rate 1 and 4 dB an octave, from an octave below to an octave less.
    octaves = np.arange(5.0)
    a = 2**octaves, 30 + 3 * octaves
    b = 2 ** (octaves - 1), 31 + 4 * (octaves - 1)
    # Octaves 0 to 3 are common. There b is 1 to 1 + 3 dB higher, 2.5 dB in the mean.
    assert bd_psnr(*a, *b) == pytest.approx(2.5, abs=1e-9)
    # 30 to 42 dB are common. At q dB, a has octave (q - 30) / 3, b has (q - 31) / 4: the
    # gap falls evenly from -1/4 to 11/4 - 4, and its mean is -3/4 octaves.
    assert bd_rate(*a, *b) == pytest.approx(100 * (2**-0.75 - 1), abs=1e-9)


def test_the_order_of_the_points_is_free() -> None:
    a, b = curve(6, np.random.default_rng(11)), curve(6, np.random.default_rng(12))
    order = [3, 0, 5, 1, 4, 2]
    shuffled = tuple([series[index] for index in order] for series in b)
    assert bd_rate(*a, *shuffled) == bd_rate(*a, *b)
    assert bd_psnr(*a, *shuffled) == bd_psnr(*a, *b)


@pytest.mark.parametrize(
    ("rates", "psnrs", "message"),
    [
        (RATES[:3], PSNRS[:3], r"curve b .*\(3,\).*\(3,\).*4 points or more"),
        (RATES, PSNRS[:3], r"curve b .*\(4,\).*\(3,\).*one rate and one quality"),
        ([RATES], [PSNRS], r"curve b .*\(1, 4\)"),
        ((0.0, *RATES[1:]), PSNRS, "curve b has quality 30.0 at rate 0.0.*rates above 0"),
        (RATES, (*PSNRS[:3], math.inf), "curve b has quality inf at rate 1.6.*finite"),
        (RATES, (*PSNRS[:3], math.nan), "curve b has quality nan at rate 1.6.*finite"),
        (RATES, (30, 33, 32.5, 37), "curve b has quality 33.0 at rate 0.4 and 32.5 at rate 0.8"),
        (RATES, (30, 33, 33, 37), "quality 33.0 at rate 0.4 and 33.0 at rate 0.8"),
        ((0.2, 0.4, 0.4, 1.6), PSNRS, "quality 33.0 at rate 0.4 and 35.5 at rate 0.4"),
    ],
)
def test_what_is_no_curve_is_refused_with_its_values(
    rates: npt.ArrayLike, psnrs: npt.ArrayLike, message: str
) -> None:
    for delta in (bd_rate, bd_psnr):
        with pytest.raises(InputError, match=message):
            delta(RATES, PSNRS, rates, psnrs)


def test_curves_that_share_no_range_are_refused() -> None:
    # The highest of a is the lowest of b: one point is no range.
    above = [psnr + 7 for psnr in PSNRS]
    with pytest.raises(InputError, match="quality in common: a has 30.0 to 37.0, b has 37.0"):
        bd_rate(RATES, PSNRS, RATES, above)
    assert bd_psnr(RATES, PSNRS, RATES, above) == pytest.approx(7)
    beyond = [rate * 8 for rate in RATES]
    with pytest.raises(InputError, match="rates in common: a has 0.2 to 1.6, b has 1.6"):
        bd_psnr(RATES, PSNRS, beyond, PSNRS)


def score(name: str, bits: float, before: float, after: float, luma: float = 0.0) -> Score:
    """Score with a PSNR before and after, and a luma PSNR that gains `luma` more."""
    y = (before + 1, after + 1 + luma)
    return Score(name, (before, after), y, (0.5, 0.6), (before, after), bits, 10.0)


def measured(
    gains: dict[str, float], protocol: str = "gray", model: str = "m", luma: float = 0.0
) -> list[QualityRow]:
    """Rows of four qualities; each picture gains the same at every quality."""
    return [
        QualityRow(
            CodingProtocol(protocol),
            model,
            RatePoint("jpeg", quality),
            tuple(score(name, bits, psnr, psnr + gain, luma) for name, gain in gains.items()),
        )
        for quality, bits, psnr in zip((10, 20, 40, 80), RATES, PSNRS, strict=True)
    ]


def test_deltas_are_means_over_the_pictures() -> None:
    (found,) = deltas(measured({"a": 0.5, "b": 1.5}))
    assert (found.protocol, found.model, found.measure) == ("gray", "m", "psnr")
    assert (found.codec, found.values, found.left_out) == ("jpeg", (10, 20, 40, 80), ())
    assert found.psnr_db == pytest.approx(1.0, abs=1e-9)
    assert found.worst == "a"  # the one that gains less
    each = [bd_rate(RATES, PSNRS, RATES, [psnr + gain for psnr in PSNRS]) for gain in (0.5, 1.5)]
    # The rate is not linear in the gain: the mean curve has another delta.
    assert found.rate_percent == pytest.approx(sum(each) / 2, abs=1e-9)
    assert found.rates_percent == pytest.approx({"a": each[0], "b": each[1]}, abs=1e-9)
    mean_curve = bd_rate(RATES, PSNRS, RATES, [psnr + 1 for psnr in PSNRS])
    assert found.rate_percent != pytest.approx(mean_curve, abs=0.01)


def test_an_unchanged_picture_has_no_delta() -> None:
    (found,) = deltas(measured({"a": 0.0}))
    assert (found.rate_percent, found.psnr_db) == (0.0, 0.0)


def test_each_model_and_protocol_by_itself_and_luma_in_colour() -> None:
    rows = [
        *measured({"a": 1.0}, "gray", "one"),
        *measured({"a": 2.0}, "gray", "two"),
        *measured({"a": 1.0}, "planes", "one", luma=0.25),
        *measured({"a": 1.0}, "rgb", "one", luma=0.5),
    ]
    # A bench measures quality by quality, its models in turn: the rows come mixed.
    rows.sort(key=lambda row: -row.point.value)
    found = {(bd.protocol, bd.model, bd.measure): bd for bd in deltas(rows)}
    gains = {key: bd.psnr_db for key, bd in found.items()}
    assert gains == pytest.approx(
        {
            ("gray", "one", "psnr"): 1.0,
            ("gray", "two", "psnr"): 2.0,
            ("planes", "one", "psnr"): 1.0,
            ("planes", "one", "y_psnr"): 1.25,
            ("rgb", "one", "psnr"): 1.0,
            ("rgb", "one", "y_psnr"): 1.5,
        }
    )
    assert {bd.values for bd in found.values()} == {(10, 20, 40, 80)}


def test_fewer_than_four_qualities_have_no_delta() -> None:
    rows = measured({"a": 1.0})
    assert deltas([]) == deltas(rows[:3]) == deltas([*rows[:3], rows[0]]) == []


def test_pictures_whose_curves_cannot_be_compared_are_named() -> None:
    at_ceiling = [score("exact", bits, PSNR_CEILING, PSNR_CEILING) for bits in RATES]
    of_one_size = [score("flat", 0.2, psnr, psnr + 1) for psnr in PSNRS]
    far_apart = [score("far", *point) for point in zip(RATES, PSNRS, np.add(PSNRS, 8), strict=True)]
    rows = [
        QualityRow(CodingProtocol.GRAY, "m", row.point, (*more, *row.scores))
        for row, *more in zip(measured({"a": 1.0}), at_ceiling, of_one_size, far_apart, strict=True)
    ]
    (found,) = deltas(rows)
    assert (list(found.rates_percent), found.left_out) == (["a"], ("exact", "flat", "far"))
    assert found.psnr_db == pytest.approx(1.0, abs=1e-9)
    alone = [QualityRow(CodingProtocol.GRAY, "m", row.point, row.scores[:3]) for row in rows]
    (nothing,) = deltas(alone)
    assert (nothing.rate_percent, nothing.psnr_db, nothing.worst) == (None, None, "")
    assert nothing.left_out == ("exact", "flat", "far")


def test_deltas_as_plain_values() -> None:
    rates = {"a": -15.0, "b": -10.0}
    values = (22.0, 27.0, 32.0, 37.0)
    bd = Bd(CodingProtocol.RGB, "m:int8", "y_psnr", "hevc", values, -12.5, 0.75, rates, ("exact",))
    assert bd.to_dict() == {
        "protocol": "rgb",
        "model": "m:int8",
        "measure": "y_psnr",
        "codec": "hevc",
        "values": [22.0, 27.0, 32.0, 37.0],
        "bd_rate_percent": -12.5,
        "bd_psnr_db": 0.75,
        "pictures": 2,
        "worst_picture": "b",
        "worst_bd_rate_percent": -10.0,
        "bd_rates_percent": rates,
        "left_out": ["exact"],
    }


@pytest.mark.parametrize(("protocol", "share"), [("gray", 1), ("planes", 3), ("rgb", 3)])
def test_a_row_gives_its_bits_per_pixel_and_per_channel(protocol: str, share: int) -> None:
    scores = (score("a", 1.2, 30, 31), score("b", 2.4, 30, 31))
    row = plain(QualityRow(CodingProtocol(protocol), "m", RatePoint("jpeg", 10), scores).entry())
    assert row["bits_per_pixel"] == pytest.approx(1.8)
    assert row["bits_per_channel"] == pytest.approx(1.8 / share)
