"""Integer graph to TFLite: int8 values, kernels with a scale a channel, int32 biases.

Input and output are integers themselves. An operator that has no int8 form in XNNPACK, or a
rough one, runs on real numbers between DEQUANTIZE and QUANTIZE. A tensor of each use of a
kernel has its own scales and the buffer of all uses.

Numbers that follow the strength are found by the names of their constants: `NAME.scale` is the
scale of the tensor NAME. Values of one step, and the phases of one transposed convolution,
refer to the same scales in the file, so one write changes them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgeqe.converters.graph.graph import Float, Node
from edgeqe.converters.graph.integer import MOVING, Group, IntegerGraph
from edgeqe.converters.rewrites.transposed import Run
from edgeqe.converters.tflite_io.builder import TfliteFile
from edgeqe.converters.tflite_io.packing import Quantization
from edgeqe.converters.tflite_io.writer import Writer

#: Integer of the middle, which the file's int8 numbers have as 0.
MIDDLE = 128
#: Operators of values that run on integers, beside convolutions, Concat and those that move
#: integers. XNNPACK has no Relu, PRelu or Selu of int8, and LOGISTIC is int8 in a scale of its
#: own, 1/256, from which a third of the integers comes out a step beside.
_OF_INTEGERS = frozenset(
    {"Add", "GlobalAveragePool", "GlobalMaxPool", "LeakyRelu", "Mul", "ReduceMax", "ReduceMean"}
)


def model_of(
    integer: IntegerGraph, metadata: Mapping[str, str], *, outputs: Sequence[str] = ()
) -> bytes:
    """TFLite file of an integer graph.

    Parameters
    ----------
    integer : IntegerGraph
        Not symmetric. The scale of a value's step is named `VALUE.scale`.
    metadata : mapping of str to str
        Becomes entries of the model's metadata, each a buffer of UTF-8 text.
    outputs : sequence of str
        Values that are outputs too, behind the result.

    Raises
    ------
    InputError
        If the graph holds an operator that TFLite has no counterpart for.
    ProviderError
        If the schema's classes are not installed.
    """
    writer = _Integers(integer)
    inputs = [writer.start(name) for name in integer.graph.inputs]
    for group in integer.groups():
        writer.write_group(group)
    ends = [writer.tensor(value) for value in (integer.graph.output, *outputs)]
    return writer.file.pack(inputs, ends, metadata)


class _Grouped(Writer):
    """A writer that joins no nodes of different groups."""

    def __init__(self, integer: IntegerGraph, file: TfliteFile | None = None) -> None:
        super().__init__(integer.graph, file=file)
        self.integer = integer
        self.group_of = {node.name: group for group in integer.groups() for node in group.nodes}

    def follower(self, node: Node, op: str) -> Node | None:
        found = super().follower(node, op)
        return found if found in self.group_of[node.name].nodes else None


class _Reals(_Grouped):
    """What runs on real numbers."""

    def __init__(self, integer: IntegerGraph, file: TfliteFile, rounded: Mapping[str, int]) -> None:
        super().__init__(integer, file)
        self.rounded = rounded

    def label(self, value: str) -> str:
        if value in self.rounded:
            return f"{value}.real"
        return f"{value}.exact" if value in self.integer.steps else value


class _Integers(_Grouped):
    """What runs on integers, and the way to real numbers and back."""

    def __init__(self, integer: IntegerGraph) -> None:
        super().__init__(integer)
        self.reals = _Reals(integer, self.file, self.values)
        self.known: dict[str, Quantization] = {}

    # Values.

    def integers(self, value: str) -> Quantization | None:
        step = self.integer.steps.get(value)
        if step is None:
            return None
        return self.quantization(
            step.scale, self.graph.constants[step.scale], zero=step.zero - MIDDLE
        )

    def quantization(self, name: str, scale: Float, zero: int = 0, axis: int = 0) -> Quantization:
        """Scales by the name of their constant."""
        if name not in self.known:
            self.known[name] = self.file.quantization(scale.reshape(-1), zero, axis)
        return self.known[name]

    def start(self, value: str) -> int:
        """Tensor of an input of the network."""
        return (self if value in self.integer.steps else self.reals).new(value)

    def tensor(self, value: str) -> int:
        """Tensor of a value, of integers where it has them."""
        return (self if value in self.integer.steps else self.reals).values[value]

    def real(self, value: str) -> None:
        """Make a value's real numbers, once."""
        if value in self.values and value not in self.reals.values:
            self.file.operator("DEQUANTIZE", [self.values[value]], self.reals.new(value))

    # Groups.

    def write_group(self, group: Group) -> None:
        """A group on integers if it can run on them, else on real numbers."""
        if self.on_integers(group):
            self.write(group.first)
            return
        for node in group.nodes:
            for name in node.inputs:
                self.real(name)
            self.reals.write(node)
        if group.output in self.integer.steps:
            exact = self.reals.values.pop(group.output)
            self.file.operator("QUANTIZE", [exact], self.new(group.output))

    def on_integers(self, group: Group) -> bool:
        """Whether a group runs on integers."""
        node, steps = group.first, self.integer.steps
        if self.integer.is_integer(node):
            return True
        if group.output not in steps:
            return False
        given = [steps.get(name) for name in node.inputs]
        if node.op in MOVING:
            return given == [steps[node.output]]
        if node.op == "Concat":
            return True
        return node.op in _OF_INTEGERS and None not in given

    # Convolutions.

    def kernel(self, node: Node, name: str, value: Float) -> int:
        scale = self.group_of[node.name].nodes[1].inputs[1]
        part = name.removeprefix(node.inputs[1])
        label = scale.removesuffix(".scale") + (part if part != ".0" else "")
        depthwise = value.shape[0] != self.channels[node.output]
        scales = self.quantization(scale, self.graph.constants[scale], axis=3 if depthwise else 0)
        stored = name if value.any() else f"nothing.{value.size}"
        return self.file.constant(label, value.astype(np.int8), scales, stored)

    def biased(self, node: Node) -> tuple[Node, str]:
        _, multiplied, added = self.group_of[node.name].nodes[:3]
        self.done.update((multiplied.name, added.name))
        return added, added.inputs[1]

    def bias(self, node: Node, name: str, channels: int) -> int:
        bias = self.integer.integer_bias(self.group_of[node.name])
        scales = self.quantization(f"{name}.scale", bias.scale)
        return self.file.constant(name, bias.numbers, scales)

    def runs(self, node: Node) -> list[Run]:
        # One a phase, so that each has the scales of its channels, as they are named.
        found = []
        for run in super().runs(node):
            nothing = Run(np.zeros_like(run.kernel[: self.channels[node.output], :, :1, :1]),
                          1, (0, 0), (0, 0), (0, 0))  # fmt: skip
            parts = [
                Run(kernel, 1, run.before, run.after, (0, 0))
                for kernel in np.split(run.kernel, run.phases)
            ]
            found += [*[nothing] * run.gap[0], *parts, *[nothing] * run.gap[1]]
        return found

    # Other operators.

    def simple(self, op: str, node: Node, options: str = "", *more: int, **fields: Any) -> None:
        source, integers = node.inputs[0], self.integers(node.inputs[0])
        if op != "REDUCE_MAX" or integers is self.integers(node.output):
            super().simple(op, node, options, *more, **fields)
            return
        # XNNPACK takes REDUCE_MAX of any two scales, and looks at neither.
        channels = self.channels[node.output]
        made = self.between(f"{node.name}.made", node.output, channels, integers=integers)
        self.file.operator(op, [self.values[source], *more], made, options, **fields)
        self.file.operator("QUANTIZE", [made], self.new(node.output))

    def _concat(self, node: Node) -> None:
        integers, parts = self.integers(node.output), []
        for index, name in enumerate(node.inputs):
            tensor, channels = self.tensor(name), self.channels[name]
            if self.integers(name) is not integers:
                source = tensor
                tensor = self.between(f"{node.name}.{index}", name, channels, integers=integers)
                self.file.operator("QUANTIZE", [source], tensor)
            parts.append((tensor, channels))
        self.join(node.name, node.output, parts, self.new(node.output), integers)
