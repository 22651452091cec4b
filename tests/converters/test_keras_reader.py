"""Every layer that converts: Keras against ONNX Runtime; and what does not convert."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest

from edgeqe import zoo
from edgeqe.converters.graph.graph import KEYS, Graph
from edgeqe.converters.keras_io.reader import graph_of, strength_vectors
from edgeqe.converters.onnx_io import writer as onnx_writer
from edgeqe.errors import InputError
from edgeqe.zoo.attention import ChannelMax, ChannelMean, ChannelSlice
from edgeqe.zoo.strengths import QpAdaptive
from edgeqe.zoo.weights import randomised

layers = keras.layers
CHANNELS = 4


def net(*stack: Any, channels: int = CHANNELS) -> Any:
    """Layers in a row."""
    inputs = x = keras.Input((None, None, channels), name="planes")
    for layer in stack:
        x = layer(x)
    return keras.Model(inputs, x, name="net")


def with_weights(model: Any) -> Any:
    """Weights that are nowhere zero, one or equal; variances positive."""
    rng = np.random.default_rng(5)
    for variable in model.weights:
        values = rng.normal(0, 0.5, variable.shape)
        positive = variable.path.endswith(("variance", "theta"))
        variable.assign(np.abs(values) + 0.1 if positive else values)
    return model


def run(graph: Graph, given: dict[str, Any]) -> Any:
    """The graph on ONNX Runtime; values (N, H, W, C) in and out."""
    data = onnx_writer.model_of(graph, {}).SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    nchw = {
        name: np.ascontiguousarray(value.transpose(0, 3, 1, 2)) for name, value in given.items()
    }
    return session.run(None, nchw)[0].transpose(0, 2, 3, 1)


def assert_equal_to_keras(model: Any, sizes: tuple[tuple[int, int], ...], tolerance: float) -> None:
    """Graph and Keras agree within `tolerance` of the output's range, at every size."""
    graph = graph_of(model, 4.0)
    for size in sizes:
        rng = np.random.default_rng(7)
        given = {
            tensor.name: rng.normal(0, 1, (1, *size, tensor.shape[-1])).astype(np.float32)
            for tensor in model.inputs
        }
        inputs = list(given.values())
        expected = np.asarray(model(inputs if len(inputs) > 1 else inputs[0]))
        result = run(graph, given)
        assert result.shape == expected.shape
        assert np.abs(result - expected).max() <= tolerance * max(np.ptp(expected), 1e-6)


def window(kind: Any, kernel: int, stride: int) -> Callable[[], Any]:
    """One convolution, 'same'."""
    return lambda: net(kind(3, kernel, stride, padding="same"))


CASES: dict[str, Callable[[], Any]] = {
    **{
        f"{kind.__name__} {kernel}x{kernel} / {stride}": window(kind, kernel, stride)
        for kind in (layers.Conv2D, layers.Conv2DTranspose)
        for kernel in (1, 2, 3, 4, 5, 7)
        for stride in (1, 2, 4)
    },
    "Conv2D without bias": lambda: net(layers.Conv2D(3, 3, padding="same", use_bias=False)),
    "Conv2D in groups": lambda: net(layers.Conv2D(6, 3, padding="same", groups=2)),
    "Conv2D 'valid' where nothing is padded": lambda: net(layers.Conv2D(3, 2, 2)),
    "Conv2D and ReLU": lambda: net(layers.Conv2D(3, 3, padding="same", activation="relu")),
    "Conv2D and SELU": lambda: net(layers.Conv2D(3, 3, padding="same", activation="selu")),
    "Conv2DTranspose and sigmoid": lambda: net(
        layers.Conv2DTranspose(3, 4, 2, padding="same", activation="sigmoid")
    ),
    "SeparableConv2D": lambda: net(layers.SeparableConv2D(5, 3, padding="same")),
    "SeparableConv2D, two maps a channel": lambda: net(
        layers.SeparableConv2D(5, 3, padding="same", depth_multiplier=2, activation="relu")
    ),
    "SeparableConv2D, one channel": lambda: net(
        layers.SeparableConv2D(5, 3, padding="same", use_bias=False), channels=1
    ),
    "BatchNormalization": lambda: net(layers.BatchNormalization(epsilon=0.01)),
    "BatchNormalization without gamma": lambda: net(layers.BatchNormalization(scale=False)),
    "BatchNormalization without beta": lambda: net(layers.BatchNormalization(center=False)),
    "ReLU": lambda: net(layers.ReLU()),
    "ReLU with a slope": lambda: net(layers.ReLU(negative_slope=0.3)),
    "LeakyReLU": lambda: net(layers.LeakyReLU(negative_slope=0.2)),
    "PReLU": lambda: net(layers.PReLU(shared_axes=[1, 2])),
    "Activation": lambda: net(
        layers.Activation("selu"), layers.Activation("sigmoid"), layers.Activation("relu")
    ),
    "MaxPooling2D": lambda: net(layers.MaxPooling2D(2)),
    "Rescaling": lambda: net(layers.Rescaling(0.1)),
    "Rescaling by channel": lambda: net(layers.Rescaling([1.0, 2.0, 3.0, 4.0], [0.1, 0.2, 0.3, 0.4])),
    "Rescaling, offset alone": lambda: net(layers.Rescaling(1.0, [0.1, 0.2, 0.3, 0.4])),
    "ChannelSlice": lambda: net(ChannelSlice(1, 3)),
    "ChannelSlice from the end": lambda: net(ChannelSlice(-3, -1)),
    "ChannelMean": lambda: net(ChannelMean()),
    "ChannelMax": lambda: net(ChannelMax()),
    "GlobalAveragePooling2D": lambda: net(layers.GlobalAveragePooling2D(keepdims=True)),
    "GlobalMaxPooling2D": lambda: net(layers.GlobalMaxPooling2D(keepdims=True)),
}  # fmt: skip


@pytest.mark.parametrize("case", list(CASES))
def test_a_layer_equals_keras(case: str) -> None:
    # multiples of every stride here; float32 sums of at most 7 * 7 * 4 products
    assert_equal_to_keras(with_weights(CASES[case]()), ((8, 12), (16, 8)), 1e-6)


@pytest.mark.parametrize("join", [layers.Add, layers.Multiply, layers.Concatenate])
def test_joins_of_three(join: Any) -> None:
    inputs = keras.Input((None, None, 4), name="planes")
    other = keras.Input((None, None, 4), name="residual")
    joined = join(name="join")([inputs, layers.ReLU(name="relu")(other), other])
    model = keras.Model([inputs, other], joined, name="net")
    assert_equal_to_keras(model, ((5, 7),), 1e-6)
    graph = graph_of(model, 4.0)
    assert dict(graph.inputs) == {"planes": 4, "residual": 4}
    expected = 1 if join is layers.Concatenate else 2  # the graph adds and multiplies two
    assert len(graph.nodes) - 1 == expected


def test_a_gate_of_one_pixel_multiplies_all() -> None:
    inputs = keras.Input((None, None, 4), name="planes")
    pooled = layers.GlobalAveragePooling2D(keepdims=True, name="pool")(inputs)
    gated = layers.Multiply(name="gated")([inputs, pooled])
    assert_equal_to_keras(keras.Model(inputs, gated, name="net"), ((6, 9),), 1e-6)


def test_layers_called_twice_share_their_constants() -> None:
    shared = layers.Conv2D(4, 3, padding="same", name="shared")
    slope = layers.PReLU(shared_axes=[1, 2], name="slope")
    model = with_weights(net(shared, slope, shared, slope))
    graph = graph_of(model, 4.0)
    assert [node.name for node in graph.nodes] == ["shared", "slope", "shared.2", "slope.2"]
    for constant in ("shared.kernel", "shared.bias", "slope.alpha"):
        assert len(graph.uses(constant)) == 2
    assert graph.parameters() == model.count_params() == 9 * 4 * 4 + 4 + 4
    assert_equal_to_keras(model, ((9, 7),), 1e-6)


def test_asqe_in_the_graph_holds_16_kernels_for_32_convolutions() -> None:
    graph = graph_of(zoo.build("asqe"), 4.0)
    kernels = {n.inputs[1] for n in graph.nodes if n.op == "Conv" and n.kernel == 3}
    assert sum(len(graph.uses(name)) == 2 for name in kernels) == 16
    assert graph.parameters() == 888_861
    plain = graph_of(zoo.build("asqe-no-weight-sharing"), 4.0)
    names = {
        n.inputs[1] for n in plain.nodes if n.op in ("Conv", "ConvTranspose") and n.kernel == 3
    }
    assert all(len(plain.uses(name)) == 1 for name in names)
    assert plain.parameters() == 1_479_709


@pytest.mark.parametrize(
    ("name", "sizes", "tolerance"),
    [
        ("rrnet", ((16, 24),), 1e-5),
        # gates pool over the block: float32 means of 4096 numbers in another order, 30 layers
        ("asqe-gray", ((64, 64),), 5e-5),
    ],
)
def test_networks_equal_keras(
    name: str, sizes: tuple[tuple[int, int], ...], tolerance: float
) -> None:
    assert_equal_to_keras(randomised(name), sizes, tolerance)


def test_vectors_hold_the_paper_s_formula_at_every_key() -> None:
    model = randomised("liu-qp")
    graph = graph_of(model, 28 / 6)
    assert set(graph.vectors) == set(strength_vectors(model, np.array([4.0], np.float32)))
    layer = model.get_layer("separable_4_strength")
    theta, bias = np.asarray(layer.theta), np.asarray(layer.bias)
    table = graph.vectors["separable_4_strength.scale"]
    assert table.shape == (len(KEYS), 32)
    for qp in (22, 27, 32, 37):
        row = 2 * (qp - 4) - KEYS[0]  # a QP is 1/6 octave of the step, a key 1/12
        np.testing.assert_allclose(table[row], 1 / (1 + theta * 2 ** ((qp - 32) / 3)), rtol=1e-5)
    np.testing.assert_array_equal(
        graph.vectors["separable_4_strength.bias"], np.tile(bias, (len(KEYS), 1))
    )
    # the constants stand at QP 32, where t is 1
    scale = graph.constants["separable_4_strength.scale"]
    assert scale.shape == (1, 32, 1, 1)
    np.testing.assert_allclose(scale.reshape(-1), 1 / (1 + theta), rtol=1e-5)


@pytest.mark.parametrize("name", ["liu-qp", "edgeqe-tiny"])
def test_a_network_with_strengths_equals_keras_at_every_strength(name: str) -> None:
    model = randomised(name)
    channels = model.inputs[0].shape[-1]
    planes = np.random.default_rng(4).uniform(-0.5, 0.5, (1, 13, 18, channels)).astype(np.float32)
    for key in (0, 37, 56, KEYS[-1]):
        strength = np.array([[key / 12]], np.float32)
        expected = np.asarray(model([planes, strength]))
        result = run(graph_of(model, key / 12), {"planes": planes})
        assert np.abs(result - expected).max() <= 1e-5 * np.ptp(expected)


def test_the_nearest_key_is_taken() -> None:
    model = randomised("edgeqe-tiny")
    exact, near = graph_of(model, 50 / 12), graph_of(model, 50.4 / 12)
    for name in exact.vectors:
        np.testing.assert_array_equal(exact.constants[name], near.constants[name])
        np.testing.assert_array_equal(exact.constants[name].reshape(-1), exact.vectors[name][50])


@keras.saving.register_keras_serializable("test")
class Unknown(keras.layers.ReLU):  # type: ignore[misc]  # keras has no type stubs
    """A layer of somebody else, derived from one that converts."""


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        ([layers.Softmax(name="x")], "'x' of type Softmax has no operator.*Conv2D"),
        ([layers.UpSampling2D((2, 3))], r"size \(2, 3\) by nearest; use one factor"),
        ([Unknown(name="x")], "'x' of type Unknown has no operator"),
        (
            [lambda x: net(layers.ReLU(name="x"))(layers.ReLU(name="x")(x))],
            "'outer' holds models that",
        ),
        ([lambda x: x**2.0], "'power.*' of type Power has no operator"),
        ([layers.ReLU(max_value=6, threshold=1, name="x")], "'x' of type ReLU.*max_value 6"),
        ([layers.Conv2D(2, 3, name="x")], "padding 'valid'; use 'same'"),
        ([layers.Conv2DTranspose(2, (3, 5), 2, padding="same")], r"kernel \(3, 5\)"),
        ([layers.Conv2DTranspose(2, 3, padding="same", dilation_rate=2)], r"dilation \(2, 2\)"),
        ([layers.Conv2D(2, 3, (1, 2), padding="same")], r"strides \(1, 2\).*use one stride"),
        ([layers.AveragePooling2D(3, 2, padding="same")], r"pool size \(3, 3\).*make all equal"),
        ([layers.LayerNormalization(axis=[1, 2])], r"axis .*normalize over the last alone"),
        ([layers.Conv2D(2, 3, padding="same", activation="softsign")], "activation 'softsign'"),
        ([layers.Activation("softmax")], "activation 'softmax'"),
        ([layers.Conv2DTranspose(2, 3, 2, padding="same", output_padding=1)], "output_padding"),
        ([layers.MaxPooling2D(3, 2, padding="same")], r"pool size \(3, 3\)"),
        ([layers.GlobalAveragePooling2D()], "keepdims=True"),
        ([layers.BatchNormalization(axis=2, name="x")], "axis 2; use the last"),
        ([layers.Concatenate(axis=1, name="x")], None),
    ],
)
def test_what_does_not_convert_says_why(stack: list[Any], message: str | None) -> None:
    if message is None:
        inputs = keras.Input((8, 8, 4), name="planes")
        model, message = keras.Model(inputs, stack[0]([inputs, inputs])), "axis 1; use the last"
    else:
        inputs = keras.Input((8, 8, 4), name="planes")
        model = keras.Model(inputs, stack[0](inputs), name="outer")
    with pytest.raises(InputError, match=message):
        graph_of(model, 4.0)


def test_a_slope_a_pixel_does_not_convert() -> None:
    inputs = keras.Input((8, 8, 4), name="planes")
    with pytest.raises(InputError, match=r"shared_axes=\[1, 2\]"):
        graph_of(keras.Model(inputs, layers.PReLU()(inputs)), 4.0)


def test_models_that_are_no_picture_networks() -> None:
    with pytest.raises(InputError, match="no functional Keras model"):
        graph_of(keras.Sequential([layers.ReLU()]), 4.0)
    inputs = keras.Input((None, None, 4), name="planes")
    with pytest.raises(InputError, match="has 2 outputs"):
        graph_of(keras.Model(inputs, [layers.ReLU()(inputs), layers.ReLU()(inputs)]), 4.0)
    flat = keras.Input((4,), name="planes")
    with pytest.raises(InputError, match="four axes"):
        graph_of(keras.Model(flat, layers.ReLU()(flat)), 4.0)


def test_the_strength_feeds_strength_layers_alone() -> None:
    planes, steps = keras.Input((8, 8, 4), name="planes"), keras.Input((1,), name="log2_step")
    model = keras.Model([planes, steps], layers.Multiply(name="x")([planes, steps]))
    with pytest.raises(InputError, match="only strength layers may read the strength"):
        graph_of(model, 4.0)
    strength = QpAdaptive(name="twice")
    model = keras.Model([planes, steps], strength([strength([planes, steps]), steps]))
    with pytest.raises(InputError, match="'twice' is used more than once"):
        graph_of(model, 4.0)
    other = keras.Input((1,), name="quality")
    model = keras.Model([planes, other], QpAdaptive(name="x")([planes, other]), name="net")
    with pytest.raises(
        InputError, match="'net' has strength layers, but no input 'log2_step' or 'strength'"
    ):
        graph_of(model, 4.0)
