"""ONNX protobuf parser: the few fields that a device needs, without the onnx package.

Field numbers are those of ``onnx.proto3``. A tensor is returned with the position of its raw data,
which the caller may replace in place; `protobuf_encoding` writes messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgeqe.errors import ModelError
from edgeqe.model.tensors import Operation, Tensor

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
MODEL_GRAPH, _MODEL_METADATA = 7, 14
_GRAPH_NODE, GRAPH_INITIALIZER = 1, 5
_NODE_INPUT, _NODE_OUTPUT, _NODE_OP_TYPE = 1, 2, 4
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW, _TENSOR_EXTERNAL = 1, 2, 8, 9, 13


@dataclass(frozen=True)
class OnnxOutline:
    """Metadata, initializers and operators of an ONNX file."""

    metadata: dict[str, str]
    initializers: dict[str, Tensor]
    operations: tuple[Operation, ...]
    """In execution order."""

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
            and operation.outputs
            and operation.inputs
            and operation.inputs[0] in self.initializers
        }


def outline(data: bytes) -> OnnxOutline:
    """Parse metadata, initializers and operators of an ONNX file.

    Raises
    ------
    ModelError
        If the bytes are not a whole ONNX model, or refer to data outside the file.
    """
    metadata: dict[str, str] = {}
    initializers: dict[str, Tensor] = {}
    operations: list[Operation] = []
    seen_graph = False
    for number, start, stop in fields(data, 0, len(data)):
        if number == _MODEL_METADATA:
            pair = {n: data[a:b] for n, a, b in fields(data, start, stop)}
            metadata[_text(pair.get(1, b""))] = _text(pair.get(2, b""))
        elif number == MODEL_GRAPH:
            seen_graph = True
            for inner, a, b in fields(data, start, stop):
                if inner == GRAPH_INITIALIZER:
                    tensor = initializer(data, a, b)
                    initializers[tensor.name] = tensor
                elif inner == _GRAPH_NODE:
                    operations.append(_operation(data, a, b))
    if not seen_graph:
        raise ModelError("the file is not an ONNX model: it holds no graph.")
    return OnnxOutline(metadata, initializers, tuple(operations))


def _operation(data: bytes, start: int, stop: int) -> Operation:
    texts: dict[int, list[str]] = {_NODE_INPUT: [], _NODE_OUTPUT: [], _NODE_OP_TYPE: []}
    for number, a, b in fields(data, start, stop):
        if number in texts:
            texts[number].append(_text(data[a:b]))
    inputs, outputs = tuple(texts[_NODE_INPUT]), tuple(texts[_NODE_OUTPUT])
    return Operation("".join(texts[_NODE_OP_TYPE]), inputs, outputs)


def initializer(data: bytes, start: int, stop: int) -> Tensor:
    """Parse a TensorProto.

    Raises
    ------
    ModelError
        If its data are outside the file.
    """
    name, dims, data_type, raw = "", [], 0, (0, 0)
    for number, a, b in fields(data, start, stop):
        if number == _TENSOR_NAME:
            name = _text(data[a:b])
        elif number == _TENSOR_TYPE:
            data_type = _varint(data, a, b)[0]
        elif number == _TENSOR_RAW:
            raw = (a, b)
        elif number == _TENSOR_EXTERNAL:
            raise ModelError(
                "the model keeps weights in another file, which edgeqe never opens: "
                "save it as one file."
            )
        elif number == _TENSOR_DIMS:
            position = a
            while position < b:  # one number, or several packed
                value, position = _varint(data, position, b)
                dims.append(value)
    return Tensor(name, tuple(dims), data_type, *raw)


def fields(data: bytes, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Number, start and stop of the payload of each field of a message, in file order."""
    position = start
    while position < stop:
        tag, position = _varint(data, position, stop)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            end = _varint(data, position, stop)[1]
        elif wire == _BYTES:
            size, position = _varint(data, position, stop)
            end = position + size
        elif wire in (_FIXED32, _FIXED64):
            end = position + (4 if wire == _FIXED32 else 8)
        else:
            raise ModelError(f"the file is not an ONNX model: wire type {wire} at {position}.")
        if end > stop or number == 0:
            raise ModelError(f"the file is not a whole ONNX model: it breaks off at byte {stop}.")
        yield number, position, end
        position = end


def _varint(data: bytes, position: int, stop: int) -> tuple[int, int]:
    value = shift = 0
    while position < stop and shift < 64:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise ModelError(f"the file is not a whole ONNX model: it breaks off at byte {stop}.")


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ModelError("the file is not an ONNX model: a name in it is not text.") from error
