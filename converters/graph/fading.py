"""Which constants of a graph its residual is proportional to, so that a fade can scale them."""

from __future__ import annotations

from edgeqe.converters.graph.graph import Graph
from edgeqe.converters.graph.integer import QuantizedGraph
from edgeqe.errors import InputError


def faded_constants(content: Graph | QuantizedGraph) -> tuple[str, ...]:
    """Constants that follow the strength, whose common factor is the residual's.

    Of a float end, ``Mul(y, scale) -> Add(bias)``, these two; of a quantized one the scale of the
    kernel, the bias, and the scale of the output: its integers stay the same.

    Raises
    ------
    InputError
        If the network does not end in such a scale, with or without a bias.
    """
    graph = content if isinstance(content, Graph) else content.graph
    producers, found = graph.producers(), list[str]()
    node = producers[graph.output]
    while node.op in ("Add", "Mul") and node.inputs[1] in graph.vectors:
        found.insert(0, node.inputs[1])
        if node.op == "Mul":
            break
        node = producers[node.inputs[0]]
    if isinstance(content, QuantizedGraph) and graph.output in content.quant_params:
        found.append(content.quant_params[graph.output].scale)
    if node.op != "Mul" or any(name not in graph.vectors for name in found):
        raise InputError(
            f"the residual of '{graph.name}' cannot fade: it does not end in a scale and a bias that "
            "follow the strength."
        )
    return tuple(found)
