"""The part of a value that the rest of a network feels."""

from __future__ import annotations

import numpy as np
import pytest

from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.quantization.calibration.calibration import calibrate
from edgeqe.quantization.calibration.effective_range import (
    at_coarse_levels,
    effective_values,
    summands,
)
from edgeqe.quantization.calibration.samples import Photograph


def test_felt_numbers_give_the_same_sums_behind_the_relu() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(0.0, 3.0, (2, 1, 8, 16, 16)).astype(np.float32)
    raised = effective_values(x, y)
    np.testing.assert_array_equal(np.maximum(raised + y, 0.0), np.maximum(x + y, 0.0))
    # Nothing is further from 0 than it was, and nothing below 0 is further than y makes up for.
    assert (np.abs(raised) <= np.abs(x)).all()
    assert (raised[raised < 0.0] >= -y[raised < 0.0]).all()
    np.testing.assert_array_equal(raised[x > 0.0], x[x > 0.0])


def block(last: str = "Relu") -> Graph:
    """``relu(W * p + v * p)``: a sum of two values of one channel each."""
    nodes = (
        Node("Conv", "left", ("planes", "w"), "x"),
        Node("Conv", "right", ("planes", "v"), "y"),
        Node("Add", "sum", ("x", "y"), "s"),
        Node(last, "last", ("s",), "t"),
        Node("Conv", "tail", ("t", "one"), "out"),
    )
    one = np.ones((1, 1, 1, 1), np.float32)
    constants = {"w": one, "v": -0.25 * one, "one": one}
    return Graph("block", {"planes": 1}, "out", nodes, constants, {})


def test_only_sums_behind_which_a_relu_stands_alone_have_summands() -> None:
    assert summands(block()) == {"x": "y", "y": "x"}
    assert summands(block("Sigmoid")) == {}
    graph = block()
    again = Node("Add", "again", ("out", "s"), "more")  # the sum is read below 0 as well
    assert (
        summands(Graph("a", graph.inputs, "more", (*graph.nodes, again), graph.constants, {})) == {}
    )
    skip = Node("Add", "skip", ("out", "x"), "more")  # x is read elsewhere too
    found = summands(Graph("s", graph.inputs, "more", (*graph.nodes, skip), graph.constants, {}))
    assert found == {"y": "x"}


def test_calibration_holds_what_is_felt() -> None:
    ramp = np.repeat(np.linspace(0, 255, 256).astype(np.uint8)[None], 256, axis=0)
    window = np.repeat(ramp[..., None], 3, axis=2)
    photographs = [Photograph("ramp.png", "0", (256, 256), (window,), ramp[::8, ::8], None)]
    found = calibrate(
        block(), ["x", "y", "t"], photographs, planes="y", statistic="minmax", qualities=[95]
    ).ranges
    # x = p and y = -p / 4. Below 0, of x as much is felt as makes up for y, 128 / 4; above it y
    # is, to -127 / 4. JPEG at quality 95 moves a grey level by 1 at most.
    assert found.low["x"][0] == pytest.approx(-128 / 4, abs=0.5)
    assert found.high["x"][0] == pytest.approx(127.0, abs=1.0)
    assert found.low["y"][0] == pytest.approx(-127 / 4, abs=0.5)


def test_coarse_levels_are_below_the_finest_inner_value() -> None:
    def graph(*nodes: Node) -> Graph:
        return Graph("levels", {"planes": 4}, nodes[-1].output, nodes, {}, {})

    down = Node("Conv", "down", ("fine",), "low", stride=2)
    phases = Node("Conv", "phases", ("low",), "phases")
    spread = Node("DepthToSpace", "spread", ("phases",), "up", kernel=2)
    head, tail = Node("Conv", "head", ("planes",), "fine"), Node("Conv", "tail", ("up",), "out")
    levels = graph(head, down, phases, spread, tail)
    names = [node.output for node in levels.nodes]
    assert at_coarse_levels(levels, ["planes", *names]) == {"low"}
    # A network that works at 1/2 throughout has one level, whatever its result is spread to.
    half = graph(
        Node("SpaceToDepth", "fold", ("planes",), "folded", kernel=2),
        Node("Conv", "head", ("folded",), "inner"),
        Node("Conv", "tail", ("inner",), "phases"),
        Node("DepthToSpace", "spread", ("phases",), "out", kernel=2),
    )
    assert at_coarse_levels(half, ["inner", "phases"]) == set()
