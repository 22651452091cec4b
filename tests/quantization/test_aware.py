"""Quantization-aware training: its roundings by hand, its network against the oracle's integers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgeqe.converters.graph import KEYS, Graph
from edgeqe.converters.running import Running
from edgeqe.converters.sources import caution, from_keras, from_training
from edgeqe.errors import InputError
from edgeqe.quantization.aware import FROZEN, QuantizedTraining, set_steps, with_rounding
from edgeqe.quantization.fake import (
    RoundedConvolution,
    RoundedValue,
    rounded_kernel,
    rounded_value,
)
from edgeqe.quantization.frozen import read_frozen
from edgeqe.quantization.int8 import integer_graph, values
from edgeqe.quantization.normal import normal
from edgeqe.quantization.oracle import Oracle
from edgeqe.quantization.ranges import Ranges
from edgeqe.quantization.rounding import round_kernel
from edgeqe.zoo import multiscale
from edgeqe.zoo.plain import plain
from edgeqe.zoo.training.files import AVERAGED, RANGES
from edgeqe.zoo.training.recipe import Recipe
from tests.reference import photograph

Array = npt.NDArray[np.float32]


def gradient(function: Callable[[Any], Any], x: Array) -> Array:
    """Gradient of the sum of a function's numbers, on any backend: one step of descent."""

    class Layer(keras.layers.Layer):  # type: ignore[misc]
        def build(self, shape: Any) -> None:
            self.x = self.add_weight(shape=x.shape, initializer="zeros")

        def call(self, one: Any) -> Any:
            return one * keras.ops.sum(function(self.x))

    model = keras.Sequential([keras.Input((1,)), Layer()])
    model.set_weights([x])
    model.compile(keras.optimizers.SGD(1.0), loss=lambda target, result: result)
    model.train_on_batch(np.ones((1, 1), np.float32), np.ones((1, 1), np.float32))
    moved: Array = x - model.get_weights()[0]
    return moved


def test_a_value_is_rounded_and_its_gradient_goes_straight_through() -> None:
    x = np.array([-2.6, -2.5, -0.3, 0.24, 0.26, 0.75, 1.25, 125.0, 125.1], np.float32)
    # scale 0.5 and zero 5: integers from -5 to 250 halves; 1.5 and 2.5 halves round to even
    expected = [-2.5, -2.5, -0.5, 0.0, 0.5, 1.0, 1.0, 125.0, 125.0]
    np.testing.assert_array_equal(np.asarray(rounded_value(x, 0.5, 5.0)), expected)
    x[[1, 7]] = -2.4, 124.9  # off the ends, where the gradient jumps
    # atol: float32 numbers up to 125 less and plus a gradient of 1
    np.testing.assert_allclose(
        gradient(lambda v: rounded_value(v, 0.5, 5.0), x), [0, 1, 1, 1, 1, 1, 1, 1, 0], atol=2e-5
    )


@pytest.mark.parametrize(("largest", "axes"), [(64, (0, 1, 2)), (3, (0, 1, 2)), (64, (3,))])
def test_a_kernel_is_rounded_as_post_training_rounds_it(largest: int, axes: Any) -> None:
    kernel = np.random.default_rng(4).standard_t(3, (3, 3, 5, 8)).astype(np.float32)
    kernel[..., 2] = 0.0  # a dead channel
    rest = [axis for axis in range(4) if axis not in axes]
    rows = kernel.transpose(*rest, *axes)
    flat = rows.reshape(-1, *rows.shape[len(rest) :])
    numbers, scale = round_kernel(flat, largest)
    expected = (numbers * scale.reshape(-1, *[1] * len(axes))).reshape(rows.shape)
    found = np.asarray(rounded_kernel(kernel, axes, largest)).transpose(*rest, *axes)
    # float32 there, float64 here: 1e-6 of the weights
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    straight = gradient(lambda v: rounded_kernel(v, axes, largest), kernel)
    np.testing.assert_allclose(straight, np.ones_like(kernel), atol=2e-6)


def with_random_weights(model: Any) -> Any:
    """Strength vectors and a tail that are not what they are before training."""
    rng = np.random.default_rng(5)
    for variable in model.weights:
        kind = variable.path.rsplit("/", 1)[-1]
        if kind in ("bias", "scale_weights", "bias_weights") or variable.path == "tail/kernel":
            variable.assign(rng.normal(0.0, 0.05, variable.shape))
    return model


def planes_of(seed: int, side: int = 24) -> Array:
    """Smooth planes with noise, whole grey levels less 128."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    waves = [60 * np.sin(rows / (3 + c) + seed) * np.cos(columns / 5) for c in range(6)]
    result: Array = np.rint(waves + rng.normal(0, 12, (6, side, side))).clip(-128, 127)
    return result.astype(np.float32)


def ranges_of(graph: Graph, planes: Array) -> Ranges:
    """Extremes that values take on planes at three strengths."""
    keys, graph = (6, 40, 80), normal(graph)
    found = {
        key: Running(graph.at(key), values(graph)).run({"planes": planes[None]}) for key in keys
    }
    low, high = (
        {
            value: np.array([end(found[key][index], 0.0) for key in keys])
            for index, value in enumerate(values(graph))
        }
        for end in (lambda x, zero: min(float(x.min()), zero), lambda x, zero: float(x.max()))
    )
    return Ranges(keys, low, high)


def inputs_of(planes: Array, key: int) -> list[Array]:
    """What Keras gets of planes (6, h, w) in grey levels less 128."""
    return [(planes / 255).transpose(1, 2, 0)[None], np.array([[key / 12]], np.float32)]


def residual_of(model: Any, planes: Array, key: int) -> Array:
    """Residual of a Keras network as the file's, grey levels, shape (6, h, w)."""
    share = caution(np.array([key / 12]))
    result: Array = np.asarray(model(inputs_of(planes, key)))[0].transpose(2, 0, 1) * 255 * share
    return result


def test_the_network_with_roundings_equals_the_oracle() -> None:
    keras.utils.set_random_seed(3)
    model = with_random_weights(plain("edgeqe-tiny", width=8, depth=2))
    source, planes = from_keras(model), planes_of(1)
    integer = integer_graph(source.graph, ranges_of(source.graph, planes), source.default_key)
    rounded = with_rounding(model, source.graph)
    set_steps(rounded, integer)
    for key in (6, 40, 80):
        at = integer.at(key)
        steps = np.abs(Oracle(at).run(planes) - residual_of(rounded, planes, key))
        steps /= at.residual_step
        # biases are integers in the oracle alone, so here and there a value falls to the other
        # side, and the layers behind add what fell
        assert (steps < 0.5).mean() > 0.9 and (steps < 1.5).mean() > 0.998


@pytest.mark.parametrize("key", [6, 40, 80])
def test_every_layer_of_a_network_with_shared_kernels_equals_the_oracle(
    key: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multiscale, "WIDTH", 8)
    keras.utils.set_random_seed(3)
    model = with_random_weights(multiscale.edgeqe_base())
    source, planes = from_keras(model), planes_of(1)
    integer = integer_graph(source.graph, ranges_of(source.graph, planes), source.default_key)
    rounded = with_rounding(model, source.graph)
    set_steps(rounded, integer)
    layers = {layer.value: layer for layer in rounded.layers if isinstance(layer, RoundedValue)}
    every = keras.Model(rounded.inputs, [layer.output for layer in layers.values()])
    made = dict(zip(layers, every(inputs_of(planes, key)), strict=True))
    at, numbers = integer.at(key), {"planes": (planes + 128).astype(np.uint8)}
    oracle = Oracle(at)
    for group in at.groups():  # each fed with what the Keras network gives the layer
        given = {name: numbers[name] for node in group.nodes for name in node.inputs
                 if name in numbers}  # fmt: skip
        expected = oracle.group(group, given)
        if group.output not in made:  # phases: Keras has them spread alone
            numbers[group.output] = expected
            continue
        scale, zero = at.scale(group.output), at.steps[group.output].zero
        if group.output == at.graph.output:
            scale /= 255 * float(caution(np.array([key / 12]))[0])
        real = np.asarray(made.pop(group.output))[0].transpose(2, 0, 1) / scale + zero
        # whole numbers: float32 of a product and a quotient by the scale
        np.testing.assert_allclose(real, np.rint(real), atol=1e-3)
        numbers[group.output] = np.rint(real).astype(np.uint8)
        apart = np.abs(np.rint(real) - expected)
        assert apart.max() <= 1.0 and (apart == 0.0).mean() > 0.95, group.first.name
    assert made == {}


def test_training_wins_back_what_rounding_to_the_nearest_loses() -> None:
    """With kernels of whole numbers up to 3, judged by the graph of integers, not by Keras."""
    keras.utils.set_random_seed(3)
    model = with_random_weights(plain("edgeqe-tiny", width=8, depth=1))
    key, batch, side = 40, 4, 24
    source, judged = from_keras(model), planes_of(99)
    real = Running(source.graph.at(key)).run({"planes": judged[None]})[0]

    def error_and_integers() -> tuple[float, Any]:
        now = from_keras(model)
        integer = integer_graph(now.graph, ranges_of(now.graph, judged), key, largest=3)
        return float(np.square(Oracle(integer).run(judged) - real[0]).mean()), integer

    error, integer = error_and_integers()
    teacher = keras.models.clone_model(model)
    teacher.set_weights(model.get_weights())
    rounded = with_rounding(model, source.graph, largest=3)
    set_steps(rounded, integer)
    rounded.compile(keras.optimizers.Adam(2e-3), loss="mse")
    for step in range(120):
        planes = np.stack([planes_of(batch * step + i, side) for i in range(batch)])
        given = [(planes / 255).transpose(0, 2, 3, 1), np.full((batch, 1), key / 12, np.float32)]
        rounded.train_on_batch(given, np.asarray(teacher(given)))
    trained, _ = error_and_integers()
    assert trained < 0.5 * error


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small photographs as a data folder."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "free").mkdir()
    for name in ("coffee", "chelsea"):
        Image.fromarray(photograph(name, 20, 40, 112, 128)).save(folder / "free" / f"{name}.png")
    return folder


RECIPE = Recipe(
    "test", "edgeqe-tiny", steps=10, batch=2, crop=48, warmup=1, learning_rate=1e-3,
    start="edgeqe-tiny:float32",
)  # fmt: skip


def steps_of(training: QuantizedTraining) -> dict[str, Array]:
    """Scales at every key of every value."""
    layers = (layer for layer in training.model.layers if isinstance(layer, RoundedValue))
    return {layer.value: np.array(layer.get_weights()[0]) for layer in layers}


def test_ranges_follow_and_freeze_and_resuming_changes_nothing(data: Path, tmp_path: Path) -> None:
    training = QuantizedTraining(RECIPE, data, tmp_path / "a")
    seen: dict[int, dict[str, Array]] = {}
    training.run(lambda step, *_: seen.update({step: steps_of(training)}), log=lambda _: None)

    def same(one: int, other: int) -> bool:
        return all(np.array_equal(seen[one][value], seen[other][value]) for value in seen[one])

    frozen = round(10 * (1 - FROZEN))
    assert not same(1, frozen) and not same(frozen - 1, frozen)
    assert same(frozen, 9) and same(frozen, 10)
    # what is written is what was trained with: by hand, a ReLU's high end is 255 steps
    calibration = read_frozen(tmp_path / "a")
    assert calibration is not None and calibration.summary["frozen in training"]
    ranges = calibration.ranges
    for value, scale in seen[10].items():
        if value.endswith("relu.out"):
            np.testing.assert_allclose(
                scale[list(ranges.keys)], ranges.high[value] / 255, rtol=1e-6
            )
    assert sorted(ranges.low) == sorted(seen[10]) and ranges.keys[-1] < len(KEYS)
    from_training(tmp_path / "a")  # the weights' names are those of the network without rounding

    interrupted = QuantizedTraining(RECIPE, data, tmp_path / "b")

    def stop(step: int, *_: float) -> None:
        if step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted.run(stop, log=lambda _: None)
    resumed = QuantizedTraining(RECIPE, data, tmp_path / "b")
    resumed.resume()
    resumed.run(log=lambda _: None)
    for file in (AVERAGED, RANGES):
        with np.load(tmp_path / "a" / file) as one, np.load(tmp_path / "b" / file) as two:
            assert one.files == two.files
            for key in set(one.files) - {"summary"}:
                # sums on several threads run in any order: float32 rounding, ten steps deep;
                # a calibrated end may then be the next of its candidates, 2 ** (1 / 16) apart
                rtol = 1e-3 if file == AVERAGED else 0.05
                np.testing.assert_allclose(one[key], two[key], rtol=rtol, atol=1e-4, err_msg=key)


def test_what_cannot_be_trained_with_roundings(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name a model by start"):
        QuantizedTraining(Recipe("test", "edgeqe-tiny", steps=2), data, tmp_path)
    other = Recipe("test", "edgeqe-small", steps=2, start="edgeqe-tiny:float32")
    with pytest.raises(InputError, match="do not fit 'edgeqe-small'"):
        QuantizedTraining(other, data, tmp_path)
    x = keras.Input((None, None, 6))
    layer = keras.layers.Conv2D(6, 3, padding="same", name="with_bias")
    layer(x)
    with pytest.raises(InputError, match="'with_bias'"):
        RoundedConvolution(layer)
    (tmp_path / RANGES).write_bytes(b"PK damaged")
    with pytest.raises(InputError, match="is damaged"):
        read_frozen(tmp_path)
