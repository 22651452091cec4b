"""State of the ONNX importer: the graph as it is built, and one node of the file."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.converters.onnx_io.layouts import CHANNELS, COLUMNS, ROWS, Atom, AxisLayout
from edgeqe.converters.onnx_io.rearranging import picture_of
from edgeqe.errors import InputError
from edgeqe.typing import Array, Float


class Rounding(NamedTuple):
    """One QuantizeLinear of a value: ``integer = rint(float / scale) + zero``."""

    scale: Array
    """In the file's own units: one number, or several."""
    zero: Array
    integers: str
    """Name of its output in the file."""


class Around(NamedTuple):
    """A value and what a Pad puts around it."""

    source: str
    before: tuple[int, int] = (0, 0)
    """Rows above, columns on the left."""
    behind: tuple[int, int] = (0, 0)
    """Rows below, columns on the right."""
    border: str = "zero"
    """As `Node.border`."""


@dataclass
class OnnxEditor:
    """The graph while an ONNX file is imported: values, constants and names so far."""

    tensors: dict[str, Array]
    """Constants of the file, and those computed of them."""
    channels: dict[str, int]
    """Number of channels of every value so far."""
    traced: tuple[int, int]
    """Height and width that the file's own sizes are computed at."""
    taken: set[str]
    """Names of values and constants, used or to come."""
    vectors: Collection[str] = ()
    """Constants that keep their shape: the strength vectors of a model file of edgeqe."""
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Float] = field(default_factory=dict)
    alias: dict[str, str] = field(default_factory=dict)
    """Value or constant behind an operator that is the identity at inference."""
    padded: dict[str, Around] = field(default_factory=dict)
    """Outputs of Pad."""
    moved: dict[str, AxisLayout] = field(default_factory=dict)
    """Values that were reshaped, transposed or cut, until one is read as a picture."""
    scales: dict[str, Fraction] = field(default_factory=dict)
    """Resolution of every value so far, of that of the inputs."""
    names: set[str] = field(default_factory=set)
    """Names of nodes."""
    rounded: dict[str, list[Rounding]] = field(default_factory=dict)
    """QuantizeLinear of each value, which the graph leaves out."""
    spread: dict[tuple[str, tuple[int, ...]], str] = field(default_factory=dict)
    """Constant of the graph that holds one of the file, broadcast to another shape."""

    def __post_init__(self) -> None:
        self.inputs = frozenset(self.channels)
        self.scales |= dict.fromkeys(self.channels, Fraction(1))

    def value(self, name: str, reader: str) -> str:
        """Activation that a name refers to, behind any identity, as a picture.

        Raises
        ------
        InputError
            If it is a constant, padded, made by nothing before, or no picture.
        """
        name = self.alias.get(name, name)
        if name in self.padded:
            raise InputError(f"{reader}: a Pad is read only in front of a Conv.")
        if name in self.moved:
            made = picture_of(self, self.moved[name], name, reader)
            self.alias[name] = made
            return made
        if name not in self.channels:
            what = "a constant" if name in self.tensors else "made by nothing before it"
            raise InputError(f"{reader}: '{name}' is {what}; it must be a value of the network.")
        return name

    def same(self, output: str, source: str) -> None:
        """Let a name of the file stand for another."""
        self.alias[output] = self.alias.get(source, source)

    def shape(self, name: str, reader: str) -> tuple[int, ...]:
        """Shape of anything, at the size that is traced."""
        name = self.alias.get(name, name)
        if name in self.tensors:
            return self.tensors[name].shape
        if name in self.moved:
            return self.moved[name].shape
        if name in self.padded:
            around = self.padded[name]
            sides = self.shape(around.source, reader)[2:]
            rows, columns = (
                sum(ends) for ends in zip(sides, around.before, around.behind, strict=True)
            )
            return (*self.shape(around.source, reader)[:2], rows, columns)
        scale = self.scales[self.value(name, reader)]
        return (1, self.channels[name], *(max(int(side * scale), 1) for side in self.traced))

    def layout(self, name: str, reader: str) -> AxisLayout:
        """Layout of a value; of a picture, the picture itself."""
        name = self.alias.get(name, name)
        if name in self.moved:
            return self.moved[name]
        _, count, rows, columns = self.shape(self.value(name, reader), reader)
        sides = (count, rows, columns)
        atoms = [
            (Atom(axis, side, 1),) if side > 1 else ()
            for axis, side in zip((CHANNELS, ROWS, COLUMNS), sides, strict=True)
        ]
        return AxisLayout(name, sides, ((), *atoms))

    def move(self, output: str, layout: AxisLayout) -> None:
        """Let a name of the file stand for a layout."""
        if layout.order_of_axes() == (0, 1, 2, 3):
            self.same(output, layout.source)
        else:
            self.moved[output] = layout

    def around(self, call: OnnxCall, *, zero_only: bool = False) -> Around:
        """What a window reads: a value, and the Pad in front of it."""
        name = self.alias.get(call.inputs[0], call.inputs[0])
        if name not in self.padded:
            return Around(self.value(name, call.where))
        around = self.padded[name]
        if around.border != "zero" and (zero_only or any(call.given.get("pads", ()))):
            raise InputError(
                f"{call.where} reads a picture whose border is repeated or mirrored, which converts "
                "in front of a Conv without padding of its own."
            )
        return around

    def is_constant(self, name: str) -> bool:
        """Whether a name refers to a constant of the file."""
        return self.alias.get(name, name) in self.tensors

    def array(self, name: str, reader: str) -> Array:
        """Array of the constant that a name refers to.

        Raises
        ------
        InputError
            If it is computed.
        """
        name = self.alias.get(name, name)
        if name not in self.tensors:
            raise InputError(f"{reader}: '{name}' must be a constant of the file.")
        return self.tensors[name]

    def floats(self, name: str, shape: tuple[int, ...], reader: str) -> str:
        """Store a float constant of the file in a shape; its name in the graph.

        Raises
        ------
        InputError
            If it is computed, holds no floats, or neither one value nor as many as fit.
        """
        value = self.array(name, reader)
        if value.dtype not in (np.float16, np.float32, np.float64):
            raise InputError(f"{reader}: constant '{name}' holds {value.dtype}, not floats.")
        own = self.alias.get(name, name)
        if value.shape == shape or own in self.vectors:
            return self.store(own, value)
        if value.size not in (1, math.prod(shape)):
            raise InputError(
                f"{reader}: constant '{name}' of shape {list(value.shape)} does not fit "
                f"{list(shape)}."
            )
        if (own, shape) not in self.spread:
            self.spread[own, shape] = self.fresh(f"{own}.spread")
        value = value.reshape(shape) if value.size > 1 else np.full(shape, value.reshape(()))
        return self.store(self.spread[own, shape], value)

    def per_channel(self, name: str, shape: tuple[int, ...], value: str, reader: str) -> str:
        """Store a constant with one value per channel of an activation; its name in the graph.

        Raises
        ------
        InputError
            If it is computed, or has another shape than (), (1,), (C, 1, 1), (1, C, 1, 1).
        """
        given = self.array(name, reader).shape
        if len(given) > 4 or math.prod(given) != (given[-3] if len(given) > 2 else 1):
            raise InputError(
                f"{reader}: constant '{name}' of shape {list(given)} is neither one value nor one "
                f"for each of {self.channels[value]} channels."
            )
        return self.floats(name, shape, reader)

    def store(self, name: str, value: Array) -> str:
        """Store a constant as float32 under a name, which is returned."""
        self.constants[name] = np.ascontiguousarray(value, np.float32)
        return name

    def number(self, call: OnnxCall, value: str, number: float) -> str:
        """Store one number for every channel of a value; its name."""
        column = np.full((1, self.channels[value], 1, 1), number)
        return self.store(self.fresh(f"{call.label}.number"), column)

    def step(self, op: str, call: OnnxCall, value: str, second: str | float | None = None) -> str:
        """Append a node on the way to a call's output; the value that it makes."""
        made = self.fresh(f"{call.label}.step")
        if isinstance(second, (int, float)):
            second = self.number(call, value, second)
        self.add(op, made, [value] if second is None else [value, second], made)
        return made

    def fresh(self, name: str) -> str:
        """Unused name for a value or constant."""
        unique, count = name, 1
        while unique in self.taken:
            count += 1
            unique = f"{name}.{count}"
        self.taken.add(unique)
        return unique

    def add(self, op: str, label: str, inputs: list[str], output: str, **fields: Any) -> None:
        """Append a node under a unique name."""
        name, count = label, 1
        while name in self.names:
            count += 1
            name = f"{label}.{count}"
        self.names.add(name)
        self.append(Node(op, name, tuple(inputs), output, **fields))

    def append(self, node: Node) -> None:
        """Append a node, whose constants are stored."""
        self.nodes.append(node)
        alone = Graph("", self.channels, node.output, (node,), self.constants)
        self.channels[node.output] = alone.channels()[node.output]
        scale = max(self.scales[name] for name in node.inputs if name in self.scales)
        self.scales[node.output] = node.scaled(scale)


@dataclass(frozen=True)
class OnnxCall:
    """One node of the ONNX file, its attributes decoded."""

    op: str
    label: str
    """Its name, or that of its output."""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    given: Mapping[str, Any]
    """Attributes."""
    last: bool
    """Whether only identities lie between it and the output."""

    @property
    def where(self) -> str:
        """Operator and node name, for error messages."""
        return f"operator '{self.op}' (node '{self.label}')"

    def integers(self, editor: OnnxEditor, name: str, position: int) -> list[int] | None:
        """Integers that are an attribute in old opsets, an input in new ones."""
        if name in self.given:
            return [int(value) for value in self.given[name]]
        if len(self.inputs) <= position or not self.inputs[position]:
            return None
        return [int(value) for value in editor.array(self.inputs[position], self.where).ravel()]

    def scalar(self, editor: OnnxEditor, name: str, position: int) -> float | None:
        """A float that is an attribute in old opsets, an input in new ones."""
        if name in self.given:
            return float(self.given[name])
        if len(self.inputs) <= position or not self.inputs[position]:
            return None
        return float(editor.array(self.inputs[position], self.where).reshape(()))
