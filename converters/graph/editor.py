"""Mutable view of a graph for constant folding: find, combine, move and remove nodes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.typing import Float


class GraphEditor:
    """Mutable copy of a graph: nodes are replaced in place, `graph` gives the result."""

    def __init__(self, graph: Graph) -> None:
        self.origin, self.nodes = graph, list(graph.nodes)
        self.constants, self.vectors = dict(graph.constants), dict(graph.vectors)
        self.channels = graph.channels()

    def graph(self) -> Graph:
        """The edited graph; nodes and constants that nothing reads are dropped."""
        return self.origin.with_nodes(self.nodes, self.constants, self.vectors)

    def readers(self, name: str) -> list[Node]:
        """Nodes that read a value or a constant."""
        return [node for node in self.nodes if name in node.inputs]

    def fresh(self, like: Node) -> str:
        """Unused name for a new value with as many channels as a node's output."""
        taken, name = {node.output for node in self.nodes}, f"{like.name}.factor"
        while name in taken:
            name = f"{name}+"
        self.channels[name] = self.channels[like.output]
        return name

    def producer(self, name: str) -> Node | None:
        """Producer of a value that has exactly one consumer, else None."""
        if len(self.readers(name)) != 1 or name == self.origin.output:
            return None
        return next((node for node in self.nodes if node.output == name), None)

    def is_vector(self, node: Node) -> bool:
        """Whether the second input of a Mul or Add is a per-channel constant."""
        return (
            len(node.inputs) == 2
            and node.inputs[0] not in self.constants
            and node.inputs[1] in self.constants
        )

    def values(self, name: str) -> Float:
        """Per-channel constant as rows: one row, or one per key of the strength."""
        if name in self.vectors:
            return self.vectors[name]
        return self.constants[name].reshape(1, -1)

    def combine(self, operation: np.ufunc, first: str, second: str, name: str) -> str:
        """Store the product or sum of two per-channel constants, at every strength."""
        row = operation(self.constants[first].reshape(-1), self.constants[second].reshape(-1))
        table = operation(self.values(first), self.values(second))
        if first in self.vectors or second in self.vectors:
            self.vectors[name] = table.astype(np.float32)
        self.constants[name] = np.ascontiguousarray(row.reshape(1, -1, 1, 1), np.float32)
        return name

    def replace(self, old: Node, *new: Node) -> None:
        """Put nodes in the place of one, where it ran."""
        position = self.nodes.index(old)
        self.nodes[position : position + 1] = new

    def remove(self, node: Node) -> None:
        """Bypass a node: its consumers read its first input instead."""
        self.nodes.remove(node)
        before, after = node.inputs[0], node.output
        for index, other in enumerate(self.nodes):
            if after in other.inputs:
                inputs = tuple(before if name == after else name for name in other.inputs)
                self.nodes[index] = replace(other, inputs=inputs)

    def scale_kernel(self, node: Node, gain: Float, axis: str) -> None:
        """Scale a kernel that one node uses, along its output or input channels."""
        name = node.inputs[1]
        kernel = self.constants[name]
        if node.op == "Conv" and axis == "in":  # the kernel holds the inputs of its group alone
            grouped = kernel.reshape(node.groups, -1, *kernel.shape[1:])
            scaled = grouped * gain.reshape(node.groups, 1, -1, 1, 1)
        else:
            along = 0 if (node.op == "Conv") == (axis == "out") else 1
            scaled = kernel * gain.reshape([-1 if i == along else 1 for i in range(4)])
        self.constants[name] = scaled.reshape(kernel.shape).astype(np.float32)
