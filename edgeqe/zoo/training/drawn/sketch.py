"""Shapes with edges of any place, with antialiasing or without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgeqe.zoo.training.drawn.canvas import Canvas, Point
from edgeqe.zoo.training.drawn.colours import Colour
from edgeqe.zoo.training.drawn.pen import Pen

Points = Sequence[Point] | npt.NDArray[np.floating]

#: Samples a pixel along an axis of an antialiased shape.
FINE = 4


class Sketch:
    """Pens that take places and widths in pixels of the canvas, fractions too."""

    def __init__(self, image: Image.Image, scale: int) -> None:
        self._pen, self._scale = Pen(image), scale

    def line(self, points: Points, colour: Colour, width: float = 1.0) -> None:
        """A line through points."""
        self._pen.line(self._scaled(points), colour, self._width(width), "curve")

    def curve(self, points: Points, colour: Colour, width: float = 1.0) -> None:
        """A Bezier curve from the first point to the last, drawn to by those between."""
        self.line(bezier(points), colour, width)

    def polygon(
        self, points: Points, fill: Colour | None, outline: Colour | None = None, width: float = 1.0
    ) -> None:
        """A filled shape with an outline."""
        scaled = self._scaled(points)
        if fill is not None:
            self._pen.polygon(scaled, fill)
        if outline is not None:
            self._pen.line([*scaled, *scaled[:2]], outline, self._width(width), "curve")

    def ellipse(
        self,
        centre: Point,
        radii: Point,
        fill: Colour | None,
        outline: Colour | None = None,
        width: float = 1.0,
    ) -> None:
        """An ellipse along the axes."""
        box = self._box(centre, radii)
        self._pen.ellipse(box, fill, outline, self._width(width) if outline else 0)

    def slice(self, centre: Point, radius: float, turn: Point, fill: Colour) -> None:
        """A piece of a disc between two angles, degrees."""
        self._pen.pieslice(self._box(centre, (radius, radius)), *turn, fill)

    def arc(
        self, centre: Point, radius: float, turn: Point, colour: Colour, width: float = 1.0
    ) -> None:
        """A piece of a circle between two angles, degrees."""
        box = self._box(centre, (radius, radius))
        self._pen.arc(box, *turn, colour, self._width(width))

    def rounded(
        self,
        corner: Point,
        size: Point,
        radius: float,
        fill: Colour | None,
        outline: Colour | None = None,
        width: float = 1.0,
    ) -> None:
        """A rectangle with round corners from its upper left one."""
        (x, y), (w, h), k = corner, size, self._scale
        if min(w, h) * k < 2:
            return
        self._pen.rounded_rectangle(
            (x * k, y * k, (x + w) * k - 1, (y + h) * k - 1),
            min(radius, w / 2, h / 2) * k,
            fill,
            outline,
            self._width(width) if outline else 0,
        )

    def _scaled(self, points: Points) -> list[Point]:
        return [(float(x) * self._scale, float(y) * self._scale) for x, y in points]

    def _box(self, centre: Point, radii: Point) -> tuple[float, float, float, float]:
        (x, y), (across, down), k = centre, radii, self._scale
        return (x - across) * k, (y - down) * k, (x + across) * k, (y + down) * k

    def _width(self, width: float) -> int:
        return max(1, round(width * self._scale))


@contextmanager
def sketching(canvas: Canvas, fine: bool = True) -> Iterator[Sketch]:
    """Draw shapes on a canvas; what they cover in part is mixed in, if fine."""
    if not fine:
        yield Sketch(canvas.image, 1)
        return
    large = canvas.image.resize(
        (canvas.width * FINE, canvas.height * FINE), Image.Resampling.NEAREST
    )
    yield Sketch(large, FINE)
    canvas.show(large.reduce(FINE))


def bezier(points: Points, steps: int = 24) -> npt.NDArray[np.float64]:
    """Points of a Bezier curve, by de Casteljau's construction: (steps + 1, 2)."""
    t = np.linspace(0.0, 1.0, steps + 1)[:, None, None]
    level = np.broadcast_to(np.asarray(points, float), (steps + 1, len(points), 2))
    while level.shape[1] > 1:
        level = level[:, :-1] * (1 - t) + level[:, 1:] * t
    return level[:, 0]


def blob(
    rng: np.random.Generator, centre: Point, radius: float, corners: int, rough: float
) -> npt.NDArray[np.float64]:
    """Corners of a closed shape around a centre, in turn; rough 0 is a regular one: (corners, 2)."""
    angle = (np.arange(corners) + rough * rng.uniform(-0.4, 0.4, corners)) * (2 * np.pi / corners)
    angle += rng.uniform(0, 2 * np.pi)
    reach = radius * (1 + rough * rng.uniform(-0.6, 0.6, corners))
    return np.asarray(centre) + np.stack([np.cos(angle), np.sin(angle)], 1) * reach[:, None]
