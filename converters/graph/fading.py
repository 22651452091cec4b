"""Constants of a graph that its residual is proportional to, so that shares of it can be made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from edgeqe.converters.graph.graph import KEYS, Graph
from edgeqe.converters.graph.integer import QuantizedGraph
from edgeqe.errors import InputError

#: Planes of luma among those of 4:2:0, space to depth: what follows is chroma.
LUMA_PLANES = 4


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


def with_shares(
    graph: Graph, shares: Mapping[str, tuple[float, float]], codecs: Sequence[str]
) -> Graph:
    """Graph that makes shares of its residual, by codec, at each of its strengths.

    Parameters
    ----------
    graph : Graph
        Of the residual of 4:2:0 planes: four of luma, then Cb and Cr.
    shares : mapping of str to (float, float)
        Of luma and of chroma, 0 to 1; codecs that are not named keep all.
    codecs : sequence of str
        Those of the strength vectors' blocks, in their order.

    Raises
    ------
    InputError
        As of `faded_constants`.
    """
    vectors = dict(graph.vectors)
    for name in faded_constants(graph) if shares else ():
        table = vectors[name].copy()
        for codec, (luma, chroma) in shares.items():
            rows = slice(codecs.index(codec) * len(KEYS), (codecs.index(codec) + 1) * len(KEYS))
            table[rows, :LUMA_PLANES] *= np.float32(luma)
            table[rows, LUMA_PLANES:] *= np.float32(chroma)
        vectors[name] = table
    return replace(graph, vectors=vectors)
