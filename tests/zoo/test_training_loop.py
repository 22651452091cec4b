"""The loop: a resumed run equals an uninterrupted one, and nothing spoils a checkpoint."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgeqe import zoo
from edgeqe.errors import InputError
from edgeqe.zoo.plain import plain
from edgeqe.zoo.training import loop, validate
from edgeqe.zoo.training.files import AVERAGED, CHECKPOINT, LOG
from edgeqe.zoo.training.loop import Training
from edgeqe.zoo.training.precision import Precision
from edgeqe.zoo.training.recipe import Recipe
from tests.reference import photograph

RECIPE = Recipe("test", "edgeqe-tiny", steps=6, batch=2, crop=48, warmup=2, validate_every=50)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small photographs as a data folder."""
    data = tmp_path_factory.mktemp("data")
    (data / "free").mkdir()
    for name in ("coffee", "chelsea"):
        Image.fromarray(photograph(name, 20, 40, 100, 120)).save(data / "free" / f"{name}.png")
    return data


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small network in edgeqe-tiny's place, validated on a small picture at two qualities."""
    monkeypatch.setattr(validate, "HOLDOUT_SIZE", (96, 64))
    monkeypatch.setattr(loop, "RUNNING_QUALITIES", (10,))
    monkeypatch.setattr(loop, "FINAL_QUALITIES", (10, 80))

    def small(strength: str = "scale-and-bias", codecs: Sequence[str] = ("jpeg",)) -> Any:
        """Width 8, two hidden convolutions."""
        return plain("edgeqe-tiny", width=8, depth=2, strength=strength, codecs=codecs)

    monkeypatch.setattr(zoo.plain, "edgeqe_tiny", small)


def stops(last: int) -> Callable[[int, float, float], None]:
    """Progress that interrupts behind a step."""

    def progress(step: int, loss: float, seconds: float) -> None:
        if step == last:
            raise KeyboardInterrupt

    return progress


def quiet(line: str) -> None:
    """Log nothing."""


def entries(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / LOG).read_text().splitlines()]


@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.BFLOAT16])
def test_a_resumed_training_equals_an_uninterrupted_one(
    precision: Precision, folder: Path, tmp_path: Path
) -> None:
    straight = Training(RECIPE, folder, tmp_path / "a", precision)
    straight.run(log=quiet)
    interrupted = Training(RECIPE, folder, tmp_path / "b", precision)
    with pytest.raises(KeyboardInterrupt):
        interrupted.run(stops(3), log=quiet)
    resumed = Training(RECIPE, folder, tmp_path / "b", precision)
    resumed.resume()
    assert resumed.step == 3
    resumed.run(log=quiet)
    with np.load(tmp_path / "a" / AVERAGED) as one, np.load(tmp_path / "b" / AVERAGED) as two:
        assert set(one.files) == set(two.files)
        for key in one.files:
            # sums on several threads run in any order: rounding, six steps deep
            atol = 1e-5 if precision is Precision.FLOAT32 else 2e-3
            np.testing.assert_allclose(one[key], two[key], rtol=1e-3, atol=atol)
    for name in ("a", "b"):
        (entry,) = entries(tmp_path / name)
        assert (entry["step"], entry["precision"]) == (6, precision.value)
        assert {key for key in entry if " q" in key} == {
            f"held-out {protocol} q{quality}" for protocol in ("gray", "planes") for quality in (10, 80)
        }  # fmt: skip


def test_a_checkpoint_behind_the_recipe_s_last_step_is_named(folder: Path, tmp_path: Path) -> None:
    training = Training(RECIPE, folder, tmp_path, Precision.FLOAT32)
    with pytest.raises(KeyboardInterrupt):
        training.run(stops(4), log=quiet)
    shorter = Training(dataclasses.replace(RECIPE, steps=3), folder, tmp_path, Precision.FLOAT32)
    with pytest.raises(InputError, match="is of step 4, the recipe has 3 steps"):
        shorter.resume()


def test_keys_that_count_for_the_papers_networks_alone_are_refused(
    folder: Path, tmp_path: Path
) -> None:
    wrong: dict[str, Any] = {"loss": "l1", "values": [20], "l2": 0.1}
    for key, value in wrong.items():
        recipe = dataclasses.replace(RECIPE, **{key: value})
        with pytest.raises(InputError, match=f"{key} is of networks of the papers"):
            Training(recipe, folder, tmp_path, Precision.FLOAT32)


def test_several_codecs_are_trained_validated_and_resumed(tmp_path: Path) -> None:
    pytest.importorskip("av")
    (tmp_path / "free").mkdir()
    for name in ("coffee", "chelsea"):
        Image.fromarray(photograph(name, 20, 40, 130, 140)).save(tmp_path / "free" / f"{name}.png")
    shares = {"hevc": 0.5, "jpeg": 0.5}
    recipe = dataclasses.replace(RECIPE, crop=64, codecs=shares)
    training = Training(recipe, tmp_path, tmp_path / "run", Precision.FLOAT32)
    with pytest.raises(KeyboardInterrupt):
        training.run(stops(3), log=quiet)
    resumed = Training(recipe, tmp_path, tmp_path / "run", Precision.FLOAT32)
    resumed.resume()
    resumed.run(log=quiet)
    (entry,) = entries(tmp_path / "run")
    assert {key for key in entry if "held-out" in key} == {
        *(f"held-out {protocol} q{quality}" for protocol in ("gray", "planes") for quality in (10, 80)),
        *(f"held-out gray hevc qp{qp}" for qp in (22, 32, 42)),
    }  # fmt: skip
    before = [entry[f"held-out gray hevc qp{qp}"][0] for qp in (22, 32, 42)]
    assert 45 > before[0] > before[1] > before[2] > 20
    model = zoo.load_training(tmp_path / "run")
    assert zoo.codecs_of(model) == ("jpeg", "hevc")
    assert np.abs(model.get_layer("step").codec_out.numpy()).min(axis=1).max() > 0  # both learned


def test_the_average_is_of_the_weights_that_are_trained(folder: Path, tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, steps=8)
    training = Training(recipe, folder, tmp_path, Precision.BFLOAT16)
    expected = [np.array(weight) for weight in training.trained.get_weights()]

    def follow(step: int, loss: float, seconds: float) -> None:
        if step % 4 == 0:  # decay 0.999 ** 4, but early it forgets the start faster
            decay = min(0.999**4, (1 + step) / (10 + step))
            for mean, weight in zip(expected, training.trained.get_weights(), strict=True):
                mean += (weight - mean) * (1 - decay)

    training.run(follow, log=quiet)
    with np.load(tmp_path / AVERAGED) as stored:
        for variable, mean in zip(training.model.weights, expected, strict=True):
            found = stored[variable.path.replace("/", ".")]
            np.testing.assert_allclose(found, mean, rtol=1e-5, atol=1e-7)


def test_a_share_of_the_start_is_in_what_is_exported(folder: Path, tmp_path: Path) -> None:
    Training(RECIPE, folder, tmp_path / "start").run(log=quiet)
    alone = dataclasses.replace(RECIPE, name="alone", start="start", seed=2)
    Training(alone, folder, tmp_path / "alone").run(log=quiet)
    mixed = dataclasses.replace(alone, name="mixed", start_share=0.25)
    Training(mixed, folder, tmp_path / "mixed").run(log=quiet)
    start, trained, found = (
        dict(np.load(tmp_path / name / AVERAGED)) for name in ("start", "alone", "mixed")
    )
    assert any(np.any(start[name] != trained[name]) for name in start)
    for name, weights in found.items():
        wanted = 0.75 * trained[name].astype(np.float64) + 0.25 * start[name]
        np.testing.assert_allclose(weights, wanted, rtol=1e-5, atol=1e-7)  # float32's rounding
    whole = Training(dataclasses.replace(mixed, start_share=0.5), folder, tmp_path / "mixed")
    whole.resume()  # another share of a training that is done
    whole.run(log=quiet)
    for name, weights in np.load(tmp_path / "mixed" / AVERAGED).items():
        wanted = 0.5 * trained[name].astype(np.float64) + 0.5 * start[name]
        np.testing.assert_allclose(weights, wanted, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.BFLOAT16])
def test_an_interrupted_validation_leaves_the_trained_weights(
    precision: Precision, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = dataclasses.replace(RECIPE, validate_every=4)
    training = Training(recipe, folder, tmp_path, precision)
    trained: list[Any] = []

    def interrupts(model: Any, *_: Any) -> Any:
        # validated are the averaged weights, in float32
        for found, mean in zip(model.get_weights(), training.average, strict=True):
            np.testing.assert_array_equal(found, mean)
        assert {layer.compute_dtype for layer in model.layers} == {"float32"}
        raise KeyboardInterrupt

    def note(step: int, loss: float, seconds: float) -> None:
        trained[:] = training.trained.get_weights()

    monkeypatch.setattr(loop, "gains_of_sets", interrupts)
    with pytest.raises(KeyboardInterrupt):
        training.run(note, log=quiet)
    with np.load(tmp_path / CHECKPOINT) as stored:
        assert (stored["step"], str(stored["precision"])) == (4, precision.value)
        for index, weight in enumerate(trained):
            np.testing.assert_array_equal(stored[f"weight_{index}"], weight)
        apart = [np.abs(stored[f"average_{i}"] - weight).max() for i, weight in enumerate(trained)]
    assert max(apart) > 0  # so it matters which


def test_weights_that_are_lost_do_not_replace_a_checkpoint(folder: Path, tmp_path: Path) -> None:
    training = Training(RECIPE, folder, tmp_path, Precision.FLOAT32)
    with pytest.raises(KeyboardInterrupt):
        training.run(stops(2), log=quiet)
    kept = (tmp_path / CHECKPOINT).read_bytes()
    broken = Training(RECIPE, folder, tmp_path, Precision.FLOAT32)
    broken.resume()
    weights = broken.trained.get_weights()
    broken.trained.set_weights([np.full_like(weight, np.nan) for weight in weights])
    with pytest.raises(InputError, match="the loss is nan at step 3: lower learning_rate"):
        broken.run(log=quiet)
    assert (tmp_path / CHECKPOINT).read_bytes() == kept


def test_what_fails_before_the_first_step_leaves_no_checkpoint(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name in ("a", "b"):
        Image.fromarray(np.zeros((90, 90, 3), np.uint8)).save(data / f"{name}.png")
    training = Training(RECIPE, data, tmp_path / "out", Precision.FLOAT32)
    with pytest.raises(InputError, match="no picture has 96 pixels both ways"):
        training.run(log=quiet)
    assert not (tmp_path / "out" / CHECKPOINT).exists()


def test_checkpoints_that_do_not_fit_are_refused(folder: Path, tmp_path: Path) -> None:
    training = Training(RECIPE, folder, tmp_path)
    with pytest.raises(InputError, match="no checkpoint"):
        training.resume()
    training.save()
    for other, message in (
        (dataclasses.replace(RECIPE, network="edgeqe-small"), "is of 'edgeqe-tiny', the recipe"),
        (dataclasses.replace(RECIPE, strength="qp-adaptive"), "another strength or other widths"),
        (dataclasses.replace(RECIPE, widths={"hidden_1": 4}), "another strength or other widths"),
    ):
        with pytest.raises(InputError, match=message):
            Training(other, folder, tmp_path).resume()
    whole = (tmp_path / CHECKPOINT).read_bytes()
    for content in (b"", b"PK\x03\x04 no more", b"text", whole[: len(whole) // 2]):
        (tmp_path / CHECKPOINT).write_bytes(content)
        with pytest.raises(InputError, match="is damaged"):
            training.resume()


def test_networks_without_training_data_are_refused(folder: Path, tmp_path: Path) -> None:
    for name in ("liu", "asqe"):
        with pytest.raises(InputError, match=f"'{name}' has no training data here"):
            Training(dataclasses.replace(RECIPE, network=name), folder, tmp_path)


def test_seconds_end_it_with_a_checkpoint(folder: Path, tmp_path: Path) -> None:
    training = Training(RECIPE, folder, tmp_path)
    training.run(log=quiet, seconds=0.0)
    assert training.step == 1
    with np.load(tmp_path / CHECKPOINT) as stored:
        assert stored["step"] == 1
    assert not (tmp_path / LOG).exists()
