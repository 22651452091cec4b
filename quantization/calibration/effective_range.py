"""Which part of a value the rest of a network feels: the part that its range must hold.

Two things make a range wider, or a range too narrow dearer, than the numbers alone tell.

A sum in front of a ReLU does not feel how far below zero it is. Of a block's
``relu(x + y)``, all x below -y give 0, and of x there only needs to be known::

    felt(x) = max(x, min(-y, 0))        relu(felt(x) + y) = relu(x + y)

A number at a coarse level of a network reaches a patch of the picture: at 1/4, clipping one
of 10,000 spoils 16 of 10,000 pixels, and a clipped flat ground shows.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from edgeqe.converters.graph.graph import Float, Graph
from edgeqe.converters.graph.integer import MOVING


def summands(graph: Graph) -> dict[str, str]:
    """Values that a sum in front of a ReLU alone reads, each with the sum's other value."""
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


def felt(numbers: Float, other: Float) -> Float:
    """Numbers of a value, raised to where ReLU of their sum with the other still is 0."""
    raised: Float = np.maximum(numbers, np.minimum(-other, 0.0))
    return raised


def at_coarse_levels(graph: Graph, values: Collection[str]) -> set[str]:
    """Values at a lower resolution than the finest one, inputs and the result left out.

    A value that is only moved, as the phases in front of DepthToSpace are, has the resolution
    of the place that it is moved to.
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
