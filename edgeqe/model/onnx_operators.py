"""ONNX operators of edgeqe's files: inputs, attributes, types and shapes of each, and their cost.

A graph is walked once, from its inputs to its outputs. An operator that is not here, an attribute
that edgeqe does not write, and shapes that do not fit are errors, so a runtime only sees graphs
whose every buffer follows from the size of the planes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from edgeqe.errors import ModelError
from edgeqe.model.limits import LARGEST_WINDOW
from edgeqe.model.network import (
    FLOAT16,
    FLOAT32,
    INT8,
    INT32,
    UINT8,
    Network,
    Value,
    area,
    joined,
    rearranged,
    window,
)
from edgeqe.model.onnx_graph import OnnxGraph, unfit
from edgeqe.model.tensors import Attribute, Operation, Tensor


def network_of(
    data: bytes,
    initializers: Mapping[str, Tensor],
    operations: Sequence[Operation],
    inputs: Mapping[str, int],
    outputs: Sequence[str],
) -> Network:
    """Check every operator of a graph.

    Parameters
    ----------
    data : bytes
        The file, for the constants that say shapes.
    initializers : mapping of str to Tensor
    operations : sequence of Operation
        In execution order.
    inputs : mapping of str to int
        Channels of each input of the graph.
    outputs : sequence of str

    Raises
    ------
    ModelError
        If the graph is none of edgeqe.
    """
    if not inputs or not outputs or inputs.keys() & initializers.keys():
        raise ModelError("its network has no input or output, or an input that is a constant.")
    graph = OnnxGraph(data, initializers, inputs)
    for operation in operations:
        _take(graph, operation)
    values = [graph.values.get(name) for name in outputs]
    made = [value for value in values if value is not None]
    if len(made) != len(values) or graph.values.keys() & inputs.keys() & set(outputs):
        raise ModelError("its network has an output that no operator makes.")
    return graph.tally.network(dict(inputs), made)


def _take(graph: OnnxGraph, operation: Operation) -> None:
    """Check one operator and add what it makes."""
    op, names = operation.op_type, operation.inputs
    if op not in _OPERATORS:
        raise ModelError(f"its network has the operator '{op}', which edgeqe does not run.")
    least, most, attributes, check = _OPERATORS[op]
    if not least <= len(names) <= most or len(operation.outputs) != 1:
        raise ModelError(
            f"its operator {op} has {len(names)} inputs and {len(operation.outputs)} outputs."
        )
    for name, value in operation.attributes.items():
        if not isinstance(value, attributes.get(name, ())):
            raise ModelError(f"its operator {op} has an attribute '{name}' of no network.")
    (output,) = operation.outputs
    if not output or output in graph.values or output in graph.constants:
        raise ModelError(f"its operator {op} gives '{output}', which there is already.")
    check(graph, operation)


def _wrong(operation: Operation) -> ModelError:
    stated = ", ".join(f"{name} = {value}" for name, value in operation.attributes.items())
    return ModelError(f"its operator {operation.op_type} has attributes of no network: {stated}.")


def _pair(operation: Operation, name: str, default: int) -> int:
    """An attribute that is the same along both axes."""
    found = operation.attributes.get(name, (default, default))
    if not isinstance(found, tuple) or len(found) != 2 or found[0] != found[1]:
        raise _wrong(operation)
    return found[0]


def _zeros(operation: Operation) -> tuple[int, int]:
    """Rows and columns of zeros, before and behind together."""
    pads = operation.attributes.get("pads", (0, 0, 0, 0))
    if not isinstance(pads, tuple) or len(pads) != 4:
        raise _wrong(operation)
    if not all(0 <= zeros <= LARGEST_WINDOW for zeros in pads):
        raise _wrong(operation)
    return pads[0] + pads[2], pads[1] + pads[3]


def _is(operation: Operation, **expected: Attribute) -> None:
    """Check that attributes have the only values that are written."""
    if any(operation.attributes.get(name) != value for name, value in expected.items()):
        raise _wrong(operation)


def _same(graph: OnnxGraph, operation: Operation) -> None:
    value = graph.value(operation)
    graph.give(operation, value, [value])


def _vectors(graph: OnnxGraph, operation: Operation) -> None:
    """PRelu and BatchNormalization: constants per channel."""
    value = graph.value(operation)
    for index in range(1, len(operation.inputs)):
        if operation.op_type == "PRelu":
            graph.vector(operation, index, value)
            continue
        dims = graph.constant(operation, index, value.kind).dims
        if dims != (value.channels,):
            raise unfit(operation, dims, value)
    graph.give(operation, value, [value])


def _two(graph: OnnxGraph, operation: Operation) -> None:
    first, second = operation.inputs
    if first in graph.values and second in graph.values:
        a, b = graph.values[first], graph.values[second]
        graph.give(operation, joined(a, b, operation.op_type), [a, b])
        return
    index = int(first in graph.values)  # where the constant is
    value = graph.value(operation, 1 - index)
    graph.vector(operation, index, value)
    graph.give(operation, value, [value])


def _concat(graph: OnnxGraph, operation: Operation) -> None:
    _is(operation, axis=1)
    values = [graph.value(operation, index) for index in range(len(operation.inputs))]
    if len({(value.size, value.kind) for value in values}) > 1:
        raise ModelError("its operator Concat joins values that do not fit.")
    channels = sum(value.channels for value in values)
    graph.give(operation, values[0]._replace(channels=channels), values)


def _over_channels(graph: OnnxGraph, operation: Operation) -> None:
    _is(operation, axes=(1,), keepdims=1)
    value = graph.value(operation)
    graph.give(operation, value._replace(channels=1), [value])


def _slice(graph: OnnxGraph, operation: Operation) -> None:
    value = graph.value(operation)
    first, last, axis = (graph.integer(operation, index) for index in (1, 2, 3))
    if axis != 1 or not 0 <= first < last <= value.channels:
        raise ModelError(f"its operator Slice takes {first} to {last} of axis {axis}.")
    graph.give(operation, value._replace(channels=last - first), [value])


def _global(graph: OnnxGraph, operation: Operation) -> None:
    value = graph.value(operation)
    graph.give(operation, value._replace(scale=Fraction(0), offsets=(1, 1)), [value])


def _conv(graph: OnnxGraph, operation: Operation) -> None:
    value, transposed = graph.value(operation), operation.op_type == "ConvTranspose"
    kernel = graph.constant(operation, 1, value.kind)
    groups, stride = operation.attributes.get("group", 1), _pair(operation, "strides", 1)
    if not isinstance(groups, int) or groups < 1 or len(kernel.dims) != 4:
        raise _wrong(operation)
    out, given = kernel.dims[:2]
    if transposed:
        given, out = out, given * groups
    else:
        given *= groups
    gap = _pair(operation, "dilations", 1)
    if not 1 <= gap <= LARGEST_WINDOW or (transposed and gap > 1):
        raise _wrong(operation)
    sides = gap * (kernel.dims[2] - 1) + 1, gap * (kernel.dims[3] - 1) + 1
    if given != value.channels or out % groups or given % groups:
        raise unfit(operation, kernel.dims, value)
    if len(operation.inputs) == 3:
        dims = graph.constant(operation, 2, value.kind).dims
        if dims != (out,):
            raise unfit(operation, dims, value)
    zeros = _zeros(operation)
    size = window(value, sides, stride, zeros)
    taps = size[0]
    if transposed:
        more = _pair(operation, "output_padding", 0)
        if not 0 <= more < stride:
            raise _wrong(operation)
        rows, columns = (
            stride * (value.offsets[axis] - 1) + sides[axis] - zeros[axis] + more for axis in (0, 1)
        )
        size, taps = (value.scale * stride, (rows, columns)), value.scale
    weights = math.prod(kernel.dims)
    macs = weights * area(taps)
    graph.give(operation, Value(out, *size, value.kind), [value], weights=weights, macs=macs)


def _pad(graph: OnnxGraph, operation: Operation) -> None:
    """The edges of a value, repeated or mirrored, in front of a Conv."""
    value, ends = graph.value(operation), graph.integers(operation, 1, 8)
    rows, columns = ends[2] + ends[6], ends[3] + ends[7]
    if operation.attributes.get("mode") not in ("edge", "reflect"):
        raise _wrong(operation)
    if min(ends) < 0 or max(ends) > LARGEST_WINDOW or any(ends[axis] for axis in (0, 1, 4, 5)):
        raise _wrong(operation)
    if value.scale == 0:
        raise _wrong(operation)
    offsets = value.offsets[0] + rows, value.offsets[1] + columns
    graph.give(operation, value._replace(offsets=offsets), [value])


def _max_pool(graph: OnnxGraph, operation: Operation) -> None:
    value = graph.value(operation)
    side, pads = _pair(operation, "kernel_shape", 0), operation.attributes.get("pads", (0,))
    stride, zeros = _pair(operation, "strides", 1), _zeros(operation)
    size = window(value, (side, side), stride, zeros)
    if isinstance(pads, tuple) and max(pads) >= side:
        raise _wrong(operation)
    graph.give(operation, Value(value.channels, *size, value.kind), [value])


def _blocks(graph: OnnxGraph, operation: Operation) -> None:
    value, block = graph.value(operation), operation.attributes.get("blocksize", 0)
    if not isinstance(block, int):
        raise _wrong(operation)
    graph.give(operation, rearranged(value, operation.op_type, block), [value])


def _cast(graph: OnnxGraph, operation: Operation) -> None:
    """Of a value or a constant, between the kinds of floats, or from integer weights."""
    kind = operation.attributes.get("to")
    if kind not in (FLOAT32, FLOAT16):
        raise _wrong(operation)
    if operation.inputs[0] in graph.values:
        value = graph.value(operation)
        if value.kind not in (FLOAT32, FLOAT16):
            raise _wrong(operation)
        graph.give(operation, value._replace(kind=int(kind)), [value])
        return
    found = graph.constant(operation, 0, FLOAT32, FLOAT16, INT8)
    _constant(graph, operation, found, int(kind))


def _constant(graph: OnnxGraph, operation: Operation, found: Tensor, kind: int) -> None:
    """Add a constant that is made of another one; it has no bytes of its own in the file."""
    name = operation.outputs[0]
    graph.constants[name] = Tensor(name, found.dims, kind, 0, 0)
    graph.tally.operators += 1


def _quantize(graph: OnnxGraph, operation: Operation) -> None:
    value = graph.value(operation)
    scale, zero = graph.constant(operation, 1, FLOAT32), graph.constant(operation, 2, UINT8, INT8)
    if value.kind != FLOAT32 or scale.dims or zero.dims:
        raise unfit(operation, scale.dims, value)
    graph.give(operation, value._replace(kind=zero.data_type), [value])


def _dequantize(graph: OnnxGraph, operation: Operation) -> None:
    """Of a value by one scale, or of a constant by one or one per channel."""
    scale = graph.constant(operation, 1, FLOAT32)
    if operation.inputs[0] in graph.values:
        value, kind = graph.value(operation), graph.value(operation).kind
        if operation.attributes or kind not in (UINT8, INT8) or scale.dims:
            raise unfit(operation, scale.dims, value)
        graph.give(operation, value._replace(kind=FLOAT32), [value])
    else:
        found = graph.constant(operation, 0, UINT8, INT8, INT32)
        axis, kind = operation.attributes.get("axis", 1), found.data_type
        if scale.dims and not (
            isinstance(axis, int)
            and 0 <= axis < len(found.dims)
            and scale.dims == (found.dims[axis],)
        ):
            raise ModelError(
                f"its operator DequantizeLinear has scales of shape {scale.dims} for {found.dims}."
            )
        _constant(graph, operation, found, FLOAT32)
    if len(operation.inputs) == 3 and graph.constant(operation, 2, kind).dims != scale.dims:
        raise ModelError("its operator DequantizeLinear has other zero points than scales.")


_Check = Callable[[OnnxGraph, Operation], None]
_Attributes = dict[str, type]
_WINDOW: _Attributes = {"pads": tuple, "strides": tuple}
#: Least and most inputs, attributes with their types, and check of each operator.
_OPERATORS: dict[str, tuple[int, int, _Attributes, _Check]] = {
    "Add": (2, 2, {}, _two),
    "BatchNormalization": (5, 5, {"epsilon": float}, _vectors),
    "Cast": (1, 1, {"to": int}, _cast),
    "Concat": (1, 64, {"axis": int}, _concat),
    "Conv": (2, 3, {**_WINDOW, "dilations": tuple, "group": int}, _conv),
    "ConvTranspose": (2, 3, {**_WINDOW, "group": int, "output_padding": tuple}, _conv),
    "DepthToSpace": (1, 1, {"blocksize": int}, _blocks),
    "DequantizeLinear": (2, 3, {"axis": int}, _dequantize),
    "Div": (2, 2, {}, _two),
    "Elu": (1, 1, {"alpha": float}, _same),
    "Erf": (1, 1, {}, _same),
    "GlobalAveragePool": (1, 1, {}, _global),
    "GlobalMaxPool": (1, 1, {}, _global),
    "HardSigmoid": (1, 1, {"alpha": float, "beta": float}, _same),
    "LeakyRelu": (1, 1, {"alpha": float}, _same),
    "Max": (2, 2, {}, _two),
    "MaxPool": (1, 1, {**_WINDOW, "kernel_shape": tuple}, _max_pool),
    "Min": (2, 2, {}, _two),
    "Mul": (2, 2, {}, _two),
    "Pad": (2, 2, {"mode": str}, _pad),
    "PRelu": (2, 2, {}, _vectors),
    "QuantizeLinear": (3, 3, {}, _quantize),
    "ReduceMax": (1, 1, {"axes": tuple, "keepdims": int}, _over_channels),
    "ReduceMean": (1, 1, {"axes": tuple, "keepdims": int}, _over_channels),
    "Relu": (1, 1, {}, _same),
    "Selu": (1, 1, {}, _same),
    "Sigmoid": (1, 1, {}, _same),
    "Slice": (4, 4, {}, _slice),
    "Softplus": (1, 1, {}, _same),
    "SpaceToDepth": (1, 1, {"blocksize": int}, _blocks),
    "Sqrt": (1, 1, {}, _same),
    "Sub": (2, 2, {}, _two),
    "Tanh": (1, 1, {}, _same),
}
