"""Quantization-aware training: its roundings by hand, its network against the oracle's integers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgeqe import zoo
from edgeqe.converters.graph.graph import Graph
from edgeqe.converters.graph.integer import QuantizedGraph
from edgeqe.converters.graph.residual_share import residual_share
from edgeqe.converters.onnx_io.session import GraphSession
from edgeqe.converters.sources import from_keras, from_training
from edgeqe.errors import InputError
from edgeqe.quantization.calibration.ranges import Ranges
from edgeqe.quantization.int8.canonical_form import canonical
from edgeqe.quantization.int8.gptq import round_kernel
from edgeqe.quantization.int8.int8 import quantized_graph, values
from edgeqe.quantization.int8.oracle import Oracle
from edgeqe.quantization.qat.fake_quantize import (
    FakeQuantActivation,
    FakeQuantConvolution,
    fake_quantize,
    fake_quantize_kernel,
)
from edgeqe.quantization.qat.saved_calibration import read_calibration
from edgeqe.quantization.qat.training import (
    FROZEN,
    QuantizedTraining,
    set_quant_params,
    with_fake_quantization,
)
from edgeqe.zoo import multiscale
from edgeqe.zoo.plain import plain
from edgeqe.zoo.training import validate
from edgeqe.zoo.training.files import RANGES
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
    np.testing.assert_array_equal(np.asarray(fake_quantize(x, 0.5, 5.0)), expected)
    x[[1, 7]] = -2.4, 124.9  # off the ends, where the gradient jumps
    # atol: float32 numbers up to 125 less and plus a gradient of 1
    np.testing.assert_allclose(
        gradient(lambda v: fake_quantize(v, 0.5, 5.0), x), [0, 1, 1, 1, 1, 1, 1, 1, 0], atol=2e-5
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
    found = np.asarray(fake_quantize_kernel(kernel, axes, largest)).transpose(*rest, *axes)
    # float32 there, float64 here: 1e-6 of the weights
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    straight = gradient(lambda v: fake_quantize_kernel(v, axes, largest), kernel)
    np.testing.assert_allclose(straight, np.ones_like(kernel), atol=2e-6)


def with_random_weights(model: Any) -> Any:
    """Strength vectors and a tail that are not what they are before training.

    The residual is of some grey levels, as a network's that enhances.
    """
    rng = np.random.default_rng(5)
    for variable in model.weights:
        layer, kind = variable.path.rsplit("/", 1)
        if layer == "tail":
            variable.assign(rng.normal(0.0, 0.005, variable.shape))
        elif kind in ("bias", "scale_weights", "bias_weights") and layer != "tail_strength":
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
    keys, graph = (6, 40, 80), canonical(graph)
    found = {
        key: GraphSession(graph.at(key), values(graph)).run({"planes": planes[None]})
        for key in keys
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
    unit = planes.transpose(1, 2, 0)[None] / np.float32(255)
    return [unit, np.array([[key / 12]], np.float32)]


def residual_of(model: Any, planes: Array, key: int) -> Array:
    """Residual of a Keras network as the file's, grey levels, shape (6, h, w)."""
    share = residual_share(np.array([key / 12]))
    result: Array = np.asarray(model(inputs_of(planes, key)))[0].transpose(2, 0, 1) * 255 * share
    return result


def test_the_network_with_roundings_equals_the_oracle() -> None:
    keras.utils.set_random_seed(3)
    model = with_random_weights(plain("edgeqe-tiny", width=8, depth=2))
    source, planes = from_keras(model), planes_of(1)
    integer = quantized_graph(source.graph, ranges_of(source.graph, planes), source.default_key)
    rounded = with_fake_quantization(model, source.graph)
    set_quant_params(rounded, integer)
    for key in (6, 40, 80):
        at = integer.at(key)
        steps = np.abs(Oracle(at).run(planes) - residual_of(rounded, planes, key))
        steps /= at.residual_scale
        # biases are integers in the oracle alone: here and there a value falls to the other side
        assert (steps < 0.5).mean() > 0.9 and steps.max() < 1.5


def test_every_layer_of_a_network_with_shared_kernels_equals_the_oracle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(multiscale, "WIDTH", 8)
    keras.utils.set_random_seed(3)
    model = with_random_weights(multiscale.edgeqe_multiscale())
    source, planes = from_keras(model), planes_of(1)
    integer = quantized_graph(source.graph, ranges_of(source.graph, planes), source.default_key)
    rounded = with_fake_quantization(model, source.graph)
    set_quant_params(rounded, integer)
    layers = {
        layer.value: layer for layer in rounded.layers if isinstance(layer, FakeQuantActivation)
    }
    every = keras.Model(rounded.inputs, [layer.output for layer in layers.values()])
    for key in (6, 80):
        made = dict(zip(layers, every(inputs_of(planes, key)), strict=True))
        at, numbers = integer.at(key), {"planes": (planes + 128).astype(np.uint8)}
        oracle = Oracle(at)
        for group in at.groups():  # each fed with what the Keras network gives the layer
            read = {name for node in group.nodes for name in node.inputs} & set(numbers)
            expected = oracle.group(group, {name: numbers[name] for name in read})
            if group.output not in made:  # phases: Keras has them spread alone
                numbers[group.output] = expected
                continue
            scale, zero = at.scale(group.output), at.quant_params[group.output].zero_point
            if group.output == at.graph.output:
                scale /= 255 * float(residual_share(np.array([key / 12]))[0])
            real = np.asarray(made.pop(group.output))[0].transpose(2, 0, 1) / scale + zero
            # whole numbers: float32 of a product and a quotient by the scale
            np.testing.assert_allclose(real, np.rint(real), atol=1e-3)
            numbers[group.output] = np.rint(real).astype(np.uint8)
            apart = np.abs(np.rint(real) - expected)
            # the oracle's bias is a whole number, at most half a unit of the sums away
            assert apart.max() <= 1.0 and (apart == 0.0).mean() > 0.95, group.first.name
        assert made == {}


def test_training_wins_back_what_rounding_to_the_nearest_loses() -> None:
    """With kernels of whole numbers up to 2, judged by the oracle, not by Keras."""
    keras.utils.set_random_seed(3)
    model = small()
    source, judged, key, batch, steps = from_keras(model), planes_of(999), 40, 4, 60
    real = GraphSession(source.graph.at(key)).run({"planes": judged[None]})[0]
    targets, ranges = keras.models.clone_model(model), ranges_of(source.graph, judged)
    targets.set_weights(model.get_weights())

    def error_of(integer: QuantizedGraph) -> float:
        return float(np.square(Oracle(integer).run(judged) - real[0]).mean())

    integer = quantized_graph(source.graph, ranges, key, largest=2)
    rounded = with_fake_quantization(model, source.graph, largest=2)
    set_quant_params(rounded, integer)
    falling = keras.optimizers.schedules.CosineDecay(4e-4, steps)
    rounded.compile(keras.optimizers.Adam(falling), loss=lambda y, x: 255**2 * (y - x) ** 2)
    for step in range(steps):
        planes = np.stack([planes_of(batch * step + index) for index in range(batch)])
        given = [(planes / 255).transpose(0, 2, 3, 1), np.full((batch, 1), key / 12, np.float32)]
        rounded.train_on_batch(given, np.asarray(targets(given)))
    trained = quantized_graph(from_keras(model).graph, ranges, key, largest=2)
    # 0.22 falls to 0.04, squared grey levels; the residual's own mean square is 0.68
    assert error_of(trained) < 0.4 * error_of(integer)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small photographs as a data folder."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "free").mkdir()
    for name in ("coffee", "chelsea"):
        Image.fromarray(photograph(name, 20, 40, 112, 128)).save(folder / "free" / f"{name}.png")
    return folder


def small(strength: str = "scale-and-bias", codecs: Sequence[str] = ("jpeg",)) -> Any:
    """Width 8, two hidden convolutions, in the place of edgeqe-tiny."""
    return with_random_weights(
        plain("edgeqe-tiny", width=8, depth=2, strength=strength, codecs=codecs)
    )


def steps_of(training: QuantizedTraining) -> dict[str, Array]:
    """Scales at every key of every value."""
    layers = (layer for layer in training.model.layers if isinstance(layer, FakeQuantActivation))
    return {layer.value: np.array(layer.get_weights()[0]) for layer in layers}


def test_ranges_follow_the_weights_and_freeze(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validate, "HOLDOUT_SIZE", (96, 64))
    monkeypatch.setattr(zoo.plain, "edgeqe_tiny", small)
    start = tmp_path / "start.npz"
    np.savez(start, **{v.path.replace("/", "."): v.numpy() for v in small().weights})
    recipe = Recipe(
        "test",
        "edgeqe-tiny",
        steps=10,
        batch=1,
        crop=48,
        warmup=1,
        start=str(start),
        percentile=99.9,
    )
    folder = tmp_path / "test"
    seen: dict[int, dict[str, Array]] = {}

    def watch(training: QuantizedTraining, last: int) -> Callable[[int, float, float], None]:
        def progress(step: int, loss: float, seconds: float) -> None:
            seen[step] = steps_of(training)
            if step == last:
                raise KeyboardInterrupt

        return progress

    interrupted = QuantizedTraining(recipe, data, folder)
    with pytest.raises(KeyboardInterrupt):
        interrupted.run(watch(interrupted, 7), log=lambda _: None)
    training = QuantizedTraining(recipe, data, folder)
    training.resume()
    seen[0] = steps_of(training)
    training.run(watch(training, 11), log=lambda _: None)

    def same(one: int, other: int) -> bool:
        return all(np.array_equal(seen[one][value], seen[other][value]) for value in seen[one])

    assert same(0, 7)  # from the checkpoint
    assert round(10 * (1 - FROZEN)) == 8
    assert not same(1, 7) and not same(7, 8)
    assert same(8, 9) and same(8, 10)
    # what is written is what was trained with: by hand, the high end after a ReLU is 255 steps
    calibration = read_calibration(folder)
    assert calibration is not None and calibration.summary["frozen in training"]
    assert calibration.summary["statistic"] == "percentile 99.9"
    ranges = calibration.ranges
    assert sorted(ranges.low) == sorted(seen[10])
    for value, scale in seen[10].items():
        if value.endswith("relu.out"):
            found = scale[list(ranges.keys)]
            np.testing.assert_allclose(found, ranges.high[value] / 255, rtol=1e-6)
    from_training(folder)  # its weights are those of the network without roundings


def test_what_cannot_be_trained_with_roundings(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name a model by start"):
        QuantizedTraining(Recipe("test", "edgeqe-tiny", steps=2), data, tmp_path)
    other = Recipe("test", "edgeqe-small", steps=2, start="edgeqe-tiny:float32")
    with pytest.raises(InputError, match="does not fit 'edgeqe-small'"):
        QuantizedTraining(other, data, tmp_path)
    x = keras.Input((None, None, 6))
    layer = keras.layers.Conv2D(6, 3, padding="same", name="with_bias")
    layer(x)
    with pytest.raises(InputError, match="'with_bias'"):
        FakeQuantConvolution(layer)
    (tmp_path / RANGES).write_bytes(b"PK damaged")
    with pytest.raises(InputError, match="is damaged"):
        read_calibration(tmp_path)
