"""A quantized (INT8) graph: the float graph, integer kernels, and scale and zero point per value.

It stays a float graph in ONNX's operators; quantization is stated beside it::

    Conv(x, W) -> Mul(scale) -> Add(bias) [-> Relu]  ->  y

W holds integer weights in [-64, 64] (for LiteRT alone [-127, 127]), stored once for all uses;
`scale` (1, C, 1, 1) is the kernel's scale per channel for one use, the strength's factor included;
`bias` (1, C, 1, 1) is float. x and y are quantized by their `QuantParams`. So running the graph as
it is gives the network with quantized weights and float activations, and rounding the values of
`quant_params` on the way gives INT8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from edgeqe.converters.graph.graph import Graph, Node, renamed, short_names
from edgeqe.model.file import integer_bias
from edgeqe.typing import Float

#: Largest magnitude of an integer weight. Two products with uint8 activations then fit the 16-bit
#: pair sums of x86 without VNNI: 255 * (64 + 64) <= 32767.
LARGEST_WEIGHT = 64
#: Largest weight where no sum of 16 bits is in the way: LiteRT widens the products, or adds four of
#: them into 32 bits, on every processor. Weights of 8 bits err half as much as those of 7.
LARGEST_BYTE = 127
#: Operators that move quantized values without changing them: output and input share parameters.
MOVING = frozenset({"DepthToSpace", "MaxPool", "Slice", "SpaceToDepth"})
CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})


@dataclass(frozen=True)
class QuantParams:
    """Quantization parameters of a value: ``float = scale * (uint8 - zero_point)``.

    A file with int8 values holds ``uint8 - 128`` and ``zero_point - 128``.
    """

    scale: str
    """Name of the scale, a constant (1, 1, 1, 1) of the graph that may follow the strength."""
    zero_point: int
    """Integer that stands for 0.0, from 0 to 255, the same at every strength."""


@dataclass(frozen=True)
class Group:
    """Nodes that a runtime fuses into one quantized operator."""

    nodes: tuple[Node, ...]
    """In execution order: a convolution with its Mul, Add and perhaps Relu; an Add with its
    Relu; or one other node."""

    @property
    def first(self) -> Node:
        """The node that reads the group's input; it names the group."""
        return self.nodes[0]

    @property
    def output(self) -> str:
        """The value that the group computes."""
        return self.nodes[-1].output

    @property
    def relu(self) -> bool:
        """Whether it ends in a Relu of its own."""
        return len(self.nodes) > 1 and self.nodes[-1].op == "Relu"


@dataclass(frozen=True)
class IntegerBias:
    """int32 bias of a quantized convolution."""

    values: npt.NDArray[np.int32]
    """One per channel."""
    scale: Float
    """Scale of each: that of the input times that of the kernel, in float32."""


@dataclass(frozen=True)
class QuantizedGraph:
    """A quantized (INT8) network; what has no quantization parameters is float."""

    graph: Graph
    """The network; `groups` says how its nodes go together."""
    quant_params: Mapping[str, QuantParams]
    """Quantized values. A value that is not named here is float."""
    kernels: frozenset[str] = field(default_factory=frozenset)
    """Constants that hold integer weights. A convolution with another kernel runs in float."""
    symmetric: bool = False
    """Whether every zero point is 128 (int8: 0), as TensorRT wants them; biases are then float."""

    def is_integer(self, node: Node) -> bool:
        """Whether a convolution has integer weights."""
        return node.op in CONVOLUTIONS and node.inputs[1] in self.kernels

    def groups(self) -> list[Group]:
        """Fused groups, every node in one, in execution order of their outputs."""
        return groups_of(self.graph)

    def at(self, key: int) -> QuantizedGraph:
        """Copy whose vectors and scales are set to a key of the strength table."""
        return self.with_graph(self.graph.at(key))

    def scale(self, value: str) -> float:
        """Scale of a value, as stored in its constant."""
        return float(self.graph.constants[self.quant_params[value].scale].reshape(()))

    def integer_bias(self, group: Group) -> IntegerBias:
        """int32 bias of a quantized convolution, in the scale of its accumulator."""
        scale, bias = (self.graph.constants[n.inputs[1]].reshape(-1) for n in group.nodes[1:3])
        unit = np.float32(self.scale(group.first.inputs[0])) * scale
        return IntegerBias(integer_bias(bias, unit), unit)

    def biases(self) -> dict[str, tuple[str, str]]:
        """int32 biases, each with the two constants whose product is its scale."""
        if self.symmetric:
            return {}
        return {
            group.nodes[2].inputs[1]: (
                group.nodes[1].inputs[1],
                self.quant_params[group.first.inputs[0]].scale,
            )
            for group in self.groups()
            if self.is_integer(group.first)
        }

    @property
    def residual_scale(self) -> float:
        """Scale of the output, 8-bit levels; 0 where the output is float."""
        output = self.graph.output
        return self.scale(output) if output in self.quant_params else 0.0

    def with_graph(self, graph: Graph) -> QuantizedGraph:
        """Copy with another float graph."""
        return replace(self, graph=graph)


def short(quantized: QuantizedGraph) -> QuantizedGraph:
    """Copy with short names, for files.

    Values are named v1, v2 and so on, their scales v1.scale; the convolutions c1, c2, their
    vectors c1.kernel.scale and c1.bias. Kernels keep their names.
    """
    names = short_names(quantized.graph)
    scales = {f"{value}.scale": f"{name}.scale" for value, name in names.items()}
    layers: dict[str, str] = {}
    for group in quantized.groups():
        if group.first.op in CONVOLUTIONS:
            layers[group.first.name] = f"c{len(layers) + 1}"
    vectors = {
        f"{layer}.{what}": f"{name}.{what}"
        for layer, name in layers.items()
        for what in ("kernel.scale", "bias")
    }
    graph = renamed(quantized.graph, {**names, **scales, **vectors})
    nodes = [replace(node, name=layers.get(node.name, node.name)) for node in graph.nodes]
    quant_params = {
        names.get(value, value): replace(params, scale=scales.get(params.scale, params.scale))
        for value, params in quantized.quant_params.items()
    }
    return replace(quantized, graph=replace(graph, nodes=tuple(nodes)), quant_params=quant_params)


def groups_of(graph: Graph) -> list[Group]:
    """Nodes that runtimes fuse: see `Group`.

    A node joins the one in front of it if it alone reads that one's output, and that is not
    the network's result: Mul and Add of a per-channel constant behind a convolution, Relu
    behind those or behind the Add of two values.
    """
    groups: list[list[Node]] = []
    ending: dict[str, list[Node]] = {}
    for node in graph.nodes:
        source = node.inputs[0]
        group = ending.get(source)
        alone = len(graph.uses(source)) == 1 and source != graph.output
        if group is not None and alone and _joins(graph, group, node):
            del ending[source]
            group.append(node)
        else:
            group = [node]
            groups.append(group)
        ending[node.output] = group
    order = {node.output: index for index, node in enumerate(graph.nodes)}
    groups.sort(key=lambda group: order[group[-1].output])
    return [Group(tuple(group)) for group in groups]


def _joins(graph: Graph, group: list[Node], node: Node) -> bool:
    """Whether a node is fused into a group."""
    ops, constant = tuple(n.op for n in group), node.inputs[-1] in graph.constants
    if ops[0] in CONVOLUTIONS:
        if node.op == "Mul":
            return constant and len(ops) == 1
        if node.op == "Add":
            return constant and "Add" not in ops and "Relu" not in ops
        return node.op == "Relu" and "Relu" not in ops
    return node.op == "Relu" and ops == ("Add",) and group[0].inputs[1] not in graph.constants
