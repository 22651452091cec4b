"""Quantized graph to ONNX in QDQ form: QuantizeLinear and DequantizeLinear around every operator.

::

    x (uint8) -> DequantizeLinear ┐
    W (int8)  -> DequantizeLinear ┼-> Conv -> QuantizeLinear -> y (uint8)
    b (int32) -> DequantizeLinear ┘

ONNX Runtime fuses that into one integer convolution, TensorRT into another; a kernel is stored
once for all its uses. A Relu in front of a value whose zero point is its smallest integer is left
out: QuantizeLinear saturates there. A convolution that is kept in float runs in float in ONNX
Runtime only without its optimizer WeightBiasQuantization, which edgeqe's sessions disable.
Operators that only move data (`MOVING`) run on the integers. Input and output stay float32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgeqe.converters.graph.graph import Node
from edgeqe.converters.graph.integer import CONVOLUTIONS, MOVING, Group, QuantizedGraph
from edgeqe.converters.onnx_io.operands import attributes_of, nodes_of, operands_of, padded
from edgeqe.converters.onnx_io.writer import packed

#: Zero point of the int8 values, as uint8.
MIDDLE = 128


def model_of(
    quantized: QuantizedGraph, metadata: Mapping[str, str], *, outputs: Sequence[str] = ()
) -> onnx.ModelProto:
    """Checked ONNX model of a quantized graph.

    Parameters
    ----------
    integer : IntegerGraph
        Symmetric: activations are int8 and biases float, as TensorRT wants them; else
        activations are uint8 and biases int32.
    metadata : mapping of str to str
        Becomes `metadata_props`.
    outputs : sequence of str
        Values whose quantized tensors are outputs too.
    """
    return _Writer(quantized).write(metadata, outputs)


class _Writer:
    """State while one model is written."""

    def __init__(self, quantized: QuantizedGraph) -> None:
        self.quantized, self.graph = quantized, quantized.graph
        self.kind = np.int8 if quantized.symmetric else np.uint8
        self.nodes: list[onnx.NodeProto] = []
        self.stored: dict[str, onnx.TensorProto] = {}
        self.in_float: set[str] = set()
        self.kernels = {n.inputs[1] for n in self.graph.nodes if n.op in CONVOLUTIONS}
        self.taken = {
            *self.graph.inputs,
            *self.graph.constants,
            *(n.output for n in self.graph.nodes),
        }
        self.named: dict[str, str] = {}

    def write(self, metadata: Mapping[str, str], outputs: Sequence[str]) -> onnx.ModelProto:
        graph, quant_params = self.graph, self.quantized.quant_params
        for name in graph.inputs:
            if name in quant_params:
                self.quantize(name, name)
        for group in self.quantized.groups():
            if (
                group.first.op in MOVING
                and group.output in quant_params
                and not self.quantized.symmetric
            ):
                self.move(group)
            elif self.quantized.is_integer(group.first):
                self.convolution(group)
            else:
                self.other(group)
        if graph.output in quant_params:
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

    def own(self, name: str) -> str:
        """Name of a tensor that the graph has not: the same for the same name, and no value's."""
        if name not in self.named:
            free = name
            while free in self.taken:
                free += "_"
            self.taken.add(free)
            self.named[name] = free
        return self.named[name]

    def integers(self, value: str) -> str:
        """Name of a value's quantized tensor."""
        ends = value in self.graph.inputs or value == self.graph.output
        return self.own(f"{value}.integer") if ends else value

    def constant(self, name: str, array: npt.NDArray[np.generic]) -> str:
        """Add an initializer, once; its name."""
        self.stored.setdefault(name, numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def scale_and_zero(self, value: str) -> list[str]:
        """Initializers of a value's scale and zero point."""
        params = self.quantized.quant_params[value]
        zero = params.zero_point - MIDDLE if self.quantized.symmetric else params.zero_point
        scale = self.constant(params.scale, self.graph.constants[params.scale].reshape(()))
        return [scale, self.constant(f"zero.{zero}", np.array(zero, self.kind))]

    def quantize(self, source: str, value: str) -> None:
        """QuantizeLinear: float tensor to a value's quantized tensor."""
        inputs = [source, *self.scale_and_zero(value)]
        self.nodes.append(helper.make_node("QuantizeLinear", inputs, [self.integers(value)]))

    def dequantize(self, source: str, value: str, target: str) -> None:
        """DequantizeLinear: a value's quantized tensor to float."""
        inputs = [source, *self.scale_and_zero(value)]
        self.nodes.append(helper.make_node("DequantizeLinear", inputs, [target]))

    def read(self, name: str) -> str:
        """Name of a float tensor: a constant, or a value dequantized once."""
        if name in self.graph.constants:
            array = self.graph.constants[name]
            if name not in self.kernels or not is_int8(array):
                return self.constant(name, array)
            if name not in self.in_float:  # integer weights of a convolution that is kept in float
                self.in_float.add(name)
                stored = self.constant(name, array.astype(np.int8))
                self.node("Cast", [stored], self.own(f"{name}.real"), to=TensorProto.FLOAT)
            return self.own(f"{name}.real")
        if name not in self.quantized.quant_params:
            return name
        if name not in self.in_float:
            self.in_float.add(name)
            self.dequantize(self.integers(name), name, self.own(f"{name}.real"))
        return self.own(f"{name}.real")

    def node(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Append one operator; the name of its output."""
        self.nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def move(self, group: Group) -> None:
        """An operator that moves quantized values without dequantizing them."""
        node = group.first
        names = [self.integers(node.inputs[0])]
        names += operands_of(node, self.constant)
        self.node(node.op, names, self.integers(node.output), **attributes_of(node))

    def convolution(self, group: Group) -> None:
        """A quantized convolution: DequantizeLinear of weights and bias, QuantizeLinear behind."""
        conv, graph = group.first, self.graph
        scale, bias = (graph.constants[node.inputs[1]] for node in group.nodes[1:3])
        kernel_scale, bias_name = (node.inputs[1] for node in group.nodes[1:3])
        axis = 0 if conv.op == "Conv" else 1
        kernel = [
            self.constant(conv.inputs[1], graph.constants[conv.inputs[1]].astype(np.int8)),
            self.constant(kernel_scale, scale.reshape(-1)),
        ]
        weights = self.node("DequantizeLinear", kernel, self.own(f"{conv.name}.weights"), axis=axis)
        if self.quantized.symmetric:
            added = self.constant(bias_name, bias.reshape(-1))
        else:
            value = self.quantized.integer_bias(group)
            names = [
                self.constant(bias_name, value.values),
                self.constant(f"{bias_name}.scale", value.scale),
            ]
            added = self.node("DequantizeLinear", names, self.own(f"{bias_name}.real"), axis=0)
        source = self.around(conv)
        made = self.node(
            conv.op, [source, weights, added], self.own(f"{conv.name}.out"), **attributes_of(conv)
        )
        if group.relu and self.quantized.quant_params[group.output].zero_point != 0:
            made = self.node("Relu", [made], self.own(f"{conv.name}.positive"))
        self.quantize(made, group.output)

    def around(self, conv: Node) -> str:
        """Float tensor that a quantized convolution reads; a border is put around the integers."""
        value = conv.inputs[0]
        if conv.border == "zero":
            return self.read(value)
        wider = self.own(f"{conv.name}.padded")
        self.nodes.append(padded(conv, self.integers(value), wider, self.constant))
        real = self.own(f"{wider}.real")
        self.dequantize(wider, value, real)
        return real

    def other(self, group: Group) -> None:
        """Any other group: in float, with QuantizeLinear behind it if its output is quantized."""
        for index, node in enumerate(group.nodes):
            rounded = index == len(group.nodes) - 1 and node.output in self.quantized.quant_params
            if (
                rounded
                and node.op == "Relu"
                and self.quantized.quant_params[node.output].zero_point == 0
            ):
                self.quantize(self.read(node.inputs[0]), node.output)
                continue
            names = [self.read(name) for name in node.inputs]
            target = self.own(f"{node.output}.exact") if rounded else node.output
            self.nodes.extend(nodes_of(node, names, target, self.constant))
            if rounded:
                self.quantize(target, node.output)


def is_int8(array: npt.NDArray[np.generic]) -> bool:
    """Whether all values are integers of -127 to 127, and not all are 0."""
    values = array.astype(np.float64)
    return bool((np.rint(values) == values).all() and 0.0 < np.abs(values).max() <= 127.0)
