"""Training: samples, weights, recipes, and a resumed run that equals an uninterrupted one."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeqe.errors import InputError
from edgeqe.planes import rgb_to_ycc
from edgeqe.strength import step_from_quality
from edgeqe.zoo.training.data import CELL, Crops, load, make_batch, weights
from edgeqe.zoo.training.degrade import degrade
from edgeqe.zoo.training.recipe import RECIPES, Recipe, read_recipe
from tests.reference import photograph


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small photographs as a data folder."""
    data = tmp_path_factory.mktemp("data")
    (data / "free").mkdir()
    for name in ("coffee", "chelsea"):
        Image.fromarray(photograph(name, 20, 40, 200, 240)).save(data / "free" / f"{name}.png")
    return data


def test_a_sample_and_its_target_make_the_original() -> None:
    crop = photograph("astronaut", 0, 128, 96, 96)
    ycc = rgb_to_ycc(crop.astype(np.float32))
    kinds = set()
    for seed in range(40):
        sample = degrade(crop, np.random.default_rng(seed))
        kinds.add(sample.gray)
        restored = (sample.planes + sample.target) * 255 + 128
        luma = restored[..., 0]
        full, studio = ycc[::2, ::2, 0], 16 + ycc[::2, ::2, 0] * 219 / 255
        # float32 there and back: 1e-3 grey levels
        assert min(np.abs(luma - full).max(), np.abs(luma - studio).max()) < 1e-3
        neutral = np.abs(restored[..., 4:] - 128).max() < 1e-3
        assert neutral == sample.gray
    assert kinds == {True, False}


def test_coarser_quality_is_a_larger_error_and_step() -> None:
    crop = photograph("astronaut", 0, 128, 96, 96)
    samples = [degrade(crop, np.random.default_rng(1), quality) for quality in (90, 50, 10)]
    errors = [float(np.square(s.target).mean()) for s in samples]
    assert errors[0] < errors[1] < errors[2]
    for sample, quality in zip(samples, (90, 50, 10), strict=True):
        assert sample.log2_step == pytest.approx(np.log2(step_from_quality(quality)))


def test_weights_count_a_decibel_the_same_at_every_strength() -> None:
    crop = photograph("coffee", 100, 200, 96, 96)
    sums = []
    for quality in (10, 50, 90):
        sample = degrade(crop, np.random.default_rng(1), quality)
        inner = weights(sample, floor=0.0)[8:-8, 8:-8]
        sums.append(float((inner * np.square(sample.target[8:-8, 8:-8])).mean(axis=(0, 1)).sum()))
    # error over its own error, up to what differs between the middle and the whole
    assert max(sums) < 1.5 * min(sums) and 0.5 < sums[1] < 2.0


def test_crops_prefer_texture(tmp_path: Path) -> None:
    picture = np.full((400, 400, 3), 128, np.uint8)
    picture[:, 200:] = np.random.default_rng(1).integers(0, 256, (400, 200, 3))
    Image.fromarray(picture).save(tmp_path / "half.png")
    loaded = load(tmp_path / "half.png")
    assert loaded.energy(0, 0, 10 * CELL) == 0.0 < loaded.energy(0, 15 * CELL, 6 * CELL)
    crops = Crops([loaded], 64)
    rng = np.random.default_rng(3)
    textured = [crops.draw(rng).std() > 5 for _ in range(60)]
    # a random crop touches the textured half about 7 times in 10, the best of four nearly always
    assert np.mean(textured) > 0.9


def test_a_batch_depends_on_seed_and_step_alone(folder: Path) -> None:
    crops = Crops([load(path) for path in sorted((folder / "free").iterdir())], 64)
    first, again, other = (make_batch(crops, 1, step, 3, 1.0) for step in (5, 5, 6))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], other[0])
    assert [part.shape for part in first] == [(3, 32, 32, 6), (3, 1), (3, 32, 32, 12)]


def test_a_resumed_training_equals_an_uninterrupted_one(folder: Path, tmp_path: Path) -> None:
    from edgeqe.zoo.training.files import AVERAGED, LOG
    from edgeqe.zoo.training.loop import Training

    recipe = Recipe("test", "edgeqe-tiny", steps=6, batch=2, crop=48, warmup=2, validate_every=50)
    straight = Training(recipe, folder, tmp_path / "a")
    straight.run(log=lambda _: None)

    interrupted = Training(recipe, folder, tmp_path / "b")

    def stop(step: int, loss: float, seconds: float) -> None:
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted.run(stop, log=lambda _: None)
    resumed = Training(recipe, folder, tmp_path / "b")
    resumed.resume()
    assert resumed.step == 3
    resumed.run(log=lambda _: None)
    with np.load(tmp_path / "a" / AVERAGED) as one, np.load(tmp_path / "b" / AVERAGED) as two:
        assert set(one.files) == set(two.files)
        for key in one.files:
            # sums on several threads run in any order: float32 rounding, six steps deep
            np.testing.assert_allclose(one[key], two[key], rtol=1e-3, atol=1e-5)
    assert json.loads((tmp_path / "a" / LOG).read_text().splitlines()[-1])["step"] == 6


def test_resuming_without_or_with_another_checkpoint(folder: Path, tmp_path: Path) -> None:
    from edgeqe.zoo.training.loop import Training

    recipe = Recipe("test", "edgeqe-tiny", steps=2, batch=1, crop=48)
    training = Training(recipe, folder, tmp_path)
    with pytest.raises(InputError, match="no checkpoint"):
        training.resume()
    training.save()
    other = Training(dataclasses.replace(recipe, network="edgeqe-small"), folder, tmp_path)
    with pytest.raises(InputError, match="'edgeqe-tiny'"):
        other.resume()


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
        ("network =", "not valid TOML"),
    ],
)
def test_recipes_that_do_not_fit(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_recipe(str(path))
