"""Recipes: what ships reads, and what does not fit is said with what would."""

import math
from pathlib import Path

import pytest

from edgeqe.errors import InputError
from edgeqe.zoo.training.recipe import RECIPES, Recipe, read_recipe, shipped_recipes


def test_a_whole_number_stands_for_a_real_one(tmp_path: Path) -> None:
    path = tmp_path / "whole.toml"
    path.write_text('network = "edgeqe-tiny"\nsteps = 1\nlearning_rate = 1\n')
    assert type(read_recipe(str(path)).learning_rate) is float


def test_shipped_recipes_read() -> None:
    for path in RECIPES.glob("*.toml"):
        recipe = read_recipe(path.stem)
        assert recipe.name == path.stem and recipe.data == "free"


def test_a_paper_s_recipe_and_its_reduction_are_of_one_network() -> None:
    reductions = [name for name in shipped_recipes() if name.endswith("-reduced")]
    assert len(reductions) > 20
    for name in reductions:
        published, reduced = read_recipe(name.removesuffix("-reduced")), read_recipe(name)
        assert (published.name, reduced.name) == (name.removesuffix("-reduced"), name)
        assert published.data in ("div2k", "clic") and reduced.data == "free/cid22"
        for key in ("network", "values", "alignment", "loop_filters", "side"):
            assert getattr(published, key) == getattr(reduced, key), (name, key)
        assert reduced.steps < published.steps


def test_a_reduction_is_read_from_a_copy_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mine-reduced.toml"
    path.write_text('network = "liu"\nsteps = 9\nbatch = 4\n[reduced]\nsteps = 3\n')
    assert read_recipe(str(path)).steps == 3 and read_recipe(str(path)).batch == 4
    other = tmp_path / "mine.toml"
    other.write_text(path.read_text())
    assert read_recipe(str(other)).steps == 9


def test_the_rate_falls_in_steps_where_a_recipe_says_so() -> None:
    recipe = Recipe("test", "liu", 100, warmup=0, learning_rate=0.8, decay_steps=40, decay_rate=0.5)
    assert [recipe.rate(step) for step in (0, 39, 40, 80)] == pytest.approx([0.8, 0.8, 0.4, 0.2])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('network = "edgeqe-tiny"\nsteps = 1\nspeed = 3', "unknown key 'speed'"),
        (
            'network = "edgeqe-tiny"\nsteps = 1\nteacher = "a"',
            "'teacher', did you mean teachers; known",
        ),
        (
            'network = "edgeqe-tiny"\nsteps = 1\nlearning_rate = -1.0',
            "learning_rate -1.0 is not from",
        ),
        ('network = "edgeqe-tiny"\nsteps = 1\nlearning_rate = 0', "learning_rate 0 is not from"),
        (
            'network = "edgeqe-tiny"\nsteps = 1\nlearning_rate = nan',
            "learning_rate nan is not from",
        ),
        ('network = "edgeqe-tiny"\nsteps = 1\nseed = 4294967296', "is not from 0 to 4294967295"),
        ('network = "edgeqe-tiny"\nsteps = 1\nema = 1', "ema 1 is not from 0 to 0.9999999"),
        ('network = "edgeqe-tiny"\nsteps = 1\nerror_floor = 0', "error_floor 0 is not from 0.001"),
        ('network = "edgeqe-tiny"\nsteps = 1\nname = "../evil"', "no plain name of a folder"),
        ('network = "edgeqe-tiny"\nsteps = 1\nname = "a/b"', "no plain name of a folder"),
        ('network = "edgeqe-tiny"\nsteps = 1\nname = ""', "no plain name of a folder"),
        ('network = "edgeqe-tiny"', "'steps' is missing"),
        ('network = "edgeqe-tiny"\nsteps = "many"', "steps = 'many' must be a whole number"),
        ('network = "edgeqe-tiny"\nsteps = 0', "steps 0 is not from 1 to"),
        ('network = "edgeqe-tiny"\nsteps = 1\ncrop = 50', "no multiple of 16"),
        ('network = "edgeqe-tiny"\nsteps = 1\nseed = -1', "seed -1 is not from 0 to"),
        ('network = "edgeqe-tiny"\nsteps = 1\nstrength = "qp"', "'qp' is none of scale-and-bias"),
        ('network = "edgeqe-tiny"\nsteps = 1\nteacher_share = 2', "teacher_share 2 is not from"),
        (
            'network = "edgeqe-tiny"\nsteps = 1\nteachers = "edgeqe-base"',
            "must be a list, as key = ",
        ),
        ('network = "edgeqe-tiny"\nsteps = 1\nteachers = [true]', "teachers has True: give models"),
        (
            'network = "edgeqe-tiny"\nsteps = 1\ndrawn_share = 1',
            "drawn_share 1 is not from 0 to 0.9",
        ),
        ('network = "edgeqe-tiny"\nsteps = 1\nfine_share = -0.1', "fine_share -0.1 is not from"),
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
        ('network = "liu"\nsteps = 1\nloss = "psnr"', "loss 'psnr' is none of mse, l1, relative"),
        ('network = "liu"\nsteps = 1\nvalues = [0]', "values has 0: give"),
        ('network = "rrnet"\nsteps = 1\nside = "residual"', "side 'residual' is of HEVC without"),
        ('network = "liu"\nsteps = 1\nloop_filters = 1', "loop_filters = 1 must be true or false"),
        ('network = "liu"\nsteps = 1\nreduced = 3', "reduced = 3 must be a table"),
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
