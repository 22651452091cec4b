"""Training for texture: its losses by hand, and generator and discriminator in turns."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from edgeqe import zoo
from edgeqe.errors import InputError
from edgeqe.zoo.training import adversarial, validate
from edgeqe.zoo.training.adversarial import AdversarialTraining, relativistic_loss
from edgeqe.zoo.training.features import BLOCKS, STEM, feature_network
from edgeqe.zoo.training.files import AVERAGED, CHECKPOINT
from edgeqe.zoo.training.kinds import training_of
from edgeqe.zoo.training.precision import Precision
from edgeqe.zoo.training.recipe import Recipe
from tests.reference import photograph

SMALL = {"width": 8, "dense": 2, "blocks": 1, "groups": 1}
RECIPE = Recipe(
    "test", "hgrdn", steps=4, batch=2, crop=64, warmup=0, values=[20], loss="l1", options=SMALL,
    pixel_weight=0.02, feature_weight=1.0, adversarial_weight=5e-4,
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two photographs as a data folder, and small features in the place of the package's."""
    (tmp_path / "free").mkdir()
    for name in ("coffee", "chelsea"):
        Image.fromarray(photograph(name, 20, 40, 130, 140)).save(tmp_path / "free" / f"{name}.png")

    def small() -> Any:
        planes = keras.Input((None, None, 3))
        model = keras.Model(planes, keras.layers.Conv2D(4, 3, 2, padding="same")(planes))
        model.trainable = False
        return model

    monkeypatch.setattr(adversarial, "feature_network", small)
    monkeypatch.setattr(validate, "HOLDOUT_SIZE", (96, 64))
    return tmp_path


def quiet(line: str) -> None:
    """Log nothing."""


def test_the_relativistic_loss_by_hand() -> None:
    more, less = np.array([[1.0], [-2.0], [0.5]]), np.array([[0.3], [0.1], [-1.0]])

    def likely(x: Any) -> Any:
        return 1 / (1 + np.exp(-x))

    expected = -np.mean(np.log(likely(more - less.mean())))
    expected -= np.mean(np.log(1 - likely(less - more.mean())))
    found = relativistic_loss(more.astype(np.float32), less.astype(np.float32))
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("stages", [1, 2])
def test_both_networks_learn_and_a_resumed_training_goes_on(
    stages: int, folder: Path, tmp_path: Path
) -> None:
    recipe = dataclasses.replace(RECIPE, options={**SMALL, "stages": stages})
    assert training_of(recipe) is AdversarialTraining
    straight = AdversarialTraining(recipe, folder, tmp_path / "a", Precision.FLOAT32)
    before = [np.array(v) for v in straight.trained.get_weights()]
    judge = [np.array(v) for v in straight.judge.get_weights()]
    straight.run(log=quiet)
    # of the features only the generator's own weights are changed
    moved = [np.any(a != b) for a, b in zip(straight.trained.get_weights(), before, strict=True)]
    assert np.mean(moved) > 0.9
    # the loss knows only differences of scores, so their bias, the last one, has no gradient
    judged = zip(straight.judge.get_weights()[:-1], judge[:-1], strict=True)
    assert all(np.any(a != b) for a, b in judged)

    part = AdversarialTraining(recipe, folder, tmp_path / "b", Precision.FLOAT32)
    part.trained.set_weights(before)  # both begin alike, the judges too
    part.average = [np.array(weight) for weight in before]
    part.judge.set_weights(judge)
    part.run(log=quiet, seconds=0.0)
    assert part.step == 1
    resumed = AdversarialTraining(recipe, folder, tmp_path / "b", Precision.FLOAT32)
    resumed.resume()
    with np.load(tmp_path / "b" / CHECKPOINT) as stored:
        for index, variable in enumerate(resumed.further_variables()):
            np.testing.assert_array_equal(variable, stored[f"further_{index}"])
    resumed.run(log=quiet)
    with np.load(tmp_path / "a" / AVERAGED) as one, np.load(tmp_path / "b" / AVERAGED) as two:
        for key in one.files:
            # sums on several threads run in any order: rounding, four steps deep
            np.testing.assert_allclose(one[key], two[key], rtol=1e-2, atol=1e-4)
    assert zoo.load_training(tmp_path / "b").count_params() == straight.model.count_params()


def test_luma_has_no_features() -> None:
    with pytest.raises(InputError, match="'liu' takes y: set feature_weight"):
        training_of(dataclasses.replace(RECIPE, network="liu"))


def test_features_take_every_tensor_where_it_belongs() -> None:
    rng, tensors = np.random.default_rng(1), dict[str, Any]()

    def norm(name: str, channels: int) -> None:
        tensors[f"{name}.weight"], tensors[f"{name}.bias"] = np.ones(channels), np.zeros(channels)
        tensors[f"{name}.running_mean"] = np.zeros(channels)
        tensors[f"{name}.running_var"] = np.full(channels, 1 - 1e-3)  # with epsilon: no change

    tensors["_conv_stem.weight"] = rng.normal(size=(STEM, 3, 3, 3))
    norm("_bn0", STEM)
    given = STEM
    for index, (expansion, kernel, _, channels) in enumerate(BLOCKS):
        name, wide = f"_blocks.{index}", expansion * given
        if expansion > 1:
            tensors[f"{name}._expand_conv.weight"] = rng.normal(size=(wide, given, 1, 1)) / given
            norm(f"{name}._bn0", wide)
        tensors[f"{name}._depthwise_conv.weight"] = rng.normal(size=(wide, 1, kernel, kernel))
        norm(f"{name}._bn1", wide)
        tensors[f"{name}._project_conv.weight"] = rng.normal(size=(channels, wide, 1, 1)) / wide
        norm(f"{name}._bn2", channels)
        given = channels
    model = feature_network(tensors)
    assert not model.trainable_variables
    planes = rng.uniform(-0.5, 0.5, (1, 16, 16, 3)).astype(np.float32)
    assert np.asarray(model(planes)).shape == (1, 2, 2, 40)
    # the stem at one place by hand: stride 2 pads below and to the right alone
    stem = keras.Model(model.inputs[0], model.get_layer("_conv_stem").output)
    window = (planes[0, 4:7, 6:9] * 255 + 128 - 127) / 128
    expected = np.einsum("oikl,kli->o", tensors["_conv_stem.weight"], window)
    np.testing.assert_allclose(np.asarray(stem(planes))[0, 2, 3], expected, rtol=1e-4, atol=1e-4)
    # depthwise kernels: channel by channel, rows and columns not exchanged
    kernel = model.get_layer("_blocks-0-_depthwise_conv").get_weights()[0]
    np.testing.assert_allclose(
        kernel[1, 2, 5, 0], tensors["_blocks.0._depthwise_conv.weight"][5, 0, 1, 2], rtol=1e-6
    )
