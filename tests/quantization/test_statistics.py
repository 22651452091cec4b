"""Streaming statistics against numpy on all numbers at once."""

from __future__ import annotations

import numpy as np
import pytest

from edgeqe.errors import InputError
from edgeqe.quantization.calibration.statistics import (
    PERCENTILE,
    Histogram,
    LeastError,
    MinMax,
    Percentile,
    RangeStatistic,
    range_finder,
)
from edgeqe.typing import Float

RNG = np.random.default_rng(11)
#: Kinds of numbers that networks make: two-sided, behind a Relu, with heavy tails, negative.
NUMBERS: dict[str, Float] = {
    "normal": RNG.normal(0.3, 2.0, 20_000).astype(np.float32),
    "relu": np.maximum(RNG.laplace(-1.0, 1.0, 20_000), 0.0).astype(np.float32),
    "heavy": RNG.standard_t(2.5, 20_000).astype(np.float32),
    "negative": -RNG.gamma(2.0, 1e-3, 20_000).astype(np.float32),
}
each_kind = pytest.mark.parametrize("kind", NUMBERS)


def pieces(numbers: Float) -> list[Float]:
    """Numbers cut into arrays of very different lengths, some empty."""
    return np.split(numbers, [0, 1, 1, 7, 300, 9_000])


@each_kind
def test_minmax_is_exact_and_holds_zero(kind: str) -> None:
    numbers, statistic = NUMBERS[kind], MinMax()
    for piece in pieces(numbers):
        statistic.add(piece)
    assert statistic.range() == (min(0.0, numbers.min()), max(0.0, numbers.max()))


@each_kind
@pytest.mark.parametrize("share", [0.9999, 0.999, 0.9])
def test_a_percentile_is_numpys_within_a_bin(kind: str, share: float) -> None:
    numbers, statistic = NUMBERS[kind], Percentile(100 * share)
    for piece in pieces(numbers):
        statistic.add(piece)
    low, high = statistic.range()
    # The k-th number, k = share * n rounded up; the low end likewise from above.
    wanted_high = max(0.0, float(np.quantile(numbers, share, method="inverted_cdf")))
    wanted_low = min(0.0, -float(np.quantile(-numbers, share, method="inverted_cdf")))
    bin_width = np.abs(numbers).max() / 2048
    assert wanted_high <= high <= wanted_high + bin_width
    assert wanted_low - bin_width <= low <= wanted_low


def test_the_percentile_is_the_one_that_is_asked_for() -> None:
    numbers = np.arange(1, 100_001, dtype=np.float32)
    for percentile, wanted in ((99.99, 99_990), (99.997, 99_997), (100.0, 100_000), (50.0, 50_000)):
        statistic = range_finder(RangeStatistic.PERCENTILE, percentile)()
        statistic.add(numbers)
        low, high = statistic.range()
        assert wanted <= high <= wanted + 100_000 / 2048
        assert low == 0.0
    for wrong in (49.0, 100.1, float("nan")):
        with pytest.raises(InputError, match=f"percentile {wrong} is not from 50 to 100"):
            range_finder(RangeStatistic.MINMAX, wrong)


def loss(numbers: Float, low: float, high: float) -> float:
    """Mean squared error of 8-bit integers over a range that has an integer for 0."""
    scale = (high - low) / 255
    zero = np.rint(-low / scale)
    integers = np.clip(np.rint(numbers / scale) + zero, 0, 255)
    return float(np.square((integers - zero) * scale - numbers, dtype=np.float64).mean())


@each_kind
def test_least_error_is_that_of_a_brute_force_search(kind: str) -> None:
    numbers, statistic = NUMBERS[kind], LeastError()
    for piece in pieces(numbers):
        statistic.add(piece)
    low, high = statistic.range()
    shares = np.linspace(0.1, 1.0, 31)
    lows = shares * min(0.0, float(numbers.min())) if numbers.min() < 0 else [0.0]
    highs = shares * max(0.0, float(numbers.max())) if numbers.max() > 0 else [0.0]
    least = min(loss(numbers, a, b) for a in lows for b in highs)
    # Both searches go in steps, of 4 % and of 3 % of the largest number: 3 % of the error.
    assert loss(numbers, low, high) <= 1.03 * least
    assert numbers.min() <= low <= 0.0 <= high <= max(0.0, numbers.max())


def test_least_error_cuts_off_a_lone_outlier() -> None:
    # By hand: cutting it off costs (40 - 9)² / 800,000 = 0.0012, rounding from -8 to 40 in place
    # of -8 to 9 (48² - 17²) / 255² / 12 = 0.0026.
    numbers = np.append(np.tile(NUMBERS["normal"], 40), np.float32(40.0))
    statistic = LeastError()
    statistic.add(numbers)
    low, high = statistic.range()
    assert 8.0 < high < 20.0
    assert loss(numbers, low, high) < 0.6 * loss(numbers, float(numbers.min()), 40.0)


def test_zeros_cost_nothing() -> None:
    alone, among_zeros = LeastError(), LeastError()
    alone.add(NUMBERS["heavy"])
    among_zeros.add(np.concatenate([np.zeros(400_000, np.float32), NUMBERS["heavy"]]))
    assert alone.range() == among_zeros.range()


@each_kind
@pytest.mark.parametrize("name", RangeStatistic)
def test_order_and_pieces_change_nothing(name: str, kind: str) -> None:
    numbers = NUMBERS[kind]
    at_once = range_finder(RangeStatistic(name), PERCENTILE)()
    at_once.add(numbers.reshape(1, 2, 100, 100))
    for order in (np.argsort(np.abs(numbers)), np.argsort(numbers), np.arange(20_000)):
        in_pieces = range_finder(RangeStatistic(name), PERCENTILE)()
        for piece in pieces(numbers[order]):
            in_pieces.add(piece)
        assert in_pieces.range() == at_once.range()


@pytest.mark.parametrize("name", RangeStatistic)
def test_nothing_and_zeros_have_the_range_zero(name: str) -> None:
    statistic = range_finder(RangeStatistic(name), PERCENTILE)()
    assert statistic.range() == (0.0, 0.0)
    statistic.add(np.zeros((2, 3), np.float32))
    assert statistic.range() == (0.0, 0.0)
    statistic.add(np.full(9, 1e-6, np.float32))  # zeros before set no bin's width
    assert statistic.range() == pytest.approx((0.0, 1e-6), rel=1e-3)


def test_a_histogram_stays_as_large_as_it_was_while_its_bins_widen() -> None:
    histogram = Histogram()
    for exponent in range(-40, 41):
        histogram.add(np.float32(2.0**exponent) * NUMBERS["normal"])
        assert histogram.counts.shape == (8192,)
        assert histogram.width <= np.abs(NUMBERS["normal"]).max() * 2.0**exponent / 2048
    assert histogram.counts.sum() + histogram.zeros == 81 * 20_000
    # numpy's own histogram of the same numbers on the final edges
    wanted = np.zeros(8192, np.int64)
    for exponent in range(-40, 41):
        numbers = np.float64(2.0**exponent) * NUMBERS["normal"].astype(np.float64)
        wanted += np.histogram(numbers, histogram.edges)[0]
    assert np.array_equal(histogram.counts, wanted)


@pytest.mark.parametrize("name", RangeStatistic)
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(name: str, wrong: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        range_finder(RangeStatistic(name), PERCENTILE)().add(
            np.array([1.0, wrong, 2.0], np.float32)
        )
