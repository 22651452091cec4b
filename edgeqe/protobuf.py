"""The few fields of ONNX's protobuf that a device needs, without the onnx package.

Field numbers are those of ``onnx.proto3``. Nothing here writes: a tensor is
returned with the position of its raw bytes, and the caller replaces those in place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgeqe.errors import ModelError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MODEL_GRAPH, _MODEL_METADATA = 7, 14
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_OP_TYPE = 4
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW, _TENSOR_EXTERNAL = 1, 2, 8, 9, 13


@dataclass(frozen=True)
class Tensor:
    """An initializer: where its bytes lie."""

    name: str
    dims: tuple[int, ...]
    data_type: int
    """ONNX's number of the element type; 1 is float32."""
    start: int
    """First byte of the raw data in the file; equal to `stop` if it has none."""
    stop: int
    """Byte behind the last."""


@dataclass(frozen=True)
class OnnxOutline:
    """What a device reads of an ONNX file."""

    metadata: dict[str, str]
    initializers: dict[str, Tensor]
    op_types: tuple[str, ...]


def outline(data: bytes) -> OnnxOutline:
    """Metadata, initializers and operator types of an ONNX file.

    Raises
    ------
    ModelError
        If the bytes are not a whole ONNX model, or refer to data outside the file.
    """
    metadata: dict[str, str] = {}
    initializers: dict[str, Tensor] = {}
    op_types: list[str] = []
    seen_graph = False
    for number, start, stop in _fields(data, 0, len(data)):
        if number == _MODEL_METADATA:
            pair = {n: data[a:b] for n, a, b in _fields(data, start, stop)}
            metadata[_text(pair.get(1, b""))] = _text(pair.get(2, b""))
        elif number == _MODEL_GRAPH:
            seen_graph = True
            for inner, a, b in _fields(data, start, stop):
                if inner == _GRAPH_INITIALIZER:
                    tensor = _tensor(data, a, b)
                    initializers[tensor.name] = tensor
                elif inner == _GRAPH_NODE:
                    op_types += [
                        _text(data[c:d]) for n, c, d in _fields(data, a, b) if n == _NODE_OP_TYPE
                    ]
    if not seen_graph:
        raise ModelError("the file is not an ONNX model: it holds no graph.")
    return OnnxOutline(metadata, initializers, tuple(op_types))


def _tensor(data: bytes, start: int, stop: int) -> Tensor:
    name, dims, data_type, raw = "", [], 0, (0, 0)
    for number, a, b in _fields(data, start, stop):
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


def _fields(data: bytes, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Number, start and stop of the payload of each field."""
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
