"""Canonical form before quantization: each convolution followed by a per-channel scale and bias.

::

    Conv(x, W) -> Mul(scale) -> Add(bias) [-> Relu]

A transposed convolution whose windows do not overlap (kernel as large as its stride) becomes a
1x1 convolution of all its phases and a DepthToSpace, which runtimes run in int8::

    y[c, k*i + a, k*j + b] = sum over n of W[n, c, a, b] * x[n, i, j]
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.converters.graph.integer import CONVOLUTIONS, Group, groups_of
from edgeqe.typing import Float


def canonical(graph: Graph) -> Graph:
    """Rewrite a folded graph to canonical form.

    1. Every convolution gets a Mul by a scale and an Add of a bias, 1 and 0 where it had none.
    2. A ConvTranspose of kernel = stride becomes a 1x1 Conv and DepthToSpace.
    3. Any other ConvTranspose stays, as do all other nodes.

    The vectors are named ``<node>.kernel.scale`` and ``<node>.bias``, shape (1, C, 1, 1); they
    follow the strength where one that they are made of does.
    """
    constants, vectors = dict(graph.constants), dict(graph.vectors)
    nodes: list[Node] = []
    phased: dict[str, Float] = {}
    channels = graph.channels()
    for group in groups_of(graph):
        conv = group.first
        if conv.op not in CONVOLUTIONS:
            nodes.extend(group.nodes)
            continue
        count = channels[conv.output]
        scale, scales = np.ones(count, np.float32), None
        bias, biases = np.zeros(count, np.float32), None
        if len(conv.inputs) == 3:
            bias = graph.constants[conv.inputs[2]].reshape(-1)
        for node in group.nodes[1:]:
            if node.op == "Relu":
                continue
            row = graph.constants[node.inputs[1]].reshape(-1)
            table = graph.vectors.get(node.inputs[1])
            if node.op == "Mul":
                scale, scales = scale * row, _joined(np.multiply, scale, scales, row, table)
                bias, biases = bias * row, _joined(np.multiply, bias, biases, row, table)
            else:
                bias, biases = bias + row, _joined(np.add, bias, biases, row, table)
        block = conv.stride if _is_phases(conv) else 1
        kernel = conv.inputs[1]
        if block > 1 and kernel not in phased:
            weights = graph.constants[kernel]
            phased[kernel] = np.ascontiguousarray(
                weights.transpose(2, 3, 1, 0).reshape(-1, weights.shape[0], 1, 1)
            )
            constants[kernel] = phased[kernel]
        for name, value, table in (
            (f"{conv.name}.kernel.scale", scale, scales),
            (f"{conv.name}.bias", bias, biases),
        ):
            constants[name] = np.tile(value, block**2).reshape(1, -1, 1, 1).astype(np.float32)
            if table is not None:
                vectors[name] = np.tile(table, (1, block**2)).astype(np.float32)
        nodes.extend(_written(conv, group, block))
    return graph.with_nodes(nodes, constants, vectors)


def _joined(
    operation: np.ufunc, row: Float, table: Float | None, new: Float, new_table: Float | None
) -> Float | None:
    """Strength table of a product or sum of vectors; None where neither follows the strength."""
    if table is None and new_table is None:
        return None
    left = row[None] if table is None else table
    joined: Float = operation(left, new[None] if new_table is None else new_table)
    return joined


def _is_phases(conv: Node) -> bool:
    """Whether a transposed convolution's windows do not overlap."""
    return (
        conv.op == "ConvTranspose"
        and conv.kernel == conv.stride
        and conv.padding == conv.padding_end == 0
        and conv.groups == 1
    )


def _written(conv: Node, group: Group, block: int) -> list[Node]:
    """Nodes of a convolution in canonical form; the last computes the group's output."""
    name, inputs = conv.name, conv.inputs[:2]
    start = replace(conv, inputs=inputs, output=f"{name}.sum")
    if block > 1:
        start = Node("Conv", name, inputs, f"{name}.sum")
    ends = [
        Node("Mul", f"{name}.mul", (f"{name}.sum", f"{name}.kernel.scale"), f"{name}.scaled"),
        Node("Add", f"{name}.add", (f"{name}.scaled", f"{name}.bias"), f"{name}.shifted"),
    ]
    if group.relu:
        ends.append(replace(group.nodes[-1], inputs=(f"{name}.shifted",)))
    if block > 1:
        ends[-1] = replace(ends[-1], output=f"{name}.phases")
        last = Node("DepthToSpace", f"{name}.spread", (f"{name}.phases",), group.output, block)
        return [start, *ends, last]
    return [start, *ends[:-1], replace(ends[-1], output=group.output)]
