"""ReLU-aware effective activation range: the part of a value that changes a network's output.

Two things make the range to represent narrower, or clipping costlier, than a value's histogram
alone tells.

A sum in front of a ReLU does not depend on how far below zero it is. Of a block's
``relu(x + y)``, all x below -y give 0, so x can be replaced by::

    effective(x) = max(x, min(-y, 0))        relu(effective(x) + y) = relu(x + y)

An element at a coarse resolution of a network reaches a patch of the picture: at 1/4, clipping one
of 10,000 changes 16 of 10,000 pixels, and clipping in a flat area is visible.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from edgeqe.converters.graph.graph import Graph
from edgeqe.converters.graph.integer import MOVING
from edgeqe.typing import Float


def summands(graph: Graph) -> dict[str, str]:
    """Values whose only consumer is a sum in front of a ReLU, each with the other summand."""
    found, channels = {}, graph.channels()
    for node in graph.nodes:
        behind = graph.uses(node.output)
        if node.op == "Add" and [n.op for n in behind] == ["Relu"] and node.output != graph.output:
            first, second = node.inputs
            for value, other in ((first, second), (second, first)):
                alike = value != other and channels.get(value) == channels.get(other)
                if alike and len(graph.uses(value)) == 1:
                    found[value] = other
    return found


def effective_values(values: Float, other: Float) -> Float:
    """Values, raised to where the ReLU of their sum with the other summand still is 0."""
    raised: Float = np.maximum(values, np.minimum(-other, 0.0))
    return raised


def at_coarse_levels(graph: Graph, values: Collection[str]) -> set[str]:
    """Values at a lower resolution than the finest one, inputs and output left out.

    A value that is only moved, as the phases in front of DepthToSpace are, counts at the
    resolution that it is moved to.
    """
    scales, ends = dict(graph.scales()), {*graph.inputs, graph.output}
    for node in reversed(graph.nodes):
        if node.op in MOVING and len(graph.uses(node.inputs[0])) == 1:
            scales[node.inputs[0]] = scales[node.output]
            if node.output in ends:
                ends.add(node.inputs[0])
    inner = {value for value in values if value not in ends}
    finest = max((scales[value] for value in inner), default=None)
    return {value for value in inner if scales[value] != finest}
