"""The graph between formats: ONNX operators in execution order, constants by name.

Values are NCHW; kernels are laid out as ONNX wants them: Conv (out, in / groups, rows,
columns), ConvTranspose (in, out, rows, columns). A constant may be used by several
nodes: that is how a weight is shared. Operators have ONNX's names and meaning;
`OPERATORS` lists them all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from edgeqe.codecs.strength import KEYS_PER_OCTAVE
from edgeqe.errors import InputError
from edgeqe.typing import Float

#: Pointwise operators: an output pixel reads the same input pixel alone. ReduceMax and
#: ReduceMean go over the channels and keep one; Slice takes channels `first` to `last`. ChannelNorm
#: is layer normalization over the channels of each pixel, without factor and shift; Gelu is by the
#: error function.
POINTWISE = frozenset(
    {"Add", "BatchNormalization", "ChannelNorm", "Concat", "Elu", "Gelu", "HardSwish", "LeakyRelu",
     "Max", "Min", "Mul", "PRelu", "ReduceMax", "ReduceMean", "Relu", "Selu", "Sigmoid", "Slice",
     "Softplus", "Tanh"}
)  # fmt: skip
#: Operators with a spatial window, or that change the resolution, or both.
SPATIAL = frozenset({"Conv", "ConvTranspose", "DepthToSpace", "MaxPool", "SpaceToDepth"})
#: Global pooling: the output has one pixel.
GLOBAL = frozenset({"GlobalAveragePool", "GlobalMaxPool"})
#: Every operator that a graph may hold.
OPERATORS = POINTWISE | SPATIAL | GLOBAL
#: Keys of the strength table: steps 1 to 152, JPEG qualities 100 to 5.
KEYS = range(0, math.ceil(KEYS_PER_OCTAVE * math.log2(152)) + 1)


@dataclass(frozen=True)
class Node:
    """One operator of the graph and its attributes."""

    op: str
    """Name of the operator, one of `OPERATORS`."""
    name: str
    """Name of the layer it comes from, unique in the graph."""
    inputs: tuple[str, ...]
    """Names of values and constants, in ONNX's order."""
    output: str
    """Name of the value that it computes."""
    kernel: int = 1
    """Side of the kernel, or the block of DepthToSpace and SpaceToDepth."""
    stride: int = 1
    """Stride; the up-sampling factor of ConvTranspose."""
    padding: int = 0
    """Zeros before the first row and column; of ConvTranspose, rows and columns cut there."""
    padding_end: int = 0
    """Zeros behind the last row and column; of ConvTranspose, rows and columns cut there."""
    groups: int = 1
    """Groups of Conv; the input's channels for a depthwise one."""
    dilation: int = 1
    """Distance of neighbouring taps of Conv."""
    border: str = "zero"
    """What Conv's padding holds: zeros, or the picture's edge repeated ("edge") or mirrored
    ("reflect")."""
    alpha: float = 0.0
    """Slope of LeakyRelu, factor of Elu below 0, epsilon of BatchNormalization and ChannelNorm."""
    first: int = 0
    """First channel of Slice."""
    last: int = 0
    """Behind the last channel of Slice."""

    def __post_init__(self) -> None:
        if self.op not in OPERATORS:
            raise ValueError(f"node '{self.name}': operator '{self.op}' is not in the graph's set.")

    @property
    def reach(self) -> int:
        """Side of the window of Conv: the kernel's, with the gaps between dilated taps."""
        return self.dilation * (self.kernel - 1) + 1

    def scaled(self, scale: Fraction) -> Fraction:
        """Resolution of the output, of that of the inputs."""
        if self.op in ("Conv", "MaxPool"):
            return scale / self.stride
        if self.op == "SpaceToDepth":
            return scale / self.kernel
        if self.op == "DepthToSpace":
            return scale * self.kernel
        if self.op == "ConvTranspose":
            return scale * self.stride
        return Fraction(0) if self.op in GLOBAL else scale


@dataclass(frozen=True)
class Graph:
    """A network in inference form: nodes, constants, and the strength's vectors."""

    name: str
    """Name of the network."""
    inputs: Mapping[str, int]
    """Channels of each picture input, by name."""
    output: str
    """Name of the output value."""
    nodes: tuple[Node, ...]
    """Operators in execution order."""
    constants: Mapping[str, Float] = field(repr=False)
    """Weights and vectors by name; a vector per channel has shape (1, C, 1, 1), a
    convolution's bias (C,), a PRelu's slope (C, 1, 1)."""
    vectors: Mapping[str, Float] = field(default_factory=dict, repr=False)
    """Constants that follow the strength: values at every one of `KEYS`, shape
    (len(KEYS), C), of several codecs (codecs * len(KEYS), C), one codec below the other. The
    constant of that name holds one row of them."""

    def uses(self, name: str) -> list[Node]:
        """Consumers of a value or a constant."""
        return [node for node in self.nodes if name in node.inputs]

    def producers(self) -> dict[str, Node]:
        """Producer of each value."""
        return {node.output: node for node in self.nodes}

    def with_nodes(
        self,
        nodes: Iterable[Node],
        constants: Mapping[str, Float],
        vectors: Mapping[str, Float] | None = None,
    ) -> Graph:
        """Copy with other nodes; nodes and constants that the output does not need are dropped."""
        wanted, kept = {self.output}, []
        for node in reversed(list(nodes)):
            if node.output in wanted:
                wanted.update(node.inputs)
                kept.append(node)
        return replace(
            self,
            nodes=tuple(reversed(kept)),
            constants={name: value for name, value in constants.items() if name in wanted},
            vectors={
                name: value
                for name, value in (self.vectors if vectors is None else vectors).items()
                if name in wanted
            },
        )

    @property
    def blocks(self) -> int:
        """How many codecs have rows of their own in the strength vectors; 1 without vectors."""
        return max((len(table) // len(KEYS) for table in self.vectors.values()), default=1)

    @property
    def keys(self) -> range:
        """Keys of the strength vectors' rows; a further codec goes on counting behind the last."""
        return range(KEYS[0], KEYS[0] + self.blocks * len(KEYS))

    def at(self, key: int) -> Graph:
        """Copy whose strength vectors are set to a key of the strength table."""
        row = min(max(key - KEYS[0], 0), len(self.keys) - 1)
        set_to = {
            name: np.ascontiguousarray(table[row].reshape(1, -1, 1, 1), np.float32)
            for name, table in self.vectors.items()
        }
        return replace(self, constants={**self.constants, **set_to})

    def channels(self) -> dict[str, int]:
        """Number of channels of every value."""
        result = dict(self.inputs)
        for node in self.nodes:
            sources = [result[name] for name in node.inputs if name in result]
            if node.op == "Conv":
                result[node.output] = self.constants[node.inputs[1]].shape[0]
            elif node.op == "ConvTranspose":
                result[node.output] = self.constants[node.inputs[1]].shape[1] * node.groups
            elif node.op == "Concat":
                result[node.output] = sum(result[name] for name in node.inputs)
            elif node.op == "DepthToSpace":
                result[node.output] = sources[0] // node.kernel**2
            elif node.op == "SpaceToDepth":
                result[node.output] = sources[0] * node.kernel**2
            elif node.op in ("ReduceMax", "ReduceMean"):
                result[node.output] = 1
            elif node.op == "Slice":
                result[node.output] = node.last - node.first
            else:
                result[node.output] = max(sources)
        return result

    def scales(self) -> dict[str, Fraction]:
        """Resolution of every value relative to the input.

        1/2 after one stride of 2; 0 behind an operator that needs the whole picture.

        Raises
        ------
        InputError
            If a node joins values of different resolutions.
        """
        result = dict.fromkeys(self.inputs, Fraction(1))
        for node in self.nodes:
            given = {result[name] for name in node.inputs if name in result}
            scale = max(given)
            if len(given - {Fraction(0)}) > 1:
                raise InputError(
                    f"network '{self.name}': node '{node.name}' joins values of resolutions "
                    f"{', '.join(str(value) for value in sorted(given))}."
                )
            result[node.output] = node.scaled(scale)
        return result

    @property
    def pools_globally(self) -> bool:
        """Whether it has global pooling, so that tiles change the result."""
        return any(node.op in GLOBAL for node in self.nodes)

    def parameters(self) -> int:
        """Elements of all constants, each shared one counted once."""
        return sum(value.size for value in self.constants.values())


def short_names(graph: Graph) -> dict[str, str]:
    """Short names v1, v2 and so on for the intermediate values.

    For files: names of a network with many small nodes would weigh more than its nodes.
    Constants, inputs and the result keep theirs.
    """
    kept = {*graph.inputs, *graph.constants, graph.output}
    return {
        node.output: f"v{index}"
        for index, node in enumerate(graph.nodes, 1)
        if node.output not in kept
    }


def renamed(graph: Graph, names: Mapping[str, str]) -> Graph:
    """Copy with other names of values and constants."""
    nodes = [
        replace(
            node,
            inputs=tuple(names.get(name, name) for name in node.inputs),
            output=names.get(node.output, node.output),
        )
        for node in graph.nodes
    ]
    constants = {names.get(name, name): value for name, value in graph.constants.items()}
    vectors = {names.get(name, name): value for name, value in graph.vectors.items()}
    return replace(graph, nodes=tuple(nodes), constants=constants, vectors=vectors)


def short(graph: Graph) -> Graph:
    """Copy whose intermediate values are named v1, v2 and so on."""
    return renamed(graph, short_names(graph))
