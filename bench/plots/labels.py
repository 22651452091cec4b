"""Names on a plot: beside the points, or at the ends of the lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgeqe.bench.plots.places import Box, Point, beside_points, spread
from edgeqe.bench.plots.style import DOTS_PER_INCH, FAINT, INK, MARKER, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

#: Pixels a point (1/72 inch).
SCALE = DOTS_PER_INCH / 72
#: Distance of a name from its point, and size of its letters, points.
GAP, LETTERS = 7.0, 8.5
#: Distance, in gaps, from which on a name is tied to its point.
FAR = 1.5
#: Length of the ties between the lines' ends and their names, share of the figure's width.
TIE = 0.035
#: Least share of the figure's width that stays for the lines.
LEAST_WIDTH = 0.4


def label_points(
    axes: Axes,
    points: Mapping[str, Point],
    lines: Sequence[tuple[Point, Point]],
    texts: Sequence[Text],
) -> None:
    """Write each point's name where it covers no other name, point, line or text.

    Parameters
    ----------
    axes : Axes
        With final limits, in a figure of final size.
    points : mapping of str to Point
        Of each name the point, in the axes' units.
    lines : sequence of (Point, Point)
        What names should not cover, level or upright, from left and below, in the axes' units.
    texts : sequence of Text
        What names should not cover either.
    """

    def box(start: Point, end: Point, margin: float) -> Box:
        (left, bottom), (right, top) = axes.transData.transform([start, end])
        return Box(left - margin, bottom - margin, right + margin, top + margin)

    obstacles = [box(point, point, 0.75 * MARKER * SCALE) for point in points.values()]
    obstacles += [box(start, end, SCALE) for start, end in lines]
    obstacles += [Box(*text.get_window_extent().extents) for text in texts]
    area = axes.get_window_extent()
    middles = [tuple(axes.transData.transform(point)) for point in points.values()]
    boxes = beside_points(
        middles,
        [_text_size(axes, short(name)) for name in points],
        Box(area.x0, area.y0, area.x1, area.y1),
        obstacles,
        GAP * SCALE,
    )
    for (name, point), (x, y), place in zip(points.items(), middles, boxes, strict=True):
        away = max(place.left - x, x - place.right, place.bottom - y, y - place.top)
        tie = {"arrowstyle": "-", "color": FAINT, "linewidth": 0.7, "shrinkA": 1, "shrinkB": 4}
        axes.annotate(
            short(name),
            point,
            xytext=((place.left - x) / SCALE, (place.bottom - y) / SCALE),
            textcoords="offset points",
            va="bottom",
            arrowprops=tie if away > FAR * GAP * SCALE else None,
            **_words(),
        )


def label_lines(axes: Axes, ends: Mapping[str, Point]) -> None:
    """Write each line's name right of the axes, at its end's height, no two on one another.

    Parameters
    ----------
    axes : Axes
        With final limits, in a figure of final size. They give room for the names.
    ends : mapping of str to Point
        Of each name the line's right end, in the axes' units.
    """
    sizes = [_text_size(axes, short(name)) for name in ends]
    place, whole = axes.get_position(), axes.figure.bbox
    names = max(width for width, _ in sizes) / whole.width + TIE + 0.01
    share = max(LEAST_WIDTH, 1 - names - place.x0)
    axes.set_position((place.x0, place.y0, share, place.height))
    low, high = axes.get_ylim()
    unit = (high - low) / (place.height * whole.height)  # of the axis, a pixel
    line = 1.15 * unit * max(height for _, height in sizes)
    heights = spread([y for _, y in ends.values()], line, low + line / 2, high - line / 2)
    for (name, end), height in zip(ends.items(), heights, strict=True):
        axes.annotate(
            short(name),
            end,
            xytext=(1 + TIE / share, height),
            textcoords=axes.get_yaxis_transform(),
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": FAINT, "linewidth": 0.6,
                        "relpos": (0, 0.5), "shrinkA": 1, "shrinkB": 3},
            **_words(),
        )  # fmt: skip


def _words() -> dict[str, Any]:
    """How names are written; a dollar sign in one begins no formula."""
    return {"ha": "left", "fontsize": LETTERS, "color": INK, "parse_math": False, "zorder": 4}


def _text_size(axes: Axes, words: str) -> tuple[float, float]:
    """Width and height of a name in pixels."""
    text = axes.text(0, 0, words, **_words())
    extent = text.get_window_extent()
    text.remove()
    return float(extent.width), float(extent.height)
