"""Weight sharing: merge equal kernels, duplicate shared ones, fold scales into kernels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeqe.converters.graph.graph import Graph
from edgeqe.converters.rewrites.fold import CONVOLUTIONS, fold


def unshare(graph: Graph) -> Graph:
    """Duplicate a shared kernel for each of its uses, and fold again.

    Saves the multiplication where a runtime does not fold it, and costs the bytes.
    """
    constants, nodes, seen = dict(graph.constants), [], dict[str, int]()
    for node in graph.nodes:
        if node.op in CONVOLUTIONS:
            name = node.inputs[1]
            seen[name] = seen.get(name, 0) + 1
            if seen[name] > 1:
                copy = f"{name}.{seen[name]}"
                constants[copy] = constants[name].copy()
                node = replace(node, inputs=(node.inputs[0], copy, *node.inputs[2:]))
        nodes.append(node)
    return fold(graph.with_nodes(nodes, constants))


def share(graph: Graph, smallest: int = 64) -> Graph:
    """Merge constants of equal values, where a file of another tool stores them twice.

    1. Constants of at least `smallest` elements are compared by shape and bytes.
    2. Strength vectors are never merged: they have values at other strengths.
    """
    first: dict[tuple[tuple[int, ...], bytes], str] = {}
    renamed = {}
    for name, value in graph.constants.items():
        if value.size >= smallest and name not in graph.vectors:
            renamed[name] = first.setdefault((value.shape, value.tobytes()), name)
    nodes = [
        replace(node, inputs=tuple(renamed.get(name, name) for name in node.inputs))
        for node in graph.nodes
    ]
    return graph.with_nodes(nodes, graph.constants)


def scale_kernels(graph: Graph) -> tuple[Graph, dict[str, str]]:
    """Fold strength-dependent scales into kernels, at the strength that the graph is set to.

    For runtimes that fold nothing at load (float TFLite). A scale is folded if

    1. it follows an ungrouped Conv without bias, and kernel, result and scale have one use each;
    2. it stays away from 0 at this strength, else the kernel could not be brought to another.

    Any other keeps its multiplication.

    Returns
    -------
    graph : Graph
    folded : dict of str to str
        Kernel of each scale that was folded.
    """
    producers, folded = graph.producers(), dict[str, str]()
    constants, nodes = dict(graph.constants), list(graph.nodes)
    for node in graph.nodes:
        name = node.inputs[1] if node.op == "Mul" else ""
        producer = producers.get(node.inputs[0])
        if (
            name not in graph.vectors
            or producer is None
            or producer.op != "Conv"
            or producer.groups > 1
        ):
            continue
        kernel, table = producer.inputs[1], graph.vectors[name]
        scale = constants[name].reshape(-1)
        alone = len(graph.uses(kernel)) == len(graph.uses(producer.output)) == len(graph.uses(name))
        far_from_zero = np.abs(scale) > 1e-3 * np.abs(table).max(axis=0)
        if not (alone and len(producer.inputs) == 2 and far_from_zero.all()):
            continue
        constants[kernel] = constants[kernel] * scale[:, None, None, None]
        nodes[nodes.index(producer)] = replace(producer, output=node.output)
        nodes.remove(node)
        folded[name] = kernel
    return graph.with_nodes(nodes, constants), folded
