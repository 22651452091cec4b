"""Picture files: which are held out, and what cannot be read."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeqe.errors import ImageError
from edgeqe.zoo.training.pictures import (
    holdout_names,
    load,
    load_all,
    split,
    training_folder,
)
from edgeqe.zoo.training.validate import validation_sets


def test_a_folder_of_pictures_serves_as_well_as_one_that_holds_the_recipes(tmp_path: Path) -> None:
    assert training_folder(tmp_path, "free") == tmp_path
    (tmp_path / "free").mkdir()
    assert training_folder(tmp_path, "free") == tmp_path / "free"


def test_listed_names_are_held_out_else_every_tenth(tmp_path: Path) -> None:
    listed = sorted(holdout_names())[0]
    files = [tmp_path / f"{index:02}.png" for index in range(12)]
    training, held = split(files)
    assert held == [files[0], files[10]] and training == files[1:10] + files[11:]
    training, held = split([*files, tmp_path / listed])
    assert training == files and held == [tmp_path / listed]
    assert split(files[:1]) == (files[:1], [])  # a single picture is trained on


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "LA"])
def test_every_mode_is_read_as_rgb(mode: str, tmp_path: Path) -> None:
    gray = np.random.default_rng(1).integers(0, 256, (6, 8), np.uint8)
    Image.fromarray(gray).convert(mode).save(tmp_path / "a.png")
    np.testing.assert_array_equal(load(tmp_path / "a.png"), np.stack([gray] * 3, axis=-1))


@pytest.mark.parametrize("content", [b"", b"no picture", "cut", "broken"])
def test_a_picture_that_cannot_be_read_is_named(content: bytes | str, tmp_path: Path) -> None:
    path = tmp_path / "bad.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)).save(path)
    whole = path.read_bytes()
    if isinstance(content, str):  # half of a file; a chunk whose sum is wrong
        content = whole[: len(whole) // 2] if content == "cut" else whole[:20] + b"!" + whole[21:]
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"bad\.png is (damaged or cut short|empty|no picture)"):
        load_all([path])
    with pytest.raises(ImageError, match=r"bad\.png is "):
        validation_sets(tmp_path, tmp_path)  # no second picture, so this one is trained on
        load(path)


def test_validation_crops_the_middle_of_pictures_on_their_side(tmp_path: Path) -> None:
    upright = np.zeros((1024, 768, 3), np.uint8)
    upright[:512] = 255  # above: left, when turned
    for name in ("a", "b"):
        Image.fromarray(upright).save(tmp_path / f"{name}.png")
    (picture,) = validation_sets(tmp_path, tmp_path)["held-out"]
    assert picture.shape == (384, 512, 3)
    # the edge lies in the middle; bicubic smears it over a few pixels
    assert (picture[:, :250] == 255).all() and (picture[:, 262:] == 0).all()
