"""Places of labels on a plot."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from edgeqe.bench.plots.places import Box, beside_points, spread

PAPER = Box(0, 0, 400, 300)


def test_shared_area_and_chord_by_hand() -> None:
    box = Box(0, 0, 4, 3)
    assert box.shared(Box(2, 1, 9, 9)) == 2 * 2
    assert box.shared(Box(4, 0, 5, 3)) == 0
    # From corner to corner, from outside to outside through both, and past it.
    assert box.chord((0, 0), (4, 3)) == 5
    assert box.chord((-4, -3), (8, 6)) == pytest.approx(5, rel=1e-12)
    assert box.chord((2, -5), (2, 1)) == pytest.approx(1, rel=1e-12)
    assert box.chord((5, 0), (5, 3)) == 0
    assert box.chord((-1, 2), (2, 5)) == 0


def test_a_free_point_has_its_label_right_beside_it() -> None:
    (box,) = beside_points([(100, 100)], [(50, 10)], PAPER, [Box(97, 97, 103, 103)], 7)
    assert box == Box(107, 95, 157, 105)


def test_a_label_stays_inside() -> None:
    (box,) = beside_points([(390, 100)], [(50, 10)], PAPER, [], 7)
    assert box == Box(333, 95, 383, 105)


def test_crowded_labels_cover_neither_each_other_nor_the_points() -> None:
    rng = np.random.default_rng(7)
    points = [(float(x), float(y)) for x, y in rng.uniform((150, 120), (250, 180), (8, 2))]
    markers = [Box(x - 3, y - 3, x + 3, y + 3) for x, y in points]
    boxes = beside_points(points, [(60.0, 10.0)] * 8, PAPER, markers, 7)
    # What the places are judged by is rounded to whole units of area.
    assert max(a.shared(b) for a, b in itertools.combinations(boxes, 2)) < 1
    assert max(box.shared(marker) for box in boxes for marker in markers) < 1
    assert [PAPER.shared(box) for box in boxes] == pytest.approx([600] * 8, rel=1e-9)


def test_no_free_place_gives_the_least_bad_one() -> None:
    small = Box(0, 0, 20, 20)
    boxes = beside_points([(10, 10), (10, 10)], [(20, 10), (20, 10)], small, [], 1)
    assert len(boxes) == 2
    assert all(math.isfinite(box.left) for box in boxes)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ([5.0], [5.0]),
        ([1.0, 5.0, 9.0], [1.0, 5.0, 9.0]),
        # Two at 5 part evenly; the order given is kept.
        ([5.0, 5.0], [4.5, 5.5]),
        ([5.4, 5.0], [5.7, 4.7]),
        # Three that chain: mean 5, one apart.
        ([4.8, 5.0, 5.2], [4.0, 5.0, 6.0]),
        # The upper end pushes in.
        ([10.0, 10.0], [9.0, 10.0]),
        ([0.0, 0.0], [0.0, 1.0]),
    ],
)
def test_spread_by_hand(wanted: list[float], expected: list[float]) -> None:
    assert spread(wanted, 1.0, 0.0, 10.0) == pytest.approx(expected, abs=1e-12)


def test_spread_divides_a_range_that_is_too_small() -> None:
    assert spread([3.0, 3.0, 3.0], 5.0, 0.0, 4.0) == pytest.approx([0.0, 2.0, 4.0], abs=1e-12)
