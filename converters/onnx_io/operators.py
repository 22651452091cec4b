"""ONNX operators to nodes of the graph, one function each.

Windows that look around must keep the size, or divide it by their stride, at sizes that
the stride divides: without that, tiles would not equal the whole.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import helper

from edgeqe.converters.onnx_io.editor import Call, Draft
from edgeqe.converters.onnx_io.windows import pads, square, transposed_window, window
from edgeqe.converters.rewrites.phases import in_dcr_order
from edgeqe.errors import InputError

#: Operators that give their input back when a network is used.
PASSING = frozenset({"Cast", "Dropout", "Identity"})
#: Bounds of a Clip that only keeps a picture in its range, in the usual units.
PICTURE_BOUNDS = ((0.0, 1.0), (-1.0, 1.0), (-0.5, 0.5), (0.0, 255.0), (0.0, np.inf))
#: Slope and scale of ONNX's Selu where a node states none, and of the graph's.
SELU = (1.6732632423543772, 1.0507009873554805)


def read(draft: Draft, node: onnx.NodeProto, *, last: bool) -> None:
    """Append what a node of the file is in the graph.

    `last` says that only passing operators lie between it and the output.

    Raises
    ------
    InputError
        If it has no counterpart.
    """
    op = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
    label = node.name or next(iter(node.output), "")
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    call = Call(op, label, tuple(node.input), tuple(node.output), given, last)
    if op not in _READERS:
        raise InputError(f"{call.where} has no counterpart in the graph; known: {KNOWN}.")
    try:
        _READERS[op](draft, call)
    except (ArithmeticError, IndexError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{call.where} is damaged ({error}): export the file again.") from error


def _unary(draft: Draft, call: Call) -> None:
    draft.add(call.op, call.label, [draft.value(call.inputs[0], call.where)], call.outputs[0])


def _pass(draft: Draft, call: Call) -> None:
    if call.op == "Cast" and call.given["to"] not in (1, 10, 11):
        raise InputError(f"{call.where} makes whole numbers of a picture: only floats convert.")
    name = call.inputs[0]
    draft.alias[call.outputs[0]] = draft.alias.get(name, name)


def _constant(draft: Draft, call: Call) -> None:
    if call.outputs[0] not in draft.tensors:
        raise InputError(f"{call.where} holds no numbers.")


def _conv(draft: Draft, call: Call) -> None:
    source, before, behind = call.inputs[0], 0, 0
    if draft.alias.get(source, source) in draft.padded:
        source, before, behind = draft.padded[draft.alias.get(source, source)]
    source = draft.value(source, call.where)
    shape = draft.numbers(call.inputs[1], call.where).shape
    groups = int(call.given.get("group", 1))
    side, stride = square(call.given, shape[2:], call.where)
    if len(shape) != 4 or shape[1] * groups != draft.channels[source] or shape[0] % groups:
        raise InputError(
            f"{call.where}: a kernel of shape {list(shape)} in {groups} groups does not fit "
            f"{draft.channels[source]} channels."
        )
    first, end = pads(call.given, side, stride, call.where)
    padding, padding_end = window(side, stride, first + before, end + behind, call.where)
    inputs = [
        source,
        draft.floats(call.inputs[1], shape, call.where),
        *_bias(draft, call, shape[0]),
    ]
    draft.add("Conv", call.label, inputs, call.outputs[0], kernel=side, stride=stride,
              padding=padding, padding_end=padding_end, groups=groups)  # fmt: skip


def _bias(draft: Draft, call: Call, channels: int) -> list[str]:
    if len(call.inputs) < 3 or not call.inputs[2]:
        return []
    return [draft.floats(call.inputs[2], (channels,), call.where)]


def _convtranspose(draft: Draft, call: Call) -> None:
    source = draft.value(call.inputs[0], call.where)
    shape = draft.numbers(call.inputs[1], call.where).shape
    groups = int(call.given.get("group", 1))
    side, stride = square(call.given, shape[2:], call.where)
    if len(shape) != 4 or shape[0] != draft.channels[source] or shape[0] % groups:
        raise InputError(
            f"{call.where}: a kernel of shape {list(shape)} in {groups} groups does not fit "
            f"{draft.channels[source]} channels."
        )
    padding, padding_end = transposed_window(call.given, side, stride, call.where)
    bias = _bias(draft, call, shape[1] * groups)
    inputs = [source, draft.floats(call.inputs[1], shape, call.where), *bias]
    draft.add("ConvTranspose", call.label, inputs, call.outputs[0], kernel=side, stride=stride,
              padding=padding, padding_end=padding_end, groups=groups)  # fmt: skip


def _pad(draft: Draft, call: Call) -> None:
    numbers, mode = call.integers(draft, "pads", 1), call.given.get("mode", b"constant")
    axes = call.integers(draft, "axes", 3) or [0, 1, 2, 3]
    ends = dict.fromkeys(range(4), (0, 0))
    for index, axis in enumerate(axes):
        ends[axis % 4] = ((numbers or [])[index], (numbers or [])[index + len(axes)])
    zero = not call.number(draft, "value", 2)
    even = ends[0] == ends[1] == (0, 0) and ends[2] == ends[3] and min(ends[2]) >= 0
    if mode != b"constant" or not zero or not even:
        raise InputError(
            f"{call.where} pads {numbers} in mode {mode.decode()}: only zeros converts, as many "
            "above as on the left and below as on the right, in front of a Conv."
        )
    draft.padded[call.outputs[0]] = (draft.value(call.inputs[0], call.where), *ends[2])


def _maxpool(draft: Draft, call: Call) -> None:
    if call.given.get("ceil_mode", 0) or len([name for name in call.outputs if name]) > 1:
        raise InputError(f"{call.where}: ceil_mode and indices do not convert.")
    side, stride = square(call.given, tuple(call.given["kernel_shape"]), call.where)
    ends = pads(call.given, side, stride, call.where)
    padding, padding_end = window(side, stride, *ends, call.where)
    draft.add("MaxPool", call.label, [draft.value(call.inputs[0], call.where)], call.outputs[0],
              kernel=side, stride=stride, padding=padding, padding_end=padding_end)  # fmt: skip


def _blocks(draft: Draft, call: Call) -> None:
    source, block = draft.value(call.inputs[0], call.where), int(call.given["blocksize"])
    if block < 1 or (call.op == "DepthToSpace" and draft.channels[source] % block**2):
        raise InputError(
            f"{call.where}: {draft.channels[source]} channels do not fit blocks of {block}."
        )
    if call.op == "DepthToSpace" and call.given.get("mode", b"DCR") != b"DCR":
        nodes, constants = in_dcr_order(
            draft.nodes, draft.constants, source, block, draft.fresh, call.where
        )
        draft.constants.update(constants)
        for node in nodes:
            draft.append(node)
        source = nodes[-1].output
    draft.add(call.op, call.label, [source], call.outputs[0], kernel=block)


def _batchnormalization(draft: Draft, call: Call) -> None:
    source = draft.value(call.inputs[0], call.where)
    if call.given.get("training_mode", 0):
        raise InputError(f"{call.where} is in training mode: export the network for use (eval).")
    shape = (draft.channels[source],)
    names = [draft.floats(name, shape, call.where) for name in call.inputs[1:5]]
    draft.add("BatchNormalization", call.label, [source, *names], call.outputs[0],
              alpha=float(call.given.get("epsilon", 1e-5)))  # fmt: skip


def _leakyrelu(draft: Draft, call: Call) -> None:
    draft.add("LeakyRelu", call.label, [draft.value(call.inputs[0], call.where)], call.outputs[0],
              alpha=float(call.given.get("alpha", 0.01)))  # fmt: skip


def _prelu(draft: Draft, call: Call) -> None:
    source = draft.value(call.inputs[0], call.where)
    shape = (draft.channels[source], 1, 1)
    slope = draft.per_channel(call.inputs[1], shape, source, call.where)
    draft.add("PRelu", call.label, [source, slope], call.outputs[0])


def _selu(draft: Draft, call: Call) -> None:
    given = call.given.get("alpha", SELU[0]), call.given.get("gamma", SELU[1])
    if not np.allclose(given, SELU, rtol=1e-6, atol=0):
        raise InputError(f"{call.where}: only the standard Selu converts; it has {given}.")
    _unary(draft, call)


def _clip(draft: Draft, call: Call) -> None:
    low, high = call.number(draft, "min", 1), call.number(draft, "max", 2)
    low = -np.inf if low is None or low < -3e38 else low
    high = np.inf if high is None or high > 3e38 else high
    if call.last and (low, high) in PICTURE_BOUNDS:
        _pass(draft, call)
    elif (low, high) == (0.0, np.inf):
        draft.add("Relu", call.label, [draft.value(call.inputs[0], call.where)], call.outputs[0])
    else:
        raise InputError(
            f"{call.where} clips to {low:g} and {high:g}: only a Clip that is a Relu, or one at "
            "the end to the range of a picture, converts."
        )


def _two(draft: Draft, call: Call) -> None:
    """Add, Sub, Mul and Div of two values, or of a value and a constant."""
    a, b = call.inputs
    minus = call.op == "Sub"
    if draft.is_constant(a) and draft.is_constant(b):
        raise InputError(f"{call.where} joins two constants: simplify the file first (onnxsim).")
    if call.op == "Div" and not draft.is_constant(b):
        raise InputError(f"{call.where}: only a division by a constant converts.")
    if draft.is_constant(b):
        value = draft.value(a, call.where)
        name = draft.per_channel(b, (1, draft.channels[value], 1, 1), value, call.where)
        if minus or call.op == "Div":
            numbers = draft.constants[name]
            if not minus and not numbers.all():
                raise InputError(f"{call.where} divides by 0.")
            name = draft.fresh(f"{call.label}.{'minus' if minus else 'by'}")
            draft.store(name, -numbers if minus else 1.0 / numbers.astype(np.float64))
        draft.add("Add" if call.op in ("Add", "Sub") else "Mul", call.label, [value, name],
                  call.outputs[0])  # fmt: skip
        return
    second = draft.value(b, call.where)
    if minus:
        negative = draft.fresh(f"{call.label}.negative")
        _negate(draft, call, second, negative)
        second = negative
    if draft.is_constant(a):
        shape = (1, draft.channels[second], 1, 1)
        inputs = [second, draft.per_channel(a, shape, second, call.where)]
    else:
        inputs = [draft.value(a, call.where), second]
        counts = {draft.channels[name] for name in inputs}
        if len(counts - {1}) > 1:
            raise InputError(f"{call.where} joins values of {sorted(counts)} channels.")
    draft.add("Add" if minus else call.op, call.label, inputs, call.outputs[0])


def _negate(draft: Draft, call: Call, source: str, output: str) -> None:
    channels = draft.channels[source]
    minus = draft.store(draft.fresh(f"{call.label}.minus"), -np.ones((1, channels, 1, 1)))
    draft.add("Mul", f"{call.label}.negate", [source, minus], output)


def _neg(draft: Draft, call: Call) -> None:
    _negate(draft, call, draft.value(call.inputs[0], call.where), call.outputs[0])


def _concat(draft: Draft, call: Call) -> None:
    if call.given["axis"] not in (1, -3):
        raise InputError(f"{call.where} joins along axis {call.given['axis']}: only channels do.")
    values = [draft.value(name, call.where) for name in call.inputs]
    draft.add("Concat", call.label, values, call.outputs[0])


def _reduce(draft: Draft, call: Call) -> None:
    axes = sorted(axis % 4 for axis in call.integers(draft, "axes", 1) or [])
    if axes not in ([1], [2, 3]) or not call.given.get("keepdims", 1):
        raise InputError(
            f"{call.where} goes over axes {axes}: only channels (1), or rows and columns (2 and "
            "3), convert, with keepdims."
        )
    whole = {"ReduceMean": "GlobalAveragePool", "ReduceMax": "GlobalMaxPool"}[call.op]
    draft.add(call.op if axes == [1] else whole, call.label,
              [draft.value(call.inputs[0], call.where)], call.outputs[0])  # fmt: skip


def _split(draft: Draft, call: Call) -> None:
    source = draft.value(call.inputs[0], call.where)
    channels, count = draft.channels[source], len(call.outputs)
    sizes = call.integers(draft, "split", 1)
    if sizes is None:  # the last part may be smaller (opset 18)
        part = -(-channels // count)
        sizes = [part] * (count - 1) + [channels - part * (count - 1)]
    if call.given.get("axis", 0) not in (1, -3) or sum(sizes) != channels or min(sizes) < 1:
        raise InputError(
            f"{call.where} splits {channels} channels into {sizes} along axis "
            f"{call.given.get('axis', 0)}: only channels do, all of them."
        )
    first = 0
    for name, size in zip(call.outputs, sizes, strict=True):
        draft.add("Slice", call.label, [source], name, first=first, last=first + size)
        first += size


def _slice(draft: Draft, call: Call) -> None:
    source = draft.value(call.inputs[0], call.where)
    starts, ends = call.integers(draft, "starts", 1), call.integers(draft, "ends", 2)
    axes, steps = call.integers(draft, "axes", 3), call.integers(draft, "steps", 4) or [1]
    if axes not in ([1], [-3]) or steps != [1] or not starts or not ends:
        raise InputError(f"{call.where} cuts axes {axes}, steps {steps}: only channels, step 1.")
    first, last, _ = slice(starts[0], ends[0]).indices(draft.channels[source])
    if first >= last:
        raise InputError(f"{call.where} keeps no channel of {draft.channels[source]}.")
    draft.add("Slice", call.label, [source], call.outputs[0], first=first, last=last)


_READERS: dict[str, Callable[[Draft, Call], None]] = {
    "Add": _two, "BatchNormalization": _batchnormalization, "Cast": _pass, "Clip": _clip,
    "Concat": _concat, "Constant": _constant, "Conv": _conv, "ConvTranspose": _convtranspose,
    "DepthToSpace": _blocks, "Div": _two, "Dropout": _pass, "GlobalAveragePool": _unary,
    "GlobalMaxPool": _unary, "Identity": _pass, "LeakyRelu": _leakyrelu, "MaxPool": _maxpool,
    "Mul": _two, "Neg": _neg, "PRelu": _prelu, "Pad": _pad, "ReduceMax": _reduce,
    "ReduceMean": _reduce, "Relu": _unary, "Selu": _selu, "Sigmoid": _unary, "Slice": _slice,
    "SpaceToDepth": _blocks, "Split": _split, "Sub": _two,
}  # fmt: skip
#: Names of the operators that are read.
KNOWN = ", ".join(_READERS)
