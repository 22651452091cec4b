"""State of the ONNX importer: the graph as it is built, and one node of the file."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.errors import InputError
from edgeqe.typing import Array, Float


@dataclass
class OnnxEditor:
    """The graph while an ONNX file is imported: values, constants and names so far."""

    tensors: Mapping[str, Array]
    """Constants of the file."""
    channels: dict[str, int]
    """Number of channels of every value so far."""
    taken: set[str]
    """Names of values and constants, used or to come."""
    vectors: Collection[str] = ()
    """Constants that keep their shape: the strength vectors of a model file of edgeqe."""
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Float] = field(default_factory=dict)
    alias: dict[str, str] = field(default_factory=dict)
    """Value or constant behind an operator that is the identity at inference."""
    padded: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    """Input of a Pad, and its zeros before and behind."""
    names: set[str] = field(default_factory=set)
    """Names of nodes."""
    spread: dict[tuple[str, tuple[int, ...]], str] = field(default_factory=dict)
    """Constant of the graph that holds one of the file, broadcast to another shape."""

    def value(self, name: str, reader: str) -> str:
        """Activation that a name refers to, behind any identity.

        Raises
        ------
        InputError
            If it is a constant, padded, or made by nothing before.
        """
        name = self.alias.get(name, name)
        if name in self.padded:
            raise InputError(f"{reader}: a Pad is read only in front of a Conv.")
        if name not in self.channels:
            what = "a constant" if name in self.tensors else "made by nothing before it"
            raise InputError(f"{reader}: '{name}' is {what}; it must be a value of the network.")
        return name

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
