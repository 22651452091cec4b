"""Networks in units of their own: to grey levels less 128 in, the residual in grey levels out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edgeqe.converters.graph import Graph, Node
from edgeqe.errors import InputError
from edgeqe.planes import NEUTRAL, SCALE

#: What a network may give: the enhanced picture, what to add, what to subtract.
GIVES = ("picture", "residual", "noise")


@dataclass(frozen=True)
class Convention:
    """What a network's numbers stand for."""

    planes: str
    """One of `card.LAYOUTS`."""
    low: float
    """What grey level 0 is to it."""
    high: float
    """What grey level 255 is to it."""
    gives: str
    """One of `GIVES`."""


def as_residual(graph: Graph, convention: Convention) -> Graph:
    """Graph in the convention of the model file.

    Every input x becomes ``low + (x + 128) / 255 * (high - low)`` (a second one is signed,
    and only scaled), the result the residual times ``255 / (high - low)``. Where the last
    node adds the picture, that is left out, which is exact; factors stay nodes, for `fold`.
    """
    span = convention.high - convention.low
    constants, nodes, renamed = dict(graph.constants), list[Node](), dict[str, str]()

    def vector(op: str, name: str, source: str, value: float) -> str:
        constants[f"{name}.value"] = np.full((1, 1, 1, 1), value, np.float32)
        nodes.append(Node(op, name, (source, f"{name}.value"), f"{name}.out"))
        return f"{name}.out"

    for name in graph.inputs:
        value = vector("Mul", f"{name}.unit", name, span / SCALE)
        offset = convention.low + NEUTRAL / SCALE * span
        if name == "planes" and abs(offset) > 1e-7:
            value = vector("Add", f"{name}.offset", value, offset)
        renamed[name] = value
    own = [
        replace(node, inputs=tuple(renamed.get(name, name) for name in node.inputs))
        for node in graph.nodes
    ]
    nodes += own
    last, picture = own[-1], renamed["planes"]
    result, sign = graph.output, -1.0 if convention.gives == "noise" else 1.0
    if convention.gives == "picture" and last.output == result:
        if last.op == "Add" and picture in last.inputs and len(set(last.inputs)) == 2:
            result = next(name for name in last.inputs if name != picture)
        else:
            minus = vector("Mul", "picture.minus", picture, -1.0)
            nodes.append(Node("Add", "picture.less", (result, minus), "picture.less.out"))
            result = "picture.less.out"
    result = vector("Mul", "result.unit", result, sign * SCALE / span)
    whole = replace(graph, output=result)
    return whole.with_nodes(nodes, constants)


def convention(
    graph: Graph,
    planes: str | None = None,
    value_range: tuple[float, float] | None = None,
    output: str | None = None,
) -> Convention:
    """Convention of another tool's network, what is not given by default or by trial.

    Raises
    ------
    InputError
        If its channels are not those of its planes.
    """
    raise InputError("x")
