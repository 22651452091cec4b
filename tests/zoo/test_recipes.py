"""Recipes: what ships reads, and what does not fit is said with what would."""

import math
from pathlib import Path

import pytest

from edgeqe.errors import InputError
from edgeqe.zoo.training.recipe import RECIPES, Recipe, read_recipe


def test_shipped_recipes_read() -> None:
    for path in RECIPES.glob("*.toml"):
        recipe = read_recipe(path.stem)
        assert recipe.name == path.stem and recipe.data == "free"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('network = "edgeqe-tiny"\nsteps = 1\nspeed = 3', "unknown key 'speed'"),
        ('network = "edgeqe-tiny"', "'steps' is missing"),
        ('network = "edgeqe-tiny"\nsteps = "many"', "must be of type int"),
        ('network = "edgeqe-tiny"\nsteps = 0', "at least 1"),
        ('network = "edgeqe-tiny"\nsteps = 1\ncrop = 50', "no multiple of 16"),
        ('network = "edgeqe-tiny"\nsteps = 1\nseed = -1', "seed -1 is below 0"),
        ('network = "edgeqe-tiny"\nsteps = 1\nstrength = "qp"', "'qp' is none of scale-and-bias"),
        ('network = "edgeqe-tiny"\nsteps = 1\nteacher_share = 2', "teacher_share 2 is not from"),
        ('network = "edgeqe-tiny"\nsteps = 1\nteacher = true', "must be of type str"),
        (
            'network = "edgeqe-tiny"\nsteps = 1\n[codecs]\nmpeg2 = 1.0',
            "codecs has mpeg2 = 1.0: give",
        ),
        ('network = "edgeqe-tiny"\nsteps = 1\n[codecs]\nhevc = 0', "codecs has hevc = 0: give"),
        ('network = "edgeqe-tiny"\nsteps = 1\n[codecs]\nhevc = inf', "codecs has hevc = inf: give"),
        ('network = "edgeqe-tiny"\nsteps = 1\n[codecs]\nhevc = "much"', "codecs has hevc = 'much'"),
        ('network = "edgeqe-tiny"\nsteps = 1\n[codecs]', "codecs is empty"),
        ('network = "edgeqe-tiny"\nsteps = 1\ncrop = 48\n[codecs]\nav1 = 1', "48 is below 64"),
        ("network =", "not valid TOML"),
    ],
)
def test_recipes_that_do_not_fit(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_recipe(str(path))


def test_codecs_have_one_order_whatever_a_recipe_says() -> None:
    recipe = Recipe("test", "edgeqe-tiny", 1, codecs={"webp": 0.25, "vvc": 0.25, "jpeg": 0.5})
    assert list(recipe.codecs.items()) == [("jpeg", 0.5), ("vvc", 0.25), ("webp", 0.25)]


def test_the_rate_rises_then_falls_as_a_cosine() -> None:
    recipe = Recipe("test", "edgeqe-tiny", steps=110, warmup=10, learning_rate=0.5)
    assert [recipe.rate(step) for step in (0, 4, 9)] == pytest.approx([0.05, 0.25, 0.5])
    expected = [0.25 * (1 + math.cos(math.pi * share)) for share in (0.0, 0.25, 0.5, 1.0)]
    assert [recipe.rate(step) for step in (10, 35, 60, 110)] == pytest.approx(expected)
    assert recipe.rate(500) == pytest.approx(0.0)  # as --profile may go on to
