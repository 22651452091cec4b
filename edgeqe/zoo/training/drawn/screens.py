"""Screens: windows, forms, tables, programs, terminals, pages and icons."""

from __future__ import annotations

from collections.abc import Callable

from edgeqe.zoo.training.drawn.canvas import Canvas
from edgeqe.zoo.training.drawn.colours import Colour, mix
from edgeqe.zoo.training.drawn.fonts import any_font, faces, font
from edgeqe.zoo.training.drawn.gradients import wash
from edgeqe.zoo.training.drawn.sketch import Sketch, blob, sketching
from edgeqe.zoo.training.drawn.words import code_line, label, number, sentence, words

#: Left, top, right and bottom, pixels.
Box = tuple[int, int, int, int]


def desktop(canvas: Canvas) -> None:
    """Windows over a wallpaper or a plain colour, and a bar."""
    wash(canvas, strong=canvas.chance(0.6))
    size = canvas.size(9, 16)
    for _ in range(canvas.whole(1, 4)):
        left = canvas.whole(-canvas.width // 6, canvas.width // 2)
        top = canvas.whole(0, canvas.height // 2)
        right = left + canvas.whole(canvas.width // 4, canvas.width)
        bottom = top + canvas.whole(canvas.height // 4, canvas.height)
        _window(canvas, (left, top, right, bottom), size)
    height = size * 2
    if canvas.chance(0.6):
        top = canvas.height - height
        canvas.pen.rectangle((0, top, canvas.width, canvas.height), canvas.colours.raised)
        icon_row(canvas, (4, top + 2), height - 4, canvas.whole(2, 8))


def _window(canvas: Canvas, box: Box, size: int) -> None:
    """Frame, title bar with buttons, and something inside."""
    left, top, right, bottom = box
    colours, bar = canvas.colours, size * 2
    canvas.pen.rectangle(
        (left + 3, top + 3, right + 3, bottom + 3), mix(colours.paper, (0,) * 3, 0.4)
    )
    canvas.pen.rectangle(box, colours.paper, colours.faint)
    title = canvas.accent() if canvas.chance(0.6) else colours.raised
    canvas.pen.rectangle((left, top, right, top + bar), title)
    letters = any_font(canvas.rng, size)
    canvas.text((left + 8, top + size * 0.4), label(canvas.rng, 3), letters)
    for button in range(3):
        x, y, side = right - bar * (button + 1), top + size // 2, size
        fill = colours.accents[button % len(colours.accents)]
        if canvas.chance(0.5):
            canvas.pen.ellipse((x, y, x + side, y + side), fill)
        else:
            canvas.pen.line((x, y, x + side, y + side), colours.ink)
            canvas.pen.line((x, y + side, x + side, y), colours.ink)
    inside = (left + 2, top + bar + 2, right - 2, bottom - 2)
    contents: tuple[Callable[[Canvas, Box, int], None], ...] = (_form, _grid, _program, _article)
    contents[canvas.whole(0, 3)](canvas, inside, size)


def form(canvas: Canvas) -> None:
    """A dialogue over the whole picture."""
    _form(canvas, (0, 0, canvas.width, canvas.height), canvas.size(9, 20))


def _form(canvas: Canvas, box: Box, size: int) -> None:
    """Labels, fields, buttons, ticks, sliders, progress."""
    left, top, right, bottom = box
    colours, rng = canvas.colours, canvas.rng
    letters, bold = any_font(rng, size), any_font(rng, size)
    radius = canvas.whole(0, size // 2)
    y = top + size
    while y < bottom - 2 * size:
        x, kind = left + size, canvas.whole(0, 5)
        middle = min(right - size, x + 12 * size)
        if kind == 0:
            canvas.text((x, y), label(rng), letters)
            field = (x + 8 * size, y - size // 3, right - 2 * size, y + round(size * 1.4))
            _rectangle(canvas, field, radius, colours.raised, colours.faint)
            canvas.text((field[0] + 5, y), " ".join(words(rng, 2)), letters)
        elif kind == 1:
            while x < right - 8 * size:
                text = label(rng, 1)
                end = x + round(letters.getlength(text)) + 2 * size
                fill = canvas.accent() if canvas.chance(0.5) else colours.raised
                _rectangle(canvas, (x, y, end, y + 2 * size), radius, fill, colours.faint)
                canvas.text((x + size, y + size * 0.4), text, bold)
                x = end + size
            y += size
        elif kind == 2:
            mark = (x, y, x + size, y + size)
            _rectangle(canvas, mark, canvas.whole(0, 1) * size // 2, colours.paper, colours.ink)
            if canvas.chance(0.5):
                tick = [
                    (x + 2, y + size // 2),
                    (x + size // 2, y + size - 3),
                    (x + size - 2, y + 2),
                ]
                canvas.pen.line(tick, canvas.accent(), 2)
            text = sentence(rng, canvas.whole(2, 6))
            x += round(size * 1.6)
            canvas.text((x, y), canvas.fitted(text, letters, right - x - size), letters)
        elif kind == 3:
            share = rng.random()
            canvas.pen.rectangle((x, y + size // 3, middle, y + size // 2 + 2), colours.faint)
            knob = x + round((middle - x) * share)
            canvas.pen.rectangle((x, y + size // 3, knob, y + size // 2 + 2), canvas.accent())
            if canvas.chance(0.5):
                canvas.pen.ellipse((knob - 5, y, knob + 5, y + 10), colours.paper, colours.ink)
        elif kind == 4:
            text = sentence(rng, canvas.whole(3, 12))
            canvas.text((x, y), canvas.fitted(text, letters, right - x - size), letters)
        else:
            canvas.pen.line((x, y + size // 2, right - size, y + size // 2), colours.faint)
        y += round(size * rng.uniform(1.6, 2.6))


def _rectangle(
    canvas: Canvas, box: Box, radius: int, fill: Colour, outline: Colour | None = None
) -> None:
    """A rectangle that may be too small to draw."""
    if box[2] - box[0] > 2 and box[3] - box[1] > 2:
        canvas.pen.rounded_rectangle(box, radius, fill, outline)


def table(canvas: Canvas) -> None:
    """A sheet of numbers and words over the whole picture."""
    _grid(canvas, (0, 0, canvas.width, canvas.height), canvas.size(8, 18))


def _grid(canvas: Canvas, box: Box, size: int) -> None:
    """Rows and columns with a head, stripes and rules."""
    left, top, right, bottom = box
    colours, rng = canvas.colours, canvas.rng
    letters, row = any_font(rng, size), round(size * rng.uniform(1.3, 2.0))
    striped, ruled = canvas.chance(0.5), canvas.chance(0.6)
    edges = [left]
    while edges[-1] < right:
        edges.append(edges[-1] + canvas.whole(4 * size, 11 * size))
    numeric = rng.random(len(edges)) < 0.6
    head = canvas.accent() if canvas.chance(0.4) else colours.raised
    for place, y in enumerate(range(top, bottom, row)):
        if place == 0 or (striped and place % 2):
            lower = min(y + row, bottom)
            canvas.pen.rectangle((left, y, right, lower), head if place == 0 else colours.raised)
        if ruled:
            canvas.pen.line((left, y, right, y), colours.faint)
        if y + row > bottom:
            break
        for column, (x, end) in enumerate(zip(edges, edges[1:], strict=False)):
            if end > right or canvas.chance(0.06):
                continue
            number_here = bool(numeric[column]) and place > 0
            text = number(rng) if number_here else label(rng, 1)
            text = canvas.fitted(text, letters, end - x - 8)
            start = end - 4 - letters.getlength(text) if number_here else x + 4
            colour = canvas.accent() if canvas.chance(0.05) else None
            canvas.text((start, y + (row - size) / 2.5), text, letters, colour)
    if ruled:
        for x in edges[:-1]:
            canvas.pen.line((x, top, x, bottom), colours.faint)


def editor(canvas: Canvas) -> None:
    """A program in colours over the whole picture."""
    _program(canvas, (0, 0, canvas.width, canvas.height), canvas.size(9, 20))


def _program(canvas: Canvas, box: Box, size: int) -> None:
    """Lines of a program with numbers, indents and a marked line."""
    left, top, right, bottom = box
    colours, rng = canvas.colours, canvas.rng
    letters, leading = any_font(rng, size, mono=True), round(size * rng.uniform(1.15, 1.5))
    names = ("keyword", "text", "number", "comment")
    paints = {
        name: colours.accents[place % len(colours.accents)] for place, name in enumerate(names)
    }
    paints |= {"name": colours.ink, "mark": mix(colours.ink, colours.paper, 0.25)}
    gutter, step = 4 * size, letters.getlength("m")
    indent, first = 0, canvas.whole(1, 400)
    for place, y in enumerate(range(top + 3, bottom - size, leading)):
        if canvas.chance(0.03):
            canvas.pen.rectangle((left, y, right, y + leading - 1), colours.raised)
        canvas.text((left + 4, y), str(first + place), letters, colours.faint)
        indent = max(0, min(5, indent + canvas.whole(-1, 1)))
        if canvas.chance(0.1):
            continue
        x = left + gutter + indent * 4 * step
        for text, kind in code_line(rng):
            room = int((right - x) / step)
            if room > 0:
                x += canvas.text((x, y), text[:room], letters, paints[kind])
    canvas.pen.line((left + gutter - size, top, left + gutter - size, bottom), colours.faint)


def terminal(canvas: Canvas) -> None:
    """Lines of one width of letter, a few in colour."""
    rng = canvas.rng
    choice = faces(mono=True)
    letters = font(choice[canvas.whole(0, len(choice) - 1)], canvas.size(9, 20))
    leading = round(letters.size * 1.25)
    for y in range(2, canvas.height, leading):
        kind = canvas.whole(0, 4)
        x = 3.0
        if kind == 0:
            x += canvas.text(
                (x, y), f"{words(rng, 1)[0]}@{words(rng, 1)[0]}", letters, canvas.accent()
            )
            x += canvas.text((x, y), ":~/" + words(rng, 1)[0] + "$ ", letters)
            canvas.text((x, y), " ".join(words(rng, 3)), letters)
        elif kind == 1:
            name = f"{number(rng):>12}  {words(rng, 1)[0]}.{words(rng, 1)[0][:3]}"
            canvas.text((x, y), f"-rw-r--r-- {name}", letters)
        elif kind == 2:
            x += canvas.text((x, y), f"[{label(rng, 1)}] ", letters, canvas.accent())
            canvas.text((x, y), sentence(rng, 7), letters)
        elif kind == 3:
            canvas.text((x, y), "=-#*"[canvas.whole(0, 3)] * canvas.whole(10, 70), letters)
        else:
            canvas.text((x, y), sentence(rng, canvas.whole(3, 14)), letters)


def web(canvas: Canvas) -> None:
    """A page: bar, cards or articles, pictures as flat boxes, buttons."""
    rng, colours = canvas.rng, canvas.colours
    size = canvas.size(9, 18)
    bar = round(size * 2.6)
    canvas.pen.rectangle(
        (0, 0, canvas.width, bar), canvas.accent() if canvas.chance(0.5) else colours.raised
    )
    x, letters = float(size), any_font(rng, size)
    while x < canvas.width - 5 * size:
        x += canvas.text((x, size * 0.7), label(rng, 1), letters) + 1.5 * size
    columns = canvas.whole(1, max(1, canvas.width // (14 * size)))
    gap = size
    width = (canvas.width - gap) // columns - gap
    radius = canvas.whole(0, size)
    for column in range(columns):
        y, left = bar + gap, gap + column * (width + gap)
        while y < canvas.height:
            height = canvas.whole(6 * size, 16 * size)
            _rectangle(
                canvas, (left, y, left + width, y + height), radius, colours.raised, colours.faint
            )
            top = y + size // 2
            if canvas.chance(0.6):
                shown = (left + 4, y + 4, left + width - 4, y + height // 2)
                _rectangle(
                    canvas, shown, radius, mix(canvas.accent(), colours.paper, rng.random() * 0.5)
                )
                top = y + height // 2 + 4
            _article(canvas, (left + size // 2, top, left + width - 2, y + height - 4), size)
            y += height + gap


def _article(canvas: Canvas, box: Box, size: int) -> None:
    """A heading and lines below it, and links in colour."""
    left, top, right, bottom = box
    rng = canvas.rng
    letters, bold = any_font(rng, max(8, round(size * 0.85))), any_font(rng, size)
    y = top + 2
    width = right - left - size
    if width < 3 * size:
        return
    if y + size < bottom:
        canvas.text((left, y), canvas.fitted(label(rng, 3), bold, width), bold)
        y += round(size * 1.6)
    while y + size < bottom:
        link = canvas.chance(0.12)
        text = canvas.fitted(sentence(rng, 14), letters, width)
        end = left + canvas.text((left, y), text, letters, canvas.accent() if link else None)
        if link:
            canvas.pen.line((left, y + size, end, y + size), canvas.accent())
        y += round(size * 1.2)


def icons(canvas: Canvas) -> None:
    """Rows of icons with names below."""
    side = canvas.size(16, 72)
    if canvas.chance(0.4):
        wash(canvas, strong=canvas.chance(0.4))
    letters = any_font(canvas.rng, max(8, side // 4))
    pitch = round(side * 1.6)
    for y in range(side // 4, canvas.height, pitch):
        icon_row(canvas, (side // 4, y), side, -(-canvas.width // pitch), pitch)
        for x in range(side // 4, canvas.width, pitch):
            canvas.text(
                (x, y + side * 1.05), canvas.fitted(label(canvas.rng, 1), letters, pitch), letters
            )


def icon_row(
    canvas: Canvas, at: tuple[int, int], side: int, count: int, pitch: int | None = None
) -> None:
    """Some icons beside each other."""
    step = round(side * 1.3) if pitch is None else pitch
    strip = Canvas(canvas.rng, (max(8, step * count), max(8, side)), canvas.colours)
    x, y = at
    strip.show(canvas.image.crop((x, y, x + strip.width, y + strip.height)))
    with sketching(strip, canvas.chance(0.85)) as sketch:
        for place in range(count):
            _icon(strip, sketch, place * step, side)
    canvas.image.paste(strip.image, (x, y))


def _icon(canvas: Canvas, sketch: Sketch, left: float, side: float) -> None:
    """A coloured plate and a sign on it."""
    rng, colours = canvas.rng, canvas.colours
    plate = canvas.accent() if canvas.chance(0.7) else None
    sign = colours.paper if plate else canvas.accent()
    centre, radius = (left + side / 2, side / 2), side * 0.28
    if plate and canvas.chance(0.7):
        sketch.rounded((left, 0), (side, side), side * rng.choice([0.0, 0.2, 0.5]), plate)
    elif plate:
        sketch.ellipse(centre, (side / 2, side / 2), plate)
    kind, width = canvas.whole(0, 4), max(1.0, side / 16)
    if kind == 0:
        sketch.polygon(blob(rng, centre, radius, canvas.whole(3, 6), 0.0), sign)
    elif kind == 1:
        sketch.ellipse(centre, (radius, radius), None, sign, width)
        handle = [
            (centre[0] + radius * 0.7, centre[1] + radius * 0.7),
            (left + side * 0.85, side * 0.85),
        ]
        sketch.line(handle, sign, width * 1.5)
    elif kind == 2:
        for bar in range(3):
            y = side * (0.3 + 0.2 * bar)
            sketch.line([(left + side * 0.25, y), (left + side * 0.75, y)], sign, width)
    elif kind == 3:
        sketch.arc(
            centre, radius, (float(rng.uniform(0, 360)), float(rng.uniform(360, 700))), sign, width
        )
    else:
        star = blob(rng, centre, radius, 10, 0.0)
        star[::2] = star[::2] * 0.45 + star.mean(axis=0) * 0.55
        sketch.polygon(star, sign)
