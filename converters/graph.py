"""A network as a small graph: frozen nodes in running order, constants by name.

Values are NCHW; kernels are laid out as ONNX wants them (out, in, rows, columns).
A constant may be used by several nodes: that is how a weight is shared. Operators
have ONNX's names and meaning; `OPERATORS` lists them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]

#: Operators of which each output pixel needs the same input pixel alone.
POINTWISE = frozenset(
    {"Add", "BatchNormalization", "Concat", "LeakyRelu", "Mul", "PRelu", "Relu", "Selu", "Sigmoid"}
)
#: Operators that look around, change the resolution, or both.
SPATIAL = frozenset({"Conv", "ConvTranspose", "DepthToSpace", "MaxPool", "SpaceToDepth"})
#: Every operator that a graph may hold.
OPERATORS = POINTWISE | SPATIAL


@dataclass(frozen=True)
class Node:
    """One operation."""

    op: str
    """Name of the operator, one of `OPERATORS`."""
    name: str
    """Name of the layer it comes from, unique in the graph."""
    inputs: tuple[str, ...]
    """Names of values and constants, in ONNX's order."""
    output: str
    """Name of the value it makes."""
    kernel: int = 1
    """Side of the kernel, or the block of DepthToSpace and SpaceToDepth."""
    stride: int = 1
    """Step between windows; the up-sampling factor of ConvTranspose."""
    padding: int = 0
    """Zeros before the first row and column."""
    padding_end: int = 0
    """Zeros behind the last row and column."""
    groups: int = 1
    """Groups of Conv; the input's channels for a depthwise one."""
    alpha: float = 0.0
    """Slope of LeakyRelu, epsilon of BatchNormalization."""

    def __post_init__(self) -> None:
        if self.op not in OPERATORS:
            raise ValueError(f"node '{self.name}': operator '{self.op}' is not in the graph's set.")


@dataclass(frozen=True)
class Graph:
    """A network."""

    name: str
    """Name of the network."""
    inputs: Mapping[str, int]
    """Channels of each picture input, by name."""
    output: str
    """Name of the value that is the result."""
    nodes: tuple[Node, ...]
    """Operations in running order."""
    constants: Mapping[str, Float] = field(repr=False)
    """Weights and vectors by name."""
    vectors: tuple[str, ...] = ()
    """Names of the constants that follow the strength, shape (1, C, 1, 1)."""

    def uses(self, name: str) -> list[Node]:
        """Nodes that read a value or a constant."""
        return [node for node in self.nodes if name in node.inputs]

    def with_nodes(self, nodes: list[Node], constants: Mapping[str, Float]) -> Graph:
        """Same network with other nodes; constants that nothing reads are dropped."""
        used = {name for node in nodes for name in node.inputs}
        kept = {name: value for name, value in constants.items() if name in used}
        return replace(self, nodes=tuple(nodes), constants=kept)

    def channels(self) -> dict[str, int]:
        """Channels of every value."""
        result = dict(self.inputs)
        for node in self.nodes:
            first = next(result[name] for name in node.inputs if name in result)
            if node.op == "Conv":
                result[node.output] = self.constants[node.inputs[1]].shape[0]
            elif node.op == "ConvTranspose":
                result[node.output] = self.constants[node.inputs[1]].shape[1] * node.groups
            elif node.op == "Concat":
                result[node.output] = sum(result[name] for name in node.inputs)
            elif node.op == "DepthToSpace":
                result[node.output] = first // node.kernel**2
            elif node.op == "SpaceToDepth":
                result[node.output] = first * node.kernel**2
            else:
                result[node.output] = first
        return result

    def parameters(self) -> int:
        """Numbers in the constants, each shared one once."""
        return sum(value.size for value in self.constants.values())
