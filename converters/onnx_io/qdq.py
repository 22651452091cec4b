"""Fully quantized files in QDQ form, taken as they are: the file's integers, scales and zero points.

::

    x -> QuantizeLinear -> DequantizeLinear ┐
    W (int8) ------------> DequantizeLinear ┼-> Conv [-> Relu] -> QuantizeLinear -> ...
    b (int32) -----------> DequantizeLinear ┘

The file counts in its own units, such as 1 for white; edgeqe's INT8 counts in grey levels. Every
operator that is taken is homogeneous, ``f(g * x) = g * f(x)``, so counting in other units multiplies
the scales of the values and changes no integer, and no scale of a kernel. The last sum with the input
is left out, as in float, and its rounding with it; the residual's integers are the file's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx

from edgeqe.converters.graph.convention import Convention, OutputKind
from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.converters.graph.integer import (
    MOVING,
    Group,
    QuantizedGraph,
    QuantParams,
    groups_of,
)
from edgeqe.converters.onnx_io import file as onnx_file
from edgeqe.converters.onnx_io.editor import Rounding
from edgeqe.converters.onnx_io.integer_kernels import UnfitScheme, split_kernels
from edgeqe.converters.onnx_io.reader import read_graph
from edgeqe.converters.rewrites.conventions import NOTHING, PLANES
from edgeqe.converters.rewrites.skips import EXACT, beside_input
from edgeqe.typing import Array, Float
from edgeqe.views.colour import NEUTRAL, SCALE

#: Operators that are taken: homogeneous ones, an Add, Max or Min of a constant too, and Mul by one.
_TAKEN = MOVING | frozenset(
    {"Add", "Concat", "Conv", "LeakyRelu", "Max", "Min", "Mul", "PRelu", "ReduceMax", "ReduceMean",
     "Relu"}
)  # fmt: skip
#: Operators whose constant is a value in the file's units.
_SHIFTS = ("Add", "Max", "Min")
#: Kinds of integers of a value, with what is added to make uint8 of them.
_TO_UINT8 = {np.dtype(np.uint8): 0, np.dtype(np.int8): 128}


@dataclass(frozen=True)
class TakenScheme:
    """A quantized graph with the integers of a file."""

    quantized: QuantizedGraph
    tensor: str
    """The file's tensor that gives the residual, or the picture, in floats behind its rounding."""
    less_input: bool
    """Whether the input is to be subtracted from it."""
    sign: float
    """-1 where the file subtracts it."""

    @property
    def largest_weight(self) -> int:
        """Largest magnitude of an integer weight."""
        constants = self.quantized.graph.constants
        return max(int(np.abs(constants[name]).max()) for name in self.quantized.kernels)


def is_quantized(path: Path) -> bool:
    """Whether a file rounds values, not weights alone."""
    graph = onnx_file.load(path).graph
    fixed = onnx_file.constants(graph)
    return any(n.op_type == "QuantizeLinear" and n.input[0] not in fixed for n in graph.node)


def take(path: Path, convention: Convention, largest: int) -> TakenScheme:
    """Take a fully quantized file as it is.

    Parameters
    ----------
    path : Path
    convention : Convention
        Its value range and kind of output.
    largest : int
        Largest integer weight that the destination holds.

    Raises
    ------
    UnfitScheme
        If its scheme does not fit; the text says where.
    InputError
        If the file does not convert at all.
    """
    proto = onnx_file.load(path).graph
    try:
        split_kernels(proto, largest)
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise UnfitScheme(f"a kernel or bias cannot be read as integers ({error})") from error
    if convention.output_range is not None:
        raise UnfitScheme("its output has another value range than its input")
    picture = convention.gives is OutputKind.PICTURE
    graph, rounded = read_graph(proto, path.stem or "network", clips=picture)
    value, sign, less_input = _residual(graph, convention)
    body = replace(graph, output=value).with_nodes(graph.nodes, graph.constants)
    body = _without_saturated(body, rounded)
    _check(proto, graph, body, rounded)
    records = rounded[body.output]
    readers = {
        node.input[0]: node.output[0] for node in proto.node if node.op_type == "DequantizeLinear"
    }
    tensor = readers.get(records[0].integers)
    if tensor is None:
        raise UnfitScheme(f"'{body.output}' is rounded but not read")
    quantized = _in_levels(body, rounded, convention, sign, less_input)
    return TakenScheme(quantized, tensor, less_input, sign)


def _residual(graph: Graph, convention: Convention) -> tuple[str, float, bool]:
    """The value that gives the residual, its sign, and whether the input is subtracted from it."""
    if convention.gives is not OutputKind.PICTURE:
        return graph.output, -1.0 if convention.gives is OutputKind.NOISE else 1.0, False
    rest = beside_input(graph, next(iter(graph.inputs)))
    if rest is None:
        return graph.output, 1.0, True
    (name, gain), *more = rest.terms
    maker = graph.producers().get(name)
    if maker is not None and maker.op == "Mul" and maker.inputs[1] in graph.constants:  # of a Sub
        name, gain = maker.inputs[0], gain * graph.constants[maker.inputs[1]].reshape(-1)
    sign = float(np.sign(gain[0]))
    span = abs(convention.high - convention.low)
    plain = np.abs(gain - sign).max() <= EXACT and np.abs(rest.shift).max() <= NOTHING * span
    if more or not plain:
        raise UnfitScheme("behind the sum with its input there are factors, shifts or more terms")
    return name, sign, False


def _without_saturated(graph: Graph, rounded: Mapping[str, Sequence[Rounding]]) -> Graph:
    """Graph without the Relu and the bounds that the end of the integers keeps.

    A Relu behind a rounding of its own becomes a Max, which no runtime fuses with what is in front.
    """
    nodes, constants, channels = list[Node](), dict(graph.constants), graph.channels()
    for node in graph.nodes:
        source = node.inputs[0]
        before = next((n for n in nodes if n.output == source), None)
        if before and len(graph.uses(source)) == 1 and _saturates(graph, node, rounded):
            if source not in rounded or _params(source, rounded) == _params(node.output, rounded):
                nodes[nodes.index(before)] = replace(before, output=node.output)
                continue
        if node.op == "Relu" and source in rounded:
            nothing = f"{node.name}.nothing"
            constants[nothing] = np.zeros((1, channels[source], 1, 1), np.float32)
            node = replace(node, op="Max", inputs=(source, nothing))
        nodes.append(node)
    return graph.with_nodes(nodes, constants)


def _saturates(graph: Graph, node: Node, rounded: Mapping[str, Sequence[Rounding]]) -> bool:
    """Whether a node only bounds what the rounding behind it bounds as much."""
    if node.op not in ("Max", "Min", "Relu") or node.output not in rounded:
        return False
    scale, zero = _params(node.output, rounded)
    bound = np.zeros(1) if node.op == "Relu" else graph.constants.get(node.inputs[-1])
    if bound is None:
        return False
    slack = 1e-5 * 255 * scale
    if node.op == "Min":
        return bool((255 - zero) * scale <= bound.min() + slack)
    return bool(-zero * scale >= bound.max() - slack)


def _params(value: str, rounded: Mapping[str, Sequence[Rounding]]) -> tuple[float, int]:
    """Scale of a value in the file's units, and its zero point as uint8."""
    if value not in rounded:
        raise UnfitScheme(f"'{value}' is not rounded")
    found = set[tuple[float, int]]()
    for record in rounded[value]:
        if record.scale.size > 1:
            raise UnfitScheme(f"'{value}' has a scale for each channel")
        if record.zero.dtype not in _TO_UINT8:
            raise UnfitScheme(f"'{value}' is rounded to {record.zero.dtype}, not to 8 bits")
        zero = int(record.zero.reshape(())) + _TO_UINT8[record.zero.dtype]
        found.add((float(record.scale.reshape(())), zero))
    if len(found) > 1:
        raise UnfitScheme(f"'{value}' is rounded twice, with different scales")
    return found.pop()


def _check(
    proto: onnx.GraphProto, whole: Graph, body: Graph, rounded: Mapping[str, Sequence[Rounding]]
) -> None:
    """Refuse what is not rounded exactly where edgeqe's INT8 rounds."""
    for node in body.nodes:
        by_constant = node.op != "Mul" or node.inputs[-1] in body.constants
        if node.op not in _TAKEN or not by_constant:
            raise UnfitScheme(f"operator '{node.op}' ('{node.name}') is none that is taken")
    groups = groups_of(body)
    known = {*whole.inputs, *(node.output for node in whole.nodes)}
    lost = sorted(rounded.keys() - known)
    if lost:
        raise UnfitScheme(f"'{lost[0]}' is rounded where it is only padded or rearranged")
    ends = {*body.inputs, *(group.output for group in groups)}
    inside = sorted(({node.output for node in body.nodes} - ends) & rounded.keys())
    if inside:
        raise UnfitScheme(f"'{inside[0]}' is rounded inside of a convolution and its activation")
    for group in groups:
        params = _params(group.output, rounded)
        if group.first.op in MOVING and params != _params(group.first.inputs[0], rounded):
            raise UnfitScheme(f"'{group.output}' has another scale than what is moved to it")
        if group.first.op == "Conv" and [n.op for n in group.nodes[1:3]] != ["Mul", "Add"]:
            raise UnfitScheme(f"the kernel of '{group.first.name}' is no integers")
    for name in body.inputs:
        _params(name, rounded)
    names = {node.name for node in body.nodes}
    values = {node.input[0] for node in proto.node if node.op_type == "QuantizeLinear"}
    for node in proto.node:
        raw = values & set(node.input)
        if raw and node.op_type != "QuantizeLinear" and (node.name or node.output[0]) in names:
            raise UnfitScheme(
                f"'{raw.pop()}' is read without rounding by '{node.name or node.op_type}'"
            )


def _in_levels(
    body: Graph,
    rounded: Mapping[str, Sequence[Rounding]],
    convention: Convention,
    sign: float,
    less_input: bool,
) -> QuantizedGraph:
    """Quantized graph that counts in grey levels, of a body that is rounded everywhere."""
    writer = _LevelWriter(body, rounded, convention)
    for group in groups_of(body):
        writer.group(group, negated=sign < 0 and group.output == body.output)
    if less_input:
        writer.subtract_input()
    inputs = {PLANES: writer.channels}
    graph = Graph(body.name, inputs, writer.output, tuple(writer.nodes), writer.constants)
    return QuantizedGraph(graph, writer.quant_params, frozenset(writer.kernels))


class _LevelWriter:
    """State while a quantized graph in grey levels is written."""

    def __init__(
        self, body: Graph, rounded: Mapping[str, Sequence[Rounding]], convention: Convention
    ) -> None:
        self.body, self.rounded = body, rounded
        self.unit = (convention.high - convention.low) / SCALE
        self.output = self.name(body.output)
        self.nodes: list[Node] = []
        self.constants: dict[str, Float] = {}
        self.quant_params: dict[str, QuantParams] = {}
        self.kernels: set[str] = set()
        ((picture, self.channels),) = body.inputs.items()
        self.shift = np.float32(convention.low / self.unit + NEUTRAL)
        self.picture = self.name(picture)
        shift = self.row(f"{self.picture}.shift", self.shift)
        self.nodes.append(Node("Add", f"{self.picture}.add", (PLANES, shift), self.picture))
        self.round(picture)

    def name(self, value: str) -> str:
        """Name of a value; that of the model file's input is taken."""
        return f"{value}.unit" if value == PLANES else value

    def row(self, name: str, value: Array | np.float32) -> str:
        """Store a constant, one number for each channel of the picture."""
        self.constants[name] = np.full((1, self.channels, 1, 1), value, np.float32)
        return name

    def round(self, value: str, *, negated: bool = False) -> None:
        """State the quantization parameters of a value."""
        (scale, zero), name = _params(value, self.rounded), self.name(value)
        self.constants[f"{name}.scale"] = np.full((1, 1, 1, 1), scale / self.unit, np.float32)
        self.quant_params[name] = QuantParams(f"{name}.scale", 255 - zero if negated else zero)

    def group(self, group: Group, *, negated: bool) -> None:
        """Append a group and the rounding behind it."""
        first = group.first
        if negated and (first.op != "Conv" or group.relu or len(self.body.uses(group.output)) > 0):
            raise UnfitScheme(
                f"'{group.output}' is subtracted from the input, and no convolution's"
            )
        if first.op == "Conv":
            self.convolution(group, -1.0 if negated else 1.0)
        else:
            self.nodes += [self.other(node) for node in group.nodes]
        if first.op in MOVING:
            self.quant_params[self.name(group.output)] = self.quant_params[
                self.name(first.inputs[0])
            ]
        else:
            self.round(group.output, negated=negated)

    def convolution(self, group: Group, sign: float) -> None:
        """A convolution with its Mul, Add and perhaps Relu, in canonical form."""
        conv, constants = group.first, self.body.constants
        kernel = conv.inputs[1] if sign > 0 else f"{conv.inputs[1]}.negated"
        self.constants[kernel] = sign * constants[conv.inputs[1]]
        self.kernels.add(kernel)
        vectors = f"{conv.name}.kernel.scale", f"{conv.name}.bias"
        scale, bias = (constants[node.inputs[1]] for node in group.nodes[1:3])
        self.constants |= {vectors[0]: scale, vectors[1]: sign * bias / np.float32(self.unit)}
        self.nodes.append(replace(conv, inputs=(self.name(conv.inputs[0]), kernel)))
        for node, vector in zip(group.nodes[1:3], vectors, strict=True):
            self.nodes.append(replace(node, inputs=(node.inputs[0], vector)))
        self.nodes += group.nodes[3:]
        self.nodes[-1] = replace(self.nodes[-1], output=self.name(group.output))

    def other(self, node: Node) -> Node:
        """Any other node, its constants in grey levels where they are values."""
        for name in node.inputs:
            if name in self.body.constants:
                value = self.body.constants[name]
                in_levels = node.op in _SHIFTS
                self.constants[f"{node.name}.{name}"] = (
                    value / np.float32(self.unit) if in_levels else value
                )
        names = [
            f"{node.name}.{n}" if n in self.body.constants else self.name(n) for n in node.inputs
        ]
        return replace(node, inputs=tuple(names), output=self.name(node.output))

    def subtract_input(self) -> None:
        """Make the residual of a picture, in float: the last rounding was the picture's."""
        minus, less = f"{self.picture}.minus", f"{self.picture}.less"
        residual = f"{self.output}.residual"
        self.nodes += [
            Node("Mul", minus, (PLANES, self.row(f"{minus}.Mul", np.float32(-1))), minus),
            Node("Add", less, (minus, self.row(f"{less}.Add", -self.shift)), less),
            Node("Add", residual, (self.output, less), residual),
        ]
        self.output = residual
