from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pytest

from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.converters.graph.integer import QuantizedGraph
from edgeqe.quantization.calibration.ranges import Ranges
from edgeqe.quantization.int8.int8 import quantized_graph
from edgeqe.quantization.int8.sensitivity import (
    LossMeter,
    QuantizationLoss,
    convolutions,
    rank,
    search,
)
from tests.quantization.test_hessian import photographs


def network() -> Graph:
    """Three factors one after another: a residual of 5 % of the planes."""
    kernels = {"h": 1.0, "t": 0.5, "f": 0.1}
    nodes = (
        Node("Conv", "head", ("planes", "h"), "x"),
        Node("Conv", "tail", ("x", "t"), "y"),
        Node("Conv", "last", ("y", "f"), "out"),
    )
    constants = {name: np.full((1, 1, 1, 1), k, np.float32) for name, k in kernels.items()}
    return Graph("net", {"planes": 1}, "out", nodes, constants)


#: The range of x is a hundred times too wide, so its integers are 100 grey levels apart.
RANGES = Ranges(
    (0,),
    {"x": np.array([-12800.0]), "y": np.array([-64.0]), "out": np.array([-6.4])},
    {"x": np.array([12700.0]), "y": np.array([64.0]), "out": np.array([6.4])},
)


def make(keep_float: Collection[str]) -> QuantizedGraph:
    return quantized_graph(network(), RANGES, 0, keep_float=keep_float)


def test_the_layers_that_lose_are_named_first() -> None:
    meter, names = LossMeter(network(), photographs(6), "y"), convolutions(network())
    assert names == ["head", "tail", "last"]
    ranked = rank(names, meter, make)
    # The head alone gives integers of x, the tail alone reads them: both lose the same. The
    # last layer alone has integers of a twentieth and a half of a grey level on its sides.
    assert {loss.name for loss in ranked[:2]} == {"head", "tail"} and ranked[2].name == "last"
    assert abs(ranked[2].worst_db) < 0.1 < abs(ranked[0].worst_db)
    assert set(ranked[0].drop_db) == {10, 40, 60, 80, 90}


def test_uses_of_a_shared_kernel_are_one_layer() -> None:
    graph = network()
    nodes = (*graph.nodes[:2], Node("Conv", "again", ("y", "f"), "z"),
             Node("Conv", "last", ("z", "f"), "out"))  # fmt: skip
    assert convolutions(Graph("n", {"planes": 1}, "out", nodes, graph.constants)) == [
        "head",
        "tail",
        "again",
    ]


@dataclass
class Told:
    """A judge of known drops: 0.5 dB for an integer tail, 0.2 for a head, 0.01 for the last."""

    def drop(self, integer: QuantizedGraph) -> dict[int, float]:
        costs = {"h": 0.2, "t": 0.5, "f": 0.01}
        return {10: sum(costs[kernel] for kernel in integer.kernels), 40: 0.0}


RANKED = [
    QuantizationLoss("tail", {10: 0.5}),
    QuantizationLoss("head", {10: 0.2}),
    QuantizationLoss("last", {10: 0.01}),
]


@pytest.mark.parametrize(
    ("limit", "real", "met"),
    [
        (None, (), True),
        (1.0, (), True),
        (0.3, ("tail",), True),
        (0.02, ("tail", "head"), True),
        (0.0, ("tail", "head", "last"), True),
    ],
)
def test_the_worst_layers_stay_real_until_the_drop_is_met(
    limit: float | None, real: tuple[str, ...], met: bool
) -> None:
    found = search(RANKED, Told(), make, limit)  # type: ignore[arg-type]
    assert (found.kept_float, found.met) == (real, met)


def test_the_best_found_is_kept_where_nothing_meets_the_limit() -> None:
    class Stubborn(Told):
        def drop(self, integer: QuantizedGraph) -> dict[int, float]:
            return {10: {3: 0.5, 2: 0.3, 1: 0.4, 0: 0.35}[len(integer.kernels)]}

    found = search(RANKED, Stubborn(), make, 0.1)  # type: ignore[arg-type]
    assert not found.met and found.kept_float == ("tail",) and found.loss.worst_db == 0.3
