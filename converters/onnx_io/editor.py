"""A graph while an ONNX file is read into it, and one node of the file."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgeqe.converters.graph.graph import Float, Graph, Node
from edgeqe.converters.onnx_io.file import Array
from edgeqe.errors import InputError


@dataclass
class Draft:
    """A graph while it is being read."""

    tensors: Mapping[str, Array]
    """Constants of the file."""
    channels: dict[str, int]
    """Channels of every value so far."""
    taken: set[str]
    """Names of values and constants, used or to come."""
    vectors: Collection[str] = ()
    """Constants that keep their shape: the strength vectors of a file of ours."""
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Float] = field(default_factory=dict)
    alias: dict[str, str] = field(default_factory=dict)
    """Value or constant that a passing operator handed on."""
    padded: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    """What a Pad reads, and its zeros before and behind."""
    names: set[str] = field(default_factory=set)
    """Names of nodes."""
    spread: dict[tuple[str, tuple[int, ...]], str] = field(default_factory=dict)
    """Constant of the graph that holds one of the file in another shape."""

    def value(self, name: str, reader: str) -> str:
        """Value of the network that a name stands for.

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
        """Whether a name stands for a constant of the file."""
        return self.alias.get(name, name) in self.tensors

    def numbers(self, name: str, reader: str) -> Array:
        """Constant that a name stands for.

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
        """Name of a constant of the graph: one of the file's, in a shape.

        Raises
        ------
        InputError
            If it is computed, holds no floats, or neither one number nor as many as fit.
        """
        value = self.numbers(name, reader)
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
        """Name of a constant with one number a channel of a value, in a shape.

        Raises
        ------
        InputError
            If it is computed, or has another shape than (), (1,), (C, 1, 1), (1, C, 1, 1).
        """
        given = self.numbers(name, reader).shape
        if len(given) > 4 or math.prod(given) != (given[-3] if len(given) > 2 else 1):
            raise InputError(
                f"{reader}: constant '{name}' of shape {list(given)} is neither one number nor one "
                f"for each of {self.channels[value]} channels."
            )
        return self.floats(name, shape, reader)

    def store(self, name: str, value: Array) -> str:
        """Keep a constant under a name, which it is returned by."""
        self.constants[name] = np.ascontiguousarray(value, np.float32)
        return name

    def fresh(self, name: str) -> str:
        """A name for a value or constant that nothing has."""
        unique, number = name, 1
        while unique in self.taken:
            number += 1
            unique = f"{name}.{number}"
        self.taken.add(unique)
        return unique

    def add(self, op: str, label: str, inputs: list[str], output: str, **fields: Any) -> None:
        """Append a node under a name of its own."""
        name, number = label, 1
        while name in self.names:
            number += 1
            name = f"{label}.{number}"
        self.names.add(name)
        self.append(Node(op, name, tuple(inputs), output, **fields))

    def append(self, node: Node) -> None:
        """Append a node, whose constants are stored."""
        self.nodes.append(node)
        alone = Graph("", self.channels, node.output, (node,), self.constants)
        self.channels[node.output] = alone.channels()[node.output]


@dataclass(frozen=True)
class Call:
    """One node of the file."""

    op: str
    label: str
    """Its name, or that of its output."""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    given: Mapping[str, Any]
    """Attributes."""
    last: bool
    """Whether nothing but passing operators lies between it and the output."""

    @property
    def where(self) -> str:
        """For errors."""
        return f"operator '{self.op}' (node '{self.label}')"

    def integers(self, draft: Draft, name: str, position: int) -> list[int] | None:
        """Whole numbers that are an attribute in old opsets, an input in new ones."""
        if name in self.given:
            return [int(value) for value in self.given[name]]
        if len(self.inputs) <= position or not self.inputs[position]:
            return None
        return [int(value) for value in draft.numbers(self.inputs[position], self.where).ravel()]

    def number(self, draft: Draft, name: str, position: int) -> float | None:
        """A number that is an attribute in old opsets, an input in new ones."""
        if name in self.given:
            return float(self.given[name])
        if len(self.inputs) <= position or not self.inputs[position]:
            return None
        return float(draft.numbers(self.inputs[position], self.where).reshape(()))
