"""Trainings of the papers' networks: a few steps of each kind, resumed, loaded and exported."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from edgeqe import zoo
from edgeqe.converters.sources import from_training
from edgeqe.errors import InputError
from edgeqe.zoo.training import validate
from edgeqe.zoo.training.files import AVERAGED, LOG
from edgeqe.zoo.training.kinds import training_of
from edgeqe.zoo.training.loop import Training
from edgeqe.zoo.training.picture_network import PictureNetwork, blocks_of, picture_of
from edgeqe.zoo.training.picture_training import PictureTraining, picture_loss
from edgeqe.zoo.training.precision import Precision
from edgeqe.zoo.training.recipe import Loss, Recipe
from tests.reference import photograph

RECIPE = Recipe(
    "test", "liu", steps=4, batch=2, crop=64, warmup=2, validate_every=50, values=[10, 60]
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small photographs as a data folder."""
    data = tmp_path_factory.mktemp("data")
    (data / "free").mkdir()
    for name in ("coffee", "chelsea"):
        Image.fromarray(photograph(name, 20, 40, 130, 140)).save(data / "free" / f"{name}.png")
    return data


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Validation on a small picture."""
    monkeypatch.setattr(validate, "HOLDOUT_SIZE", (96, 64))


def quiet(line: str) -> None:
    """Log nothing."""


@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.BFLOAT16])
@pytest.mark.parametrize(
    "changes",
    [
        {},  # batch norm, separable kernels
        {"network": "liu-qp"},
        {"network": "vrcnn-qp", "loss": "mse", "l2": 1e-3},
        {"network": "mvgl-b", "options": {"blocks": 1, "width": 4}, "loss": "l1"},
        {"network": "asqe-gray", "options": {"width": 8, "units": 4}, "l2": 1e-5, "alignment": 8},
    ],
)
def test_a_network_trains_is_loaded_and_becomes_a_source(
    precision: Precision, changes: dict[str, Any], folder: Path, tmp_path: Path
) -> None:
    recipe = dataclasses.replace(RECIPE, **changes)
    training = training_of(recipe)(recipe, folder, tmp_path / "test", precision)
    assert isinstance(training, PictureTraining)
    before = [np.array(weight) for weight in training.trained.get_weights()]
    training.run(log=quiet)
    after = training.trained.get_weights()
    changed = [np.any(a != b) for a, b in zip(after, before, strict=True)]
    assert np.isfinite(np.concatenate([w.ravel() for w in after])).all()
    assert np.mean(changed) > 0.9  # all but weights that nothing has reached yet
    entry = json.loads((tmp_path / "test" / LOG).read_text().splitlines()[-1])
    layout = zoo.network(recipe.network).planes
    protocol = "gray" if layout == "y" else "rgb"
    assert {key for key in entry if "held-out" in key} == {
        f"held-out {protocol} jpeg quality{value}" for value in (10, 60)
    }
    source = from_training(tmp_path / "test")
    assert source.codecs == ("jpeg",) and source.planes == layout
    assert zoo.load_training(tmp_path / "test").count_params() == training.model.count_params()


def test_a_resumed_training_equals_an_uninterrupted_one(folder: Path, tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, network="liu-qp")
    PictureTraining(recipe, folder, tmp_path / "a", Precision.FLOAT32).run(log=quiet)
    first = PictureTraining(recipe, folder, tmp_path / "b", Precision.FLOAT32)
    first.run(log=quiet, seconds=0.0)
    assert first.step == 1
    second = PictureTraining(recipe, folder, tmp_path / "b", Precision.FLOAT32)
    second.resume()
    second.run(log=quiet)
    with np.load(tmp_path / "a" / AVERAGED) as one, np.load(tmp_path / "b" / AVERAGED) as two:
        for key in one.files:
            # sums on several threads run in any order: rounding, four steps deep
            np.testing.assert_allclose(one[key], two[key], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("side", ["residual", "partition", "none"])
def test_rrnet_takes_a_second_plane_and_goes_on_from_another_training(
    side: str, folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("av")
    pytest.importorskip("numba")
    network = "rrnet-reconstruction" if side == "none" else "rrnet"
    recipe = dataclasses.replace(
        RECIPE, name="first", network=network, steps=2, values=[37], codecs={"hevc": 1.0},
        loop_filters=False, side=side, options={"width": 4},
    )  # fmt: skip
    PictureTraining(recipe, folder, tmp_path / "first", Precision.BFLOAT16).run(log=quiet)
    entry = json.loads((tmp_path / "first" / LOG).read_text().splitlines()[-1])
    assert "held-out gray hevc-unfiltered qp37" in entry
    tuned = dataclasses.replace(recipe, name="tuned", start="first", values=[32])
    training = PictureTraining(tuned, folder, tmp_path / "tuned", Precision.FLOAT32)
    with np.load(tmp_path / "first" / AVERAGED) as stored:
        for variable in training.model.weights:
            np.testing.assert_array_equal(variable, stored[variable.path.replace("/", ".")])


def test_networks_begin_by_handing_their_picture_on(folder: Path, tmp_path: Path) -> None:
    for name in ("liu", "vrcnn-qp", "asqe-gray-no-mff"):
        recipe = dataclasses.replace(RECIPE, network=name)
        model = PictureTraining(recipe, folder, tmp_path).model
        picture = photograph("coffee", 20, 40, 70, 90)[..., 0]
        shown = PictureNetwork(model, 64 if "asqe" in name else 0)
        np.testing.assert_array_equal(shown.enhance(picture, step=16.0, codec="jpeg"), picture)


def test_losses_by_hand() -> None:
    rng = np.random.default_rng(1)
    target, picture = rng.normal(size=(2, 4, 4, 3)), rng.normal(size=(2, 4, 4, 3))
    weight = np.full((2, 4, 4, 1), 3.0)
    both = np.concatenate([target, weight], -1).astype(np.float32)
    for loss, expected in (
        (Loss.MSE, 3 * np.mean((target - picture) ** 2, -1)),
        (Loss.L1, 3 * np.mean(np.abs(target - picture), -1)),
    ):
        found = picture_loss(loss)(both, picture.astype(np.float32))
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_l2_is_the_sum_of_squared_kernels(folder: Path, tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, network="vrcnn", l2=0.5)
    training = PictureTraining(recipe, folder, tmp_path, Precision.BFLOAT16)
    kernels = [v for v in training.trained.trainable_variables if v.path.endswith("/kernel")]
    expected = 0.5 * sum(float(np.sum(np.square(kernel))) for kernel in kernels)
    assert len(kernels) == 6
    assert float(sum(training.trained.losses)) == pytest.approx(expected, rel=1e-4)
    assert keras.backend.backend()  # whichever runs


def test_a_picture_is_cut_into_blocks_and_joined_again() -> None:
    picture = np.arange(8 * 12 * 2).reshape(8, 12, 2)
    blocks = blocks_of(picture, 4)
    assert blocks.shape == (6, 4, 4, 2)
    np.testing.assert_array_equal(blocks[4], picture[4:8, 4:8])
    np.testing.assert_array_equal(picture_of(blocks, picture.shape), picture)


def test_edgeqe_s_own_networks_keep_their_training(folder: Path, tmp_path: Path) -> None:
    own = dataclasses.replace(RECIPE, network="edgeqe-nano")
    assert training_of(own) is Training
    with pytest.raises(InputError, match="does not take the recipe's options"):
        PictureTraining(dataclasses.replace(RECIPE, options={"depth": 3}), folder, tmp_path)
