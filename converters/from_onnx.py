"""ONNX of any tool to graph: PyTorch's exports, our own files, hand-made ones.

Constants may be initializers or Constant nodes, in float16, float32 or double; the size of
the picture may be fixed or not. What a network of convolutions is exported to is read,
everything else is refused by name; `OPERATORS` lists what is read. Windows that look around
must keep the size, or divide it by their stride, so that tiles equal the whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from edgeqe.card import CARD_KEY, read_card, read_strengths
from edgeqe.converters import onnx_file
from edgeqe.converters.graph import KEYS, Float, Graph, Node
from edgeqe.converters.onnx_windows import Window, conv_window, pads_of, pool_window, transposed
from edgeqe.converters.permute import permute_channels
from edgeqe.errors import InputError, ModelError

FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)
#: Operators that give their input back when a network is used.
PASSING = frozenset({"Cast", "Dropout", "Identity"})
#: Bounds of a Clip that only keeps a picture in its range, in any unit: the runtime clips.
PICTURE_BOUNDS = ((0.0, 1.0), (-1.0, 1.0), (-0.5, 0.5), (0.0, 255.0), (0.0, np.inf))
#: Slope and scale of ONNX's Selu where a node states none.
SELU = 1.67326319217681884765625, 1.05070102214813232421875
#: What is read.
OPERATORS = (
    "Add", "BatchNormalization", "Cast", "Clip", "Concat", "Constant", "Conv", "ConvTranspose",
    "DepthToSpace", "Div", "Dropout", "GlobalAveragePool", "GlobalMaxPool", "Identity",
    "LeakyRelu", "MaxPool", "Mul", "Neg", "PRelu", "Pad", "ReduceMax", "ReduceMean", "Relu",
    "Selu", "Sigmoid", "Slice", "SpaceToDepth", "Split", "Sub",
)  # fmt: skip


def graph_of(source: Path | bytes) -> Graph:
    """Graph of an ONNX file.

    A Clip at the end is dropped if it only keeps a picture in its range. A file of ours
    gives its constants by their own names, and its strength vectors.

    Parameters
    ----------
    source : Path or bytes
        A file, or the content of one.

    Returns
    -------
    Graph
        In the file's own unit; its inputs are those of the file.

    Raises
    ------
    InputError
        If the file is damaged, takes or gives something else than one picture, or holds an
        operator that has no counterpart; the message names operator and node.
    """
    model = onnx_file.load(source)
    reader = _Reader(model, source.stem if isinstance(source, Path) else "")
    graph = reader.read()
    graph.scales()
    return replace(graph, vectors=_vectors(graph, reader.metadata)) if reader.ours else graph


def unclipped(source: Path | bytes) -> bytes:
    """Content of an ONNX file without the Clip at its end that `graph_of` drops.

    For comparing the file with its graph where the picture touches the ends of its range.

    Parameters
    ----------
    source : Path or bytes
        A file, or the content of one.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    model = onnx_file.load(source)
    for node in _tail(model.graph):
        if node.op_type == "Clip":
            node.op_type = "Identity"
            del node.input[1:], node.attribute[:]
    content: bytes = model.SerializeToString()
    return content


def _tail(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Last nodes that only pass on, or clip, what the network gives."""
    makers = {name: node for node in graph.node for name in node.output}
    reads = [name for node in graph.node for name in node.input]
    result: list[onnx.NodeProto] = []
    name = graph.output[0].name
    while name in makers and makers[name].op_type in (*PASSING, "Clip"):
        if reads.count(name) > len(result[-1:]):
            break
        result.append(makers[name])
        name = makers[name].input[0]
    return result


def _vectors(graph: Graph, metadata: dict[str, str]) -> dict[str, Float]:
    """Strength vectors of a file of ours, at every one of `KEYS`."""
    card, table = read_card(metadata), read_strengths(metadata)
    sizes = [graph.constants[n].size if n in graph.constants else 0 for n in card.vectors]
    columns = 0 if table is None else table.basis.shape[1]
    if 0 in sizes or sum(sizes) != columns:
        raise ModelError(
            f"its strength table has {columns} columns for {sum(sizes)} values of the vectors "
            f"{', '.join(card.vectors) or '(none)'}: the file was edited, export it again."
        )
    if table is None:
        return {}
    rows = np.stack([table.row(key) for key in KEYS])
    parts = np.split(rows, np.cumsum(sizes)[:-1], axis=1)
    return dict(zip(card.vectors, parts, strict=True))


class _Reader:
    """State of one reading."""

    def __init__(self, model: onnx.ModelProto, name: str) -> None:
        self.proto = model.graph
        self.metadata = {entry.key: entry.value for entry in model.metadata_props}
        self.ours = CARD_KEY in self.metadata
        self.name = (model.graph.name if self.ours or not name else name) or "network"
        self.tensors = onnx_file.constants(model.graph)
        self.nodes: list[Node] = []
        self.constants: dict[str, Float] = {}
        self.alias: dict[str, str] = {}
        self.padded: dict[str, tuple[str, int, int]] = {}
        self.channels: dict[str, int] = {}
        self.taken = {n for node in model.graph.node for n in (node.name, *node.output)}
        self.taken |= set(self.tensors)
        self.named: set[str] = set()

    def read(self) -> Graph:
        """The whole network, in running order."""
        if len(self.proto.output) != 1:
            names = ", ".join(f"'{value.name}'" for value in self.proto.output)
            raise InputError(f"the network gives {names}: it must give one picture.")
        inputs = self._inputs()
        self.channels |= inputs
        last = {id(node) for node in _tail(self.proto)}
        wanted = {self.proto.output[0].name}
        needed = []
        for node in reversed(self.proto.node):
            if wanted & set(node.output):
                wanted |= set(node.input)
                needed.append(node)
        for node in reversed(needed):
            self._node(node, id(node) in last)
        output = self._value(self.proto.output[0].name, "the network's output")
        graph = Graph(self.name, inputs, output, tuple(self.nodes), self.constants)
        return _with_output(
            graph.with_nodes(self.nodes, self.constants), self.proto.output[0].name
        )

    def _inputs(self) -> dict[str, int]:
        """Channels of each picture; ours may have the prediction residual behind it."""
        result: dict[str, int] = {}
        for value in self.proto.input:
            if value.name in self.tensors:
                continue
            kind = value.type.tensor_type
            sides = [d.dim_value if d.HasField("dim_value") else 0 for d in kind.shape.dim]
            if kind.elem_type not in FLOATS or len(sides) != 4 or sides[0] > 1 or sides[1] < 1:
                raise InputError(
                    f"input '{value.name}' is no picture: it must be of floats, shape "
                    f"(1 or any, channels, height, width); it has {sides} (0 for any)."
                )
            result[value.name] = sides[1]
        pictures = [name for name in result if name != "residual"]
        if len(pictures) != 1 or result.get("residual", 1) != 1:
            names = ", ".join(f"'{name}' ({count} channels)" for name, count in result.items())
            raise InputError(
                f"the network takes {names or 'nothing'}: it must take one picture (and may take "
                "'residual', one channel)."
            )
        return {name: result[name] for name in (*pictures, *(result.keys() - set(pictures)))}

    def _node(self, node: onnx.NodeProto, last: bool) -> None:
        label = node.name or (node.output[0] if node.output else "")
        operator = node.op_type
        if node.domain not in ("", "ai.onnx"):
            operator = f"{node.domain}.{operator}"
        if operator not in OPERATORS:
            raise InputError(
                f"operator '{operator}' (node '{label}') has no counterpart in the graph; known: "
                f"{', '.join(OPERATORS)}."
            )
        if operator == "Constant":
            if node.output[0] not in self.tensors:
                raise InputError(f"node '{label}': a Constant without numbers.")
            return
        given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        call = _Call(self, node, label, given, last)
        try:
            getattr(call, f"_{operator.lower()}")()
        except (IndexError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"operator '{operator}' (node '{label}') is damaged ({error}): export it again."
            ) from error

    def add(self, node: Node) -> None:
        """Append a node; what it reads must exist and have fitting channels."""
        partial = Graph(self.name, self.channels, node.output, (node,), self.constants)
        self.nodes.append(node)
        self.channels[node.output] = partial.channels()[node.output]

    def _value(self, name: str, label: str) -> str:
        """Value that a name stands for."""
        name = self.alias.get(name, name)
        if name in self.padded:
            raise InputError(f"{label}: a Pad is read only in front of a Conv.")
        if name not in self.channels:
            what = "is a constant" if name in self.tensors else "is made by nothing before it"
            raise InputError(f"{label}: '{name}' {what}; it must be a value of the network.")
        return name

    def fresh(self, name: str, taken: set[str] | None = None) -> str:
        """A name that nothing has, the given one if it is free."""
        taken = self.taken if taken is None else taken
        unique, number = name, 1
        while unique in taken or (taken is not self.taken and number > 1 and unique in self.taken):
            number += 1
            unique = f"{name}.{number}"
        taken.add(unique)
        return unique


def _with_output(graph: Graph, name: str) -> Graph:
    """Graph whose output has the file's name, if a node makes it and the name is free."""
    if graph.output in graph.inputs or any(name in node.inputs for node in graph.nodes):
        return graph

    def renamed(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(name if other == graph.output else other for other in names)

    nodes = tuple(
        replace(node, inputs=renamed(node.inputs), output=renamed([node.output])[0])
        for node in graph.nodes
    )
    return replace(graph, nodes=nodes, output=name)
