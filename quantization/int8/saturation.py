"""Upper bounds that saturation keeps: ``Conv -> Relu -> Min(bound)`` without its Min.

A value of 0 to its bound has the scale ``bound / 255`` or a smaller one, so that its largest integer
stands for no more than the bound. What rounds to it saturates there, and nothing is left for Min to do.
"""

from __future__ import annotations

from dataclasses import replace

from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.converters.graph.integer import CONVOLUTIONS, groups_of


def without_bounds(graph: Graph, kernels: frozenset[str]) -> tuple[Graph, dict[str, float]]:
    """Graph without the Min behind quantized convolutions that end in Relu.

    Parameters
    ----------
    graph : Graph
        In canonical form.
    kernels : frozenset of str
        Kernels that are quantized.

    Returns
    -------
    graph : Graph
        The last node of such a convolution makes what the Min made.
    bounds : dict of str to float
        Upper bound of these values, which their scale must keep.
    """
    bounds, changed = dict[str, float](), dict[str, Node | None]()
    for group in groups_of(graph):
        if group.first.op not in CONVOLUTIONS or group.first.inputs[1] not in kernels:
            continue
        readers, last = graph.uses(group.output), group.nodes[-1]
        if last.op != "Relu" or len(readers) != 1 or group.output == graph.output:
            continue
        (node,) = readers
        bound = graph.constants.get(node.inputs[1]) if node.op == "Min" else None
        if bound is None or node.inputs[1] in graph.vectors:
            continue
        if float(bound.min()) != float(bound.max()) or float(bound.min()) <= 0.0:
            continue
        bounds[node.output] = float(bound.min())
        changed |= {node.name: None, last.name: replace(last, output=node.output)}
    nodes = [changed.get(node.name, node) for node in graph.nodes]
    kept = [node for node in nodes if node is not None]
    return graph.with_nodes(kept, graph.constants), bounds
