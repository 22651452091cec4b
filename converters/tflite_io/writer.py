"""Float graph to TFLite: NHWC, resizable height and width, one buffer per constant.

A transposed convolution is written otherwise than TensorFlow's converter does: as one
convolution per phase of the output, and DEPTH_TO_SPACE. It has the same weights and
MACs, but no output shape that must be computed, so that all sizes are known
when an interpreter allocates, and XNNPACK takes every operator (`transposed.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.converters.tflite_io.convolutions import ConvolutionWriter, is_same
from edgeqe.converters.tflite_io.packing import schema
from edgeqe.errors import InputError

#: Constants of SELU, by their definition.
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def model_of(graph: Graph, metadata: Mapping[str, str], *, float16: bool = False) -> bytes:
    """TFLite file of a float graph.

    Parameters
    ----------
    graph : Graph
        Batch norm folded.
    metadata : mapping of str to str
        Becomes entries of the model's metadata, each a buffer of UTF-8 text.
    float16 : bool
        Store kernels in float16, widened by one DEQUANTIZE each when the interpreter is
        made. Vectors, biases, input, output and arithmetic stay float32.

    Raises
    ------
    InputError
        If the graph holds an operator that TFLite has no counterpart for.
    ProviderError
        If the schema's classes are not installed.
    """
    writer = GraphWriter(graph, float16)
    inputs = [writer.new(name) for name in graph.inputs]
    for node in graph.nodes:
        writer.write(node)
    return writer.file.pack(inputs, [writer.values[graph.output]], metadata)


class GraphWriter(ConvolutionWriter):
    """State of one export: one method per operator."""

    parts = 0
    """Results on the way to a node's output so far."""

    def write(self, node: Node) -> None:
        """Append a node, unless it was fused into an earlier one."""
        if node.name in self.done:
            return
        write = getattr(self, f"_{node.op.lower()}", None)
        if write is None:
            raise InputError(
                f"node '{node.name}': operator {node.op} has no counterpart in TFLite; "
                "fold it before the export."
            )
        write(node)

    def _depthtospace(self, node: Node) -> None:
        self.depth_to_space(self.values[node.inputs[0]], self.new(node.output), node.kernel)

    def _spacetodepth(self, node: Node) -> None:
        self.simple("SPACE_TO_DEPTH", node, "SpaceToDepthOptions", blockSize=node.kernel)

    def simple(self, op: str, node: Node, options: str = "", *more: int, **fields: Any) -> None:
        """Append an operator of one activation and perhaps constants."""
        inputs = [self.values[node.inputs[0]], *more]
        self.file.operator(op, inputs, self.new(node.output), options, **fields)

    def _relu(self, node: Node) -> None:
        self.simple("RELU", node)

    def _sigmoid(self, node: Node) -> None:
        self.simple("LOGISTIC", node)

    def _leakyrelu(self, node: Node) -> None:
        self.simple("LEAKY_RELU", node, "LeakyReluOptions", alpha=node.alpha)

    def _prelu(self, node: Node) -> None:
        slope = self.vector(node.inputs[1]).reshape(1, 1, -1)
        self.simple("PRELU", node, "", self.file.constant(node.inputs[1], slope))

    def made(self, op: str, node: Node, inputs: list[int], options: str = "", **fields: Any) -> int:
        """Tensor of an operator's result, on the way to a node's output."""
        self.parts += 1
        result = self.between(f"{node.name}.{self.parts}", node.output, self.channels[node.output])
        self.file.operator(op, inputs, result, options, **fields)
        return result

    def number(self, value: float) -> int:
        """Tensor of a constant of one number."""
        return self.file.constant(f"number.{value:.9g}", np.array([value], np.float32))

    def _selu(self, node: Node) -> None:
        # selu(x) = scale * leaky(elu(x)): below 0 elu is exp(x) - 1, which alpha multiplies.
        elu = self.made("ELU", node, [self.values[node.inputs[0]]])
        leaky = self.made("LEAKY_RELU", node, [elu], "LeakyReluOptions", alpha=SELU_ALPHA)
        scale = self.number(SELU_SCALE)
        self.file.operator("MUL", [leaky, scale], self.new(node.output), "MulOptions")

    def _elu(self, node: Node) -> None:
        if node.alpha == 1.0:
            self.simple("ELU", node)
            return
        elu = self.made("ELU", node, [self.values[node.inputs[0]]])
        self.file.operator(
            "LEAKY_RELU", [elu], self.new(node.output), "LeakyReluOptions", alpha=node.alpha
        )

    def _gelu(self, node: Node) -> None:
        self.simple("GELU", node, "GeluOptions", approximate=False)

    def _hardswish(self, node: Node) -> None:
        self.simple("HARD_SWISH", node)

    def _tanh(self, node: Node) -> None:
        self.simple("TANH", node)

    def _softplus(self, node: Node) -> None:
        # log(1 + exp(x)) = relu(x) - log(sigmoid(|x|)), which never overflows
        source = self.values[node.inputs[0]]
        share = self.made("LOGISTIC", node, [self.made("ABS", node, [source])])
        parts = [self.made("RELU", node, [source]), self.made("LOG", node, [share])]
        self.file.operator("SUB", parts, self.new(node.output), "SubOptions")

    def _channelnorm(self, node: Node) -> None:
        source = self.values[node.inputs[0]]
        centred = self.made("SUB", node, [source, self._mean(node, "mean", source)], "SubOptions")
        square = self.made("MUL", node, [centred, centred], "MulOptions")
        variance = self._mean(node, "variance", square)
        safe, spread = (
            self.between(f"{node.name}.{n}", node.output, 1) for n in ("safe", "spread")
        )
        self.file.operator("ADD", [variance, self.number(node.alpha)], safe, "AddOptions")
        self.file.operator("RSQRT", [safe], spread)
        self.file.operator("MUL", [centred, spread], self.new(node.output), "MulOptions")

    def _mean(self, node: Node, name: str, source: int) -> int:
        """Tensor of the mean over channels."""
        result = self.between(f"{node.name}.{name}", node.output, 1)
        axes = self.int32("axes.channels", 3)
        self.file.operator("MEAN", [source, axes], result, "ReducerOptions", keepDims=True)
        return result

    def _max(self, node: Node) -> None:
        self.file.operator("MAXIMUM", self._both(node), self.new(node.output))

    def _min(self, node: Node) -> None:
        self.file.operator("MINIMUM", self._both(node), self.new(node.output))

    def _add(self, node: Node) -> None:
        self.binary("ADD", node, "AddOptions")

    def _mul(self, node: Node) -> None:
        self.binary("MUL", node, "MulOptions")

    def binary(self, op: str, node: Node, options: str) -> None:
        """Append an operator of two activations, or of one and a per-channel constant."""
        inputs = self._both(node)
        last, activation = self.activated(node)
        self.file.operator(
            op,
            inputs,
            self.new(last.output),
            options,
            fusedActivationFunction=activation,
        )

    def _both(self, node: Node) -> list[int]:
        """Tensors of two activations, or of one and a per-channel constant."""
        first, second = node.inputs
        if second in self.graph.constants:
            return [self.values[first], self.file.constant(second, self.vector(second))]
        return [self.values[first], self.values[second]]

    def _concat(self, node: Node) -> None:
        parts = [(self.values[name], self.channels[name]) for name in node.inputs]
        self.join(node.name, node.output, parts, self.new(node.output), None)

    def _slice(self, node: Node) -> None:
        # Not SLICE: with it XNNPACK reuses no value's memory in the whole network.
        every = 0b0111  # axes that are taken whole, whatever begin and end say
        ends = [
            self.int32(f"{node.name}.{what}", *values)
            for what, values in (
                ("begin", (0, 0, 0, node.first)),
                ("end", (0, 0, 0, node.last)),
                ("strides", (1, 1, 1, 1)),
            )
        ]
        self.simple(
            "STRIDED_SLICE", node, "StridedSliceOptions", *ends, beginMask=every, endMask=every
        )

    def _maxpool(self, node: Node) -> None:
        kinds = schema().Padding
        if not is_same(node):
            raise InputError(
                f"node '{node.name}': a MaxPool with kernel {node.kernel}, stride {node.stride} "
                f"and padding {node.padding} and {node.padding_end} has no counterpart in TFLite."
            )
        self.simple(
            "MAX_POOL_2D",
            node,
            "Pool2DOptions",
            padding=kinds.SAME,
            strideW=node.stride,
            strideH=node.stride,
            filterWidth=node.kernel,
            filterHeight=node.kernel,
        )

    def reduced(self, op: str, node: Node, *axes: int) -> None:
        """Append a reduction over axes of NHWC, which are kept with size 1."""
        name = "axes.channels" if axes == (3,) else "axes.plane"
        self.simple(op, node, "ReducerOptions", self.int32(name, *axes), keepDims=True)

    def _reducemean(self, node: Node) -> None:
        self.reduced("MEAN", node, 3)

    def _reducemax(self, node: Node) -> None:
        self.reduced("REDUCE_MAX", node, 3)

    def _globalaveragepool(self, node: Node) -> None:
        self.reduced("MEAN", node, 1, 2)

    def _globalmaxpool(self, node: Node) -> None:
        self.reduced("REDUCE_MAX", node, 1, 2)
