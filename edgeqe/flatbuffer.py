"""The few tables of TFLite's flatbuffer that a device needs, without the flatbuffers package.

Field numbers are those of ``schema.fbs``. Every offset is checked against the file, and
what no model of edgeqe holds is refused: LiteRT follows offsets as they come, so only
bytes that passed here are given to it. Nothing here writes.
"""

from __future__ import annotations

import contextlib
import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from edgeqe.errors import ModelError
from edgeqe.protobuf import Operation, Tensor

IDENTIFIER = b"TFL3"
_SCHEMA_VERSION = 3
#: Most numbers of a value, at the size that the file has until it is resized.
_LARGEST_VALUE = 1 << 22
#: Builtin operators that a model of edgeqe may hold.
_OPERATORS = {
    0: "ADD",
    2: "CONCATENATION",
    3: "CONV_2D",
    4: "DEPTHWISE_CONV_2D",
    5: "DEPTH_TO_SPACE",
    6: "DEQUANTIZE",
    14: "LOGISTIC",
    17: "MAX_POOL_2D",
    18: "MUL",
    19: "RELU",
    26: "SPACE_TO_DEPTH",
    34: "PAD",
    40: "MEAN",
    45: "STRIDED_SLICE",
    54: "PRELU",
    82: "REDUCE_MAX",
    98: "LEAKY_RELU",
    111: "ELU",
}
#: Bytes of the fields of their options, by the number of the options' table.
_OPTIONS = {
    1: (1, 4, 4, 1, 4, 4, 1),  # Conv2D
    2: (1, 4, 4, 4, 1, 4, 4),  # DepthwiseConv2D
    5: (1, 4, 4, 4, 4, 1),  # Pool2D
    10: (4, 1),  # Concatenation
    11: (1, 1),  # Add
    19: (4,),  # SpaceToDepth
    21: (1,),  # Mul
    22: (),  # Pad
    27: (1,),  # Reducer
    32: (4, 4, 4, 4, 4, 1),  # StridedSlice
    38: (),  # Dequantize
    75: (4,),  # LeakyRelu
    94: (4,),  # DepthToSpace
}
#: ONNX's number of an element type by TFLite's.
_TYPES = {0: 1, 1: 10, 2: 6, 3: 2, 4: 7, 6: 9, 7: 5, 9: 3}


@dataclass(frozen=True)
class TfliteOutline:
    """What a device reads of a TFLite file; beside `OnnxOutline`."""

    metadata: dict[str, str]
    initializers: dict[str, Tensor]
    operations: tuple[Operation, ...]
    """In running order."""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    shapes: dict[str, tuple[int, ...]]
    """Shape of every tensor, values at the size that the file has until it is resized."""

    @property
    def op_types(self) -> tuple[str, ...]:
        """Operator of each operation."""
        return tuple(operation.op_type for operation in self.operations)

    def origins(self) -> dict[str, str]:
        """Initializer of each value that is one in another type: what DEQUANTIZE makes."""
        return {
            operation.outputs[0]: operation.inputs[0]
            for operation in self.operations
            if operation.op_type == "DEQUANTIZE" and operation.inputs[0] in self.initializers
        }


def outline(data: bytes) -> TfliteOutline:
    """Metadata, constants and operators of a TFLite file.

    Raises
    ------
    ModelError
        If the bytes are not one whole TFLite model, if it refers to data outside the file,
        or holds what no model of edgeqe does.
    """
    if data[4:8] != IDENTIFIER:
        raise ModelError("the file is not a TFLite model: it does not say TFL3.")
    model = _Table(data, _reference(data, 0))
    if model.number(0, "I") != _SCHEMA_VERSION:
        raise ModelError(f"the file is a TFLite model of another version than {_SCHEMA_VERSION}.")
    model.refuse(7, 8, 9)  # signatures, external buffers
    buffers = [_buffer(table) for table in model.tables(4)]
    model.numbers(5, "i")
    graphs = model.tables(2)
    if len(graphs) != 1:
        raise ModelError(f"the TFLite model has {len(graphs)} subgraphs, one is allowed.")
    graph = graphs[0]
    tensors = [_tensor(table, buffers) for table in graph.tables(0)]
    constants = {t.name: t for t in tensors if t.stop > t.start}
    for tensor in tensors:
        same = constants.get(tensor.name)
        if same is not None and (same.start, same.stop) != (tensor.start, tensor.stop):
            raise ModelError(f"the TFLite model has several tensors named '{tensor.name}'.")
    codes = [_operator_name(table) for table in model.tables(1)]
    inputs, outputs = (_indices(graph.numbers(n, "i"), len(tensors)) for n in (1, 2))
    known = {i for i, tensor in enumerate(tensors) if tensor.stop > tensor.start} | set(inputs)
    operations = []
    for table in graph.tables(3):
        operation, made = _operation(table, codes, tensors, known)
        operations.append(operation)
        known |= made
    if not known.issuperset(outputs) or not outputs or not inputs:
        raise ModelError("the TFLite model has no input, or an output that nothing makes.")
    return TfliteOutline(
        _metadata(model, buffers),
        constants,
        tuple(operations),
        tuple(tensors[i].name for i in inputs),
        tuple(tensors[i].name for i in outputs),
        {tensor.name: tensor.dims for tensor in tensors},
    )


def _metadata(model: _Table, buffers: list[tuple[int, int]]) -> dict[str, str]:
    """Entries that are text; other writers keep binary ones beside them."""
    found = {}
    for entry in model.tables(6):
        (number,) = _indices((entry.number(1, "I"),), len(buffers))
        start, stop = buffers[number]
        with contextlib.suppress(UnicodeDecodeError):
            found[entry.text(0)] = model.data[start:stop].decode("utf-8")
    return found


def _buffer(table: _Table) -> tuple[int, int]:
    """Where a buffer's data start and stop."""
    if table.number(1, "Q") or table.number(2, "Q"):
        raise ModelError(
            "the TFLite model keeps data outside its tables, which edgeqe never reads: "
            "export it as one plain file."
        )
    start, count = table.vector(0, 1)
    return start, start + count


def _tensor(table: _Table, buffers: list[tuple[int, int]]) -> Tensor:
    table.refuse(6, 9, 10)  # sparsity, variants, external buffers
    table.numbers(7, "i")
    quantization = table.table(4)
    if quantization is not None:
        quantization.refuse(4, 5)
        for field, kind in ((0, "f"), (1, "f"), (2, "f"), (3, "q")):
            quantization.numbers(field, kind)
        quantization.number(6, "i")
    name, shape, number = table.text(3), table.numbers(0, "i"), table.number(1, "b")
    start, stop = buffers[_indices((table.number(2, "I"),), len(buffers))[0]]
    sound = len(shape) <= 4 and min(shape, default=1) >= 0
    if (
        not sound
        or (start == stop and math.prod(shape) > _LARGEST_VALUE)
        or number not in _TYPES
        or table.number(5, "b")
    ):
        raise ModelError(f"the TFLite model's tensor '{name}' has a type or shape of no network.")
    tensor = Tensor(name, shape, _TYPES[number], start, stop)
    width = tensor.dtype.itemsize
    if stop > start and (math.prod(shape) * width != stop - start or start % width):
        raise ModelError(
            f"the TFLite model's tensor '{name}' of shape {shape} lies in {stop - start} bytes."
        )
    return tensor


def _operator_name(table: _Table) -> str:
    table.refuse(1)  # a custom operator's name
    number = max(table.number(0, "b"), table.number(3, "i"))
    table.number(2, "i")
    if number not in _OPERATORS:
        raise ModelError(f"the TFLite model has the operator {number}, which edgeqe does not run.")
    return _OPERATORS[number]


def _operation(
    table: _Table, codes: list[str], tensors: list[Tensor], known: set[int]
) -> tuple[Operation, set[int]]:
    """One operation, and the tensors it makes; its inputs must be known."""
    table.refuse(5, 7, 8, 9, 10, 11, 12)  # custom options, variables, newer options
    (code,) = _indices((table.number(0, "I"),), len(codes))
    kind, options = table.number(3, "B"), table.table(4)
    if options is not None:
        if kind not in _OPTIONS:
            raise ModelError(f"the TFLite model has operator options {kind}, unknown to edgeqe.")
        for field, width in enumerate(_OPTIONS[kind]):
            options.number(field, "bi"[width == 4])
    given = table.numbers(1, "i")
    inputs = _indices((i for i in given if i != -1), len(tensors))
    outputs = set(_indices(table.numbers(2, "i"), len(tensors)))
    if not known.issuperset(inputs) or known & outputs or not inputs or not outputs:
        raise ModelError("the TFLite model's operators are not in running order.")
    names = tuple("" if i == -1 else tensors[i].name for i in given)
    return Operation(codes[code], names, tuple(tensors[i].name for i in outputs)), outputs


class _Table:
    """A table, its fields by number; absent scalars read as 0, the schema's default for ours."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data, self.position = data, position
        vtable = position - _unpack(data, "i", position)
        size = _unpack(data, "H", vtable)
        width = _unpack(data, "H", vtable + 2)
        if size < 4 or size % 2 or width < 4 or position + width > len(data):
            raise _broken(position)
        self.offsets = _numbers(data, "H", vtable + 4, size // 2 - 2)
        self.width = width

    def _field(self, number: int, width: int) -> int:
        """Position of a field's bytes, 0 if it is absent."""
        offset = self.offsets[number] if number < len(self.offsets) else 0
        if offset and (offset < 4 or offset + width > self.width):
            raise _broken(self.position)
        return self.position + offset if offset else 0

    def number(self, number: int, kind: str) -> int:
        """A scalar, `kind` as struct has it."""
        position = self._field(number, struct.calcsize(kind))
        return _unpack(self.data, kind, position) if position else 0

    def refuse(self, *numbers: int) -> None:
        """Error if one of these fields is there and not 0."""
        for number in numbers:
            position = self._field(number, 1)
            if position and self.data[position : position + 4].strip(b"\0"):
                raise ModelError(
                    "the TFLite model has custom operators, signatures, external or sparse data, "
                    "which edgeqe does not read: export it with edgeqe convert."
                )

    def vector(self, number: int, width: int) -> tuple[int, int]:
        """Position of the first item and count of a vector, (0, 0) if it is absent."""
        position = self._field(number, 4)
        if not position:
            return 0, 0
        start = _reference(self.data, position)
        count = _unpack(self.data, "I", start)
        if start + 4 + count * width > len(self.data):
            raise _broken(start)
        return start + 4, count

    def numbers(self, number: int, kind: str) -> tuple[int, ...]:
        """A vector of scalars."""
        start, count = self.vector(number, struct.calcsize(kind))
        return _numbers(self.data, kind, start, count)

    def table(self, number: int) -> _Table | None:
        """A table below this one."""
        position = self._field(number, 4)
        return _Table(self.data, _reference(self.data, position)) if position else None

    def tables(self, number: int) -> list[_Table]:
        """A vector of tables."""
        start, count = self.vector(number, 4)
        return [
            _Table(self.data, _reference(self.data, start + 4 * index)) for index in range(count)
        ]

    def text(self, number: int) -> str:
        """A string, '' if it is absent; a zero byte must stand behind it."""
        start, count = self.vector(number, 1)
        if start and self.data[start + count : start + count + 1] != b"\0":
            raise _broken(start)
        return _text(self.data[start : start + count])


def _unpack(data: bytes, kind: str, position: int) -> int:
    if position < 0 or position + struct.calcsize(kind) > len(data):
        raise _broken(position)
    value: int = struct.unpack_from(f"<{kind}", data, position)[0]
    return value


def _numbers(data: bytes, kind: str, start: int, count: int) -> tuple[int, ...]:
    if start < 0 or start + count * struct.calcsize(kind) > len(data):
        raise _broken(start)
    return struct.unpack_from(f"<{count}{kind}", data, start)


def _reference(data: bytes, position: int) -> int:
    """Where an offset at a position points; never back, and to a multiple of 4."""
    offset = _unpack(data, "I", position)
    if offset < 4 or (position + offset) % 4:
        raise _broken(position)
    return position + offset


def _indices(numbers: Iterable[int], count: int) -> tuple[int, ...]:
    result = tuple(numbers)
    for number in result:
        if not 0 <= number < count:
            raise ModelError(f"the TFLite model refers to number {number} of {count} parts.")
    return result


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ModelError("the file is not a TFLite model: a name in it is not text.") from error


def _broken(position: int) -> ModelError:
    return ModelError(f"the file is not a whole TFLite model: it breaks off at byte {position}.")
