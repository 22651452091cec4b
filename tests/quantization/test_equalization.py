"""Equalization changes no network's function, and brings channels of a depthwise convolution together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeqe.codecs.strength import step_from_quality, step_key
from edgeqe.converters.graph.graph import KEYS, Graph, Node
from edgeqe.converters.onnx_io.session import GraphSession
from edgeqe.quantization.calibration.samples import inputs_at
from edgeqe.quantization.int8.equalization import equalized
from edgeqe.typing import Float
from tests.quantization.test_hessian import photographs

SPREAD = np.array([1.0, 0.1, 8.0, 0.02], np.float32)
QUALITIES = (20, 60)


def separable(readers: int = 1) -> Graph:
    """Convolution and ReLU, depthwise with a vector that follows the strength, 1x1 behind it."""
    rng = np.random.default_rng(3)
    pad: dict[str, Any] = {"padding": 1, "padding_end": 1}
    constants = {
        "k": rng.normal(0, 0.2, (4, 1, 3, 3)).astype(np.float32),
        "d": rng.normal(0, 0.3, (4, 1, 3, 3)).astype(np.float32) * SPREAD[:, None, None, None],
        "p": rng.normal(0, 0.5, (1, 4, 1, 1)).astype(np.float32),
        "s": np.ones((1, 4, 1, 1), np.float32),
    }
    nodes = [
        Node("Conv", "first", ("planes", "k"), "a", 3, **pad),
        Node("Relu", "relu", ("a",), "b"),
        Node("Conv", "deep", ("b", "d"), "c", 3, groups=4, **pad),
        Node("Mul", "scale", ("c", "s"), "e"),
        *(Node("Conv", f"last{i}", ("e", "p"), f"f{i}") for i in range(readers)),
    ]
    output = "f0"
    if readers > 1:
        nodes.append(Node("Add", "sum", ("f0", "f1"), "out"))
        output = "out"
    table = np.linspace(0.5, 2, len(KEYS), dtype=np.float32)[:, None].repeat(4, 1)
    return Graph("net", {"planes": 1}, output, tuple(nodes), constants, {"s": table})


def largest(graph: Graph, value: str) -> Float:
    """Largest magnitude of each channel of a value, over the strengths."""
    found = np.zeros(4, np.float32)
    for quality in QUALITIES:
        running = GraphSession(graph.at(step_key(step_from_quality(quality))), [value])
        for given in inputs_at(photographs(4), "y", ["planes"], quality):
            found = np.maximum(found, np.abs(running.run(given)[0][0]).max(axis=(1, 2)))
    return found


@pytest.mark.parametrize("quality", QUALITIES)
def test_the_function_stays(quality: int) -> None:
    graph, made = separable(), equalized(separable(), photographs(4), "y", QUALITIES)
    key = step_key(step_from_quality(quality))
    for given in inputs_at(photographs(2), "y", ["planes"], quality):
        expected = GraphSession(graph.at(key)).run(given)[0]
        found = GraphSession(made.at(key)).run(given)[0]
        # float32 sums in another order
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_channels_come_together_on_both_sides_of_a_depthwise_convolution() -> None:
    graph = separable()
    made = equalized(graph, photographs(4), "y", QUALITIES)
    # its weights have a scale of each channel and take the whole spread in front
    before, after = largest(graph, "b"), largest(made, "b")
    assert before.max() / before.min() > 1.5
    np.testing.assert_allclose(after, before.max(), rtol=1e-5)
    # behind it the spread is shared: range r and weight w both become sqrt(r w)
    expected = np.sqrt(largest(graph, "e") * np.abs(graph.constants["p"][0, :, 0, 0]))
    np.testing.assert_allclose(largest(made, "e"), expected, rtol=1e-4)
    np.testing.assert_allclose(np.abs(made.constants["p"][0, :, 0, 0]), expected, rtol=1e-4)


def test_what_two_convolutions_read_or_use_is_left_alone() -> None:
    graph = separable(readers=2)
    made = equalized(graph, photographs(4), "y", QUALITIES)
    np.testing.assert_array_equal(made.constants["p"], graph.constants["p"])
    # the side in front of it is read once, and equalized
    after = largest(made, "b")
    np.testing.assert_allclose(after, after.max(), rtol=1e-5)


def test_a_channel_that_is_always_zero_divides_nothing() -> None:
    graph = separable()
    graph.constants["d"][1] = 0.0
    made = equalized(graph, photographs(2), "y", QUALITIES)
    assert all(np.isfinite(array).all() for array in made.constants.values())


def test_networks_without_depthwise_convolutions_stay_the_same_object() -> None:
    kernel = np.ones((1, 1, 3, 3), np.float32)
    nodes = (Node("Conv", "a", ("planes", "k"), "out", 3, padding=1, padding_end=1),)
    graph = Graph("net", {"planes": 1}, "out", nodes, {"k": kernel}, {})
    assert equalized(graph, photographs(1), "y", QUALITIES) is graph
