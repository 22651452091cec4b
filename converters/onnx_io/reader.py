"""ONNX file to graph: exports of PyTorch, files made by hand, and edgeqe's own.

Constants may be initializers or Constant nodes, in float16, float32 or double; the size of
the picture may be fixed or not. `operators.KNOWN` lists the operators that are read;
every other is refused by name. Nothing of the file runs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

from edgeqe.converters.graph.graph import KEYS, Graph
from edgeqe.converters.onnx_io import editor as onnx_editor
from edgeqe.converters.onnx_io import file as onnx_file
from edgeqe.converters.onnx_io import operators as onnx_operators
from edgeqe.converters.onnx_io import patterns
from edgeqe.converters.onnx_io.editor import Rounding
from edgeqe.converters.onnx_io.finishing import FLOATS, finishing
from edgeqe.converters.onnx_io.shapes import TRACED
from edgeqe.converters.rewrites.phases import fuse_selections
from edgeqe.errors import InputError, ModelError
from edgeqe.model.card import CARD_KEY, read_card, read_strengths
from edgeqe.reports.tables import counted
from edgeqe.typing import Array, Float

#: Element types of a picture.
PICTURES = (*FLOATS, TensorProto.UINT8)


def graph_of(source: Path | bytes, *, clips: bool = True) -> Graph:
    """Graph of an ONNX file.

    A Clip at the end that only keeps a picture in its range is dropped: edgeqe clips
    itself. A model file of edgeqe keeps the names of its constants, and its strength vectors.

    Parameters
    ----------
    source : Path or bytes
        A file, or the content of one.
    clips : bool
        Whether such a Clip is dropped: that of a residual is part of the network.

    Returns
    -------
    Graph
        In the file's own value range, with the file's names of inputs and output.

    Raises
    ------
    InputError
        If the file is damaged, takes or gives something else than one picture, or holds an
        operator that has no counterpart; the message names operator and node.
    """
    model = onnx_file.load(source)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    ours = CARD_KEY in metadata
    vectors = read_card(metadata).vectors if ours else ()
    name = source.stem if isinstance(source, Path) and not ours else model.graph.name
    graph, _ = read_graph(model.graph, name or "network", vectors, clips=clips)
    return replace(graph, vectors=_vectors(graph, metadata)) if ours else graph


def read_graph(
    proto: onnx.GraphProto, name: str, vectors: Collection[str] = (), *, clips: bool = True
) -> tuple[Graph, dict[str, list[Rounding]]]:
    """Graph of all nodes that the one output depends on, and where the file rounds its values.

    Parameters
    ----------
    proto : GraphProto
        What exporters write by parts is joined in it.
    name : str
        Of the graph.
    vectors : collection of str
        Strength vectors of a model file of edgeqe.
    clips : bool
        As of `graph_of`.

    Raises
    ------
    InputError
        As `graph_of`.
    """
    patterns.join(proto, onnx_file.constants(proto))
    if len(proto.output) != 1:
        names = ", ".join(f"'{value.name}'" for value in proto.output)
        raise InputError(f"the network gives {names}: it must give one picture.")
    tensors = onnx_file.constants(proto)
    inputs = _inputs(proto, tensors)
    taken = {name for node in proto.node for name in node.output} | set(tensors)
    editor = onnx_editor.OnnxEditor(tensors, dict(inputs), _traced(proto), taken, vectors)
    for value in proto.input:
        own = f"{value.name}.picture"
        if own in inputs:
            editor.moved[value.name] = editor.layout(own, "the input").transposed((0, 2, 3, 1))
    passed = {name for node in finishing(proto, tensors, clips=clips) for name in node.output}
    result, wanted, needed = proto.output[0].name, {proto.output[0].name}, []
    for node in reversed(proto.node):
        if wanted & set(node.output):
            wanted |= set(node.input)
            needed.append(node)
    for node in reversed(needed):
        onnx_operators.read(editor, node, last=not passed.isdisjoint(node.output))
    last = editor.alias.get(result, result)
    if last in editor.moved and editor.moved[last].order_of_axes() == (0, 2, 3, 1):
        output = editor.moved[last].source
    else:
        output = editor.value(result, "the output")
    graph = Graph(name, inputs, output, (), {}).with_nodes(editor.nodes, editor.constants)
    rounded = {result if value == output else value: r for value, r in editor.rounded.items()}
    graph = fuse_selections(_renamed_output(graph, result))
    graph.scales()
    return graph, rounded


def _inputs(proto: onnx.GraphProto, tensors: Mapping[str, Array]) -> dict[str, int]:
    """Number of channels of the picture, and of the prediction residual where there is one."""
    result: dict[str, int] = {}
    for value in proto.input:
        if value.name in tensors:  # up to IR version 3, initializers are inputs as well
            continue
        kind = value.type.tensor_type
        sides = [side.dim_value for side in kind.shape.dim]  # 0: any
        last = channels_last(sides)
        if (
            kind.elem_type not in PICTURES
            or len(sides) != 4
            or sides[0] > 1
            or (sides[1] < 1 and not last)
        ):
            raise InputError(
                f"input '{value.name}' is no picture: it must hold floats of shape (1 or any, "
                f"channels, height, width), or channels last; it has shape {sides}, where 0 is any, "
                f"and ONNX's type {kind.elem_type} (floats are 1, 10 and 11, bytes 2)."
            )
        result[f"{value.name}.picture" if last else value.name] = sides[3 if last else 1]
    pictures = [name for name in result if name != "residual"]
    if len(pictures) != 1 or result.get("residual", 1) != 1:
        names = ", ".join(
            f"'{name}' ({counted(count, 'channel')})" for name, count in result.items()
        )
        raise InputError(
            f"the network takes {names or 'nothing'}: it must take one picture, and may take "
            "'residual' of one channel."
        )
    return {pictures[0]: result.pop(pictures[0]), **result}


def channels_last(sides: Sequence[int]) -> bool:
    """Whether the channels of a picture of these sides, 0 for any, are the last axis."""
    return len(sides) == 4 and sides[1] not in (1, 3) and sides[3] in (1, 3)


def takes_bytes(source: Path | bytes) -> bool:
    """Whether a file takes 8-bit sample values as integers."""
    graph = onnx_file.load(source).graph
    fixed = {tensor.name for tensor in graph.initializer}
    kinds = [v.type.tensor_type.elem_type for v in graph.input if v.name not in fixed]
    return kinds == [TensorProto.UINT8]


def stated_size(source: Path | bytes) -> tuple[int, int] | None:
    """Height and width of a file's picture; None where one is open."""
    rows, columns = _traced(onnx_file.load(source).graph)
    return None if rows == TRACED[0] or columns == TRACED[1] else (rows, columns)


def _traced(proto: onnx.GraphProto) -> tuple[int, int]:
    """Height and width that sizes are computed at: the file's own where it states them."""
    fixed = {tensor.name for tensor in proto.initializer}
    for value in proto.input:
        sides = [side.dim_value for side in value.type.tensor_type.shape.dim]
        if value.name not in fixed and len(sides) == 4:
            rows, columns = sides[1:3] if channels_last(sides) else sides[2:]
            return rows or TRACED[0], columns or TRACED[1]
    return TRACED


def _renamed_output(graph: Graph, name: str) -> Graph:
    """Graph whose output is named as in the file; an output that is the input is refused."""
    old = graph.output
    if old in graph.inputs:
        raise InputError("the network gives its input back: there is nothing to convert.")
    nodes = tuple(
        replace(
            node,
            inputs=tuple(name if other == old else other for other in node.inputs),
            output=name if node.output == old else node.output,
        )
        for node in graph.nodes
    )
    return replace(graph, nodes=nodes, output=name)


def _vectors(graph: Graph, metadata: Mapping[str, str]) -> dict[str, Float]:
    """Strength vectors of a model file of edgeqe, at every one of `KEYS` of each of its codecs."""
    card, table = read_card(metadata), read_strengths(metadata)
    sizes = [graph.constants[n].size if n in graph.constants else 0 for n in card.vectors]
    columns = 0 if table is None else table.basis.shape[1]
    if 0 in sizes or sum(sizes) != columns:
        raise ModelError(
            f"its strength table has {columns} columns for {sum(sizes)} values of "
            f"{len(sizes)} vectors: the file was edited, export it again."
        )
    if table is None:
        return {}
    rows = np.stack([table.row(KEYS[0] + row) for row in range(table.blocks * len(KEYS))])
    parts = np.split(rows, np.cumsum(sizes)[:-1], axis=1)
    return dict(zip(card.vectors, parts, strict=True))
