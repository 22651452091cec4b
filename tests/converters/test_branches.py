"""Parallel branches as one convolution: equal to the branches, and only where they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgeqe.converters.graph.graph import KEYS, Graph, Node
from edgeqe.converters.onnx_io.session import GraphSession
from edgeqe.converters.rewrites.branches import fuse_branches
from edgeqe.typing import Float


def random(*shape: int, seed: int = 1) -> Float:
    return np.random.default_rng(seed).normal(0, 0.5, shape).astype(np.float32)


def conv(name: str, source: str, side: int, bias: bool = True) -> Node:
    inputs = (source, f"{name}.k", f"{name}.b") if bias else (source, f"{name}.k")
    return Node("Conv", name, inputs, name, side, 1, side // 2, side // 2)


def add(name: str, first: str, second: str) -> Node:
    return Node("Add", name, (first, second), name)


def graph_of(*nodes: Node) -> Graph:
    """Four channels everywhere; what nobody makes is a constant."""
    made, constants = {"x", *(node.output for node in nodes)}, dict[str, Float]()
    for index, node in enumerate(nodes):
        for name in node.inputs:
            if name not in made:
                shape = (4,) if name.endswith(".b") else (4, 4, node.kernel, node.kernel)
                shape = (1, 4, 1, 1) if node.op != "Conv" else shape
                constants[name] = random(*shape, seed=index + 10)
    return Graph("test", {"x": 4}, nodes[-1].output, nodes, constants)


def check(graph: Graph) -> Graph:
    """Fuse, and compare at 1e-6 of the range: float32's rounding of another order."""
    fused = fuse_branches(graph)
    x = random(1, 4, 9, 11, seed=3)
    expected, result = (GraphSession(g).run({"x": x})[0] for g in (graph, fused))
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-6 * float(np.ptp(expected)))
    return fused


def test_the_block_of_repvgg_becomes_one_convolution() -> None:
    graph = graph_of(
        conv("three", "x", 3), conv("one", "x", 1, bias=False), add("a", "three", "one"),
        add("sum", "a", "x"), Node("Relu", "y", ("sum",), "y"),
    )  # fmt: skip
    fused = check(graph)
    assert [node.op for node in fused.nodes] == ["Conv", "Relu"]
    kernel = graph.constants["three.k"].copy()
    kernel[:, :, 1, 1] += graph.constants["one.k"][:, :, 0, 0] + np.eye(4)
    np.testing.assert_array_equal(fused.constants["sum.fused.kernel"], kernel)
    np.testing.assert_array_equal(fused.constants["sum.fused.bias"], graph.constants["three.b"])


def test_blocks_in_a_row_and_a_term_that_counts_twice() -> None:
    graph = graph_of(
        conv("a3", "x", 3), conv("a5", "x", 5), add("a", "a3", "a5"), Node("Relu", "r", ("a",), "r"),
        conv("b1", "r", 1), add("r2", "r", "r"), add("b", "r2", "b1"), conv("y", "b", 3),
    )  # fmt: skip
    fused = check(graph)
    assert [(node.op, node.kernel) for node in fused.nodes] == [
        ("Conv", 5), ("Relu", 1), ("Conv", 1), ("Conv", 3)]  # fmt: skip


def test_inner_branches_are_fused_where_the_outer_sum_is_not() -> None:
    graph = graph_of(
        conv("first", "x", 3), conv("b3", "first", 3), conv("b1", "first", 1),
        add("inner", "b3", "b1"), add("outer", "inner", "x"), conv("y", "outer", 1),
    )  # fmt: skip
    fused = check(graph)
    assert [node.name for node in fused.nodes] == ["first", "inner.fused", "outer", "y"]


LEFT_ALONE = {
    "a residual block": graph_of(
        conv("c1", "x", 3), Node("Relu", "r", ("c1",), "r"), conv("c2", "r", 3),
        add("s", "c2", "x"), conv("y", "s", 1)),
    "the sum that is the output": graph_of(conv("c", "x", 3), add("y", "c", "x")),
    "two values": graph_of(
        Node("Relu", "r", ("x",), "r"), conv("a", "x", 3), conv("b", "r", 3), add("s", "a", "b"),
        conv("y", "s", 1)),
    "a term that is read elsewhere": graph_of(
        conv("a", "x", 3), conv("b", "x", 1), add("s", "a", "b"), add("y", "s", "a")),
    "no convolution": graph_of(add("s", "x", "x"), conv("y", "s", 1)),
    "a constant": graph_of(conv("a", "x", 3), add("s", "a", "vector"), conv("y", "s", 1)),
    "a vector between": graph_of(
        conv("a", "x", 3), Node("Mul", "m", ("a", "gain"), "m"), conv("b", "x", 1),
        add("s", "m", "b"), conv("y", "s", 1)),
}  # fmt: skip


@pytest.mark.parametrize("what", LEFT_ALONE)
def test_what_is_no_branch_is_left_alone(what: str) -> None:
    graph = LEFT_ALONE[what]
    assert check(graph).nodes == graph.nodes


BRANCHES = graph_of(conv("a", "x", 3), conv("b", "x", 1), add("s", "a", "b"), conv("y", "s", 1))


@pytest.mark.parametrize(
    "change",
    [
        {"stride": 2, "padding": 0},
        {"padding": 2, "padding_end": 0},
        {"inputs": ("x", "y.k", "a.b")},  # a kernel of another node as well
    ],
)
def test_other_convolutions_are_left_alone(change: dict[str, int]) -> None:
    assert len(fuse_branches(BRANCHES).nodes) == 2
    nodes = (replace(BRANCHES.nodes[0], **change), *BRANCHES.nodes[1:])  # type: ignore[arg-type]
    assert fuse_branches(replace(BRANCHES, nodes=nodes)).nodes == nodes


def test_groups_and_strengths_are_left_alone() -> None:
    grouped = {**BRANCHES.constants, "a.k": random(4, 2, 3, 3)}
    nodes = (replace(BRANCHES.nodes[0], groups=2), *BRANCHES.nodes[1:])
    assert fuse_branches(replace(BRANCHES, nodes=nodes, constants=grouped)).nodes == nodes
    table = {"a.b": np.zeros((len(KEYS), 4), np.float32)}
    assert fuse_branches(replace(BRANCHES, vectors=table)).nodes == BRANCHES.nodes


def test_a_broadcast_term_is_left_alone() -> None:
    constants = {**BRANCHES.constants, "b.k": random(1, 4, 1, 1), "b.b": random(1)}
    assert check(replace(BRANCHES, constants=constants)).nodes == BRANCHES.nodes
