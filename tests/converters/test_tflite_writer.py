"""The TFLite writer against TensorFlow's operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.converters.rewrites.transposed import runs
from edgeqe.converters.tflite_io.writer import model_of
from edgeqe.errors import InputError
from edgeqe.model.flatbuffer import outline
from edgeqe.typing import Float
from tests.converters.tflite_running import delegated, normal, relative, run

#: Sums of float32 products in another order; 11 bits a weight for float16.
TOLERANCE, HALF = 1e-6, 2e-3
SIZE = (24, 40)


KERNEL, BIAS = normal(8, 4, 3, 3, spread=1 / 6), normal(8)
WIDE, DEEP = normal(8, 4, 5, 5, spread=1 / 10), normal(4, 1, 3, 3)
SCALE, SHIFT = normal(1, 8, 1, 1), normal(1, 8, 1, 1)
SLOPE = normal(4, 1, 1)


def conv(x: Any, kernel: Float, stride: int, padding: Any) -> Any:
    return tf.nn.conv2d(x, kernel.transpose(2, 3, 1, 0), stride, padding)


def zeros(before: int, after: int) -> list[list[int]]:
    return [[0, 0], [before, after], [before, after], [0, 0]]


#: Nodes, constants, what TensorFlow does on NHWC, and the operators written.
CASES: dict[str, tuple[list[Node], dict[str, Float], Callable[[Any], Any], str]] = {
    "conv": (
        [Node("Conv", "c", ("planes", "w", "b"), "y", 3, 1, 1, 1)],
        {"w": KERNEL, "b": BIAS},
        lambda x: conv(x, KERNEL, 1, "SAME") + BIAS,
        "CONV_2D",
    ),
    "conv and relu": (
        [Node("Conv", "c", ("planes", "w", "b"), "y", 3, 1, 1, 1), Node("Relu", "r", ("y",), "z")],
        {"w": KERNEL, "b": BIAS},
        lambda x: tf.nn.relu(conv(x, KERNEL, 1, "SAME") + BIAS),
        "CONV_2D",
    ),
    "conv and a bias vector": (
        [Node("Conv", "c", ("planes", "w"), "y", 3, 1, 1, 1), Node("Add", "a", ("y", "t"), "z"),
         Node("Relu", "r", ("z",), "o")],
        {"w": KERNEL, "t": SHIFT},
        lambda x: tf.nn.relu(conv(x, KERNEL, 1, "SAME") + SHIFT.reshape(-1)),
        "CONV_2D",
    ),
    "conv, scale, bias, relu": (
        [Node("Conv", "c", ("planes", "w"), "y", 5, 1, 2, 2), Node("Mul", "m", ("y", "s"), "z"),
         Node("Add", "a", ("z", "t"), "q"), Node("Relu", "r", ("q",), "o")],
        {"w": WIDE, "s": SCALE, "t": SHIFT},
        lambda x: tf.nn.relu(
            conv(x, WIDE, 1, "SAME") * SCALE.reshape(-1) + SHIFT.reshape(-1)
        ),
        "CONV_2D MUL ADD",
    ),
    "stride 2 as TensorFlow pads it": (
        [Node("Conv", "c", ("planes", "w"), "y", 3, 2, 0, 1)],
        {"w": KERNEL},
        lambda x: conv(x, KERNEL, 2, "SAME"),
        "CONV_2D",
    ),
    "stride 4, kernel 3": (
        [Node("Conv", "c", ("planes", "w"), "y", 3, 4, 0, 0)],
        {"w": KERNEL},
        lambda x: conv(x, KERNEL, 4, "SAME"),
        "CONV_2D",
    ),
    "stride 2 as PyTorch pads it": (
        [Node("Conv", "c", ("planes", "w"), "y", 3, 2, 1, 1)],
        {"w": KERNEL},
        lambda x: conv(x, KERNEL, 2, zeros(1, 1)),
        "PAD CONV_2D",
    ),
    "depthwise": (
        [Node("Conv", "c", ("planes", "w"), "y", 3, 1, 1, 1, groups=4)],
        {"w": DEEP},
        lambda x: tf.nn.depthwise_conv2d(x, DEEP.transpose(2, 3, 0, 1), [1] * 4, "SAME"),
        "DEPTHWISE_CONV_2D",
    ),
    "groups": (
        [Node("Conv", "c", ("planes", "w"), "y", 3, 1, 1, 1, groups=2)],
        {"w": KERNEL[:, :2].copy()},
        lambda x: tf.concat(
            [conv(x[..., 2 * i : 2 * i + 2], KERNEL[4 * i : 4 * i + 4, :2], 1, "SAME")
             for i in range(2)], 3),
        "CONV_2D",
    ),
    "prelu": (
        [Node("PRelu", "p", ("planes", "a"), "y")],
        {"a": SLOPE},
        lambda x: tf.where(x > 0, x, x * SLOPE.reshape(-1)),
        "PRELU",
    ),
    "leaky relu": (
        [Node("LeakyRelu", "p", ("planes",), "y", alpha=0.2)],
        {},
        lambda x: tf.nn.leaky_relu(x, 0.2),
        "LEAKY_RELU",
    ),
    "selu": (
        [Node("Selu", "p", ("planes",), "y")],
        {},
        tf.nn.selu,
        "ELU LEAKY_RELU MUL",
    ),
    "sigmoid": ([Node("Sigmoid", "p", ("planes",), "y")], {}, tf.sigmoid, "LOGISTIC"),
    "depth to space": (
        [Node("DepthToSpace", "p", ("planes",), "y", 2)],
        {},
        lambda x: tf.nn.depth_to_space(x, 2),
        "DEPTH_TO_SPACE",
    ),
    "space to depth": (
        [Node("SpaceToDepth", "p", ("planes",), "y", 2)],
        {},
        lambda x: tf.nn.space_to_depth(x, 2),
        "SPACE_TO_DEPTH",
    ),
    "max pool": (
        [Node("MaxPool", "p", ("planes",), "y", 2, 2)],
        {},
        lambda x: tf.nn.max_pool2d(x, 2, 2, "VALID"),
        "MAX_POOL_2D",
    ),
    "slice and concat": (
        [Node("Slice", "s", ("planes",), "y", first=1, last=3),
         Node("Slice", "t", ("planes",), "z", first=3, last=4),
         Node("Concat", "c", ("z", "y", "planes"), "o")],
        {},
        lambda x: tf.concat([x[..., 3:4], x[..., 1:3], x], 3),
        "STRIDED_SLICE STRIDED_SLICE CONCATENATION",
    ),
    "more joined than XNNPACK joins at once": (
        [*(Node("LeakyRelu", f"l{i}", ("planes",), f"v{i}", alpha=0.1 * i) for i in range(11)),
         Node("Concat", "c", tuple(f"v{i}" for i in range(11)), "o")],
        {},
        lambda x: tf.concat([tf.where(x > 0, x, 0.1 * i * x) for i in range(11)], 3),
        " ".join(["LEAKY_RELU"] * 11 + ["CONCATENATION"] * 3),
    ),
    "spatial gate": (
        [Node("ReduceMean", "m", ("planes",), "a"), Node("ReduceMax", "x", ("planes",), "b"),
         Node("Concat", "c", ("a", "b"), "d"), Node("Conv", "v", ("d", "w"), "e", 3, 1, 1, 1),
         Node("Sigmoid", "s", ("e",), "f"), Node("Mul", "g", ("planes", "f"), "o")],
        {"w": KERNEL[:1, :2].copy()},
        lambda x: x * tf.sigmoid(conv(
            tf.stack([tf.reduce_mean(x, 3), tf.reduce_max(x, 3)], 3), KERNEL[:1, :2], 1, "SAME")),
        "MEAN REDUCE_MAX CONCATENATION CONV_2D LOGISTIC MUL",
    ),
    "channel gate": (
        [Node("GlobalAveragePool", "m", ("planes",), "a"),
         Node("GlobalMaxPool", "x", ("planes",), "b"), Node("Add", "j", ("a", "b"), "d"),
         Node("Conv", "v", ("d", "w", "t"), "e", 1), Node("Sigmoid", "s", ("e",), "f"),
         Node("Mul", "g", ("planes", "f"), "o")],
        {"w": KERNEL[:4, :, :1, :1].copy(), "t": BIAS[:4].copy()},
        lambda x: x * tf.sigmoid(conv(
            tf.reduce_mean(x, [1, 2], True) + tf.reduce_max(x, [1, 2], True),
            KERNEL[:4, :, :1, :1], 1, "SAME") + BIAS[:4]),
        "MEAN REDUCE_MAX ADD CONV_2D LOGISTIC MUL",
    ),
    "one factor for all channels": (
        [Node("Mul", "m", ("planes", "s"), "a")],
        {"s": np.full((1, 1, 1, 1), 0.3, np.float32)},
        lambda x: x * np.float32(0.3),
        "MUL",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_an_operator_is_tensorflows(name: str) -> None:
    nodes, constants, reference, written = CASES[name]
    graph = Graph("case", {"planes": 4}, nodes[-1].output, tuple(nodes), constants)
    given = normal(*SIZE, 4, spread=2)
    expected = np.asarray(reference(given[None]))[0]
    data = model_of(graph, {})
    found, interpreter = run(data, {"planes": given})
    assert relative(found, expected) < TOLERANCE
    assert outline(data).op_types == tuple(written.split())
    assert delegated(interpreter)
    narrow, interpreter = run(model_of(graph, {}, float16=True), {"planes": given})
    assert relative(narrow, expected) < HALF
    assert delegated(interpreter)


def scattered(node: Node, kernel: Float, x: Float) -> npt.NDArray[np.float64]:
    """A transposed convolution by its definition: each input adds a scaled kernel."""
    k, s = node.kernel, node.stride
    height, width = x.shape[:2]
    full = np.zeros(((height - 1) * s + k, (width - 1) * s + k, kernel.shape[1]))
    for row in range(height):
        for column in range(width):
            full[row * s : row * s + k, column * s : column * s + k] += np.einsum(
                "i,iorc->rco", x[row, column], kernel
            )
    result = np.zeros((height * s, width * s, kernel.shape[1]))
    cut = full[node.padding :, node.padding :][: height * s, : width * s]
    result[: cut.shape[0], : cut.shape[1]] = cut
    return result


@pytest.mark.parametrize("follows", [False, True])
@pytest.mark.parametrize(
    ("kernel", "stride", "before", "after", "convolutions"),
    [(2, 2, 0, 0, 1), (4, 4, 0, 0, 1), (3, 2, 0, 1, 4), (3, 2, 1, 0, 4), (4, 2, 1, 1, 4),
     (3, 4, 0, -1, 3), (5, 2, 1, 2, 4)],
)  # fmt: skip
def test_a_transposed_convolution_is_plain_ones(
    kernel: int, stride: int, before: int, after: int, convolutions: int, follows: bool
) -> None:
    nodes = (
        Node("ConvTranspose", "c", ("planes", "w"), "y", kernel, stride, before, after),
        Node("Add", "a", ("y", "t"), "z"),
        Node("Relu", "r", ("z",), "o"),
    )
    weights = normal(4, 8, kernel, kernel, spread=1 / kernel)
    vectors = {"t": np.zeros((88, 8), np.float32)} if follows else {}
    constants = {"w": weights, "t": SHIFT}
    graph = Graph("up", {"planes": 4}, "o", nodes, constants, vectors)
    given = normal(6, 10, 4)
    data = model_of(graph, {})
    found, interpreter = run(data, {"planes": given})
    expected = np.maximum(scattered(nodes[0], weights, given) + SHIFT.reshape(-1), 0)
    assert found.shape == expected.shape == (6 * stride, 10 * stride, 8)
    assert relative(found, expected.astype(np.float32)) < TOLERANCE
    assert delegated(interpreter)
    read = outline(data)
    assert read.op_types.count("CONV_2D") == convolutions
    parts = [t for name, t in read.initializers.items() if name.startswith("w.")]
    assert sum(np.prod(t.dims) for t in parts) == weights.size
    if follows:  # one value a channel, by its name
        assert read.initializers["t"].dims == (8,)


def test_a_transposed_convolution_of_another_size_is_named() -> None:
    for node in (
        Node("ConvTranspose", "up", ("planes", "w"), "y", 3, 2, 0, 0),
        Node("ConvTranspose", "up", ("planes", "w"), "y", 4, 2, 1, 1, groups=2),
    ):
        with pytest.raises(InputError, match="node 'up': a ConvTranspose"):
            runs(node, normal(4, 4, node.kernel, node.kernel))
