"""Integer graph to ONNX: QuantizeLinear and DequantizeLinear around every operation (QDQ).

::

    x (uint8) -> DequantizeLinear ┐
    W (int8)  -> DequantizeLinear ┼-> Conv -> QuantizeLinear -> y (uint8)
    b (int32) -> DequantizeLinear ┘

ONNX Runtime makes one integer convolution of that, TensorRT another; a kernel lies there once,
for all its uses. A Relu in front of a value whose zero is its smallest integer is left out:
QuantizeLinear does it. A convolution that stays real is real in ONNX Runtime only without its
optimizer WeightBiasQuantization, which edgeqe's sessions leave out. Operators that only move
integers work on them as they are. Input and output of the file stay float32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgeqe.converters.graph.integer import CONVOLUTIONS, MOVING, Group, IntegerGraph
from edgeqe.converters.onnx_io.writer import attributes_of, operands_of, packed

#: Zero of the files' int8 values.
MIDDLE = 128


def model_of(
    integer: IntegerGraph, metadata: Mapping[str, str], *, outputs: Sequence[str] = ()
) -> onnx.ModelProto:
    """Checked ONNX model of an integer graph.

    Parameters
    ----------
    integer : IntegerGraph
        With symmetric integers the values are int8 and biases stay real, as TensorRT wants
        them; else the values are uint8.
    metadata : mapping of str to str
        Becomes `metadata_props`.
    outputs : sequence of str
        Values whose integers are outputs too.
    """
    return _Writer(integer).write(metadata, outputs)


class _Writer:
    """One writing."""

    def __init__(self, integer: IntegerGraph) -> None:
        self.integer, self.graph = integer, integer.graph
        self.kind = np.int8 if integer.symmetric else np.uint8
        self.nodes: list[onnx.NodeProto] = []
        self.stored: dict[str, onnx.TensorProto] = {}
        self.real: set[str] = set()
        self.kernels = {n.inputs[1] for n in self.graph.nodes if n.op in CONVOLUTIONS}

    def write(self, metadata: Mapping[str, str], outputs: Sequence[str]) -> onnx.ModelProto:
        graph, steps = self.graph, self.integer.steps
        for name in graph.inputs:
            if name in steps:
                self.quantize(name, name)
        for group in self.integer.groups():
            if group.first.op in MOVING and group.output in steps and not self.integer.symmetric:
                self.move(group)
            elif self.integer.is_integer(group.first):
                self.convolution(group)
            else:
                self.other(group)
        if graph.output in steps:
            self.dequantize(self.integers(graph.output), graph.output, graph.output)
        extra = [
            helper.make_tensor_value_info(
                self.integers(value),
                helper.np_dtype_to_tensor_dtype(np.dtype(self.kind)),
                [1, graph.channels()[value], None, None],
            )
            for value in outputs
        ]
        return packed(graph, self.nodes, list(self.stored.values()), metadata, extra)

    def integers(self, value: str) -> str:
        """Name of a value's integers."""
        ends = value in self.graph.inputs or value == self.graph.output
        return f"{value}.integer" if ends else value

    def constant(self, name: str, array: npt.NDArray[np.generic]) -> str:
        """Initializer, stored once."""
        self.stored.setdefault(name, numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def scale_and_zero(self, value: str) -> list[str]:
        """Constants of a value's step."""
        step = self.integer.steps[value]
        zero = step.zero - MIDDLE if self.integer.symmetric else step.zero
        scale = self.constant(step.scale, self.graph.constants[step.scale].reshape(()))
        return [scale, self.constant(f"zero.{zero}", np.array(zero, self.kind))]

    def quantize(self, source: str, value: str) -> None:
        """Real numbers to a value's integers."""
        inputs = [source, *self.scale_and_zero(value)]
        self.nodes.append(helper.make_node("QuantizeLinear", inputs, [self.integers(value)]))

    def dequantize(self, source: str, value: str, target: str) -> None:
        """A value's integers to real numbers."""
        inputs = [source, *self.scale_and_zero(value)]
        self.nodes.append(helper.make_node("DequantizeLinear", inputs, [target]))

    def read(self, name: str) -> str:
        """Real numbers of a value, or a constant."""
        if name in self.graph.constants:
            numbers = self.graph.constants[name]
            if name not in self.kernels or not is_bytes(numbers):
                return self.constant(name, numbers)
            if name not in self.real:  # a real convolution's kernel of whole numbers
                self.real.add(name)
                whole = self.constant(name, numbers.astype(np.int8))
                self.node("Cast", [whole], f"{name}.real", to=TensorProto.FLOAT)
            return f"{name}.real"
        if name not in self.integer.steps:
            return name
        if name not in self.real:
            self.real.add(name)
            self.dequantize(self.integers(name), name, f"{name}.real")
        return f"{name}.real"

    def node(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """One operator."""
        self.nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def move(self, group: Group) -> None:
        """An operator on integers as they are."""
        node = group.first
        names = [self.integers(node.inputs[0])]
        names += operands_of(node, self.constant)
        self.node(node.op, names, self.integers(node.output), **attributes_of(node))

    def convolution(self, group: Group) -> None:
        """A convolution with an integer kernel."""
        conv, graph = group.first, self.graph
        scale, bias = (graph.constants[node.inputs[1]] for node in group.nodes[1:3])
        kernel_scale, bias_name = (node.inputs[1] for node in group.nodes[1:3])
        axis = 0 if conv.op == "Conv" else 1
        kernel = [
            self.constant(conv.inputs[1], graph.constants[conv.inputs[1]].astype(np.int8)),
            self.constant(kernel_scale, scale.reshape(-1)),
        ]
        weights = self.node("DequantizeLinear", kernel, f"{conv.name}.weights", axis=axis)
        if self.integer.symmetric:
            added = self.constant(bias_name, bias.reshape(-1))
        else:
            value = self.integer.integer_bias(group)
            names = [
                self.constant(bias_name, value.numbers),
                self.constant(f"{bias_name}.scale", value.scale),
            ]
            added = self.node("DequantizeLinear", names, f"{bias_name}.real", axis=0)
        source = self.read(conv.inputs[0])
        made = self.node(
            conv.op, [source, weights, added], f"{conv.name}.out", **attributes_of(conv)
        )
        if group.relu and self.integer.steps[group.output].zero != 0:
            made = self.node("Relu", [made], f"{conv.name}.positive")
        self.quantize(made, group.output)

    def other(self, group: Group) -> None:
        """Any other group: on real numbers, rounded at its end if its value is integers."""
        for index, node in enumerate(group.nodes):
            rounded = index == len(group.nodes) - 1 and node.output in self.integer.steps
            if rounded and node.op == "Relu" and self.integer.steps[node.output].zero == 0:
                self.quantize(self.read(node.inputs[0]), node.output)
                continue
            names = [self.read(name) for name in node.inputs]
            names += operands_of(node, self.constant)
            target = f"{node.output}.exact" if rounded else node.output
            self.node(node.op, names, target, **attributes_of(node))
            if rounded:
                self.quantize(target, node.output)


def is_bytes(numbers: npt.NDArray[np.generic]) -> bool:
    """Whether all numbers are whole and fit in a signed byte, and not all are 0."""
    real = numbers.astype(np.float64)
    return bool((np.rint(real) == real).all() and 0.0 < np.abs(real).max() <= 127.0)
