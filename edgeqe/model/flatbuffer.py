"""TFLite flatbuffer parser: the tables that a device needs, every offset checked.

Field numbers are those of ``schema.fbs``. Every offset is checked against the file, and
what no model of edgeqe holds is refused: LiteRT follows offsets unchecked, so only bytes that
passed here are given to it. Needs no flatbuffers package and writes nothing.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass

from edgeqe.errors import ModelError
from edgeqe.model import limits
from edgeqe.model.flatbuffer_graph import Part
from edgeqe.model.flatbuffer_operators import Operators
from edgeqe.model.flatbuffer_tables import Table, indices, reference
from edgeqe.model.network import Network
from edgeqe.model.tensors import Operation, Tensor

IDENTIFIER = b"TFL3"
_SCHEMA_VERSION = 3
#: Most elements of an activation, at the size that the file has until it is resized.
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
    28: "TANH",
    34: "PAD",
    40: "MEAN",
    41: "SUB",
    45: "STRIDED_SLICE",
    54: "PRELU",
    55: "MAXIMUM",
    57: "MINIMUM",
    73: "LOG",
    76: "RSQRT",
    82: "REDUCE_MAX",
    98: "LEAKY_RELU",
    100: "MIRROR_PAD",
    101: "ABS",
    111: "ELU",
    114: "QUANTIZE",
    117: "HARD_SWISH",
    150: "GELU",
}
#: ONNX's number of an element type by TFLite's.
_TYPES = {0: 1, 1: 10, 2: 6, 3: 2, 4: 7, 6: 9, 7: 5, 9: 3}
_INT32, _INT8 = 2, 9
#: Limits of quantization scales.
_SMALLEST_SCALE, _LARGEST_SCALE = 1e-30, 1e30


@dataclass(frozen=True)
class TfliteOutline:
    """Metadata, constants and operators of a TFLite file; counterpart of `OnnxOutline`."""

    metadata: dict[str, str]
    initializers: dict[str, Tensor]
    """Constants, and the scales of a quantized tensor T as `T.scale`. Several names may refer to
    the same bytes."""
    operations: tuple[Operation, ...]
    """In execution order."""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    shapes: dict[str, tuple[int, ...]]
    """Shape of every tensor, values at the size that the file has until it is resized."""
    types: dict[str, int]
    """ONNX's number of every tensor's element type."""
    network: Network
    """Its ends and cost."""

    @property
    def op_types(self) -> tuple[str, ...]:
        """Operator of each operation."""
        return tuple(operation.op_type for operation in self.operations)

    def origins(self) -> dict[str, str]:
        """Initializer behind each value that DEQUANTIZE makes of one."""
        return {
            operation.outputs[0]: operation.inputs[0]
            for operation in self.operations
            if operation.op_type == "DEQUANTIZE" and operation.inputs[0] in self.initializers
        }


def outline(data: bytes) -> TfliteOutline:
    """Parse metadata, constants and operators of a TFLite file.

    Raises
    ------
    ModelError
        If the bytes are not one whole TFLite model, if it refers to data outside the file,
        or holds what no model of edgeqe does.
    """
    if data[4:8] != IDENTIFIER:
        raise ModelError("the file is not a TFLite model: it does not say TFL3.")
    model = Table(data, reference(data, 0))
    if model.number(0, "I") != _SCHEMA_VERSION:
        raise ModelError(f"the file is a TFLite model of another version than {_SCHEMA_VERSION}.")
    model.refuse(7, 8, 9)  # signatures, external buffers
    buffers = [_buffer(table) for table in model.tables(4, 2 * limits.MOST_TENSORS)]
    model.numbers(5, "i")
    graphs = model.tables(2, limits.MOST_ENTRIES)
    if len(graphs) != 1:
        raise ModelError(f"the TFLite model has {len(graphs)} subgraphs, one is allowed.")
    graph = graphs[0]
    parts = [_part(table, buffers) for table in graph.tables(0, limits.MOST_TENSORS)]
    constants = _constants(parts)
    codes = [_operator_name(table) for table in model.tables(1, limits.MOST_ENTRIES)]
    inputs, outputs = (indices(graph.numbers(n, "i"), len(parts)) for n in (1, 2))
    checked, operations = Operators(data, parts, inputs), []
    for table in graph.tables(3, limits.MOST_OPERATORS):
        operations.append(_operation(table, codes, parts, checked))
    network = checked.network(outputs)
    names = [part.tensor.name for part in parts]
    return TfliteOutline(
        _metadata(model, buffers),
        constants,
        tuple(operations),
        tuple(names[i] for i in inputs),
        tuple(names[i] for i in outputs),
        {part.tensor.name: part.tensor.dims for part in parts},
        {part.tensor.name: part.tensor.data_type for part in parts},
        network,
    )


def _constants(parts: list[Part]) -> dict[str, Tensor]:
    """Constants and scales by name; a name has one place in the file, and a value one name."""
    every = [tensor for part in parts for tensor in (part.tensor, part.scales)]
    found = {tensor.name: tensor for tensor in every if tensor.stop > tensor.start}
    values = set[str]()
    for part in parts:
        if not part.is_constant:
            if part.tensor.name in values or part.tensor.name in found:
                raise _named_twice(part.tensor.name)
            values.add(part.tensor.name)
    for tensor in every:
        same = found.get(tensor.name)
        if same is not None and (same.start, same.stop) != (tensor.start, tensor.stop):
            raise _named_twice(tensor.name)
    return found


def _named_twice(name: str) -> ModelError:
    return ModelError(f"the TFLite model has several tensors named '{name}'.")


def _metadata(model: Table, buffers: list[tuple[int, int]]) -> dict[str, str]:
    """Metadata entries that are text; other writers keep binary ones beside them."""
    found = {}
    for entry in model.tables(6, limits.MOST_ENTRIES):
        (number,) = indices((entry.number(1, "I"),), len(buffers))
        start, stop = buffers[number]
        name = entry.name(0)
        if name in found:
            raise ModelError(f"the TFLite model has the metadata '{name}' twice.")
        with contextlib.suppress(UnicodeDecodeError):
            found[name] = model.data[start:stop].decode("utf-8")
    return found


def _buffer(table: Table) -> tuple[int, int]:
    """Start and stop of a buffer's data."""
    if table.number(1, "Q") or table.number(2, "Q"):
        raise ModelError(
            "the TFLite model keeps data outside its tables, which edgeqe never reads: "
            "export it as one plain file."
        )
    start, count = table.vector(0, 1)
    return start, start + count


def _part(table: Table, buffers: list[tuple[int, int]]) -> Part:
    """A tensor, its scales, and their axis."""
    tensor = _tensor(table, buffers)
    quantization = table.table(4)
    axis = 0 if quantization is None else quantization.number(6, "i")
    return Part(tensor, _scales(table, tensor), axis)


def _tensor(table: Table, buffers: list[tuple[int, int]]) -> Tensor:
    table.refuse(6, 9, 10)  # sparsity, variants, external buffers
    table.numbers(7, "i")
    name, shape, number = table.name(3), table.numbers(0, "i", 4), table.number(1, "b")
    start, stop = buffers[indices((table.number(2, "I"),), len(buffers))[0]]
    sound = bool(name) and min(shape, default=1) >= 0
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


def _scales(table: Table, tensor: Tensor) -> Tensor:
    """Position of a tensor's quantization scales: one, or one per channel of an axis."""
    quantization, shape, number = table.table(4), tensor.dims, table.number(1, "b")
    scales: tuple[float, ...] = ()
    zeros: tuple[int, ...] = ()
    start = axis = 0
    if quantization is not None:
        quantization.refuse(4, 5)
        for field in (0, 1):  # smallest and largest, which only other writers keep
            quantization.numbers(field, "f")
        start, _ = quantization.vector(2, 4)
        scales, zeros = quantization.numbers(2, "f"), quantization.numbers(3, "q")
        axis = quantization.number(6, "i")
    count, central = len(scales), not any(zeros)
    sound = len(zeros) == count and all(_SMALLEST_SCALE <= s <= _LARGEST_SCALE for s in scales)
    if count > 1:
        sound &= 0 <= axis < len(shape) and shape[axis] == count and central
    if number == _INT8:
        sound &= count > 0 and all(-128 <= zero <= 127 for zero in zeros)
    elif count:
        sound &= number == _INT32 and central
    if not sound:
        raise ModelError(
            f"the TFLite model's tensor '{tensor.name}' has scales or zeros of no network."
        )
    return Tensor(f"{tensor.name}.scale", (count,), 1, start, start + 4 * count)


def _operator_name(table: Table) -> str:
    table.refuse(1)  # a custom operator's name
    number = max(table.number(0, "b"), table.number(3, "i"))
    table.number(2, "i")
    if number not in _OPERATORS:
        raise ModelError(f"the TFLite model has the operator {number}, which edgeqe does not run.")
    return _OPERATORS[number]


def _operation(table: Table, codes: list[str], parts: list[Part], checked: Operators) -> Operation:
    """One operator, checked behind those before it."""
    table.refuse(5, 7, 8, 9, 10, 11, 12)  # custom options, variables, newer options
    (code,) = indices((table.number(0, "I"),), len(codes))
    given, made = table.numbers(1, "i"), table.numbers(2, "i")
    indices((i for i in given if i != -1), len(parts))
    indices(made, len(parts))
    checked.take(codes[code], given, made, table.number(3, "B"), table.table(4))
    names = tuple("" if i == -1 else parts[i].tensor.name for i in given)
    return Operation(codes[code], names, tuple(parts[i].tensor.name for i in made))
