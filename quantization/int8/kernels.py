"""Weight quantization: a kernel as integers in [-64, 64], once for all its uses and strengths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.errors import InputError
from edgeqe.quantization.int8.gptq import round_kernel
from edgeqe.typing import Double

#: Smallest scale of a channel, relative to its largest over uses and strengths. A scale that is 0 or
#: has the other sign, but no more of it than `CROSSING`, becomes this.
SMALLEST, CROSSING = 1e-6, 0.2


def with_integer_kernel(
    graph: Graph, kernel: str, largest: int, hessian: Double | None = None
) -> Graph:
    """Quantize one kernel of a graph in canonical form; its scales go into the vectors of its uses.

    Raises
    ------
    InputError
        If the scales of the uses of a channel differ in sign.
    """
    uses = [node for node in graph.nodes if kernel in node.inputs]
    weights, transposed = graph.constants[kernel], uses[0].op == "ConvTranspose"
    if transposed and uses[0].groups > 1:
        raise InputError(f"node '{uses[0].name}': a grouped ConvTranspose is kept in float.")
    if transposed:
        weights = weights.swapaxes(0, 1)
    names = [_scale_behind(graph, node) for node in uses]
    tables = {name: graph.vectors.get(name, graph.constants[name].reshape(1, -1)) for name in names}
    every = np.concatenate(list(tables.values()))
    sign = np.where(every.max(axis=0) >= -every.min(axis=0), 1.0, -1.0).astype(np.float32)
    wrong, right = (-sign * every).max(axis=0), (sign * every).max(axis=0)
    if (wrong > CROSSING * right).any():
        channel = int(np.argmax(wrong - CROSSING * right))
        raise InputError(
            f"kernel '{kernel}', channel {channel}: its scale goes from {every[:, channel].min():.3g} "
            f"to {every[:, channel].max():.3g} over its uses and strengths, but a scale of INT8 has "
            f"one sign: keep '{uses[0].name}' in float."
        )
    along = [-1] + [1] * (weights.ndim - 1)
    integers, unit = round_kernel(weights * sign.reshape(along), largest, hessian)
    if transposed:
        integers = integers.swapaxes(0, 1)
    constants, vectors = dict(graph.constants), dict(graph.vectors)
    constants[kernel] = np.ascontiguousarray(integers)
    least = SMALLEST * np.where(right > 0.0, right, 1.0)
    for name in tables:
        row = np.maximum(sign * constants[name].reshape(-1), least) * unit
        constants[name] = row.reshape(1, -1, 1, 1).astype(np.float32)
        if name in vectors:
            vectors[name] = (np.maximum(sign * vectors[name], least) * unit).astype(np.float32)
    return replace(graph, constants=constants, vectors=vectors)


def _scale_behind(graph: Graph, conv: Node) -> str:
    """Scale behind a convolution in canonical form."""
    return graph.uses(conv.output)[0].inputs[1]
