"""Fades of a training: of its folder, of the shipped recipe of its name, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeqe.errors import InputError
from edgeqe.model.catalogue import shipped_files
from edgeqe.model.file import ModelFile
from edgeqe.zoo.training.fades import FADES, SHIPPED, read_fades, read_shares
from edgeqe.zoo.training.recipe import read_recipe

CODECS = ("jpeg", "h264", "webp")


def test_a_folder_s_own_come_before_those_of_the_recipe(tmp_path: Path) -> None:
    recipe = next(iter(sorted(SHIPPED.glob("*.toml")))).stem
    codecs = tuple(read_recipe(recipe).codecs)
    shipped = read_fades(tmp_path, recipe, codecs)
    assert shipped and all(0 < low < high for low, high in shipped.values())
    (tmp_path / FADES).write_text("webp = [3, 9.5]\n")
    assert read_fades(tmp_path, recipe, codecs) == {"webp": (3.0, 9.5)}
    assert read_fades(tmp_path / "other", "of-a-user", CODECS) == {}


def test_shipped_files_have_the_fades_of_their_recipe(tmp_path: Path) -> None:
    seen = 0
    for path in shipped_files().values():
        card = ModelFile(path).card
        recipe = card.provenance["recipe"]["name"]
        assert card.fades == read_fades(tmp_path, recipe, card.codecs), path.name
        seen += bool(card.fades)
    assert seen == 21  # seven forms of edgeqe-tiny, edgeqe-small and edgeqe-base-video


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("webp = [", "not valid TOML"),
        ("vvc = [1.0, 2.0]", "has the codec 'vvc', the training serves jpeg, h264, webp"),
        ("webp = 3", "webp = 3: give two rising steps"),
        ("webp = [3.0]", "two rising steps"),
        ("webp = [4.0, 3.0]", "two rising steps"),
        ("webp = [0, 3.0]", "two rising steps"),
        ('webp = ["1", 3.0]', "two rising steps"),
        ("webp = [true, 3.0]", "two rising steps"),
        ("webp = [1.0, inf]", "two rising steps"),
        ("webp = [nan, 2.0]", "two rising steps"),
    ],
)
def test_fades_that_are_none_are_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / FADES).write_text(text)
    with pytest.raises(InputError, match=message):
        read_fades(tmp_path, "any", CODECS)


def test_shares_stand_beside_the_fades(tmp_path: Path) -> None:
    assert read_shares(tmp_path, "any", CODECS) == {}
    (tmp_path / FADES).write_text("webp = [3, 9.5]\n[shares]\nh264 = [0.95, 0.6]\nwebp = [1, 0]\n")
    assert read_fades(tmp_path, "any", CODECS) == {"webp": (3.0, 9.5)}
    assert read_shares(tmp_path, "any", CODECS) == {"h264": (0.95, 0.6), "webp": (1.0, 0.0)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("shares = 0.5", "shares = 0.5: give a table"),
        (
            "[shares]\nvvc = [1, 1]",
            "shares of the codec 'vvc', the training serves jpeg, h264, webp",
        ),
        ("[shares]\nwebp = [1, 1.5]", "give two numbers from 0 to 1, of luma and of chroma"),
        ("[shares]\nwebp = [-0.1, 1]", "give two numbers from 0 to 1"),
        ("[shares]\nwebp = [true, 1]", "give two numbers from 0 to 1"),
        ("[shares]\nwebp = [nan, 1]", "give two numbers from 0 to 1"),
        ("[shares]\nwebp = 0.5", "give two numbers from 0 to 1"),
    ],
)
def test_shares_that_are_none_are_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / FADES).write_text(text)
    with pytest.raises(InputError, match=message):
        read_shares(tmp_path, "any", CODECS)
