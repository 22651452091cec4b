"""Line art: pen drawings, hatching, comics, halftone, bars and modules, patterns."""

from __future__ import annotations

import numpy as np
from PIL import Image

from edgeqe.zoo.training.drawn.canvas import Canvas
from edgeqe.zoo.training.drawn.colours import Colour, mix
from edgeqe.zoo.training.drawn.fonts import any_font
from edgeqe.zoo.training.drawn.gradients import smooth, wash
from edgeqe.zoo.training.drawn.sketch import Sketch, bezier, blob, sketching
from edgeqe.zoo.training.drawn.words import label

#: Share of line art with antialiasing; the rest has 1-pixel staircases.
FINE_SHARE = 0.55


def pen(canvas: Canvas) -> None:
    """Lines, curves, polygons and ellipses of few widths all over the picture."""
    rng = canvas.rng
    width = canvas.rng.choice([1.0, 1.0, 1.0, 1.5, 2.0, 3.0])
    coloured = canvas.chance(0.4)
    with sketching(canvas, canvas.chance(FINE_SHARE)) as sketch:
        for _ in range(canvas.size(15, 160)):
            colour = canvas.accent() if coloured else canvas.colours.ink
            kind = canvas.whole(0, 5)
            if kind == 0:
                sketch.line([canvas.place(), canvas.place()], colour, width)
            elif kind == 1:
                sketch.curve([canvas.place() for _ in range(4)], colour, width)
            elif kind == 2:
                near = np.cumsum(rng.normal(0, canvas.width / 25, (canvas.whole(3, 30), 2)), axis=0)
                sketch.line(near + canvas.place(), colour, width)
            elif kind == 3:
                radius = canvas.size(3, max(4, canvas.width / 6))
                shape = blob(rng, canvas.place(), radius, canvas.whole(3, 9), rng.random())
                sketch.polygon(shape, None, colour, width)
            elif kind == 4:
                radii = canvas.size(2, canvas.width / 5), canvas.size(2, canvas.height / 5)
                sketch.ellipse(canvas.place(), radii, None, colour, width)
            else:
                _strands(canvas, sketch, colour, width)


def _strands(canvas: Canvas, sketch: Sketch, colour: Colour, width: float) -> None:
    """Neighbouring curves, as hair or grass is drawn."""
    curve = np.array([canvas.place() for _ in range(3)])
    shift = canvas.rng.normal(0, 6, (3, 2))
    for strand in range(canvas.whole(3, 10)):
        sketch.curve(curve + strand * shift, colour, width)


def hatched(canvas: Canvas) -> None:
    """Shapes filled with hatching, as technical drawings and engravings have it."""
    rng = canvas.rng
    ink = canvas.colours.ink
    with sketching(canvas, canvas.chance(FINE_SHARE)) as sketch:
        for _ in range(canvas.whole(5, 25)):
            left, top = canvas.place()
            width = canvas.size(20, max(21, canvas.width / 2))
            height = canvas.size(20, max(21, canvas.height / 2))
            colour = canvas.accent() if canvas.chance(0.3) else ink
            box = [(left, top), (left + width, top), (left + width, top + height)]
            sketch.polygon([*box, (left, top + height)], canvas.colours.paper, ink, 1.0)
            for _ in range(canvas.whole(1, 2)):
                _hatch(sketch, (left, top, width, height), rng.uniform(2.5, 14), rng, colour)
        for _ in range(canvas.whole(0, 6)):
            _dimension(canvas, sketch)
    for _ in range(canvas.whole(0, 5)):
        x, y = canvas.place()
        canvas.text((x, y), label(rng), any_font(rng, canvas.size(9, 18)))


def _hatch(
    sketch: Sketch,
    box: tuple[float, float, float, float],
    gap: float,
    rng: np.random.Generator,
    colour: Colour,
) -> None:
    """Parallel lines of 1 pixel inside a box, cut at its border."""
    left, top, width, height = box
    slope = rng.choice([-1.0, 1.0, rng.uniform(-2, 2), 0.0])
    for start in np.arange(min(0.0, -slope * width), height + max(0.0, -slope * width), gap):
        # y = start + slope x, cut where it leaves 0 .. height
        x = np.array([0.0, width])
        if slope:
            cuts = np.sort([(0 - start) / slope, (height - start) / slope])
            x = np.clip(x, max(cuts[0], 0.0), min(cuts[1], width))
        if x[1] > x[0]:
            y = start + slope * x
            sketch.line([(left + x[0], top + y[0]), (left + x[1], top + y[1])], colour)


def _dimension(canvas: Canvas, sketch: Sketch) -> None:
    """A line with arrow heads at both ends."""
    x, y = canvas.place()
    length = canvas.size(20, max(21, canvas.width / 2))
    ink = canvas.colours.ink
    sketch.line([(x, y), (x + length, y)], ink)
    for end, inward in ((x, 1), (x + length, -1)):
        sketch.polygon([(end, y), (end + 7 * inward, y - 2.5), (end + 7 * inward, y + 2.5)], ink)


def comic(canvas: Canvas) -> None:
    """Flat fills inside thick outlines, halftone, speech bubbles."""
    rng, colours = canvas.rng, canvas.colours
    outline = colours.ink if canvas.chance(0.7) else (0, 0, 0)
    width = canvas.rng.uniform(1.0, 4.5)
    if canvas.chance(0.3):
        wash(canvas, strong=False)
    if canvas.chance(0.35):
        _halftone(canvas)
    with sketching(canvas, canvas.chance(0.85)) as sketch:
        for _ in range(canvas.whole(5, 25)):
            radius = canvas.size(8, max(9, canvas.width / 4))
            corners = blob(rng, canvas.place(), radius, canvas.whole(4, 10), rng.uniform(0.2, 1.0))
            if canvas.chance(0.7):
                corners = _softened(corners)
            fill = canvas.accent() if canvas.chance(0.75) else colours.paper
            sketch.polygon(corners, fill, outline, width)
            if canvas.chance(0.4):  # a light on it
                sketch.polygon(
                    corners * 0.5 + corners.mean(axis=0) * 0.5, mix(fill, (255,) * 3, 0.4)
                )
        bubbles = [
            (canvas.place(), canvas.size(30, max(31, canvas.width / 5)))
            for _ in range(canvas.whole(0, 3))
        ]
        for (x, y), radius in bubbles:
            tail = [(x - radius / 4, y), (x + radius / 4, y), (x + radius / 2, y + radius)]
            sketch.polygon(tail, (255, 255, 255), outline, width)
            sketch.ellipse((x, y), (radius, radius * 0.6), (255, 255, 255), outline, width)
    for (x, y), radius in bubbles:
        letters = any_font(rng, max(8, round(radius / 4)))
        for line in range(2):
            text = label(rng).upper()
            at = x - letters.getlength(text) / 2, y + (line - 1) * letters.size * 1.1
            canvas.text(at, text, letters, (0, 0, 0))


def _softened(corners: np.ndarray) -> np.ndarray:
    """A closed curve that touches the middles of a shape's sides."""
    following = np.roll(corners, -1, axis=0)
    middles = (corners + following) / 2
    ends = np.roll(middles, -1, axis=0)
    pieces = [
        bezier([tuple(start), tuple(corner), tuple(end)], 8)
        for start, corner, end in zip(middles, following, ends, strict=True)
    ]
    return np.concatenate(pieces)


def _halftone(canvas: Canvas) -> None:
    """Dots of one colour whose size follows a smooth field."""
    rng = canvas.rng
    pitch, angle = rng.uniform(3.5, 12), rng.uniform(0, np.pi / 2)
    y, x = np.mgrid[: canvas.height, : canvas.width].astype(np.float32)
    turned = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))
    across = y * np.float32(np.cos(angle)) - x * np.float32(np.sin(angle))
    wave = np.float32(2 * np.pi / pitch)
    dots = np.cos(turned * wave) + np.cos(across * wave)
    field = smooth(rng.uniform(-2.2, 2.2, (3, 3)), canvas.width, canvas.height)
    # a slope of 2.5 about the edge is an edge of about a pixel
    cover = np.clip((dots - field) * np.float32(pitch / 2.5) + 0.5, 0, 1)
    if canvas.chance(0.3):
        cover = np.rint(cover)
    mask = Image.fromarray((cover * 255).astype(np.uint8))
    canvas.image.paste(canvas.accent(), (0, 0), mask)


def modules(canvas: Canvas) -> None:
    """Bar codes, matrix codes, chequers: black squares on white, on the grid of pixels or not."""
    rng = canvas.rng
    for _ in range(canvas.whole(1, 5)):
        side = canvas.whole(2, 8)
        rows = 1 if canvas.chance(0.4) else canvas.whole(15, 45)
        columns = canvas.whole(40, 90) if rows == 1 else rows
        bits = rng.random((rows, columns)) < 0.5
        if rows > 1:
            for corner in (np.s_[:7, :7], np.s_[:7, -7:], np.s_[-7:, :7]):
                bits[corner] = True
                eye = bits[corner]
                eye[1:6, 1:6], eye[2:5, 2:5] = False, True
        bits = np.pad(bits, ((0, 0) if rows == 1 else (2, 2), (2, 2)))
        size = (bits.shape[1] * side, canvas.whole(30, 120) if rows == 1 else bits.shape[0] * side)
        if canvas.chance(0.3):  # shown at another size
            size = (max(8, round(size[0] * 0.73)), max(8, round(size[1] * 0.73)))
        soft = Image.Resampling.BICUBIC if canvas.chance(0.4) else Image.Resampling.NEAREST
        code = Image.fromarray(np.where(bits, 0, 255).astype(np.uint8)).resize(size, soft)
        x, y = canvas.place()
        canvas.image.paste(code.convert("RGB"), (round(x * 0.7), round(y * 0.7)))
        letters = any_font(rng, canvas.size(9, 16), mono=True)
        canvas.text((x * 0.7, y * 0.7 + size[1] + 3), str(rng.integers(10**12)), letters)


def sprites(canvas: Canvas) -> None:
    """Small symmetric figures of few colours in large pixels, as old games show them."""
    rng, colours = canvas.rng, canvas.colours
    paints = np.array([colours.paper, colours.ink, *colours.accents], np.uint8)
    size, zoom = canvas.whole(6, 16), canvas.whole(2, 6)
    pitch = size * zoom + canvas.whole(0, 2 * zoom)
    for top in range(0, canvas.height, pitch):
        for left in range(0, canvas.width, pitch):
            if canvas.chance(0.2):
                continue
            half = rng.integers(0, len(paints), (size, size // 2))
            half[rng.random(half.shape) < 0.45] = 0
            figure = paints[np.concatenate([half, half[:, ::-1]], axis=1)]
            shown = figure.repeat(zoom, axis=0).repeat(zoom, axis=1)
            canvas.image.paste(Image.fromarray(shown), (left, top))


def pattern(canvas: Canvas) -> None:
    """A small tile again and again, or rings: what a scanner's and a screen's grid beat with."""
    rng = canvas.rng
    if canvas.chance(0.7):
        side = canvas.whole(4, 40)
        tile = Canvas(rng, (side, side), canvas.colours)
        with sketching(tile, canvas.chance(0.5)) as sketch:
            for _ in range(canvas.whole(1, 3)):
                corners = blob(rng, tile.place(), side * 0.4, canvas.whole(2, 6), rng.random())
                sketch.polygon(
                    corners, canvas.accent() if canvas.chance(0.5) else None, canvas.accent()
                )
        repeats = -(-canvas.height // side), -(-canvas.width // side), 1
        tiled = np.tile(tile.pixels(), repeats)[: canvas.height, : canvas.width]
        canvas.show(Image.fromarray(np.ascontiguousarray(tiled)))
        return
    centre = canvas.place()
    gap = rng.uniform(3, 25)
    with sketching(canvas, canvas.chance(FINE_SHARE)) as sketch:
        for ring in range(1, canvas.whole(8, 40)):
            sketch.ellipse(centre, (ring * gap, ring * gap), None, canvas.accent(), gap / 3)
