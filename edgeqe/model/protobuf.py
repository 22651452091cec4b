"""ONNX parser: what a model file of edgeqe may hold and nothing else, without the onnx package.

Field numbers are those of ``onnx.proto3``. Subgraphs, functions, sparse and external tensors and
foreign domains are fields that the schemas here lack: the runtime would read other files for some
of them. A tensor is returned with the position of its raw data, which the caller may replace in
place; `protobuf_encoding` writes messages.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from edgeqe.errors import ModelError
from edgeqe.model import limits
from edgeqe.model.network import FLOAT32, Network
from edgeqe.model.onnx_operators import network_of
from edgeqe.model.protobuf_wire import (
    BYTES,
    FIXED32,
    VARINT,
    fields,
    integers,
    message,
    name_of,
    text,
    varint,
)
from edgeqe.model.tensors import DTYPES, Attribute, Operation, Tensor

MODEL_GRAPH, GRAPH_INITIALIZER = 7, 5
_EXTERNAL = "keeps weights in another file"
_SUBGRAPH = "has a subgraph"
MODEL = message(
    "the model",
    once={1: VARINT, 2: BYTES, 3: BYTES, 4: BYTES, 5: VARINT, 6: BYTES, MODEL_GRAPH: BYTES},
    many={8: BYTES, 14: BYTES},
    foreign={20: "has training steps", 25: "has functions", 26: "is cut for several devices"},
)
GRAPH = message(
    "the graph",
    once={2: BYTES, 10: BYTES},
    many={1: BYTES, GRAPH_INITIALIZER: BYTES, 11: BYTES, 12: BYTES},
    foreign={
        13: "states shapes of values",
        14: "has quantization annotations",
        15: "has sparse initializers",
    },
)
_NODE = message(
    "an operator",
    once={3: BYTES, 4: BYTES, 6: BYTES, 7: BYTES},
    many={1: BYTES, 2: BYTES, 5: BYTES},
    foreign={8: "calls functions"},
)
_ATTRIBUTE = message(
    "an attribute",
    once={1: BYTES, 2: FIXED32, 3: VARINT, 4: BYTES, 20: VARINT},
    packed=(8,),
    foreign={5: "has a tensor as attribute", 6: _SUBGRAPH,
             11: _SUBGRAPH, 21: "calls functions", 22: "has a sparse attribute",
             23: "has a sparse attribute"},
)  # fmt: skip
_TENSOR = message(
    "a tensor",
    once={2: VARINT, 8: BYTES, 9: BYTES},
    packed=(1,),
    foreign={13: _EXTERNAL, 14: _EXTERNAL},
)
_PAIR = message("a pair", once={1: BYTES, 2: BYTES})
_OPSET = message("an opset", once={1: BYTES, 2: VARINT})
_END = message("an input or output", once={1: BYTES, 2: BYTES})
_TYPE = message("a type", once={1: BYTES})
_TENSOR_TYPE = message("a tensor's type", once={1: VARINT, 2: BYTES})
_SHAPE = message("a shape", many={1: BYTES})
_SIDE = message("a side of a shape", once={1: VARINT, 2: BYTES})
#: Opset and IR version of edgeqe's files.
_OPSET_VERSION, _IR_VERSION = 17, 8
#: Field of an attribute's value by the number of its kind.
_ATTRIBUTE_KINDS = {1: 2, 2: 3, 3: 4, 7: 8}
_NOTHING: dict[int, Attribute] = {3: "", 7: ()}


@dataclass(frozen=True)
class OnnxOutline:
    """Metadata, initializers and operators of an ONNX file."""

    metadata: dict[str, str]
    initializers: dict[str, Tensor]
    operations: tuple[Operation, ...]
    """In execution order."""
    network: Network
    """Its ends and cost."""

    @property
    def op_types(self) -> tuple[str, ...]:
        """Operator of each operation."""
        return tuple(operation.op_type for operation in self.operations)

    def origins(self) -> dict[str, str]:
        """Initializer behind each value that Cast or DequantizeLinear makes of one."""
        return {
            operation.outputs[0]: operation.inputs[0]
            for operation in self.operations
            if operation.op_type in ("Cast", "DequantizeLinear")
            and operation.inputs[0] in self.initializers
        }


def outline(data: bytes) -> OnnxOutline:
    """Parse metadata, initializers and operators of an ONNX file.

    Raises
    ------
    ModelError
        If the bytes are not a whole ONNX model, refer to data outside the file, or hold what no
        model of edgeqe does.
    """
    metadata: dict[str, str] = {}
    graph: tuple[int, int] | None = None
    versions: dict[str, int] = {}
    for number, _, start, stop in fields(data, 0, len(data), MODEL):
        if number == 14:
            pair = {n: data[a:b] for n, _, a, b in fields(data, start, stop, _PAIR)}
            key = name_of(pair.get(1, b""))
            if key in metadata or len(metadata) == limits.MOST_ENTRIES:
                raise ModelError(f"the ONNX model has '{key}' twice, or too much metadata.")
            metadata[key] = text(pair.get(2, b""))
        elif number == MODEL_GRAPH:
            graph = start, stop
        elif number == 8:
            of = {n: (a, b) for n, _, a, b in fields(data, start, stop, _OPSET)}
            domain = text(data[slice(*of[1])]) if 1 in of else ""
            versions[domain] = varint(data, *of[2])[0] if 2 in of else 0
        elif number == 1:
            versions["IR"] = varint(data, start, stop)[0]
    if graph is None:
        raise ModelError("the file is not an ONNX model: it holds no graph.")
    found = _outline(data, *graph, metadata)
    if versions != {"": _OPSET_VERSION, "IR": _IR_VERSION}:
        raise ModelError(
            f"the ONNX model is not of opset {_OPSET_VERSION} and IR version {_IR_VERSION} alone: "
            "export it with edgeqe convert."
        )
    return found


def _outline(data: bytes, start: int, stop: int, metadata: dict[str, str]) -> OnnxOutline:
    initializers: dict[str, Tensor] = {}
    operations: list[Operation] = []
    ends: dict[int, dict[str, tuple[int, int]]] = {11: {}, 12: {}}
    for number, _, a, b in fields(data, start, stop, GRAPH):
        if number == GRAPH_INITIALIZER:
            tensor = initializer(data, a, b)
            if tensor.name in initializers or len(initializers) == limits.MOST_TENSORS:
                raise ModelError(
                    f"the ONNX model has several tensors named '{tensor.name}', or too many."
                )
            initializers[tensor.name] = tensor
        elif number == 1:
            if len(operations) == limits.MOST_OPERATORS:
                raise ModelError(f"its network has more than {limits.MOST_OPERATORS} operators.")
            operations.append(_operation(data, a, b))
        elif number in ends:
            name, *end = _end(data, a, b)
            if name in ends[number] or len(ends[number]) == limits.MOST_TENSORS:
                raise ModelError(f"the ONNX model has several inputs or outputs '{name}'.")
            ends[number][name] = (end[0], end[1])
    inputs = {name: channels for name, (channels, _) in ends[11].items()}
    if any(kind != FLOAT32 for _, kind in ends[11].values()):
        raise ModelError("its network takes other numbers than float32.")
    network = network_of(data, initializers, operations, inputs, tuple(ends[12]))
    made, stated = (*zip(network.outputs, network.kinds, strict=True),), (*ends[12].values(),)
    if made != stated:
        raise ModelError(
            f"its network gives channels and element types {made}, it states {stated}."
        )
    return OnnxOutline(metadata, initializers, tuple(operations), network)


def _operation(data: bytes, start: int, stop: int) -> Operation:
    names: dict[int, list[str]] = {1: [], 2: []}
    kind, attributes = "", dict[str, Attribute]()
    for number, _, a, b in fields(data, start, stop, _NODE):
        if number in names:
            names[number].append(name_of(data[a:b]))
        elif number == 4:
            kind = name_of(data[a:b])
        elif number == 5:
            name, value = _attribute(data, a, b)
            if name in attributes:
                raise ModelError(f"the ONNX model states '{name}' of an operator twice.")
            attributes[name] = value
        elif number == 7 and b > a:
            raise ModelError("the ONNX model has an operator of a foreign domain.")
    return Operation(kind, tuple(names[1]), tuple(names[2]), attributes)


def _attribute(data: bytes, start: int, stop: int) -> tuple[str, Attribute]:
    """Name and value of an attribute: an integer, a float, a word, or integers."""
    name, kind, values, held = "", 0, list[int](), dict[int, Attribute]()
    for number, wire, a, b in fields(data, start, stop, _ATTRIBUTE):
        if number == 1:
            name = name_of(data[a:b])
        elif number == 20:
            kind = varint(data, a, b)[0]
        elif number == 2:
            held[2] = struct.unpack_from("<f", data, a)[0]
        elif number == 3:
            held[3] = _signed(varint(data, a, b)[0])
        elif number == 4:
            held[4] = name_of(data[a:b])
        else:
            values += map(_signed, integers(data, wire, a, b))
            held[8] = tuple(values)
    if kind not in _ATTRIBUTE_KINDS or held.keys() - {_ATTRIBUTE_KINDS[kind]}:
        raise ModelError(f"the ONNX model's attribute '{name}' has a kind of no operator.")
    # an integer or float of 0 may be left out
    return name, held.get(_ATTRIBUTE_KINDS[kind], _NOTHING.get(kind, 0))


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def initializer(data: bytes, start: int, stop: int) -> Tensor:
    """Parse a TensorProto whose raw data are whole.

    Raises
    ------
    ModelError
        If its data are outside the file, or do not fit its shape and type.
    """
    name, data_type, raw = "", 0, (0, 0)
    dims: list[int] = []
    for number, wire, a, b in fields(data, start, stop, _TENSOR):
        if number == 8:
            name = name_of(data[a:b])
        elif number == 2:
            data_type = varint(data, a, b)[0]
        elif number == 9:
            raw = (a, b)
        else:
            dims += integers(data, wire, a, b)
    tensor = Tensor(name, tuple(dims), data_type, *raw)
    size = raw[1] - raw[0]
    if not name or data_type not in DTYPES or len(dims) > 4 or not all(dims):
        raise ModelError(f"the ONNX model's tensor '{name}' has a type or shape of no network.")
    if math.prod(dims) * tensor.dtype.itemsize != size:
        raise ModelError(f"the ONNX model's tensor '{name}' of shape {dims} has {size} bytes.")
    return tensor


def _end(data: bytes, start: int, stop: int) -> tuple[str, int, int]:
    """Name, channels and element type of an input or output (1, channels, any, any)."""
    of = {n: (a, b) for n, _, a, b in fields(data, start, stop, _END)}
    name = name_of(data[slice(*of.get(1, (0, 0)))])
    kind = {n: (a, b) for n, _, a, b in fields(data, *of.get(2, (0, 0)), _TYPE)}
    tensor = {n: (a, b) for n, _, a, b in fields(data, *kind.get(1, (0, 0)), _TENSOR_TYPE)}
    element = varint(data, *tensor[1])[0] if 1 in tensor else 0
    sides = []
    for _, _, a, b in fields(data, *tensor.get(2, (0, 0)), _SHAPE):
        side = {n: (first, last) for n, _, first, last in fields(data, a, b, _SIDE)}
        sides.append(varint(data, *side[1])[0] if 1 in side else 0)
        if len(side) > 1:
            raise ModelError(f"the ONNX model states a side of '{name}' twice.")
        if 2 in side:
            name_of(data[slice(*side[2])])  # runtimes read it as text
    sound = len(sides) == 4 and sides[0] == 1 and sides[1] > 0 and not any(sides[2:])
    if not name or element not in DTYPES or not sound:
        raise ModelError(
            f"the ONNX model's input or output '{name}' has shape {sides} (0: any) and element "
            f"type {element}: floats of shape [1, channels, 0, 0] are right."
        )
    return name, sides[1], element
