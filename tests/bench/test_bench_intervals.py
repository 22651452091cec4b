"""Medians, their intervals, and verdicts, against tables and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edgeqe.bench.intervals import (
    Ratio,
    between_runs,
    median,
    percentile,
    within_run,
)


@pytest.mark.parametrize(
    ("count", "low", "high"),
    # Ranks of the distribution-free 95 % interval of a median, as statistical tables print them
    # (Conover, Practical Nonparametric Statistics: 6 values: 1 and 6; 10: 2 and 9; 20: 6 and 15).
    [(6, 1, 6), (8, 1, 8), (9, 2, 8), (10, 2, 9), (15, 4, 12), (20, 6, 15), (25, 8, 18)],
)
def test_ranks_of_the_interval(count: int, low: int, high: int) -> None:
    values = list(range(1, count + 1))
    found = median(values[::-1])
    assert (found.low, found.high) == (low, high)
    assert found.value == (count + 1) / 2


def test_the_interval_holds_the_median_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    # the median of an exponential distribution of mean 1 is ln 2
    draws = rng.exponential(size=(2000, 20))
    held = np.mean([m.low <= np.log(2) <= m.high for m in (median(list(row)) for row in draws)])
    # ranks 6 and 15 of 20 hold it in 95.9 %; 2000 draws scatter by 0.45 %, so four of those
    assert 0.941 <= held <= 0.977


def test_few_values_are_unsure() -> None:
    found = median([2.0, 1.0, 3.0])
    assert (found.value, found.low, found.high) == (2.0, 1 / 3, 9.0)
    near = median([2.0, 2.0])  # two may agree by chance: a quarter either way
    assert (near.low, near.high) == (1.6, 2.5)


@pytest.mark.parametrize(("share", "expected"), [(0.5, 5), (0.9, 9), (0.99, 10), (1.0, 10)])
def test_percentiles_are_values_that_were_measured(share: float, expected: float) -> None:
    assert percentile([10, 1, 9, 2, 8, 3, 7, 4, 6, 5], share) == expected


def test_lanes_of_one_run() -> None:
    first = [1.0, 2.0, 1.5, 1.2, 1.1, 1.7]
    slower = within_run(first, [1.2 * value for value in first])
    assert slower.significant
    assert slower.ratio.value == pytest.approx(1.2)
    assert slower.words == "20.0% more"
    # 0.5 % is below what counts, however steady it is
    assert not within_run(first, [1.005 * value for value in first]).significant
    noisy = within_run(first, [1.2, 1.7, 1.6, 1.1, 1.2, 1.6])
    assert noisy.words == "no significant difference"


def test_two_runs() -> None:
    sharp = Ratio(2.0, 1.98, 2.02)
    assert between_runs(sharp, Ratio(2.2, 2.18, 2.22)).words == "10.0% more"
    assert between_runs(sharp, Ratio(1.8, 1.79, 1.81)).words == "10.0% less"
    # beside other programs 18 % is nothing, and 30 % is something
    assert not between_runs(sharp, Ratio(2.36, 2.34, 2.38), disturbed=True).significant
    assert between_runs(sharp, Ratio(2.6, 2.58, 2.62), disturbed=True).significant
    # 4 % is what another start may bring
    assert not between_runs(sharp, Ratio(2.08, 2.07, 2.09)).significant
    # 10 % with intervals of 8 % either way: the root of twice 8 % squared is 11.3 %
    assert not between_runs(Ratio(2.0, 1.84, 2.16), Ratio(2.2, 2.024, 2.376)).significant


def test_wild_rounds_hide_little_and_not_much() -> None:
    wild = Ratio(1.0, 0.5, 2.0)  # a factor of 2 each; together the root of twice its log: 2.67
    assert not between_runs(wild, Ratio(2.5, 1.25, 5.0)).significant
    found = between_runs(wild, Ratio(3.0, 1.5, 6.0))
    assert found.significant
    assert found.ratio.low == pytest.approx(3 / 2 ** (2**0.5))
    assert found.ratio.high == pytest.approx(3 * 2 ** (2**0.5))
