"""Strength vectors as graph inputs of an ONNX file, so that one engine serves all strengths.

An accelerator compiles a network once, with its constants in it. Here named initializers of the
ONNX graph are replaced by inputs of their names, shapes and types; nothing else changes.
"""

from __future__ import annotations

from collections.abc import Iterable

from edgeqe.errors import ModelError
from edgeqe.model.protobuf import GRAPH, GRAPH_INITIALIZER, MODEL, MODEL_GRAPH, initializer
from edgeqe.model.protobuf_encoding import bytes_field, int_field
from edgeqe.model.protobuf_wire import fields
from edgeqe.model.tensors import Tensor

_GRAPH_INPUT = 11
_VALUE_NAME, _VALUE_TYPE = 1, 2
_TYPE_TENSOR, _TENSOR_ELEMENT, _TENSOR_SHAPE = 1, 1, 2
_SHAPE_DIM, _DIM_VALUE = 1, 1


def with_vector_inputs(data: bytes, names: Iterable[str]) -> bytes:
    """Replace initializers of an ONNX file by inputs.

    Parameters
    ----------
    data : bytes
        ONNX model.
    names : iterable of str
        Its initializers that become inputs.

    Raises
    ------
    ModelError
        If the bytes are no whole ONNX model, or lack one of the constants.
    """
    wanted, parts, end = set(names), list[bytes](), 0
    for number, _, start, stop in fields(data, 0, len(data), MODEL):
        if number == MODEL_GRAPH:
            parts.append(bytes_field(MODEL_GRAPH, _graph(data, start, stop, wanted)))
        else:
            parts.append(data[end:stop])
        end = stop
    if wanted:
        raise ModelError(f"its strength vectors {', '.join(sorted(wanted))} are missing.")
    return b"".join(parts)


def _graph(data: bytes, start: int, stop: int, wanted: set[str]) -> bytes:
    """GraphProto with the wanted initializers as inputs; those found are taken out of the set."""
    kept, inputs, end = list[bytes](), list[bytes](), start
    for number, _, a, b in fields(data, start, stop, GRAPH):
        tensor = initializer(data, a, b) if number == GRAPH_INITIALIZER else None
        if tensor is not None and tensor.name in wanted:
            wanted.discard(tensor.name)
            inputs.append(bytes_field(_GRAPH_INPUT, _value(tensor)))
        else:
            kept.append(data[end:b])
        end = b
    return b"".join([*kept, *inputs])


def _value(tensor: Tensor) -> bytes:
    """ValueInfoProto of a tensor's name, type and shape."""
    dims = b"".join(bytes_field(_SHAPE_DIM, int_field(_DIM_VALUE, size)) for size in tensor.dims)
    typed = int_field(_TENSOR_ELEMENT, tensor.data_type) + bytes_field(_TENSOR_SHAPE, dims)
    return bytes_field(_VALUE_NAME, tensor.name.encode()) + bytes_field(
        _VALUE_TYPE, bytes_field(_TYPE_TENSOR, typed)
    )
