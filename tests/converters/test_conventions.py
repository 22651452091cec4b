"""What a network's numbers mean: against the definition in numpy, and on known filters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeqe.converters.graph.convention import Convention, OutputKind, parse_range
from edgeqe.converters.graph.graph import KEYS, Graph, Node
from edgeqe.converters.onnx_io.output_kind import trial_pictures
from edgeqe.converters.onnx_io.reader import graph_of
from edgeqe.converters.onnx_io.session import GraphSession
from edgeqe.converters.rewrites.conventions import (
    as_residual,
    convention,
    find_output,
)
from edgeqe.errors import InputError
from edgeqe.typing import Float

PEER = Path(__file__).parents[3] / "shared/data/peers/DnCNN3.onnx"


def random(*shape: int, seed: int = 1) -> Float:
    return np.random.default_rng(seed).normal(0, 0.3, shape).astype(np.float32)


def conv(name: str, source: str, side: int = 3) -> Node:
    return Node("Conv", name, (source, f"{name}.k"), name, side, 1, side // 2, side // 2)


def network(*nodes: Node, channels: int = 3, source: str = "x", **constants: Float) -> Graph:
    kernels = {f"{node.name}.k": random(channels, channels, node.kernel, node.kernel, seed=i)
               for i, node in enumerate(nodes) if node.op == "Conv"}  # fmt: skip
    return Graph("net", {source: channels}, nodes[-1].output, nodes, {**kernels, **constants})


MEAN = np.array([0.45, 0.44, 0.4], np.float32).reshape(1, 3, 1, 1)
#: Networks from x, and whether they give a sum with x.
NETWORKS = {
    "plain": (network(conv("c", "x")), False),
    "with the input": (network(conv("c", "x"), Node("Add", "y", ("x", "c"), "y")), True),
    "three terms": (
        network(conv("c", "x"), conv("d", "c"), Node("Add", "s", ("c", "x"), "s"),
                Node("Add", "y", ("s", "d"), "y")), True),
    "mean colour": (
        network(Node("Add", "m", ("x", "less"), "m"), conv("c", "m"),
                Node("Add", "s", ("c", "m"), "s"), Node("Add", "y", ("s", "mean"), "y"),
                less=-MEAN, mean=MEAN), True),
    "mean colour on one side": (
        network(Node("Add", "m", ("x", "less"), "m"), conv("c", "m"),
                Node("Add", "y", ("c", "m"), "y"), less=-MEAN), True),
    "names of the file": (
        network(conv("planes", "x"), conv("residual", "planes"),
                Node("Add", "y", ("x", "residual"), "y")), True),
    "input of the file's name": (
        network(conv("c", "planes"), Node("Add", "y", ("planes", "c"), "y"), source="planes"), True),
    "a scaled input": (
        network(conv("c", "x"), Node("Mul", "h", ("x", "half"), "h"),
                Node("Add", "y", ("h", "c"), "y"), half=np.full((1, 3, 1, 1), 0.5, "f")), False),
    "a gray term": (
        network(Node("ReduceMean", "g", ("x",), "g"), Node("Add", "y", ("g", "x"), "y")), False),
}  # fmt: skip


@pytest.mark.parametrize(
    "low_high", [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0), (-0.5, 0.5), (1.0, 0.0)]
)
@pytest.mark.parametrize("gives", ["picture", "residual", "noise"])
@pytest.mark.parametrize("name", NETWORKS)
def test_as_residual_is_its_definition(
    name: str, gives: str, low_high: tuple[float, float]
) -> None:
    graph, _ = NETWORKS[name]
    (low, high), (source,) = low_high, graph.inputs
    levels = np.random.default_rng(2).integers(0, 256, (1, 3, 9, 12)).astype(np.float32)
    unit = (low + levels / 255 * (high - low)).astype(np.float32)
    own = GraphSession(graph).run({source: unit})[0].astype(np.float64)
    expected = {"picture": own - unit, "residual": own, "noise": -own}[gives] * 255 / (high - low)
    made = as_residual(graph, Convention("rgb", low, high, OutputKind(gives)))
    result = GraphSession(made).run({"planes": levels - 128})[0]
    # own - unit cancels: float32's rounding of the unit, in grey levels, is the floor
    tolerance = 2e-6 * (np.ptp(expected) + 255)
    np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_sum_with_the_input_loses_it(name: str) -> None:
    graph, is_sum = NETWORKS[name]
    made = as_residual(graph, Convention("rgb", 0.0, 1.0, OutputKind("picture")))
    taken = [node for node in made.nodes if node.op == "Mul" and
             (made.constants.get(node.inputs[1], np.zeros(1)) == -1).all()]  # fmt: skip
    assert (len(taken) == 0) is is_sum
    if name == "mean colour":  # -mean and +mean cancel
        assert sum(node.op == "Add" for node in made.nodes) == 2


def test_factors_and_offsets_that_are_nothing_are_left_out() -> None:
    graph = NETWORKS["plain"][0]
    unit = as_residual(graph, Convention("rgb", -128 / 255, 1 - 128 / 255, OutputKind("residual")))
    assert [node.op for node in unit.nodes] == ["Mul", "Conv", "Mul"]
    assert {name: value.ravel()[0] for name, value in unit.constants.items() if "mul" in name} == {
        "x.mul": np.float32(1 / 255), "c.levels.mul": np.float32(255)}  # fmt: skip
    assert all(v.shape == (1, 3, 1, 1) for name, v in unit.constants.items() if "mul" in name)


def test_the_prediction_residual_has_no_offset_and_strengths_stay() -> None:
    nodes = (Node("Concat", "j", ("planes", "residual"), "j"), conv("c", "j"),
             Node("Mul", "y", ("c", "gain"), "y"))  # fmt: skip
    constants = {"c.k": random(1, 2, 3, 3), "gain": np.full((1, 1, 1, 1), 2, np.float32)}
    table = np.linspace(1, 3, len(KEYS), dtype=np.float32)[:, None]
    graph = Graph("net", {"planes": 1, "residual": 1}, "y", nodes, constants, {"gain": table})
    made = as_residual(graph, Convention("y", 0.0, 1.0, OutputKind("residual")))
    assert dict(made.inputs) == {"planes": 1, "residual": 1}
    np.testing.assert_array_equal(made.vectors["gain"], table)
    levels, signed = (np.float32(50) * random(1, 1, 8, 8, seed=seed) for seed in (1, 2))
    own = GraphSession(graph).run(
        {"planes": levels / np.float32(255), "residual": signed / np.float32(255)}
    )[0]
    result = GraphSession(made).run({"planes": levels - np.float32(128), "residual": signed})[0]
    np.testing.assert_allclose(result, own * 255, rtol=0, atol=1e-6 * float(np.ptp(own * 255)))


def test_a_network_that_only_shifts_is_refused() -> None:
    graph = network(Node("Add", "y", ("x", "mean"), "y"), mean=MEAN)
    with pytest.raises(InputError, match="enhances nothing"):
        as_residual(graph, Convention("rgb", 0.0, 1.0, OutputKind("picture")))


def smoothing(gives: str, channels: int) -> Graph:
    """A mild blur of each channel, which mends blocks a little; in the unit -1 to 1."""
    weights = np.outer([1, 6, 1], [1, 6, 1]).astype(np.float32) / 64
    if gives != "picture":
        weights[1, 1] -= 1
    if gives == "noise":
        weights = -weights
    kernel = np.broadcast_to(weights, (channels, 1, 3, 3))
    node = Node("Conv", "c", ("x", "k"), "y", 3, 1, 1, 1, groups=channels)
    return Graph("net", {"x": channels}, "y", (node,), {"k": np.ascontiguousarray(kernel)})


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("gives", ["picture", "residual", "noise"])
def test_what_a_network_gives_is_tried_out(gives: str, channels: int) -> None:
    graph = smoothing(gives, channels)
    found = convention(graph, value_range=(-1.0, 1.0))
    assert found == Convention({1: "y", 3: "rgb"}[channels], -1.0, 1.0, OutputKind(gives))
    assert convention(graph, output="noise").gives == "noise"  # what is said is not tried out


def test_the_trial_picture_is_damaged_as_a_picture_is() -> None:
    clean, coded = trial_pictures(1, 128)
    assert clean.shape == coded.shape == (1, 128, 128)
    error = np.sqrt(np.square(clean - coded).mean())
    assert 3 < error < 12 and 20 < clean.std() < 80
    rows = np.abs(np.diff(coded[0], axis=0)).mean(axis=1)
    blocks = np.delete(rows, np.arange(7, 127, 8)).mean()
    assert rows[7::8].mean() > 1.1 * blocks  # JPEG's grid shows


def test_what_cannot_be_told_is_asked_for() -> None:
    nothing = replace(smoothing("residual", 1), constants={"k": np.zeros((1, 1, 3, 3), np.float32)})
    with pytest.raises(InputError, match="say it by --gives, one of picture, residual, noise"):
        convention(nothing)
    random_residual = replace(nothing, constants={"k": random(1, 1, 3, 3) * 0.01})
    with pytest.raises(InputError, match="cannot tell"):
        convention(random_residual)
    broken = replace(nothing, constants={"k": np.full((1, 1, 3, 3), np.nan, np.float32)})
    with pytest.raises(InputError, match="or values that are not finite"):
        convention(broken)


def test_networks_of_other_planes_are_refused() -> None:
    with pytest.raises(InputError, match="no --planes y: leave it out, or give rgb"):
        convention(smoothing("picture", 3), planes="y")
    with pytest.raises(InputError, match=r"takes 'x' \(2 channels\)"):
        convention(smoothing("picture", 2))
    half = replace(smoothing("picture", 1), nodes=(
        replace(smoothing("picture", 1).nodes[0], stride=2, padding=0),))  # fmt: skip
    with pytest.raises(InputError, match="gives 1 channel at 1/2 times the size"):
        convention(half)
    two = replace(smoothing("picture", 1), inputs={"x": 1, "residual": 1})
    with pytest.raises(InputError, match="'residual'"):
        convention(two)


def test_ranges() -> None:
    assert parse_range("0,1") == (0.0, 1.0)
    assert parse_range(" -1 , 1.0") == (-1.0, 1.0)
    for text in ("", "1", "0,1,2", "0,a", "1,1", "0,inf", "nan,1", "0;1"):
        with pytest.raises(InputError, match="is not two different numbers with a comma"):
            parse_range(text)


@pytest.mark.skipif(not PEER.exists(), reason="the shared data are not there")
def test_the_published_network() -> None:
    graph = graph_of(PEER)
    assert convention(graph) == Convention("y", 0.0, 1.0, OutputKind("picture"))
    # without its last Sub it gives the noise, which only a trial can tell
    noise = replace(graph, output=graph.nodes[-1].inputs[1])
    noise = replace(noise, output=noise.producers()[noise.output].inputs[0])
    noise = noise.with_nodes(noise.nodes, noise.constants)
    assert [node.op for node in noise.nodes][-2:] == ["Relu", "Conv"]
    assert find_output(noise) == ("noise", (0.0, 1.0))
