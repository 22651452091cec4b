"""Where labels go on a plot: beside their points or lines, and not over each other.

Plain geometry in any unit of length, y upwards; nothing here knows what draws.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

#: Shares of a label's width that may lie left of its point when it stands above or below.
SHARES = (0.5, 0.0, 1.0, 0.25, 0.75)
#: Distances from the point that are tried, in gaps.
RINGS = (1.0, 2.0, 3.5, 5.0, 7.0, 9.5, 12.5)
#: Width that a tie from a label to its point counts for, where it crosses another label.
TIE_WIDTH = 4.0
#: Rounds in which each label may move once more, when all others have a place.
ROUNDS = 4

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """An upright rectangle."""

    left: float
    bottom: float
    right: float
    top: float

    def shared(self, other: Box) -> float:
        """Area that lies in both."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(0.0, width) * max(0.0, height)

    def chord(self, start: Point, end: Point) -> float:
        """Length of the part of a straight line that lies inside."""
        first, last = 0.0, 1.0
        for low, high, a, b in (
            (self.left, self.right, start[0], end[0]),
            (self.bottom, self.top, start[1], end[1]),
        ):
            if a == b:
                if not low < a < high:
                    return 0.0
                continue
            enters, leaves = sorted(((low - a) / (b - a), (high - a) / (b - a)))
            first, last = max(first, enters), min(last, leaves)
        return max(0.0, last - first) * math.dist(start, end)

    @property
    def middle(self) -> Point:
        """Its middle."""
        return (self.left + self.right) / 2, (self.bottom + self.top) / 2

    @property
    def area(self) -> float:
        """Area."""
        return (self.right - self.left) * (self.top - self.bottom)


#: A label's point, and where it lies.
Label = tuple[Point, Box]


def beside_points(
    points: Sequence[Point],
    sizes: Sequence[tuple[float, float]],
    inside: Box,
    obstacles: Sequence[Box],
    gap: float,
) -> list[Box]:
    """Places of labels near their points.

    Each label takes the place that covers least of the other labels and of the obstacles, from
    which a tie to its point crosses least of the other labels, and of such places the nearest.
    Points so crowded that no place is free get the least bad one.

    Parameters
    ----------
    points : sequence of (x, y)
    sizes : sequence of (width, height)
        Of the labels, one a point.
    inside : Box
        Where labels must stay, if they fit at all.
    obstacles : sequence of Box
        What they should not cover, such as the markers.
    gap : float
        Distance of a label from its point that reads best.

    Returns
    -------
    list of Box
        One a label.
    """
    choices = [_around(point, size, gap) for point, size in zip(points, sizes, strict=True)]
    placed = [options[0][1] for options in choices]
    for _ in range(ROUNDS):
        before = list(placed)
        for index, options in enumerate(choices):
            others = list(zip(points, placed, strict=True))
            del others[index]
            costs = [
                (_harm((points[index], box), others, obstacles, inside), distance, rank)
                for rank, (distance, box) in enumerate(options)
            ]
            placed[index] = options[min(costs)[2]][1]
        if placed == before:
            break
    return placed


def _harm(label: Label, others: Sequence[Label], obstacles: Sequence[Box], inside: Box) -> int:
    """Area that a label would spoil, in whole units: less is nothing to see."""
    point, box = label
    spoilt = box.area - box.shared(inside) + sum(box.shared(obstacle) for obstacle in obstacles)
    for other_point, other in others:
        crossed = other.chord(point, box.middle) + box.chord(other_point, other.middle)
        spoilt += box.shared(other) + TIE_WIDTH * crossed
    return round(spoilt)


def _around(point: Point, size: tuple[float, float], gap: float) -> list[tuple[float, Box]]:
    """Places around a point with their distances, the best to read first."""
    (x, y), (width, height) = point, size
    places = []
    for ring in RINGS:
        away = ring * gap
        corners = [(x + away, y - height / 2), (x - away - width, y - height / 2)]
        for bottom in (y + away, y - away - height):
            corners += [(x - share * width, bottom) for share in SHARES]
        places += [(away, Box(left, low, left + width, low + height)) for left, low in corners]
    return places


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Heights at least `gap` apart, as near as can be to the wanted ones.

    The sum of squared shifts is the least possible, before the ends of the range push in. If the
    range is too small for the gap, the heights divide it evenly.

    Parameters
    ----------
    wanted : sequence of float
        In any order, which the result keeps.
    gap : float
    low, high : float
        Range of the result.
    """
    count = len(wanted)
    if count > 1:
        gap = min(gap, (high - low) / (count - 1))
    order = sorted(range(count), key=lambda index: wanted[index])
    # With k gaps taken off the k-th height, "at least a gap apart" reads "not falling": neighbours
    # that fall are pooled in their mean.
    pools: list[tuple[float, int]] = []
    for rank, index in enumerate(order):
        mean, members = wanted[index] - rank * gap, 1
        while pools and pools[-1][0] > mean:
            earlier, more = pools.pop()
            mean = (earlier * more + mean * members) / (more + members)
            members += more
        pools.append((mean, members))
    flat = [mean for mean, members in pools for _ in range(members)]
    heights = [0.0] * count
    for rank, index in enumerate(order):
        highest = high - (count - 1) * gap
        heights[index] = min(max(flat[rank], low), highest) + rank * gap
    return heights
