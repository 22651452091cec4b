"""Drawings that say something: charts, diagrams of boxes, maps."""

from __future__ import annotations

import numpy as np
from PIL import Image

from edgeqe.zoo.training.drawn.canvas import Canvas, Point
from edgeqe.zoo.training.drawn.colours import Colour, mix
from edgeqe.zoo.training.drawn.fonts import any_font
from edgeqe.zoo.training.drawn.gradients import smooth
from edgeqe.zoo.training.drawn.sketch import Sketch, bezier, blob, sketching
from edgeqe.zoo.training.drawn.words import label, number

Box = tuple[float, float, float, float]


def chart(canvas: Canvas) -> None:
    """One to four charts with axes, ticks, titles and legends."""
    across = canvas.whole(1, max(1, min(2, canvas.width // 180)))
    down = canvas.whole(1, max(1, min(2, canvas.height // 150)))
    width, height = canvas.width / across, canvas.height / down
    size = canvas.size(8, 16)
    for place in range(across * down):
        left, top = place % across * width, place // across * height
        inner = (left + 3.5 * size, top + 2 * size, width - 4.5 * size, height - 4.5 * size)
        if min(inner[2:]) > 3 * size:
            _chart(canvas, inner, size)


def _chart(canvas: Canvas, box: Box, size: int) -> None:
    """One chart in a box (left, top, width, height); its lettering lies outside."""
    left, top, width, height = box
    colours, rng = canvas.colours, canvas.rng
    small = any_font(rng, size)
    kind = canvas.whole(0, 4)
    if kind != 4:
        for tick in range(canvas.whole(3, 7)):
            y = top + height * (1 - tick / 6)
            canvas.pen.line((left, y, left + width, y), colours.faint)
            canvas.text((left - 3 * size, y - size / 2), number(rng)[:5], small)
        for tick in range(max(1, int(width / (5 * size)))):
            x = left + 5 * size * tick
            canvas.text((x, top + height + size * 0.4), label(rng, 1)[:6], small)
    with sketching(canvas, canvas.chance(0.8)) as sketch:
        (_bars, _curves, _points, _areas, _pie)[kind](canvas, sketch, box)
        if kind != 4:
            frame = [(left, top), (left, top + height), (left + width, top + height)]
            sketch.line(frame, colours.ink)
    canvas.text((left, top - 1.6 * size), label(rng, 3), any_font(rng, round(size * 1.2)))
    if canvas.chance(0.5):
        for entry, colour in enumerate(colours.accents[:4]):
            x, y = left + width * 0.7, top + 4 + entry * size * 1.4
            canvas.pen.rectangle((x, y + 2, x + size, y + size - 2), colour)
            canvas.text((x + size * 1.4, y), label(rng, 1), small)


def _bars(canvas: Canvas, sketch: Sketch, box: Box) -> None:
    left, top, width, height = box
    count, accents = canvas.whole(3, 24), canvas.colours.accents
    step = width / count
    for bar, value in enumerate(canvas.rng.random(count)):
        x, y = left + step * bar, top + height * (1 - value)
        right = x + step * 0.75
        fill = accents[bar % len(accents)] if len(accents) < 4 else accents[0]
        edges = [(x, y), (right, y), (right, top + height), (x, top + height)]
        sketch.polygon(edges, fill, canvas.colours.ink if len(accents) == 2 else None)


def _walk(canvas: Canvas, box: Box) -> np.ndarray:
    """Points of a random curve over a box from its left side to its right: (N, 2)."""
    left, top, width, height = box
    count = canvas.size(5, 120)
    steps = np.cumsum(canvas.rng.normal(size=count))
    steps = (steps - steps.min()) / (np.ptp(steps) + 1e-9)
    return np.stack([left + width * np.linspace(0, 1, count), top + height * (1 - steps)], axis=1)


def _curves(canvas: Canvas, sketch: Sketch, box: Box) -> None:
    width = canvas.rng.choice([1.0, 1.5, 2.5])
    for colour in canvas.colours.accents:
        points = _walk(canvas, box)
        sketch.line(points, colour, width)
        if len(points) < 25 and canvas.chance(0.5):
            for point in points:
                sketch.ellipse((point[0], point[1]), (2.5, 2.5), colour)


def _areas(canvas: Canvas, sketch: Sketch, box: Box) -> None:
    left, top, width, height = box
    floor = [(left + width, top + height), (left, top + height)]
    for colour in canvas.colours.accents[:3]:
        points = _walk(canvas, box)
        sketch.polygon([*points, *floor], mix(colour, canvas.colours.paper, 0.4))
        sketch.line(points, colour, 1.5)


def _points(canvas: Canvas, sketch: Sketch, box: Box) -> None:
    left, top, width, height = box
    radius = canvas.rng.uniform(1.0, 4.0)
    for colour in canvas.colours.accents[:4]:
        near = canvas.rng.uniform(0.2, 0.8, 2)
        for x, y in np.clip(canvas.rng.normal(near, 0.12, (canvas.size(10, 100), 2)), 0, 1):
            sketch.ellipse((left + width * x, top + height * y), (radius, radius), colour)


def _pie(canvas: Canvas, sketch: Sketch, box: Box) -> None:
    left, top, width, height = box
    centre, radius = (left + width / 2, top + height / 2), min(width, height) / 2
    shares = canvas.rng.dirichlet([1.5] * canvas.whole(2, 8)).cumsum() * 360
    accents, turned = canvas.colours.accents, 0.0
    for place, end in enumerate(shares):
        fade = 0.25 * (place // len(accents))
        fill = mix(accents[place % len(accents)], canvas.colours.paper, min(fade, 0.8))
        sketch.slice(centre, radius, (turned, float(end)), fill)
        turned = float(end)
    if canvas.chance(0.5):
        sketch.ellipse(centre, (radius * 0.55, radius * 0.55), canvas.colours.paper)


def diagram(canvas: Canvas) -> None:
    """Boxes with words, joined by arrows."""
    rng, colours = canvas.rng, canvas.colours
    size = canvas.size(9, 18)
    cell_width, cell_height = canvas.whole(8, 14) * size, canvas.whole(4, 7) * size
    rows, columns = max(1, canvas.height // cell_height), max(1, canvas.width // cell_width)
    centres = [
        ((column + 0.5) * canvas.width / columns, (row + 0.5) * canvas.height / rows)
        for row in range(rows)
        for column in range(columns)
        if canvas.chance(0.75)
    ]
    half = cell_width * 0.36, cell_height * 0.3
    filled, radius = canvas.chance(0.6), rng.choice([0.0, 0.0, 6.0, 30.0])
    width = rng.choice([1.0, 1.0, 1.5, 2.0])
    with sketching(canvas, canvas.chance(0.6)) as sketch:
        for first, second in zip(centres, centres[1:], strict=False):
            _arrow(canvas, sketch, first, second, width)
        for x, y in centres:
            fill = mix(colours.paper, canvas.accent(), 0.5) if filled else colours.paper
            corner, extent = (x - half[0], y - half[1]), (2 * half[0], 2 * half[1])
            if canvas.chance(0.12):
                sketch.polygon(
                    [(x, y - half[1]), (x + half[0], y), (x, y + half[1]), (x - half[0], y)],
                    fill,
                    colours.ink,
                    width,
                )
            else:
                sketch.rounded(corner, extent, radius, fill, colours.ink, width)
    letters = any_font(rng, size)
    for x, y in centres:
        text = canvas.fitted(label(rng), letters, 2 * half[0] - size)
        canvas.text((x - letters.getlength(text) / 2, y - size * 0.6), text, letters)


def _arrow(canvas: Canvas, sketch: Sketch, start: Point, end: Point, width: float) -> None:
    """A line with one corner, or none, and a head between two boxes."""
    ink = canvas.colours.ink
    bend = (end[0], start[1])
    sketch.line([start, bend, end] if canvas.chance(0.6) else [start, end], ink, width)
    x, y = (bend[0] + end[0]) / 2, (bend[1] + end[1]) / 2
    down = 1 if end[1] >= bend[1] else -1
    sketch.polygon([(x, y + 6 * down), (x - 4, y - 3 * down), (x + 4, y - 3 * down)], ink)


def street_map(canvas: Canvas) -> None:
    """Areas, water, streets with borders, and names."""
    rng, colours = canvas.rng, canvas.colours
    accents = [mix(colours.paper, canvas.accent(), rng.uniform(0.15, 0.6)) for _ in range(3)]
    with sketching(canvas, canvas.chance(0.85)) as sketch:
        for _ in range(canvas.whole(3, 12)):
            radius = canvas.size(20, max(21, canvas.width / 3))
            area = blob(rng, canvas.place(), radius, canvas.whole(4, 12), 0.8)
            sketch.polygon(area, accents[canvas.whole(0, 2)])
        for block in range(canvas.whole(0, 60)):
            corner, extent = canvas.place(), (canvas.size(5, 30), canvas.size(5, 30))
            sketch.rounded(corner, extent, 0, colours.raised, colours.faint if block % 2 else None)
        streets = [
            (bezier([canvas.place() for _ in range(canvas.whole(2, 4))]), canvas.size(1, 9))
            for _ in range(canvas.whole(6, 30))
        ]
        for points, width in streets:
            sketch.line(points, colours.faint, width + 2)
        for points, width in streets:
            sketch.line(points, colours.paper if width < 6 else canvas.accent(), width)
    letters = any_font(rng, canvas.size(8, 14))
    for _ in range(canvas.whole(5, 30)):
        _haloed(canvas, canvas.place(), label(rng), letters.size)


def _haloed(canvas: Canvas, at: Point, text: str, size: float) -> None:
    """A name with a border in the colour of the paper."""
    letters = any_font(canvas.rng, round(size))
    canvas.pen.text(
        at, text, canvas.colours.ink, letters, stroke_width=2, stroke_fill=canvas.colours.paper
    )


def contours(canvas: Canvas) -> None:
    """A smooth field in bands of colour, with lines between them: weather, heights, heat."""
    rng = canvas.rng
    few = rng.uniform(0, 1, (canvas.whole(4, 9), canvas.whole(4, 9)))
    fine = 2 if canvas.chance(0.6) else 1
    field = smooth(few, canvas.width * fine, canvas.height * fine)
    level = np.clip(field * canvas.whole(4, 16), 0, 31).astype(np.intp)
    edge = np.zeros(level.shape, bool)
    edge[:, 1:] |= level[:, 1:] != level[:, :-1]
    edge[1:] |= level[1:] != level[:-1]
    colours = canvas.colours
    shades = np.array(
        [_shade(colours.paper, colours.accents, step) for step in range(32)], np.uint8
    )
    shown = (
        shades[level]
        if canvas.chance(0.6)
        else np.broadcast_to(np.array(colours.paper, np.uint8), (*level.shape, 3))
    )
    shown = np.where(edge[..., None], np.array(colours.ink, np.uint8), shown)
    image = Image.fromarray(np.ascontiguousarray(shown))
    canvas.show(image.reduce(fine) if fine > 1 else image)
    letters = any_font(rng, canvas.size(8, 14))
    for _ in range(canvas.whole(0, 12)):
        canvas.text(canvas.place(), number(rng), letters)


def _shade(paper: Colour, accents: tuple[Colour, ...], step: int) -> Colour:
    """Colour of a band: accents in turn, each nearer to the paper or farther from it."""
    return mix(paper, accents[step // 4 % len(accents)], 0.25 + 0.25 * (step % 4))
