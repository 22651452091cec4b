"""Drawn pictures: functions of their random generator, of many kinds, and unlike photographs."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgeqe.errors import InputError
from edgeqe.zoo.training.drawn import KINDS, draw, draw_kind, drawn_set, fingerprint
from edgeqe.zoo.training.drawn.canvas import Canvas
from edgeqe.zoo.training.drawn.colours import KINDS as PALETTES
from edgeqe.zoo.training.drawn.colours import palette
from edgeqe.zoo.training.drawn.fonts import SCRIPTS, any_font, faces, font
from edgeqe.zoo.training.drawn.pen import Pen
from edgeqe.zoo.training.drawn.sketch import bezier, sketching
from edgeqe.zoo.training.drawn.words import vocabulary

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 230), (200, 31), (160, 220)])
def test_every_kind_is_a_function_of_its_dice_at_every_size(
    kind: str, height: int, width: int
) -> None:
    first = draw_kind(kind, np.random.default_rng([3, height]), height, width)
    again = draw_kind(kind, np.random.default_rng([3, height]), height, width)
    assert first.shape == (height, width, 3) and first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)


def test_other_processes_draw_the_same() -> None:
    script = (
        "import sys, zlib, numpy as np; from edgeqe.zoo.training.drawn import draw;"
        "print([zlib.crc32(draw(np.random.default_rng([5, k]), 96, 144).tobytes())"
        " for k in range(12)])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    printed = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**environment, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1


def test_pictures_differ_and_few_are_empty() -> None:
    pictures = [draw(np.random.default_rng([7, k]), 160, 200) for k in range(80)]
    assert len({picture.tobytes() for picture in pictures}) == 80
    assert sum(int(picture.std() < 1) for picture in pictures) <= 2


def test_most_are_flat_nearly_everywhere_and_sharp_somewhere() -> None:
    """What sets them apart from photographs, where neighbours are hardly ever equal."""
    equal, sharp = [], []
    for k in range(80):
        picture = draw(np.random.default_rng([9, k]), 160, 200).astype(int)
        steps = np.abs(np.diff(picture, axis=1)).max(axis=2)
        equal.append((steps == 0).mean())
        sharp.append((steps > 100).any())
    assert np.median(equal) > 0.5
    assert np.mean(sharp) > 0.6


def test_black_on_white_and_dark_pictures_are_common_and_colour_is_too() -> None:
    pictures = [draw(np.random.default_rng([11, k]), 128, 128).astype(int) for k in range(120)]
    middle = np.array([np.median(picture) for picture in pictures])
    coloured = np.array([np.ptp(picture, axis=2).mean() > 8 for picture in pictures])
    assert (middle > 240).mean() > 0.2
    assert (middle < 60).mean() > 0.1
    assert 0.4 < coloured.mean() < 0.95


@pytest.mark.parametrize(("height", "width"), [(15, 64), (64, 0)])
def test_a_side_too_small_is_refused(height: int, width: int) -> None:
    with pytest.raises(InputError, match=f"{width}x{height} pixels.*at least 16"):
        draw(np.random.default_rng(0), height, width)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_font_holds_every_letter_of_its_script(script: str) -> None:
    """A missing glyph is drawn as the one of a code point that no script has."""
    if script != "latin" and faces(script) == ("",):
        pytest.skip("without matplotlib the embedded face alone is there: Latin")
    letters = sorted({letter for word in vocabulary(script) for letter in word})
    for face in faces(script):
        missing = bytes(font(face, 20).getmask("\U0010fffe"))
        lost = [letter for letter in letters if bytes(font(face, 20).getmask(letter)) == missing]
        assert not lost, f"{face} has no {lost}"


def test_letters_of_one_width_have_one_width() -> None:
    for face in faces(mono=True):
        if face:  # the embedded face stands in where there is no other
            assert font(face, 20).getlength("iiii") == font(face, 20).getlength("MMMM")


def lettered(style: str) -> np.ndarray:
    canvas = Canvas(np.random.default_rng(0), (120, 40), palette(np.random.default_rng(0), "plain"))
    canvas.lettering = style
    canvas.pen.fontmode = "1" if style == "hard" else "L"
    canvas.pen.rectangle((0, 0, 120, 40), (255, 255, 255))
    canvas.text((4, 4), "Will it?", any_font(np.random.default_rng(0), 22), (0, 0, 0))
    return canvas.pixels().astype(int)


def test_lettering_has_two_levels_grey_edges_or_coloured_ones() -> None:
    hard, smooth, subpixel = (lettered(style) for style in ("hard", "smooth", "subpixel"))
    assert set(np.unique(hard)) == {0, 255}
    assert len(np.unique(smooth)) > 10 and (np.ptp(smooth, axis=2) == 0).all()
    assert np.ptp(subpixel, axis=2).max() > 60
    # the same ink: strokes are as dark together, within a tenth
    ink = [(255 - picture).sum() for picture in (smooth, subpixel)]
    assert ink[1] == pytest.approx(ink[0], rel=0.2)


def test_subpixel_lettering_lies_where_smooth_lettering_does() -> None:
    columns = [(255 - lettered(style)).sum(axis=(0, 2)) for style in ("smooth", "subpixel")]
    centres = [(column * np.arange(120)).sum() / column.sum() for column in columns]
    assert centres[1] == pytest.approx(centres[0], abs=1.0)  # hinting moves letters by so much


@pytest.mark.parametrize("fine", [True, False])
def test_a_fine_edge_is_mixed_and_a_coarse_one_is_not(fine: bool) -> None:
    canvas = Canvas(np.random.default_rng(0), (60, 60), palette(np.random.default_rng(0), "plain"))
    canvas.pen.rectangle((0, 0, 60, 60), (255, 255, 255))
    with sketching(canvas, fine) as sketch:
        sketch.line([(5, 25), (55, 5)], (0, 0, 0))
    levels = np.unique(canvas.pixels())
    assert (len(levels) > 2) == fine
    # width 1 times the length 53.9, or a pixel in each of 51 columns; Pillow's wide lines are
    # a sixth too thin at this slope
    cover = (255 - canvas.pixels()[..., 0].astype(int)).sum() / 255
    assert cover == pytest.approx(53.9 if fine else 51, rel=0.2)


def test_a_bezier_curve_is_its_polynomial() -> None:
    points = np.array([(0.0, 0.0), (1.0, 3.0), (4.0, 3.0), (5.0, 0.0)])
    t = np.linspace(0, 1, 11)[:, None]
    weights = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3]
    expected = sum(weight * point for weight, point in zip(weights, points, strict=True))
    np.testing.assert_allclose(bezier(points, 10), expected, atol=1e-12)


@pytest.mark.parametrize("kind", PALETTES)
def test_ink_can_be_read_on_paper(kind: str) -> None:
    for seed in range(60):
        drawn = palette(np.random.default_rng(seed), kind)
        for colour in (drawn.ink, *drawn.accents):
            distance = np.abs(np.subtract(colour, drawn.paper)).sum()
            assert distance > 60, (seed, colour, drawn.paper)


def test_the_drawn_set_is_twenty_pictures_that_no_training_draws() -> None:
    pictures = drawn_set()
    assert len(pictures) == 20 and all(p.shape == (384, 512, 3) for p in pictures.values())
    assert fingerprint(pictures) == fingerprint(drawn_set())
    kinds = {name.rpartition("-")[0] for name in pictures}
    assert kinds <= set(KINDS) and {"page", "pen", "editor", "desktop"} <= kinds
    # lists of seeds as `pool.py` makes them, of the same numbers
    for numbers in ([20, 0], [20, 1, 0, 0], [20, 0, 1, 0, 0]):
        trained = draw_kind("page", np.random.default_rng(numbers), 384, 512)
        assert not np.array_equal(trained, pictures["page-0"])


def test_the_drawn_set_has_line_art_with_and_without_antialiasing() -> None:
    levels = [len(np.unique(p)) for name, p in drawn_set().items() if name.startswith("pen")]
    # paper and ink are at most six levels, two a channel
    assert min(levels) <= 6 < max(levels)


def test_the_fingerprint_follows_every_pixel() -> None:
    pictures = {"a": np.zeros((4, 4, 3), np.uint8), "b": np.ones((4, 4, 3), np.uint8)}
    before = fingerprint(pictures)
    pictures["b"][3, 3, 2] = 2
    assert fingerprint(pictures) != before


@pytest.mark.parametrize("box", [(9, 2, 5, 8), (2, 9, 8, 5), [(9, 2), (5, 8)]])
def test_a_shape_without_an_area_is_passed_over(box: Any) -> None:
    """Pillow refuses such boxes, which random sizes leave in one of thousands of drawings."""
    image = Image.new("RGB", (12, 12))
    pen = Pen(image)
    for shape in (pen.rectangle, pen.ellipse, pen.rounded_rectangle):
        shape(box, fill=(255, 0, 0))
    pen.arc(box, 0, 90, (255, 0, 0))
    pen.pieslice(box, 0, 90, (255, 0, 0))
    assert not np.asarray(image).any()
    pen.rectangle((2, 3, 4, 6), (255, 0, 0))
    assert np.count_nonzero(np.asarray(image)[..., 0]) == 3 * 4
