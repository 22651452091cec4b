"""Small networks of integers, written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.converters.graph.graph import KEYS, Graph, Node
from edgeqe.converters.graph.integer import QuantizedGraph, QuantParams
from edgeqe.quantization.int8.oracle import Oracle
from edgeqe.typing import Float

Row = float | list[float]


class QuantizedGraphBuilder:
    """An integer graph as it is put together."""

    def __init__(self, inputs: dict[str, int], *, symmetric: bool = False) -> None:
        self.inputs, self.symmetric = inputs, symmetric
        self.nodes: list[Node] = []
        self.constants: dict[str, Float] = {}
        self.vectors: dict[str, Float] = {}
        self.quant_params: dict[str, QuantParams] = {}
        self.kernels: set[str] = set()

    def step(self, value: str, scale: float, zero: int) -> str:
        """Make a value integers."""
        self.constants[f"{value}.scale"] = np.full((1, 1, 1, 1), scale, np.float32)
        self.quant_params[value] = QuantParams(f"{value}.scale", zero)
        return value

    def moved(self, value: str, source: str) -> str:
        """Make a value integers of the same step as another."""
        self.quant_params[value] = self.quant_params[source]
        return value

    def vector(self, name: str, row: Row, channels: int) -> str:
        """A constant a channel, of one number or of one each."""
        full = np.broadcast_to(np.asarray(row, np.float32), channels)
        self.constants[name] = full.reshape(1, -1, 1, 1).copy()
        return name

    def node(self, op: str, inputs: str | list[str], output: str, **options: Any) -> str:
        """One node, named as its output."""
        names = (inputs,) if isinstance(inputs, str) else tuple(inputs)
        self.nodes.append(Node(op, f"{output}.{op}", names, output, **options))
        return output

    def conv(
        self,
        source: str,
        kernel: str,
        output: str,
        weights: npt.ArrayLike | None = None,
        *,
        scale: Row = 1.0,
        bias: Row = 0.0,
        relu: bool = False,
        in_float: bool = False,
        op: str = "Conv",
        **options: Any,
    ) -> str:
        """A convolution group; a kernel without weights is one that is there already."""
        if weights is not None:
            self.constants[kernel] = np.asarray(weights, np.float32)
        if not in_float:
            self.kernels.add(kernel)
        shape = self.constants[kernel].shape
        channels = shape[0] if op == "Conv" else shape[1] * options.get("groups", 1)
        name, last = f"{output}.conv", f"{output}.positive" if relu else output
        options = {"kernel": shape[2], **options}
        self.nodes.append(Node(op, name, (source, kernel), f"{name}.sum", **options))
        factor = self.vector(f"{name}.kernel.scale", scale, channels)
        shift = self.vector(f"{name}.bias", bias, channels)
        self.nodes.append(Node("Mul", f"{name}.mul", (f"{name}.sum", factor), f"{name}.scaled"))
        end = f"{name}.shifted" if relu else last
        self.nodes.append(Node("Add", f"{name}.add", (f"{name}.scaled", shift), end))
        if relu:
            self.nodes.append(Node("Relu", f"{name}.relu", (end,), output))
        return output

    def follow(self, name: str, first: Row, last: Row) -> None:
        """Let a constant follow the strength, from one row to another; it lies at the first."""
        size = self.constants[name].size
        start, end = (np.broadcast_to(np.asarray(row, np.float64), size) for row in (first, last))
        self.vectors[name] = np.linspace(start, end, len(KEYS)).astype(np.float32)
        self.constants[name] = self.vectors[name][0].reshape(self.constants[name].shape)

    def graph(self, output: str) -> QuantizedGraph:
        """The network, whose result is a value."""
        whole = Graph(
            "hand-made", self.inputs, output, tuple(self.nodes), self.constants, self.vectors
        )
        return QuantizedGraph(whole, self.quant_params, frozenset(self.kernels), self.symmetric)


def extremes(kind: str, channels: int, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Integers 255 and 0 alone.

    ``bright``: 255 everywhere; ``dark``: 0; ``checks``: in turns by pixel; ``channels``: in
    turns by channel; ``noise``: by chance.
    """
    row, column = np.indices((height, width))
    chance = np.random.default_rng(11).integers(0, 2, (channels, height, width))
    turns = np.arange(channels).reshape(-1, 1, 1) % 2
    bits = {
        "bright": np.ones_like(chance),
        "dark": np.zeros_like(chance),
        "checks": np.broadcast_to((row + column) % 2, chance.shape),
        "channels": np.broadcast_to(turns, chance.shape),
        "noise": chance,
    }[kind]
    return (bits * 255).astype(np.uint8)


def stress(largest: int, *, symmetric: bool = False) -> QuantizedGraph:
    """A network whose weights are all `largest` or its negative, its integers 0 or 255.

    Four kinds of output channels: all weights positive; all negative; of either sign, by the
    input channel; of either sign, by chance. With 127, two products add up to
    2 * 255 * 127 = 64770, which 16 bits do not hold. `wide` and `deep` have steps that hold every
    sum, so a wrong sum shows; that of `narrow` is so small that every sum but 0 saturates it, so
    `deep` reads integers 0 and 255 as well.
    """
    count, middle = 16, 128
    builder = QuantizedGraphBuilder({"planes": count}, symmetric=symmetric)
    signs = np.ones((count, count, 3, 3))
    signs[1::4] = -1
    signs[2::4, 0::2] = -1
    signs[3::4] = np.random.default_rng(3).choice([-1.0, 1.0], signs[3::4].shape)
    unit = 1.0 / largest  # so that real numbers do not depend on `largest`
    step = 128.0 * count * 9 / 127
    same: dict[str, Any] = {"padding": 1, "padding_end": 1}
    builder.step("planes", 1.0, middle)
    builder.step("wide", step, middle)
    builder.conv("planes", "kernel", "wide", signs * largest, scale=unit, **same)
    builder.step("narrow", 1 / 512, middle if symmetric else 0)
    builder.conv("planes", "kernel", "narrow", scale=unit, relu=True, **same)
    builder.step("deep", step, middle)
    builder.conv("narrow", "kernel", "deep", scale=256 * unit, bias=3.0, **same)
    builder.step("sum", 2 * step, middle)
    builder.node("Add", ["wide", "deep"], "sum")
    return builder.graph("sum")


def every_operator() -> QuantizedGraph:
    """A network with every operator of a folded graph, each value's step its own.

    A kernel is used twice, one convolution is depthwise, one transposed with windows that
    overlap, and two in a row are real.
    """
    rng = np.random.default_rng(5)
    same: dict[str, Any] = {"padding": 1, "padding_end": 1}

    def weights(*shape: int) -> npt.NDArray[np.int64]:
        return rng.integers(-64, 65, shape)

    builder = QuantizedGraphBuilder({"planes": 4})

    def made(op: str, inputs: str | list[str], output: str, scale: float, zero: int) -> str:
        return builder.node(op, inputs, builder.step(output, scale, zero))

    def moved(op: str, source: str, output: str, **options: int) -> str:
        return builder.node(op, source, builder.moved(output, source), **options)

    for name, scale, zero in (("planes", 1.0, 128), ("a", 0.9, 0), ("b", 1.1, 120),
                              ("c", 0.7, 100)):  # fmt: skip
        builder.step(name, scale, zero)
    biases = np.linspace(-9, 9, 8).tolist()
    scales = np.linspace(0.001, 0.003, 8).tolist()
    builder.conv("planes", "head", "a", weights(8, 4, 3, 3), scale=0.003, bias=biases, relu=True,
               **same)  # fmt: skip
    builder.conv("a", "body", "b", weights(8, 8, 3, 3), scale=scales, **same)
    builder.conv("b", "body", "c", scale=0.002, bias=5.0, relu=True, **same)
    made("Add", ["a", "c"], "added", 1.7, 110)
    builder.node("Add", ["b", "c"], "summed")
    made("Relu", "summed", "positive", 0.61, 20)
    made("Mul", ["added", "positive"], "product", 41.0, 10)
    made("Concat", ["product", "added", "positive"], "joined", 1.3, 99)
    moved("Slice", "joined", "part", first=3, last=19)
    moved("DepthToSpace", "part", "large", kernel=2)
    moved("MaxPool", "large", "pooled", kernel=2, stride=2)
    moved("SpaceToDepth", "large", "small", kernel=2)
    builder.step("leaky", 1.3, 60)
    builder.node("LeakyRelu", "pooled", "leaky", alpha=0.2)
    slopes = np.linspace(-0.5, 1.5, 4, dtype=np.float32)
    builder.constants["slopes"] = slopes.reshape(4, 1, 1)
    made("PRelu", ["pooled", "slopes"], "sloped", 1.1, 90)
    made("Selu", "pooled", "curved", 1.2, 9)
    made("Mul", ["pooled", builder.vector("small factor", -0.02, 4)], "faint", 0.03, 200)
    made("Sigmoid", "faint", "sigmoid", 1 / 255, 0)
    made("ReduceMean", "small", "mean", 0.9, 80)
    made("ReduceMax", "small", "largest", 1.2, 30)
    made("GlobalAveragePool", "small", "average", 0.6, 70)
    made("GlobalMaxPool", "small", "peak", 1.5, 10)
    made("Relu", "sloped", "cut", 1.0, 0)
    factor = builder.vector("factor", np.linspace(-1, 1, 16).tolist(), 16)
    made("Mul", ["small", factor], "scaled", 1.1, 77)
    shift = builder.vector("shift", np.linspace(-9, 9, 16).tolist(), 16)
    made("Add", ["scaled", shift], "shifted", 1.1, 77)
    made("Mul", ["shifted", "average"], "gated", 30.0, 100)
    made("Mul", ["gated", "largest"], "masked", 3000.0, 100)
    made("Mul", ["masked", builder.vector("tiny", 0.0002, 16)], "weak", 0.7, 100)
    parts = ["leaky", "sloped", "curved", "sigmoid", "mean", "cut", "weak"]
    made("Concat", parts, "all", 1.4, 100)
    count = 4 + 4 + 4 + 4 + 1 + 4 + 16
    builder.step("deep", 1.0, 128)
    builder.conv("all", "depthwise", "deep", weights(count, 1, 3, 3), scale=0.003, groups=count,
               **same)  # fmt: skip
    builder.step("double", 2.0, 128)
    builder.conv("deep", "transposed", "double", weights(count, 3, 3, 3), scale=0.004,
               op="ConvTranspose", stride=2, padding=1, padding_end=0)  # fmt: skip
    builder.conv("double", "first real", "exact", rng.normal(0, 0.1, (3, 3, 3, 3)), in_float=True,
               relu=True, stride=2, padding_end=1)  # fmt: skip
    builder.conv("exact", "second real", "exacter", rng.normal(0, 1, (3, 3, 1, 1)), in_float=True)
    made("Mul", ["exacter", builder.vector("signs", [1, -1, 0.5], 3)], "rounded", 0.5, 128)
    builder.step("residual", 1.0, 128)
    builder.conv("rounded", "tail", "residual", weights(4, 3, 1, 1), scale=0.01)
    return builder.graph("residual")


def has_vnni() -> bool:
    """Whether this x86 multiplies 8-bit integers without 16-bit sums between."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8") if info.is_file() else ""
    return any(flag in text.split() for flag in ("avx512_vnni", "avx_vnni"))


def is_x86() -> bool:
    """Whether this is an x86 machine."""
    import platform

    return platform.machine().lower() in ("x86_64", "amd64")


def row_of(*numbers: int) -> npt.NDArray[np.uint8]:
    """Integers of one channel, one row."""
    return np.array(numbers, np.uint8).reshape(1, 1, -1)


def result(integer: QuantizedGraph, **given: npt.NDArray[np.uint8]) -> list[Any]:
    """Integers of the result by the oracle, flat."""
    listed: list[Any] = Oracle(integer).integers(given)[integer.graph.output].reshape(-1).tolist()
    return listed
