"""Value ranges that networks tell by their own factors and shifts, against the definition in numpy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgeqe.converters.graph.convention import Convention, OutputKind
from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.converters.onnx_io.output_kind import trial_pictures
from edgeqe.converters.onnx_io.session import GraphSession
from edgeqe.converters.rewrites.conventions import as_residual, convention
from edgeqe.converters.rewrites.value_range import input_range, plain_factors
from edgeqe.typing import Float

BYTES, UNIT, BOTH = (0.0, 255.0), (0.0, 1.0), (-1.0, 1.0)
MEANS = np.array([114.4, 111.5, 103.0], np.float32)


def vector(*values: float) -> Float:
    return np.broadcast_to(np.asarray(values, np.float32).reshape(1, -1, 1, 1), (1, 3, 1, 1)).copy()


def affine(source: str, output: str, factor: float | None, shift: float | None) -> list[Node]:
    """``source * factor + shift``, each where there is one; the constants are named by their values."""
    steps = [(op, value) for op, value in (("Mul", factor), ("Add", shift)) if value is not None]
    names = [f"{output}.{i}" for i in range(len(steps) - 1)] + [output]
    return [
        Node(op, name, (before, f"c{value!r}"), name)
        for (op, value), before, name in zip(steps, [source, *names], names, strict=False)
    ]


def network(*nodes: Node, **more: Float) -> Graph:
    rng = np.random.default_rng(4)
    constants = {"k": rng.normal(0, 0.3, (3, 3, 3, 3)).astype(np.float32), **more}
    constants["l"] = rng.normal(0, 0.01, (3, 3, 3, 3)).astype(np.float32)
    read = {name for node in nodes for name in node.inputs[1:]}
    constants |= {name: vector(float(name[1:])) for name in read - set(constants) if name[0] == "c"}
    return Graph("net", {"x": 3}, nodes[-1].output, nodes, constants)


def body(source: str, output: str = "r") -> list[Node]:
    """Two convolutions and a ReLU."""
    return [
        Node("Conv", "h", (source, "k"), "h", 3, 1, 1, 1),
        Node("Relu", "a", ("h",), "a"),
        Node("Conv", output, ("a", "l"), output, 3, 1, 1, 1),
    ]


def add(one: str, other: str, output: str) -> Node:
    return Node("Add", output, (one, other), output)


def shifted(source: str, output: str) -> Node:
    """A mean shift as EDSR's authors write it: a 1x1 convolution with a bias."""
    return Node("Conv", output, (source, "eye", f"bias.{output}"), output)


#: A first kernel with a factor of 1/255 in it.
SMALL = (np.random.default_rng(5).normal(0, 0.3, (3, 3, 3, 3)) / 255).astype(np.float32)
EYE = np.eye(3, dtype=np.float32)[:, :, None, None]
#: A network, its kind of output, and the true ranges of its input and output.
NETWORKS: dict[str, tuple[Graph, str, tuple[float, float], tuple[float, float]]] = {
    "bytes, scaled and back": (
        network(*affine("x", "u", 1 / 255, None), *body("u"), add("u", "r", "s"),
                *affine("s", "y", 255.0, None)), "picture", BYTES, BYTES),
    "bytes, scaled": (
        network(*affine("x", "u", 1 / 255, None), *body("u"), add("u", "r", "y")), "picture", BYTES, UNIT),
    "bytes, scaled, its residual beside": (
        network(*affine("x", "u", 1 / 255, None), *body("u"), *affine("r", "t", 255.0, None),
                add("x", "t", "y")), "picture", BYTES, BYTES),
    "bytes, to -1 and 1 and back": (
        network(*affine("x", "u", 1 / 127.5, -1.0), *body("u"), add("u", "r", "s"),
                *affine("s", "y", 127.5, 127.5)), "picture", BYTES, BYTES),
    "bytes, to -1 and 1": (
        network(*affine("x", "u", 1 / 127.5, -1.0), *body("u"), add("u", "r", "y")), "picture", BYTES, BOTH),
    "bytes, to -1 and 1, and then to 0 and 1": (
        network(*affine("x", "u", 1 / 127.5, -1.0), *body("u"), add("u", "r", "s"),
                *affine("s", "y", 0.5, 0.5)), "picture", BYTES, UNIT),
    "means of bytes, by convolutions": (
        network(shifted("x", "u"), *body("u"), add("u", "r", "s"), shifted("s", "y"), eye=EYE,
                **{"bias.u": -MEANS, "bias.y": MEANS}), "picture", BYTES, BYTES),
    "from -1 and 1 to 0 and 1": (
        network(*affine("x", "u", 0.5, 0.5), *body("u"), add("u", "r", "s"),
                *affine("s", "y", 2.0, -1.0)), "picture", BOTH, BOTH),
    "ten bits": (
        network(*affine("x", "u", 1 / 1023, None), *body("u"), add("u", "r", "y")), "picture", (0, 1023), UNIT),
    "0 and 1, to -1 and 1 and back": (
        network(*affine("x", "u", 2.0, -1.0), *body("u"), add("u", "r", "s"),
                *affine("s", "y", 0.5, 0.5)), "picture", UNIT, UNIT),
    "plain": (network(*body("x"), add("x", "r", "y")), "picture", UNIT, UNIT),
    "noise of scaled bytes": (network(*affine("x", "u", 1 / 255, None), *body("u", "y")), "noise", BYTES, UNIT),
    "noise of bytes": (
        network(*affine("x", "u", 1 / 255, None), *body("u"), *affine("r", "y", 255.0, None)),
        "noise", BYTES, BYTES),
    "a factor in the kernel": (network(*body("x", "y"), k=SMALL), "residual", BYTES, UNIT),
    "a sigmoid behind scaled bytes": (
        network(*affine("x", "u", 1 / 127.5, -1.0), *body("u"), Node("Sigmoid", "y", ("r",), "y")),
        "picture", BYTES, BOTH),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_what_a_network_gives_is_in_its_own_ranges(name: str) -> None:
    graph, gives, (low, high), (black, white) = NETWORKS[name]
    levels = np.random.default_rng(2).integers(0, 256, (1, 3, 12, 16)).astype(np.float32)
    own = GraphSession(graph).run({"x": (low + levels / 255 * (high - low)).astype(np.float32)})[0]
    own = own.astype(np.float64)
    expected = {
        "picture": (own - black) / (white - black) * 255 - levels,
        "noise": -own * 255 / (white - black),
        "residual": own * 255 / (white - black),
    }[gives]
    plain = plain_factors(graph)
    found = convention(plain, output=gives)
    assert (found.low, found.high) == (low, high)
    assert (found.output_range or (low, high)) == (black, white)
    result = GraphSession(as_residual(plain, found)).run({"planes": levels - 128})[0]
    # own less the input cancels: float32's rounding of either, in grey levels, is the floor
    np.testing.assert_allclose(result, expected, rtol=0, atol=4e-6 * (np.ptp(expected) + 255))


def test_what_is_stated_is_not_guessed() -> None:
    graph = NETWORKS["bytes, scaled"][0]
    assert input_range(graph) == BYTES
    found = convention(graph, value_range=UNIT)
    assert (found.low, found.high) == UNIT
    for name in ("plain", "0 and 1, to -1 and 1 and back"):
        assert input_range(NETWORKS[name][0]) is None


@pytest.mark.parametrize(
    ("gives", "last"), [("picture", 1.0), ("noise", 255.0), ("residual", None)]
)
def test_kind_and_range_are_tried_out_together(gives: str, last: float | None) -> None:
    """A mild blur of what is scaled, which improves the trial picture in one unit alone."""
    weights = np.outer([1, 6, 1], [1, 6, 1]).astype(np.float32) / 64
    weights[1, 1] -= gives != "picture"
    kernel = np.broadcast_to(-weights if gives == "noise" else weights, (3, 1, 3, 3))
    values = np.ascontiguousarray(kernel, np.float32)
    blur = Node("Conv", "b", ("u", "blur"), "b", 3, 1, 1, 1, groups=3, border="edge")
    graph = network(*affine("x", "u", 1 / 255, None), blur, blur=values)
    if last is not None:
        graph = network(*graph.nodes, *affine("b", "y", last, None), blur=values)
    found = convention(graph)
    expected = None if last == 255 else UNIT
    assert found == Convention("rgb", *BYTES, OutputKind(gives), expected)
    coded = trial_pictures(3, 128)[1][None]
    own = GraphSession(graph).run({"x": coded})[0] * (1 if last == 255 else 255)
    result = GraphSession(as_residual(graph, found)).run({"planes": coded - 128})[0]
    expected_residual = {"picture": own - coded, "noise": -own, "residual": own}[gives]
    np.testing.assert_allclose(result, expected_residual, rtol=0, atol=2e-3)


def test_only_convolutions_without_mixing_at_the_ends_are_factors() -> None:
    graph = NETWORKS["means of bytes, by convolutions"][0]
    assert [n.op for n in plain_factors(graph).nodes].count("Conv") == 2
    mixed = dict(graph.constants) | {"eye": EYE + np.float32(0.1)}
    assert plain_factors(replace(graph, constants=mixed)).nodes == graph.nodes
    inside = network(Node("Conv", "u", ("x", "k"), "u", 3, 1, 1, 1), shifted("u", "m"),
                     *body("m", "y"), eye=EYE, **{"bias.m": MEANS})  # fmt: skip
    assert plain_factors(inside).nodes == inside.nodes
