from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from edgeqe.converters.graph.graph import KEYS, Graph, Node
from edgeqe.converters.graph.integer import groups_of
from edgeqe.converters.onnx_io.session import GraphSession
from edgeqe.errors import InputError
from edgeqe.quantization.int8.canonical_form import canonical
from edgeqe.quantization.int8.kernels import with_integer_kernel

RNG = np.random.default_rng(1)
SHARED = RNG.normal(0, 1, (2, 2, 3, 3)).astype(np.float32)
UP = RNG.normal(0, 1, (3, 2, 2, 2)).astype(np.float32)


def vector(*numbers: float) -> npt.NDArray[np.float32]:
    return np.array(numbers, np.float32).reshape(1, -1, 1, 1)


def shared() -> Graph:
    """A kernel used twice, its second use behind a skip, and one with a bias of its own."""
    constants = {
        "k": SHARED,
        "s1": vector(0.5, 2.0),
        "b1": vector(1.0, -1.0),
        "s2": vector(1.5, 0.25),
        "tail": RNG.normal(0, 1, (1, 2, 1, 1)).astype(np.float32),
        "tb": np.array([3.0], np.float32),
    }
    table = np.linspace(1.0, 2.0, len(KEYS), dtype=np.float32)[:, None] * [[0.5, 2.0]]
    nodes = (
        Node("Conv", "c1", ("planes", "k"), "a", 3, padding=1, padding_end=1),
        Node("Mul", "m1", ("a", "s1"), "b"),
        Node("Add", "a1", ("b", "b1"), "c"),
        Node("Relu", "r1", ("c",), "d"),
        Node("Conv", "c2", ("d", "k"), "e", 3, padding=1, padding_end=1),
        Node("Mul", "m2", ("e", "s2"), "f"),
        Node("Add", "skip", ("f", "planes"), "g"),
        Node("Relu", "r2", ("g",), "h"),
        Node("Conv", "t", ("h", "tail", "tb"), "out"),
    )
    vectors = {"s1": table.astype(np.float32)}
    return Graph("shared", {"planes": 2}, "out", nodes, constants, vectors)


def up() -> Graph:
    """A transposed convolution whose windows lie side by side, with vectors and a Relu."""
    constants = {
        "k": UP,
        "s": vector(0.5, 2.0),
        "b": vector(1.0, -1.0),
    }
    nodes = (
        Node("ConvTranspose", "up", ("planes", "k"), "a", 2, stride=2),
        Node("Mul", "m", ("a", "s"), "b0"),
        Node("Add", "s0", ("b0", "b"), "c"),
        Node("Relu", "r", ("c",), "out"),
    )
    return Graph("up", {"planes": 3}, "out", nodes, constants)


@pytest.mark.parametrize("make", [shared, up])
def test_the_normal_form_computes_the_same(make: Callable[[], Graph]) -> None:
    graph = make()
    planes = RNG.normal(0, 1, (1, graph.inputs["planes"], 6, 8)).astype(np.float32)
    for key in (0, 40, 87):
        expected = GraphSession(graph.at(key)).run({"planes": planes})[0]
        found = GraphSession(canonical(graph).at(key)).run({"planes": planes})[0]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)  # order of the sums


def test_every_convolution_has_a_scale_and_a_bias_behind_it() -> None:
    graph = canonical(shared())
    groups = [tuple(node.op for node in group.nodes) for group in groups_of(graph)]
    assert groups == [
        ("Conv", "Mul", "Add", "Relu"),
        ("Conv", "Mul", "Add"),
        ("Add", "Relu"),
        ("Conv", "Mul", "Add"),
    ]
    assert len([name for name in graph.constants if name == "k"]) == 1
    assert graph.constants["c1.kernel.scale"].ravel().tolist() == [0.5, 2.0]
    assert graph.constants["t.bias"].ravel().tolist() == [3.0]
    assert set(graph.vectors) == {"c1.kernel.scale", "c1.bias"}  # 0 times a table, and b1


def test_a_transposed_convolution_becomes_its_phases() -> None:
    graph = canonical(up())
    assert [node.op for node in graph.nodes] == ["Conv", "Mul", "Add", "Relu", "DepthToSpace"]
    # y[c, 2i + a, 2j + b] = W[n, c, a, b] x[n, i, j], and DepthToSpace takes channel
    # (2a + b) * 2 + c there
    assert graph.constants["k"].shape == (8, 3, 1, 1)
    assert graph.constants["up.bias"].ravel().tolist() == [1.0, -1.0] * 4
    for a in range(2):
        for b in range(2):
            for c in range(2):
                found = graph.constants["k"][(2 * a + b) * 2 + c, :, 0, 0]
                assert (found == UP[:, c, a, b]).all()


def test_a_shared_kernel_is_rounded_once_and_its_uses_keep_their_scales() -> None:
    graph = with_integer_kernel(canonical(shared()), "k", 64)
    kernel, before = graph.constants["k"], SHARED
    assert (kernel == np.rint(kernel)).all() and np.abs(kernel).max() <= 64
    unit = graph.constants["c1.kernel.scale"].ravel() / [0.5, 2.0]
    second = graph.constants["c2.kernel.scale"].ravel() / [1.5, 0.25]
    np.testing.assert_allclose(unit, second, rtol=1e-6)
    # half an integer of the scale, more only where the largest weight was cut by up to 15 %
    error = np.abs(kernel * unit.reshape(-1, 1, 1, 1) - before)
    assert (error <= 0.5 * unit.reshape(-1, 1, 1, 1) + 0.15 * np.abs(before)).all()
    np.testing.assert_allclose(  # the strength's table is scaled alike
        graph.vectors["c1.kernel.scale"], shared().vectors["s1"] * unit, rtol=1e-6
    )


def test_a_negative_scale_turns_its_channel() -> None:
    graph = canonical(shared())
    for name in ("c1.kernel.scale", "c2.kernel.scale"):
        graph.constants[name][0, 0] *= -1
    graph.vectors["c1.kernel.scale"][:, 0] *= -1
    rounded = with_integer_kernel(graph, "k", 64)
    assert (rounded.constants["c1.kernel.scale"] > 0).all()
    assert (rounded.vectors["c1.kernel.scale"] > 0).all()
    kernel = rounded.constants["k"] * rounded.constants["c1.kernel.scale"].reshape(-1, 1, 1, 1)
    exact = graph.constants["k"] * graph.constants["c1.kernel.scale"].reshape(-1, 1, 1, 1)
    assert np.corrcoef(kernel[0].ravel(), exact[0].ravel())[0, 1] > 0.999


def test_scales_of_both_signs_are_refused() -> None:
    graph = canonical(shared())
    graph.constants["c2.kernel.scale"][0, 1] *= -4  # to a quarter of the other sign and more
    with pytest.raises(InputError, match=r"kernel 'k', channel 1: .* keep 'c1' in float"):
        with_integer_kernel(graph, "k", 64)


def test_a_scale_that_only_just_crosses_zero_becomes_tiny() -> None:
    graph = canonical(shared())
    graph.vectors["c1.kernel.scale"][0, 1] = -0.01  # up to 4 over the strengths
    rounded = with_integer_kernel(graph, "k", 64)
    table = rounded.vectors["c1.kernel.scale"][:, 1]
    assert 0 < table[0] < 1e-4 * table.max()
