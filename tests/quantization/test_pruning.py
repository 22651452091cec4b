"""Pruning against closed forms: dead channels, ranks by hand, and files of pruned networks."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from edgeqe import zoo
from edgeqe.converters.export import export
from edgeqe.converters.graph import analysis
from edgeqe.converters.graph.graph import KEYS, Graph, Node
from edgeqe.converters.keras_io.reader import graph_of
from edgeqe.converters.sources import from_keras
from edgeqe.errors import InputError
from edgeqe.quantization.pruning.coupling import coupling
from edgeqe.quantization.pruning.importance import by_l1, by_norm, by_taylor, keras_gradients
from edgeqe.quantization.pruning.pruning import prune_model, without
from edgeqe.verify.checks import verify
from edgeqe.zoo.training.files import RECIPE
from edgeqe.zoo.training.loop import Training
from edgeqe.zoo.training.recipe import read_recipe
from edgeqe.zoo.weights import randomised
from edgeqe.zoo.widths import widths_of, with_widths
from tests.quantization.pruned_networks import chain, with_everything


def kill(model: Any, layers: tuple[str, ...], channels: list[int]) -> None:
    """Make channels zero: what makes them, and what is added behind."""
    for name in layers:
        for variable in model.get_layer(name).weights:
            value = variable.numpy()
            if variable.path.rsplit("/", 1)[-1] in (
                "kernel", "pointwise_kernel", "bias", "beta", "gamma", "bias_weights",
            ):  # fmt: skip
                if isinstance(model.get_layer(name), keras.layers.Conv2DTranspose):
                    value = np.moveaxis(value, 2, -1) if value.ndim == 4 else value
                    value[..., channels] = 0.0
                    value = np.moveaxis(value, -1, 2) if value.ndim == 4 else value
                else:
                    value[..., channels] = 0.0
                variable.assign(value)


def classes_made_by(found: Any, kernel: str, axis: int, channels: list[int]) -> Any:
    return found.axes[kernel, axis][channels]


def test_channels_that_are_dead_go_without_a_trace() -> None:
    model = with_everything()
    # channel 1 of the first head's half and 6 of the second's, all along the skip
    dead = [1, 6]
    kill(model, ("head", "shared", "norm_1", "norm_2"), dead)
    kill(model, ("down",), [0, 3])
    kill(model, ("up",), [2])
    kill(model, ("separable",), [5, 6])
    graph = graph_of(model, 0.0)
    found = coupling(graph)
    kept = np.ones(found.count, bool)
    for kernel, axis, channels in (
        ("head.kernel", 0, dead),
        ("down.kernel", 0, [0, 3]),
        ("up.kernel", 1, [2]),
        ("separable.pointwise_kernel", 0, [5, 6]),
    ):
        kept[classes_made_by(found, kernel, axis, channels)] = False
    smaller = without(model, graph, found, kept)
    widths = {"head": 6, "shared": 6, "down": 4, "up": 4, "separable": 5, "tail": 1}
    assert {name: smaller.get_layer(name).filters for name in widths} == widths
    assert widths_of(smaller)["attention_1_slice"] == [0, 3]
    assert widths_of(smaller)["attention_2_slice"] == [3, 6]
    picture = np.random.default_rng(5).uniform(-0.5, 0.5, (1, 12, 16, 1)).astype(np.float32)
    expected = np.asarray(model(picture))
    assert np.ptp(expected - picture) > 0.1  # the network does something
    # float32 sums of other lengths: some 1e-6 of values around 1
    np.testing.assert_allclose(np.asarray(smaller(picture)), expected, rtol=1e-5, atol=1e-5)
    # and a channel that is not dead leaves one
    kept[classes_made_by(found, "head.kernel", 0, [2])] = False
    other = np.asarray(without(model, graph, found, kept)(picture))
    assert np.abs(other - expected).max() > 1e-3


def test_l1_ranks_by_the_sum_of_a_filters_weights() -> None:
    graph = chain(3, 2)
    graph.constants["c0.k"][:] = np.array([1.0, -3.0, 0.5], np.float32)[:, None, None, None]
    graph.constants["c1.k"][:] = np.array([-2.0, 2.0], np.float32)[:, None, None, None]
    found = coupling(graph)
    importance = by_l1(graph, found)
    # 9 weights of 1, 3 and 0.5 with mean 13.5; and twice 27 of 2
    np.testing.assert_allclose(
        importance[found.axes["c0.k", 0]], np.array([9, 27, 4.5]) / 13.5, rtol=1e-6
    )
    np.testing.assert_allclose(importance[found.axes["c1.k", 0]], [1, 1], rtol=1e-6)


def test_l1_of_a_skip_counts_the_filters_of_both_sides() -> None:
    graph = chain(2, 2)
    nodes = (*graph.nodes[:2], Node("Add", "s", ("c1", "c0"), "s"),
             Node("Conv", "c2", ("s", "c2.k"), "c2", kernel=3, padding=1))  # fmt: skip
    graph = Graph("skip", {"x": 1}, "c2", nodes, graph.constants)
    found = coupling(graph)
    sums = sum(np.abs(graph.constants[name]).sum(axis=(1, 2, 3)) for name in ("c0.k", "c1.k"))
    np.testing.assert_allclose(by_l1(graph, found)[found.groups[0]], sums / np.mean(sums), 1e-5)


def test_norm_ranks_by_gamma_and_by_the_mean_scale_of_a_strength() -> None:
    model = randomised("liu")
    graph = graph_of(model, 0.0)
    found = coupling(graph)
    gamma = np.abs(np.asarray(model.get_layer("norm_4").gamma))
    importance = by_norm(graph, found)[found.axes["norm_4.gamma", 0]]
    np.testing.assert_allclose(importance, gamma / gamma.mean(), rtol=1e-5)

    model = randomised("edgeqe-tiny")
    graph = graph_of(model, 0.0)
    found = coupling(graph)
    scale = np.abs(graph.vectors["hidden_1_strength.scale"]).mean(axis=0)
    assert graph.vectors["hidden_1_strength.scale"].shape == (len(KEYS), 32)
    importance = by_norm(graph, found)[found.axes["hidden_1_strength.scale", 1]]
    np.testing.assert_allclose(importance, scale / scale.mean(), rtol=1e-5)


def test_norm_of_a_network_without_any_is_refused() -> None:
    graph = chain(8, 8)
    with pytest.raises(InputError, match="neither batch norm nor strengths.*--importance l1"):
        by_norm(graph, coupling(graph))


def test_taylor_is_the_derivative_by_a_factor_on_the_channel() -> None:
    keras.utils.set_random_seed(5)
    planes = keras.Input((None, None, 1))
    # smooth, so that differences are derivatives
    x = keras.layers.Conv2D(3, 3, padding="same", activation="sigmoid", name="a")(planes)
    kernel = keras.layers.Conv2D(3, 3, padding="same", use_bias=False, name="b")
    h = keras.layers.Activation("sigmoid", name="s")(kernel(x))
    x = kernel(h)  # used twice: what it reads and what it makes are one
    model = keras.Model(planes, keras.layers.Conv2D(1, 3, padding="same", name="t")(x))
    rng = np.random.default_rng(11)
    batches = [(rng.normal(size=(2, 8, 8, 1)), rng.normal(size=(2, 8, 8, 1))) for _ in range(2)]
    graph = graph_of(model, 0.0)
    found = coupling(graph)
    before = model.get_weights()
    gradients = list(keras_gradients(model, "mean_squared_error", batches))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    importance = by_taylor(graph, found, gradients)

    def loss(channel: int, factor: float, given: Any, target: Any) -> float:
        """Loss with a factor on what every kernel reads of a channel."""
        for name in ("b", "t"):
            weights = model.get_layer(name).kernel.numpy()
            weights[:, :, channel] *= factor
            model.get_layer(name).kernel.assign(weights)
        result = float(np.square(np.asarray(model(given), np.float64) - target).mean())
        model.set_weights(before)
        return result

    step = 1e-2  # central differences: an error of some 1e-4 of the derivative
    for channel in range(3):
        slopes = [
            (loss(channel, 1 + step, *batch) - loss(channel, 1 - step, *batch)) / (2 * step)
            for batch in batches
        ]
        one = int(found.axes["t.kernel", 1][channel])
        assert importance[one] == pytest.approx(np.square(slopes).mean(), rel=1e-2)


@pytest.mark.parametrize("strength", ["scale-and-bias", "qp-adaptive"])
def test_a_pruned_network_comes_back_from_its_file(strength: str, tmp_path: Path) -> None:
    whole = zoo.build("edgeqe-tiny", strength=strength)
    for variable in whole.weights:
        variable.assign(np.random.default_rng(1).normal(0, 0.1, tuple(variable.shape)))
    pruned = prune_model(whole, 0.5, by_l1)
    assert pruned.macs[0] == analysis.macs(graph_of(whole, 0.0))
    assert pruned.macs[1] == analysis.macs(graph_of(pruned.model, 0.0))
    # eights of 32 channels, head and second hidden layer together: 0.5 is met by 0.41
    assert 0.4 <= pruned.macs[1] / pruned.macs[0] <= 0.5
    export(from_keras(pruned.model), tmp_path / "net.onnx")
    restored = zoo.load(tmp_path / "net.onnx")
    assert restored.name == "edgeqe-tiny"
    options = zoo.options_of(restored)
    changed = {name: new for name, (old, new) in pruned.widths.items() if new != old}
    assert options == {"strength": strength, "widths": changed}
    expected = {variable.path: np.asarray(variable) for variable in pruned.model.weights}
    for variable in restored.weights:
        np.testing.assert_array_equal(np.asarray(variable), expected[variable.path])


def test_asqe_pruned_by_half_shares_its_kernels_and_passes_verify(tmp_path: Path) -> None:
    # without the fusion of resolutions, for time: every kind of block is there
    pruned = prune_model(randomised("asqe-no-mff"), 0.5, by_l1)
    assert 0.46 <= pruned.macs[1] / pruned.macs[0] <= 0.5
    exported = export(from_keras(pruned.model), tmp_path / "asqe.onnx")
    # one in each of two ASB and two fusions, two in each of three ASRB
    assert len(exported.card.shared) == 10
    assert exported.unshared_bytes > 1.5 * exported.constant_bytes
    checks = verify(tmp_path / "asqe.onnx")
    assert [check for check in checks if not check.passed] == []
    assert "sharing" in {check.name for check in checks}


def test_pruned_widths_train_from_a_recipe(tmp_path: Path) -> None:
    toml = 'name = "narrow"\nnetwork = "edgeqe-tiny"\nsteps = 5\n[widths]\nhidden_1 = 8\n'
    (tmp_path / "narrow.toml").write_text(toml, encoding="utf-8")
    recipe = read_recipe(str(tmp_path / "narrow.toml"))
    training = Training(recipe, tmp_path, tmp_path)
    training.save()
    (tmp_path / RECIPE).write_text(json.dumps(dataclasses.asdict(recipe)), encoding="utf-8")
    restored = zoo.load_training(tmp_path)
    assert zoo.options_of(restored)["widths"] == {"hidden_1": 8}
    for variable, trained in zip(restored.weights, training.model.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(variable), np.asarray(trained))
    (tmp_path / RECIPE).unlink()
    with pytest.raises(InputError, match="is no training"):
        zoo.load_training(tmp_path)


def test_widths_make_the_same_layers_narrower() -> None:
    narrow = with_widths(zoo.build("edgeqe-tiny"), {"hidden_1": 8})
    assert {**widths_of(zoo.build("edgeqe-tiny")), "hidden_1": 8} == widths_of(narrow)
    assert narrow.get_layer("hidden_2").kernel.shape == (3, 3, 8, 32)
    assert zoo.options_of(zoo.build("edgeqe-tiny")) == {"strength": "scale-and-bias"}


@pytest.mark.parametrize(
    ("name", "widths", "words"),
    [
        ("edgeqe-tiny", {"hidden_9": 8}, "no layer 'hidden_9'"),
        ("edgeqe-tiny", {"head_relu": 8}, "no layer 'head_relu'"),
        ("edgeqe-tiny", {"hidden_1": 0}, "'hidden_1' cannot be 0"),
        ("edgeqe-tiny", {"hidden_1": [8]}, r"'hidden_1' cannot be \[8\]"),
        ("edgeqe-tiny", {"hidden_1": True}, "'hidden_1' cannot be True"),
        ("edgeqe-multiscale", {"head": 32}, "do not fit together"),
    ],
)
def test_widths_that_cannot_be_are_refused(name: str, widths: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        zoo.build(name, widths=widths)
