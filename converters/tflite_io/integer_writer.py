"""Quantized graph to TFLite: int8 activations, kernels with one scale per channel, int32 biases.

Input and output are int8 themselves. An operator that has no int8 kernel in XNNPACK, or an
inaccurate one, runs in float between DEQUANTIZE and QUANTIZE. Each use of a kernel is a tensor with
scales of its own and the buffer of all uses.

What follows the strength is found by the names of its constants: `NAME.scale` is the scale of the
tensor NAME. Values with the same parameters, and the phases of one transposed convolution, refer
to the same scales in the file, so one write changes them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgeqe.converters.graph.graph import Node
from edgeqe.converters.graph.integer import MOVING, Group, QuantizedGraph
from edgeqe.converters.rewrites.transposed import Run
from edgeqe.converters.tflite_io.builder import TfliteFile
from edgeqe.converters.tflite_io.packing import TensorQuantization
from edgeqe.converters.tflite_io.writer import GraphWriter
from edgeqe.typing import Float

#: Difference of the graph's uint8 values and the file's int8 ones.
MIDDLE = 128
#: Operators that run in int8 beside convolutions, Concat and those that move values. XNNPACK has no
#: int8 Relu, PRelu or Selu, and its LOGISTIC has a fixed scale, 1/256, from which a third of the
#: integers comes out one beside.
_IN_INT8 = frozenset(
    {"Add", "GlobalAveragePool", "GlobalMaxPool", "LeakyRelu", "Mul", "ReduceMax", "ReduceMean"}
)


def model_of(
    quantized: QuantizedGraph, metadata: Mapping[str, str], *, outputs: Sequence[str] = ()
) -> bytes:
    """TFLite file of a quantized graph.

    Parameters
    ----------
    integer : IntegerGraph
        Not symmetric. The scale of a value is named `VALUE.scale`.
    metadata : mapping of str to str
        Becomes entries of the model's metadata, each a buffer of UTF-8 text.
    outputs : sequence of str
        Values that are outputs too, behind the output.

    Raises
    ------
    InputError
        If the graph holds an operator that TFLite has no counterpart for.
    ProviderError
        If the schema's classes are not installed.
    """
    writer = _QuantizedWriter(quantized)
    inputs = [writer.start(name) for name in quantized.graph.inputs]
    for group in quantized.groups():
        writer.write_group(group)
    ends = [writer.tensor(value) for value in (quantized.graph.output, *outputs)]
    return writer.file.pack(inputs, ends, metadata)


class _GroupedWriter(GraphWriter):
    """A writer that fuses no nodes of different groups."""

    def __init__(self, quantized: QuantizedGraph, file: TfliteFile | None = None) -> None:
        super().__init__(quantized.graph, file=file)
        self.quantized = quantized
        self.group_of = {node.name: group for group in quantized.groups() for node in group.nodes}

    def follower(self, node: Node, op: str) -> Node | None:
        found = super().follower(node, op)
        return found if found in self.group_of[node.name].nodes else None


class _FloatWriter(_GroupedWriter):
    """Writes what runs in float inside a quantized graph."""

    def __init__(
        self, quantized: QuantizedGraph, file: TfliteFile, rounded: Mapping[str, int]
    ) -> None:
        super().__init__(quantized, file)
        self.rounded = rounded

    def label(self, value: str) -> str:
        if value in self.rounded:
            return f"{value}.real"
        return f"{value}.exact" if value in self.quantized.quant_params else value


class _QuantizedWriter(_GroupedWriter):
    """Writes what runs in int8, and QUANTIZE and DEQUANTIZE between int8 and float."""

    def __init__(self, quantized: QuantizedGraph) -> None:
        super().__init__(quantized)
        self.in_float = _FloatWriter(quantized, self.file, self.values)
        self.known: dict[str, TensorQuantization] = {}

    # Values.

    def integers(self, value: str) -> TensorQuantization | None:
        params = self.quantized.quant_params.get(value)
        if params is None:
            return None
        return self.quantization(
            params.scale, self.graph.constants[params.scale], zero=params.zero_point - MIDDLE
        )

    def quantization(
        self, name: str, scale: Float, zero: int = 0, axis: int = 0
    ) -> TensorQuantization:
        """Quantization parameters by the name of the scale's constant, shared by all who ask."""
        if name not in self.known:
            self.known[name] = self.file.quantization(scale.reshape(-1), zero, axis)
        return self.known[name]

    def start(self, value: str) -> int:
        """Add the tensor of an input of the network."""
        return (self if value in self.quantized.quant_params else self.in_float).new(value)

    def tensor(self, value: str) -> int:
        """Tensor of a value: int8 where it is quantized, else float."""
        return (self if value in self.quantized.quant_params else self.in_float).values[value]

    def dequantize(self, value: str) -> None:
        """Append DEQUANTIZE of a value, once."""
        if value in self.values and value not in self.in_float.values:
            self.file.operator("DEQUANTIZE", [self.values[value]], self.in_float.new(value))

    # Groups.

    def write_group(self, group: Group) -> None:
        """Append a group: in int8 if it can run there, else in float."""
        if self.runs_in_int8(group):
            self.write(group.first)
            return
        for node in group.nodes:
            for name in node.inputs:
                self.dequantize(name)
            self.in_float.write(node)
        if group.output in self.quantized.quant_params:
            exact = self.in_float.values.pop(group.output)
            self.file.operator("QUANTIZE", [exact], self.new(group.output))

    def runs_in_int8(self, group: Group) -> bool:
        """Whether a group runs in int8."""
        node, quant_params = group.first, self.quantized.quant_params
        if self.quantized.is_integer(node):
            return True
        if group.output not in quant_params:
            return False
        given = [quant_params.get(name) for name in node.inputs]
        if node.op in MOVING:
            return given == [quant_params[node.output]]
        if node.op == "Concat":
            return True
        return node.op in _IN_INT8 and None not in given

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
        bias = self.quantized.integer_bias(self.group_of[node.name])
        scales = self.quantization(f"{name}.scale", bias.scale)
        return self.file.constant(name, bias.values, scales)

    def runs(self, node: Node) -> list[Run]:
        # One per phase, so that each has the scales of its channels, as they are named.
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
