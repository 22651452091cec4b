"""Folding: every rule against ONNX Runtime, without its optimisations, on the graph as it was."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from edgeqe.converters.graph.graph import KEYS, Graph, Node
from edgeqe.converters.onnx_io.writer import model_of
from edgeqe.converters.rewrites.fold import fold
from edgeqe.converters.rewrites.sharing import scale_kernels, share, unshare
from edgeqe.typing import Float


def conv(name: str, source: str, kernel: str, *bias: str, side: int = 3, groups: int = 1) -> Node:
    pad = side // 2
    return Node("Conv", name, (source, kernel, *bias), f"{name}.out", side, 1, pad, pad, groups)


def norm(name: str, source: str) -> Node:
    inputs = tuple(f"{name}.{kind}" for kind in ("gamma", "beta", "mean", "variance"))
    return Node("BatchNormalization", name, (source, *inputs), f"{name}.out", alpha=1e-3)


def vector(op: str, name: str, source: str, constant: str) -> Node:
    return Node(op, name, (source, constant), f"{name}.out")


def random(*shape: int, seed: int = 1) -> Float:
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def statistics(name: str, channels: int, seed: int) -> dict[str, Float]:
    values = np.abs(random(4, channels, seed=seed)) + 0.2
    return dict(
        zip([f"{name}.{k}" for k in ("gamma", "beta", "mean", "variance")], values, strict=True)
    )


def graph(*nodes: Node, **constants: Float) -> Graph:
    """Constants of 88 rows follow the strength."""
    vectors = {name: value for name, value in constants.items() if len(value) == len(KEYS)}
    made = Graph("test", {"x": 2}, nodes[-1].output, nodes, constants, vectors)
    return made.at(40)


def run(network: Graph, x: Float) -> npt.NDArray[np.float32]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model_of(network, {}).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    result: npt.NDArray[np.float32] = session.run(None, {"x": x})[0]
    return result


def ops(network: Graph) -> list[str]:
    return [node.op for node in network.nodes]


def check(before: Graph, after: Graph) -> None:
    """Same function, at every strength where there are several."""
    x = random(1, 2, 9, 8, seed=7)
    for key in (0, 40, KEYS[-1]) if before.vectors else (0,):
        expected, result = run(before.at(key), x), run(after.at(key), x)
        # float32 sums of some 40 products in another order: 1e-5 of the range is 80 roundings
        assert np.abs(result - expected).max() <= 1e-5 * np.ptp(expected)


def table(channels: int, seed: int, low: float = 0.5) -> Float:
    rng = np.random.default_rng(seed)
    return rng.uniform(low, 2.0, (len(KEYS), channels)).astype(np.float32)


def test_batch_norm_goes_into_a_kernel_that_is_used_once() -> None:
    made = graph(conv("c", "x", "k", "b"), norm("n", "c.out"), k=random(4, 2, 3, 3),
                 b=random(4), **statistics("n", 4, 2))  # fmt: skip
    folded = fold(made)
    assert ops(folded) == ["Conv"] and len(folded.nodes[0].inputs) == 3
    assert folded.parameters() == 4 * 2 * 9 + 4
    check(made, folded)


def test_a_shared_kernel_stays_one_constant_with_vectors_a_use() -> None:
    made = graph(conv("c", "x", "k", "b"), norm("n", "c.out"), conv("d", "n.out", "k", "b"),
                 norm("m", "d.out"), k=random(2, 2, 3, 3), b=random(2),
                 **statistics("n", 2, 3), **statistics("m", 2, 4))  # fmt: skip
    folded = fold(made)
    assert ops(folded) == ["Conv", "Mul", "Add"] * 2
    assert len(folded.uses("k")) == 2 and folded.parameters() == 2 * 2 * 9 + 4 * 2
    np.testing.assert_array_equal(folded.constants["k"], made.constants["k"])
    check(made, folded)


def test_batch_norm_behind_strength_goes_into_its_vectors() -> None:
    made = graph(conv("c", "x", "k"), vector("Mul", "s", "c.out", "scale"),
                 vector("Add", "a", "s.out", "bias"), norm("n", "a.out"),
                 scale=table(4, 5), bias=table(4, 6),
                 k=random(4, 2, 3, 3), **statistics("n", 4, 2))  # fmt: skip
    folded = fold(made)
    assert ops(folded) == ["Conv", "Mul", "Add"]
    assert set(folded.vectors) == {"scale", "bias"}
    check(made, folded)


def test_a_strength_behind_a_bias_takes_the_bias_along() -> None:
    made = graph(conv("c", "x", "k", "b"), vector("Mul", "s", "c.out", "scale"),
                 scale=table(4, 5), k=random(4, 2, 3, 3), b=random(4))  # fmt: skip
    folded = fold(made)
    assert ops(folded) == ["Conv", "Mul", "Add"] and len(folded.vectors) == 2
    check(made, folded)


def test_a_factor_passes_an_activation_if_it_is_nowhere_negative() -> None:
    gate = np.abs(random(1, 4, 1, 1))
    nodes = [conv("c", "x", "k", "b"), Node("Relu", "r", ("c.out",), "r.out"),
             vector("Mul", "g", "r.out", "gate")]  # fmt: skip
    made = graph(*nodes, k=random(4, 2, 3, 3), b=random(4), gate=gate)
    assert ops(fold(made)) == ["Conv", "Relu"]
    check(made, fold(made))
    negative = graph(*nodes, k=random(4, 2, 3, 3), b=random(4), gate=-gate)
    assert ops(fold(negative)) == ["Conv", "Relu", "Mul"]
    check(negative, fold(negative))


def test_a_factor_that_follows_the_strength_joins_the_vectors() -> None:
    nodes = [conv("c", "x", "k", "b"), norm("n", "c.out"), conv("d", "r.out", "k", "b")]
    nodes[2:2] = [Node("Relu", "r", ("g0.out",), "r.out")]
    nodes[2:2] = [Node("Relu", "r0", ("n.out",), "r0.out"), vector("Mul", "g0", "r0.out", "gate")]
    made = graph(*nodes, gate=table(2, 8), k=random(2, 2, 3, 3), b=random(2),
                 **statistics("n", 2, 3))  # fmt: skip
    folded = fold(made)
    assert ops(folded) == ["Conv", "Mul", "Add", "Relu", "Relu", "Conv"]
    assert len(folded.vectors) == 2
    check(made, folded)


@pytest.mark.parametrize("groups", [1, 2])
def test_a_factor_in_front_goes_into_the_kernel(groups: int) -> None:
    made = graph(vector("Mul", "m", "x", "f"), conv("c", "m.out", "k", "b", groups=groups),
                 f=random(1, 2, 1, 1), k=random(4, 2 // groups, 3, 3), b=random(4))  # fmt: skip
    assert ops(fold(made)) == ["Conv"]
    check(made, fold(made))


def test_one_factor_in_front_of_a_scaled_kernel_leaves_the_kernel_alone() -> None:
    made = graph(vector("Mul", "m", "x", "f"), conv("c", "m.out", "k"),
                 vector("Mul", "s", "c.out", "scale"), vector("Add", "a", "s.out", "bias"),
                 scale=table(4, 5), bias=table(4, 6),
                 f=np.full((1, 1, 1, 1), 1 / 255, np.float32), k=random(4, 2, 3, 3))  # fmt: skip
    folded = fold(made)
    assert ops(folded) == ["Conv", "Mul", "Add"]
    np.testing.assert_array_equal(folded.constants["k"], made.constants["k"])
    check(made, folded)


def test_behind_a_shifted_input_the_factor_goes_on_into_the_kernel() -> None:
    made = graph(vector("Mul", "m", "x", "f"), vector("Add", "a", "m.out", "b"),
                 conv("c", "a.out", "k"), f=random(1, 2, 1, 1), b=random(1, 2, 1, 1, seed=2),
                 k=random(4, 2, 3, 3))  # fmt: skip
    assert ops(fold(made)) == ["Add", "Conv"]
    check(made, fold(made))


def test_a_transposed_convolution_folds_both_ways() -> None:
    up = Node("ConvTranspose", "t", ("m.out", "k", "b"), "t.out", 3, 2, 0, 1)
    made = graph(vector("Mul", "m", "x", "f"), up, norm("n", "t.out"), f=random(1, 2, 1, 1),
                 k=random(2, 4, 3, 3), b=random(4), **statistics("n", 4, 3))  # fmt: skip
    assert ops(fold(made)) == ["ConvTranspose"]
    check(made, fold(made))


def test_what_is_read_elsewhere_is_not_folded_away() -> None:
    made = graph(conv("c", "x", "k"), norm("n", "c.out"),
                 Node("Add", "sum", ("c.out", "n.out"), "sum.out"),
                 k=random(2, 2, 3, 3), **statistics("n", 2, 5))  # fmt: skip
    folded = fold(made)
    assert ops(folded) == ["Conv", "Mul", "Add", "Add"]
    check(made, folded)


def test_unshare_and_share_are_inverse() -> None:
    made = fold(
        graph(
            conv("c", "x", "k"),
            norm("n", "c.out"),
            conv("d", "n.out", "k"),
            k=random(8, 2, 3, 3)[:2],
            **statistics("n", 2, 3),
        )  # fmt: skip
    )
    apart = unshare(made)
    assert ops(apart) == ["Conv", "Conv"]
    assert apart.parameters() == 2 * (2 * 2 * 9) + 2
    check(made, apart)
    copies = replace(
        made,
        constants={**made.constants, "copy": made.constants["k"].copy()},
        nodes=tuple(replace(n, inputs=("n.out", "copy")) if n.name == "d" else n
                    for n in made.nodes),
    )  # fmt: skip
    assert len(share(copies, smallest=32).uses("k")) == 2


def test_the_scale_of_a_kernel_used_once_goes_into_it_and_is_remembered() -> None:
    made = graph(conv("c", "x", "k"), vector("Mul", "s", "c.out", "scale"),
                 vector("Add", "a", "s.out", "bias"),
                 scale=table(4, 5), bias=table(4, 6),
                 k=random(4, 2, 3, 3))  # fmt: skip
    scaled, folded = scale_kernels(made)
    assert folded == {"scale": "k"} and ops(scaled) == ["Conv", "Add"]
    x = random(1, 2, 9, 8)
    expected = run(made, x)
    assert np.abs(run(scaled, x) - expected).max() <= 1e-5 * np.ptp(expected)


def test_a_scale_that_comes_near_zero_keeps_its_multiplication() -> None:
    scale = table(4, 5)
    scale[40, 2] = 1e-4
    made = graph(conv("c", "x", "k"), vector("Mul", "s", "c.out", "scale"),
                 scale=scale, k=random(4, 2, 3, 3))  # fmt: skip
    assert scale_kernels(made)[1] == {}
