"""Text: pages, scanned pages, slides, and words in many sizes and colours."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from edgeqe.zoo.training.drawn.canvas import Canvas
from edgeqe.zoo.training.drawn.colours import any_colour, palette
from edgeqe.zoo.training.drawn.fonts import SCRIPTS, Font, any_font, faces, font
from edgeqe.zoo.training.drawn.gradients import wash
from edgeqe.zoo.training.drawn.sketch import blob, sketching
from edgeqe.zoo.training.drawn.words import label, number, sentence, words

#: Sizes of a page's letters, pixels.
SMALLEST, LARGEST = 8, 30


def page(canvas: Canvas) -> None:
    """Headings and paragraphs in one to three columns."""
    if canvas.chance(0.15):
        wash(canvas, strong=False)
    size = canvas.size(SMALLEST, LARGEST)
    script = _script(canvas)
    choice = faces(script)
    body = font(choice[canvas.whole(0, len(choice) - 1)], size)
    columns = canvas.whole(1, max(1, min(3, canvas.width // (12 * size))))
    margin, gap = canvas.whole(2, 4 + 2 * size), size * 1.5
    width = (canvas.width - 2 * margin - (columns - 1) * gap) / columns
    for column in range(columns):
        _column(canvas, margin + column * (width + gap), width, body, script)


def _column(canvas: Canvas, left: float, width: float, body: Font, script: str) -> None:
    """Paragraphs down to the lower border."""
    size = round(body.size)
    leading = round(size * canvas.rng.uniform(1.1, 1.6))
    longest = max(4, int(6 * width / max(1.0, float(body.getlength("nesaio")))))
    y = float(canvas.whole(-size, 2 * size))
    while y < canvas.height:
        if canvas.chance(0.25):
            heading = any_font(canvas.rng, round(size * canvas.rng.uniform(1.2, 2.2)), script)
            colour = canvas.accent() if canvas.chance(0.4) else canvas.colours.ink
            canvas.text((left, y), label(canvas.rng, 4, script), heading, colour)
            y += heading.size * 1.5
        text = sentence(canvas.rng, canvas.whole(12, 90), script)
        for line in _wrapped(text, longest):
            if y >= canvas.height:
                return
            canvas.text((left, y), line, body)
            y += leading
        y += leading * float(canvas.rng.random())


def _wrapped(text: str, longest: int) -> list[str]:
    """Lines of at most so many letters, longer words whole."""
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > longest:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line]


def scan(canvas: Canvas) -> None:
    """A page as a scanner gives it: turned a little, soft, shaded, with noise."""
    canvas.colours = palette(canvas.rng, "plain" if canvas.chance(0.5) else "paper")
    canvas.lettering = "smooth"
    canvas.show(Image.new("RGB", canvas.image.size, canvas.colours.paper))
    page(canvas)
    rng, paper = canvas.rng, canvas.colours.paper
    turned = canvas.image.rotate(
        rng.uniform(-2.5, 2.5), Image.Resampling.BICUBIC, fillcolor=paper
    ).filter(ImageFilter.GaussianBlur(rng.uniform(0.0, 0.9)))
    if canvas.chance(0.15):  # a fax
        canvas.show(turned.convert("1", dither=Image.Dither.NONE).convert("RGB"))
        return
    shown = np.asarray(turned, np.float32)
    if canvas.chance(0.5):
        shown = np.repeat(shown.mean(axis=2, keepdims=True, dtype=np.float32), 3, axis=2)
    shade = np.linspace(rng.uniform(0.75, 1.0), 1.0, canvas.width, dtype=np.float32)
    shown = shown * shade[None, :, None] + np.float32(rng.uniform(0, 12))
    noise = rng.standard_normal((canvas.height, canvas.width, 1), np.float32)
    shown = shown + noise * np.float32(rng.uniform(0.0, 4.0))
    canvas.show(Image.fromarray(np.clip(shown, 0, 255).astype(np.uint8)))


def poster(canvas: Canvas) -> None:
    """A few large words, some turned or outlined, and shapes: posters, logos, signs."""
    rng = canvas.rng
    if canvas.chance(0.4):
        wash(canvas, strong=canvas.chance(0.5))
    with sketching(canvas, canvas.chance(0.85)) as sketch:
        for _ in range(canvas.whole(1, 8)):
            radius = canvas.size(10, max(11, canvas.width / 3))
            corners = canvas.whole(3, 8) if canvas.chance(0.6) else 48
            fill = canvas.accent() if canvas.chance(0.8) else None
            outline = None if fill and canvas.chance(0.6) else canvas.colours.ink
            shape = blob(rng, canvas.place(), radius, corners, rng.choice([0.0, 0.5]))
            sketch.polygon(shape, fill, outline, canvas.size(1, 8))
    for _ in range(canvas.whole(1, 5)):
        letters = any_font(rng, canvas.size(20, max(21, canvas.height / 3)))
        x, y = canvas.place()
        colour = canvas.accent() if canvas.chance(0.6) else canvas.colours.ink
        if canvas.chance(0.3):
            _turned(canvas, (round(x), round(y)), label(rng), letters, colour)
        else:
            stroke = canvas.whole(1, 4) if canvas.chance(0.25) else 0
            canvas.pen.text(
                (x * 0.5, y),
                label(rng),
                colour,
                letters,
                stroke_width=stroke,
                stroke_fill=canvas.colours.ink if stroke else None,
            )


def _turned(
    canvas: Canvas, at: tuple[int, int], text: str, letters: Font, colour: tuple[int, int, int]
) -> None:
    """Write a line at any angle."""
    _, _, right, bottom = letters.getbbox(text)
    mask = Image.new("L", (int(right) + 4, int(bottom) + 4))
    ImageDraw.Draw(mask).text((2, 2), text, 255, letters)
    angle = canvas.rng.choice([90.0, -90.0, canvas.rng.uniform(-60, 60)])
    mask = mask.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    canvas.image.paste(colour, at, mask)


def confetti(canvas: Canvas) -> None:
    """Many words of any size and colour on plain or coloured boxes: detail in chroma."""
    rng = canvas.rng
    script = _script(canvas)
    size = canvas.size(9, 36)
    letters = [any_font(rng, max(7, round(size * rng.uniform(0.6, 1.5))), script) for _ in range(4)]
    y = float(-canvas.whole(0, size))
    colours = canvas.colours.accents if canvas.chance(0.5) else None
    while y < canvas.height:
        x = float(-canvas.whole(0, 2 * size))
        highest = 0.0
        while x < canvas.width:
            written = letters[canvas.whole(0, 3)]
            text = number(rng) if canvas.chance(0.15) else words(rng, 1, script)[0]
            width = float(written.getlength(text))
            colour = any_colour(rng) if colours is None else canvas.accent()
            if canvas.chance(0.12):
                box = (x - 3, y, x + width + 3, y + written.size * 1.3)
                canvas.pen.rectangle(box, colour)
                colour = canvas.colours.paper
            canvas.text((x, y), text, written, colour)
            x += width + written.size * 0.4
            highest = max(highest, written.size * 1.35)
        y += highest


def slide(canvas: Canvas) -> None:
    """A title and points below it, as in a talk."""
    rng = canvas.rng
    if canvas.chance(0.4):
        wash(canvas, strong=False)
    choice = faces()
    face = choice[canvas.whole(0, len(choice) - 1)]
    size = canvas.size(13, 30)
    title, body = font(face, round(size * 1.7)), font(face, size)
    left, y = canvas.width * rng.uniform(0.03, 0.12), canvas.height * 0.06
    if canvas.chance(0.5):
        canvas.pen.rectangle((0, 0, canvas.width, y + title.size * 1.6), canvas.accent())
        canvas.text((left, y), label(rng, 4), title, canvas.colours.paper)
    else:
        canvas.text((left, y), label(rng, 4), title)
    y += title.size * 2.2
    while y < canvas.height * 0.92:
        indent = size * 1.5 * canvas.whole(0, 1)
        dot = left + indent
        canvas.pen.ellipse(
            (dot, y + size * 0.35, dot + size * 0.35, y + size * 0.7), canvas.accent()
        )
        canvas.text((dot + size, y), " ".join(words(rng, canvas.whole(2, 8))).capitalize(), body)
        y += size * rng.uniform(1.5, 2.2)


def _script(canvas: Canvas) -> str:
    """Latin mostly."""
    return list(SCRIPTS)[int(canvas.rng.choice(4, p=(0.7, 0.14, 0.06, 0.1)))]
