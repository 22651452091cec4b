"""Branch fusion: re-parameterised parallel convolutions into one.

::

    x --+-- Conv 3x3 --+
        +-- Conv 1x1 --+-- Add -->        x -- Conv 3x3 -->
        +--------------+

References
----------
X. Ding et al., "RepVGG: Making VGG-style ConvNets great again", CVPR 2021, section 3.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.typing import Float


def fuse_branches(graph: Graph) -> Graph:
    """Fuse each sum of parallel convolutions of one value into one convolution.

    Fold batch norm first. A sum is fused if all of these hold; any other is left as it is:

    1. its terms are one value x itself or convolutions of x, at least one of these;
    2. the convolutions are 'same', of stride 1 and one group, and their kernels and biases
       neither follow the strength nor belong to other nodes as well;
    3. nothing else reads the terms, x left out.

    The sum that is the network's output is left alone: there the input is added, which the
    model file leaves to the runtime.

    Parameters
    ----------
    graph : Graph

    Returns
    -------
    Graph
        Equal but for rounding; ``<name of the Add>.fused.kernel`` and ``.bias`` are new.
    """
    finder = _Finder(graph)
    nodes, constants, inner = list(graph.nodes), dict(graph.constants), set[str]()
    for node in reversed(graph.nodes):  # the outermost sum first
        if node.op != "Add" or node.output == graph.output or node.output in inner:
            continue
        found = finder.branches(node)
        if found is None:
            continue
        inner |= found.sums
        name, side = f"{node.name}.fused", max(conv.kernel for conv in found.convolutions)
        kernel, bias = found.joined(graph, side)
        constants |= {f"{name}.kernel": kernel, f"{name}.bias": bias}
        inputs = (found.source, f"{name}.kernel", f"{name}.bias")
        fused = Node("Conv", name, inputs, node.output, side, 1, side // 2, side // 2)
        nodes[nodes.index(node)] = fused
    return graph.with_nodes(nodes, constants)


@dataclass(frozen=True)
class _Branches:
    """Terms of one sum that can be fused."""

    source: str
    """Value that all of them read."""
    convolutions: list[Node]
    identities: int
    """How many times the value itself is a term."""
    sums: set[str]
    """Sums inside the sum."""

    def joined(self, graph: Graph, side: int) -> tuple[Float, Float]:
        """Fused kernel and bias: smaller kernels are zero-padded to the largest."""
        shape = graph.constants[self.convolutions[0].inputs[1]].shape
        kernel, bias = np.zeros((*shape[:2], side, side)), np.zeros(shape[0])
        for conv in self.convolutions:
            rim = (side - conv.kernel) // 2
            middle = slice(rim, rim + conv.kernel)
            kernel[:, :, middle, middle] += graph.constants[conv.inputs[1]]
            for name in conv.inputs[2:]:
                bias += graph.constants[name]
        if self.identities:
            kernel[:, :, side // 2, side // 2] += self.identities * np.eye(shape[0])
        return kernel.astype(np.float32), bias.astype(np.float32)


class _Finder:
    """Finds the sums of a graph that can be fused."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.producers, self.channels = graph, graph.producers(), graph.channels()

    def branches(self, node: Node) -> _Branches | None:
        """Terms of a sum; None if it cannot be fused."""
        terms, sums = list[str](), set[str]()
        self._collect(node, terms, sums)
        convolutions, plain = list[Node](), list[str]()
        for name in terms:
            producer = self.producers.get(name)
            if producer is not None and self._alone(name) and self._joins(producer):
                convolutions.append(producer)
            else:
                plain.append(name)
        sources = {*plain, *(conv.inputs[0] for conv in convolutions)}
        if len(sources) != 1 or not convolutions:
            return None
        (source,) = sources
        outputs = {self.channels[conv.output] for conv in convolutions}
        outputs |= {self.channels[source]} if plain else set()
        if len(outputs) != 1:  # one of them is broadcast
            return None
        return _Branches(source, convolutions, len(plain), sums)

    def _collect(self, node: Node, terms: list[str], sums: set[str]) -> None:
        for name in node.inputs:
            producer = self.producers.get(name)
            if producer is not None and producer.op == "Add" and self._alone(name):
                sums.add(name)
                self._collect(producer, terms, sums)
            else:
                terms.append(name)

    def _alone(self, name: str) -> bool:
        return len(self.graph.uses(name)) == 1 and name != self.graph.output

    def _joins(self, node: Node) -> bool:
        ends = node.padding == node.padding_end == node.kernel // 2 and node.kernel % 2 == 1
        constants = all(
            name in self.graph.constants and name not in self.graph.vectors and self._alone(name)
            for name in node.inputs[1:]
        )
        plain = node.stride == node.groups == node.dilation == 1 and node.border == "zero"
        return node.op == "Conv" and plain and ends and constants
