"""What a network asks of a device, against closed forms and against ONNX Runtime."""

import numpy as np
import pytest

from edgeqe.converters.graph.analysis import macs, peak_floats, receptive_field
from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.converters.onnx_io.writer import model_of
from edgeqe.typing import Float


def chain(*nodes: Node, **constants: Float) -> Graph:
    return Graph("test", {"x": 2}, nodes[-1].output, nodes, constants)


def conv(name: str, source: str, kernel: str, side: int, stride: int = 1) -> Node:
    before = (side - stride) // 2
    return Node("Conv", name, (source, kernel), f"{name}.out", side, stride, before,
                side - stride - before)  # fmt: skip


def run(graph: Graph, x: Float) -> Float:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model_of(graph, {}).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    result: Float = session.run(None, {"x": x})[0]
    return result


def random(*shape: int, seed: int = 1) -> Float:
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def test_reach_of_a_plain_stack() -> None:
    # DCAD: ten 3x3 convolutions reach 10; VRCNN: 5x5, 5x5, 3x3, 3x3 reach 2 + 2 + 1 + 1
    ten = [conv(f"c{i}", "x" if i == 0 else f"c{i - 1}.out", "k", 3) for i in range(10)]
    assert receptive_field(chain(*ten, k=random(2, 2, 3, 3))).halo == 10
    sides = [conv(f"c{i}", "x" if i == 0 else f"c{i - 1}.out", f"k{s}", s)
             for i, s in enumerate([5, 5, 3, 3])]  # fmt: skip
    assert receptive_field(chain(*sides, k5=random(2, 2, 5, 5), k3=random(2, 2, 3, 3))).halo == 6


def test_reach_of_strides_is_what_the_runtime_shows() -> None:
    down = conv("down", "x", "k", 3, stride=2)
    middle = conv("mid", "down.out", "k", 3)
    up = Node("ConvTranspose", "up", ("mid.out", "t"), "up.out", 3, 2, 0, 1)
    graph = chain(down, middle, up, k=random(2, 2, 3, 3), t=random(2, 2, 3, 3))
    found = receptive_field(graph)
    assert found.alignment == 2
    x = random(1, 2, 64, 64)
    base = run(graph, x)
    assert base.shape == x.shape
    depends = []
    for row in range(64):
        changed = x.copy()
        changed[..., row, :] += 1
        depends.append(np.abs(run(graph, changed) - base)[0, :, 32:48].max() > 0)
    rows = np.flatnonzero(depends)
    assert found.exact_halo == max(32 - rows[0], rows[-1] - 47)
    assert found.halo == -(-found.exact_halo // 2) * 2


def test_macs_and_lifetimes_by_hand() -> None:
    nodes = [conv("a", "x", "wide", 3), Node("Relu", "r", ("a.out",), "r.out"),
             conv("b", "r.out", "narrow", 3)]  # fmt: skip
    graph = chain(*nodes, wide=random(8, 2, 3, 3), narrow=random(2, 8, 3, 3))
    assert macs(graph) == 2 * (2 * 8 * 9)
    # at b: the caller's input (2), the hidden value (8, a block of 16), the output (2)
    assert peak_floats(graph) == 20.0


def test_an_unknown_operator_is_refused() -> None:
    with pytest.raises(ValueError, match="'Loop'"):
        Node("Loop", "l", ("x",), "y")
