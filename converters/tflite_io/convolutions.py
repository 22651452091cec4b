"""TFLite convolutions: bias and activation fused, transposed ones as plain convolutions."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.converters.rewrites.transposed import Run, runs
from edgeqe.converters.tflite_io.builder import TfliteFile
from edgeqe.converters.tflite_io.packing import TensorQuantization, schema
from edgeqe.typing import Float

#: Least side of the planes until the file is resized. Small, because an interpreter keeps
#: some memory of the size it was made with: 2 MB at 64 x 64 and 64 channels.
DEFAULT_SIDE = 16
#: Most inputs of a CONCATENATION that XNNPACK takes.
LARGEST_JOIN = 5


class ConvolutionWriter:
    """State of one export, and its convolutions; base of the writers.

    Parameters
    ----------
    graph : Graph
    float16 : bool
        Store kernels in float16.
    file : TfliteFile, optional
        What to write into; a new one if left out.
    """

    def __init__(self, graph: Graph, float16: bool = False, file: TfliteFile | None = None) -> None:
        self.graph, self.float16 = graph, float16
        self.channels, self.scales = graph.channels(), graph.scales()
        alignment = math.lcm(*(scale.denominator for scale in self.scales.values()))
        self.side = -(-DEFAULT_SIDE // alignment) * alignment
        self.file = file or TfliteFile(graph.name)
        self.values: dict[str, int] = {}
        self.done: set[str] = set()

    def new(self, name: str) -> int:
        """Add the tensor of a value of the graph."""
        side = int(self.side * self.scales[name]) or 1
        shape = (1, side, side, self.channels[name])
        self.values[name] = self.file.value(self.label(name), shape, self.integers(name))
        return self.values[name]

    def between(
        self,
        name: str,
        like: str,
        channels: int,
        more: tuple[int, int] = (0, 0),
        integers: TensorQuantization | None = None,
    ) -> int:
        """Add an intermediate tensor of another value's size, perhaps with more rows and columns.

        It has the other's quantization parameters unless others are given.
        """
        side = int(self.side * self.scales[like]) or 1
        shape = (1, side + more[0], side + more[1], channels)
        return self.file.value(name, shape, integers or self.integers(like))

    # What the writer of quantized graphs overrides.

    def label(self, value: str) -> str:
        """Name of a value's tensor."""
        return value

    def integers(self, value: str) -> TensorQuantization | None:
        """Quantization parameters of a value; None for float."""
        return None

    def runs(self, node: Node) -> list[Run]:
        """Plain convolutions of a ConvTranspose."""
        return runs(node, self.graph.constants[node.inputs[1]])

    def int32(self, name: str, *values: int) -> int:
        """Tensor of an int32 constant."""
        return self.file.constant(name, np.array(values, np.int32))

    def kernel(self, node: Node, name: str, value: Float) -> int:
        """Tensor of a node's kernel, or of a part of it, in the precision of the file."""
        value = np.ascontiguousarray(value, np.float32)
        return self.file.widened(name, value) if self.float16 else self.file.constant(name, value)

    def vector(self, name: str) -> npt.NDArray[np.float32]:
        """A constant per channel, shape (C,)."""
        return self.graph.constants[name].reshape(-1)

    # What follows a node and is fused with it.

    def follower(self, node: Node, op: str) -> Node | None:
        """Only consumer of a node's output, if it is of this operator."""
        uses = self.graph.uses(node.output)
        if len(uses) == 1 and uses[0].op == op and node.output != self.graph.output:
            return uses[0]
        return None

    def vector_behind(self, node: Node, op: str) -> Node | None:
        """A follower whose constant has one value per channel of the node."""
        found = self.follower(node, op)
        if found is None or found.inputs[0] != node.output:
            return None
        constant = self.graph.constants.get(found.inputs[1])
        channels = self.channels[node.output]
        return found if constant is not None and constant.size == channels else None

    def activated(self, node: Node) -> tuple[Node, int]:
        """The node whose output is written, and the activation fused into it."""
        kinds = schema().ActivationFunctionType
        relu = self.follower(node, "Relu")
        if relu is None:
            return node, kinds.NONE
        self.done.add(relu.name)
        return relu, kinds.RELU

    def biased(self, node: Node) -> tuple[Node, str]:
        """The node whose output is written, and the name of the bias in front of it or ''."""
        if len(node.inputs) == 3:
            return node, node.inputs[2]
        add = self.vector_behind(node, "Add")
        if add is None:
            return node, ""
        self.done.add(add.name)
        return add, add.inputs[1]

    def bias(self, node: Node, name: str, channels: int) -> int:
        """Tensor of a node's bias (C,); zeros where there is none, because LiteRT asks for one."""
        if not name:
            return self.file.constant(f"zeros.{channels}", np.zeros(channels, np.float32))
        return self.file.constant(name, self.vector(name))

    def depth_to_space(self, source: int, target: int, block: int) -> None:
        """Append DEPTH_TO_SPACE."""
        self.file.operator(
            "DEPTH_TO_SPACE", [source], target, "DepthToSpaceOptions", blockSize=block
        )

    def join(
        self,
        name: str,
        like: str,
        parts: list[tuple[int, int]],
        target: int,
        integers: TensorQuantization | None,
    ) -> None:
        """Concatenate tensors along channels, at most `LARGEST_JOIN` in one operator."""
        step = 0
        while len(parts) > LARGEST_JOIN:
            channels = sum(count for _, count in parts[:LARGEST_JOIN])
            some = self.between(f"{name}.joined.{step}", like, channels, integers=integers)
            self.concatenate(parts[:LARGEST_JOIN], some)
            parts, step = [(some, channels), *parts[LARGEST_JOIN:]], step + 1
        self.concatenate(parts, target)

    def concatenate(self, parts: list[tuple[int, int]], target: int) -> None:
        """Append one CONCATENATION."""
        tensors = [tensor for tensor, _ in parts]
        self.file.operator("CONCATENATION", tensors, target, "ConcatenationOptions", axis=3)

    # Convolutions.

    def bordered(self, node: Node) -> int:
        """A convolution's input with its padding around it.

        TFLite mirrors, but does not repeat: mirrored with the edge itself, one row is the edge
        repeated, so `padding` rows are as many operators.
        """
        source, steps = node.inputs[0], [(node.padding, node.padding_end)]
        if node.border == "zero":
            return self.padded(node.name, source, *((ends,) * 2 for ends in steps[0]))
        mode = schema().MirrorPadMode.REFLECT
        if node.border == "edge":
            mode = schema().MirrorPadMode.SYMMETRIC
            most = max(steps[0])
            steps = [(int(i < node.padding), int(i < node.padding_end)) for i in range(most)]
        tensor, around = self.values[source], 0
        for index, (before, behind) in enumerate(steps):
            around += before + behind
            name = f"{node.name}.padded.{index}"
            wider = self.between(name, source, self.channels[source], (around, around))
            pads = [(0, 0), (before, behind), (before, behind), (0, 0)]
            ends = self.file.constant(f"{name}.ends", np.array(pads, np.int32))
            self.file.operator("MIRROR_PAD", [tensor, ends], wider, "MirrorPadOptions", mode=mode)
            tensor = wider
        return tensor

    def padded(
        self, name: str, source: str, before: tuple[int, int], after: tuple[int, int]
    ) -> int:
        """A value with zero padding; itself where there is none."""
        if before == after == (0, 0):
            return self.values[source]
        more = (before[0] + after[0], before[1] + after[1])
        wider = self.between(f"{name}.padded", source, self.channels[source], more)
        pads = [(0, 0), (before[0], after[0]), (before[1], after[1]), (0, 0)]
        self.pad(f"{name}.pads", self.values[source], wider, pads)
        return wider

    def pad(self, name: str, source: int, target: int, pads: list[tuple[int, int]]) -> None:
        """Append PAD: zeros before and behind every axis."""
        paddings = self.file.constant(name, np.array(pads, np.int32))
        self.file.operator("PAD", [source, paddings], target, "PadOptions")

    def _conv(self, node: Node) -> None:
        name, kinds = node.inputs[1], schema().Padding
        weights, channels = self.graph.constants[name], self.channels[node.inputs[0]]
        same = is_same(node)
        source = self.values[node.inputs[0]] if same else self.bordered(node)
        depthwise = node.groups == channels > 1
        axes = (1, 2, 3, 0) if depthwise else (0, 2, 3, 1)
        kernel = self.kernel(node, name, weights.transpose(axes))
        last, bias = self.biased(node)
        last, activation = self.activated(last)
        fields = {
            "padding": kinds.SAME if same else kinds.VALID,
            "strideW": node.stride,
            "strideH": node.stride,
            "dilationWFactor": node.dilation,
            "dilationHFactor": node.dilation,
            "fusedActivationFunction": activation,
        }
        inputs = [source, kernel, self.bias(node, bias, len(weights))]
        if depthwise:
            self.file.operator(
                "DEPTHWISE_CONV_2D",
                inputs,
                self.new(last.output),
                "DepthwiseConv2DOptions",
                depthMultiplier=len(weights) // channels,
                **fields,
            )
            return
        version = 1 if node.groups == 1 else 6
        self.file.operator(
            "CONV_2D", inputs, self.new(last.output), "Conv2DOptions", version=version, **fields
        )

    def _convtranspose(self, node: Node) -> None:
        name, block, channels = node.inputs[1], node.stride, self.channels[node.output]
        parts = self.runs(node)
        gaps = any(any(run.gap) for run in parts)
        last, bias = self.biased(node)
        last, activation = self.activated(last)
        # A bias that follows the strength keeps its name and its one value per channel.
        repeated = max(run.phases for run in parts) > 1
        behind = bool(bias) and (gaps or (repeated and bias in self.graph.vectors))
        integers = self.integers(last.output)
        phases = [
            self.phases(node, f"{name}.{index}", run, integers, "" if behind else bias,
                        schema().ActivationFunctionType.NONE if behind else activation)
            for index, run in enumerate(parts)
        ]  # fmt: skip
        joined = phases[0][0]
        if len(phases) > 1:
            where, like, every = f"{node.name}.phases", node.inputs[0], channels * block**2
            joined = self.between(where, like, every, integers=integers)
            self.join(where, like, phases, joined, integers)
        if not behind:
            self.depth_to_space(joined, self.new(last.output), block)
            return
        spread = self.between(f"{node.name}.spread", node.output, channels)
        self.depth_to_space(joined, spread, block)
        self.file.operator(
            "ADD",
            [spread, self.bias(node, bias, channels)],
            self.new(last.output),
            "AddOptions",
            fusedActivationFunction=activation,
        )

    def phases(
        self,
        node: Node,
        name: str,
        run: Run,
        integers: TensorQuantization | None,
        bias: str,
        activation: int,
    ) -> tuple[int, int]:
        """Tensor of a run of phases of a transposed convolution, gaps included, and channels."""
        where = f"{node.name}.{name}"
        if bias and run.phases > 1:
            tiled = np.tile(self.vector(bias), run.phases)
            vector = self.file.constant(f"{bias}.{len(tiled)}", tiled)
        else:
            vector = self.bias(node, bias, len(run.kernel))
        result = self.between(where, node.inputs[0], len(run.kernel), integers=integers)
        self.file.operator(
            "CONV_2D",
            [
                self.padded(where, node.inputs[0], run.before, run.after),
                self.kernel(node, name, run.kernel.transpose(0, 2, 3, 1)),
                vector,
            ],
            result,
            "Conv2DOptions",
            padding=schema().Padding.VALID,
            strideW=1,
            strideH=1,
            fusedActivationFunction=activation,
        )
        if not any(run.gap):
            return result, len(run.kernel)
        first, behind = (phases * self.channels[node.output] for phases in run.gap)
        count = first + len(run.kernel) + behind
        wider = self.between(f"{where}.gap", node.inputs[0], count, integers=integers)
        self.pad(f"{where}.gaps", result, wider, [(0, 0), (0, 0), (0, 0), (first, behind)])
        return wider, count


def is_same(node: Node) -> bool:
    """Whether TensorFlow's SAME pads as the node does, at sizes that the stride divides."""
    total = max(node.reach - node.stride, 0)
    even = (node.padding, node.padding_end) == (total // 2, total - total // 2)
    return even and (node.border == "zero" or not total)
