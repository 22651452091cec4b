"""A graph whose kernels and values are 8-bit integers: what files of INT8 are written from.

The graph stays one of real numbers in ONNX's operators; the integers are facts about it::

    Conv(x, W) -> Mul(scale) -> Add(bias) [-> Relu]  ->  y

W holds whole numbers, |w| <= 64 (127 for LiteRT alone), once for all uses; `scale` (1, C, 1, 1) brings a use to real
numbers, the strength's factor included; `bias` (1, C, 1, 1) is real. x and y stand for integers
by their `Step`. So running the graph as it is gives the network with integer kernels and
real values, and rounding the values of `steps` on the way gives the integer network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from edgeqe.converters.graph import Float, Graph, Node, renamed, short_names
from edgeqe.model_file import integer_bias

#: Largest weight: 7 bits. Two products with uint8 values then fit the 16-bit pair sums of
#: x86 without VNNI: 255 * (64 + 64) <= 32767.
LARGEST_WEIGHT = 64
#: Largest weight where no sum of 16 bits is in the way: LiteRT widens the products, or adds four of
#: them into 32 bits, on every processor. Kernels of 8 bits err half as much as those of 7.
LARGEST_BYTE = 127
#: Operators whose result has the integers of their input, moved.
MOVING = frozenset({"DepthToSpace", "MaxPool", "Slice", "SpaceToDepth"})
CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})


@dataclass(frozen=True)
class Step:
    """How the integers 0 to 255 stand for a value: ``real = scale * (integer - zero)``.

    A file with int8 values holds ``integer - 128`` and ``zero - 128``.
    """

    scale: str
    """Name of the scale, a constant (1, 1, 1, 1) of the graph that may follow the strength."""
    zero: int
    """Integer of 0.0, from 0 to 255, the same at every strength."""


@dataclass(frozen=True)
class Group:
    """Nodes that a runtime runs as one integer operation."""

    nodes: tuple[Node, ...]
    """In running order: a convolution with its Mul, Add and perhaps Relu; an Add with its
    Relu; or one other node."""

    @property
    def first(self) -> Node:
        """The node that reads the group's input; it names the group."""
        return self.nodes[0]

    @property
    def output(self) -> str:
        """The value that the group makes."""
        return self.nodes[-1].output

    @property
    def relu(self) -> bool:
        """Whether it ends in a Relu of its own."""
        return len(self.nodes) > 1 and self.nodes[-1].op == "Relu"


@dataclass(frozen=True)
class IntegerBias:
    """Bias of an integer convolution."""

    numbers: npt.NDArray[np.int32]
    """One a channel."""
    scale: Float
    """What each counts: the scale of the input times that of the kernel, in float32."""


@dataclass(frozen=True)
class IntegerGraph:
    """A network of integers."""

    graph: Graph
    """The network; `groups` says how its nodes go together."""
    steps: Mapping[str, Step]
    """Values that are integers. A value without a step is real."""
    kernels: frozenset[str] = field(default_factory=frozenset)
    """Constants that hold an integer kernel. A convolution with another kernel is real."""
    symmetric: bool = False
    """Whether every zero is 128 (int8: 0), as TensorRT wants them; biases are then real."""

    def is_integer(self, node: Node) -> bool:
        """Whether a convolution has an integer kernel."""
        return node.op in CONVOLUTIONS and node.inputs[1] in self.kernels

    def groups(self) -> list[Group]:
        """Every node once, in running order of their last nodes' values."""
        return groups_of(self.graph)

    def at(self, key: int) -> IntegerGraph:
        """Same network, its vectors and scales set to a key of the strength table."""
        return self.with_graph(self.graph.at(key))

    def scale(self, value: str) -> float:
        """Scale of a value as its constant lies."""
        return float(self.graph.constants[self.steps[value].scale].reshape(()))

    def integer_bias(self, group: Group) -> IntegerBias:
        """Bias of an integer convolution, in the scale of its sums."""
        scale, bias = (self.graph.constants[n.inputs[1]].reshape(-1) for n in group.nodes[1:3])
        unit = np.float32(self.scale(group.first.inputs[0])) * scale
        return IntegerBias(integer_bias(bias, unit), unit)

    def biases(self) -> dict[str, tuple[str, str]]:
        """Integer biases, each with the constants whose product it counts."""
        if self.symmetric:
            return {}
        return {
            group.nodes[2].inputs[1]: (
                group.nodes[1].inputs[1],
                self.steps[group.first.inputs[0]].scale,
            )
            for group in self.groups()
            if self.is_integer(group.first)
        }

    @property
    def residual_step(self) -> float:
        """Grey levels between two results, 0 where the result is real."""
        output = self.graph.output
        return self.scale(output) if output in self.steps else 0.0

    def with_graph(self, graph: Graph) -> IntegerGraph:
        """Same network with other numbers."""
        return replace(self, graph=graph)


def short(integer: IntegerGraph) -> IntegerGraph:
    """Same network with short names.

    Values are named v1, v2 and so on, their scales v1.scale; the convolutions c1, c2, their
    vectors c1.kernel.scale and c1.bias. Kernels keep their names.
    """
    names = short_names(integer.graph)
    scales = {f"{value}.scale": f"{name}.scale" for value, name in names.items()}
    layers: dict[str, str] = {}
    for group in integer.groups():
        if group.first.op in CONVOLUTIONS:
            layers[group.first.name] = f"c{len(layers) + 1}"
    vectors = {
        f"{layer}.{what}": f"{name}.{what}"
        for layer, name in layers.items()
        for what in ("kernel.scale", "bias")
    }
    graph = renamed(integer.graph, {**names, **scales, **vectors})
    nodes = [replace(node, name=layers.get(node.name, node.name)) for node in graph.nodes]
    steps = {
        names.get(value, value): replace(step, scale=scales.get(step.scale, step.scale))
        for value, step in integer.steps.items()
    }
    return replace(integer, graph=replace(graph, nodes=tuple(nodes)), steps=steps)


def groups_of(graph: Graph) -> list[Group]:
    """Nodes that go together: see `Group`.

    A node joins the one in front of it if it alone reads that one's output, and that is not
    the network's result: Mul and Add of a constant a channel behind a convolution, Relu
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
    """Whether a node continues a group."""
    ops, constant = tuple(n.op for n in group), node.inputs[-1] in graph.constants
    if ops[0] in CONVOLUTIONS:
        if node.op == "Mul":
            return constant and len(ops) == 1
        if node.op == "Add":
            return constant and "Add" not in ops and "Relu" not in ops
        return node.op == "Relu" and "Relu" not in ops
    return node.op == "Relu" and ops == ("Add",) and group[0].inputs[1] not in graph.constants
