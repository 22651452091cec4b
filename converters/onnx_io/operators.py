"""ONNX operators to operators of the graph, one import function each.

Spatial windows must keep the size, or divide it by their stride, at sizes that the stride
divides: without that, tiles would not equal the whole picture.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import helper

from edgeqe.converters.onnx_io.editor import OnnxCall, OnnxEditor
from edgeqe.converters.onnx_io.windows import pads, square, transposed_window, window
from edgeqe.converters.rewrites.phases import in_dcr_order
from edgeqe.errors import InputError

#: Operators that are the identity at inference.
PASSING = frozenset({"Cast", "Dropout", "Identity"})
#: Bounds of a Clip that only keeps a picture in its range, in the usual value ranges.
PICTURE_BOUNDS = ((0.0, 1.0), (-1.0, 1.0), (-0.5, 0.5), (0.0, 255.0), (0.0, np.inf))
#: Slope and scale of ONNX's Selu where a node states none, and of the graph's.
SELU = (1.6732632423543772, 1.0507009873554805)


def read(editor: OnnxEditor, node: onnx.NodeProto, *, last: bool) -> None:
    """Import one node of the file into the graph.

    `last` says that only identities lie between it and the output.

    Raises
    ------
    InputError
        If it has no counterpart.
    """
    op = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
    label = node.name or next(iter(node.output), "")
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    call = OnnxCall(op, label, tuple(node.input), tuple(node.output), given, last)
    if op not in _READERS:
        raise InputError(f"{call.where} has no counterpart in the graph; known: {KNOWN}.")
    try:
        _READERS[op](editor, call)
    except (ArithmeticError, IndexError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{call.where} is damaged ({error}): export the file again.") from error


def _unary(editor: OnnxEditor, call: OnnxCall) -> None:
    editor.add(call.op, call.label, [editor.value(call.inputs[0], call.where)], call.outputs[0])


def _pass(editor: OnnxEditor, call: OnnxCall) -> None:
    if call.op == "Cast" and call.given["to"] not in (1, 10, 11):
        raise InputError(f"{call.where} casts a picture to integers: only floats convert.")
    name = call.inputs[0]
    editor.alias[call.outputs[0]] = editor.alias.get(name, name)


def _constant(editor: OnnxEditor, call: OnnxCall) -> None:
    if call.outputs[0] not in editor.tensors:
        raise InputError(f"{call.where} holds no values.")


def _conv(editor: OnnxEditor, call: OnnxCall) -> None:
    source, before, behind = call.inputs[0], 0, 0
    if editor.alias.get(source, source) in editor.padded:
        source, before, behind = editor.padded[editor.alias.get(source, source)]
    source = editor.value(source, call.where)
    shape = editor.array(call.inputs[1], call.where).shape
    groups = int(call.given.get("group", 1))
    side, stride = square(call.given, shape[2:], call.where)
    if len(shape) != 4 or shape[1] * groups != editor.channels[source] or shape[0] % groups:
        raise InputError(
            f"{call.where}: a kernel of shape {list(shape)} in {groups} groups does not fit "
            f"{editor.channels[source]} channels."
        )
    first, end = pads(call.given, side, stride, call.where)
    padding, padding_end = window(side, stride, first + before, end + behind, call.where)
    inputs = [
        source,
        editor.floats(call.inputs[1], shape, call.where),
        *_bias(editor, call, shape[0]),
    ]
    editor.add("Conv", call.label, inputs, call.outputs[0], kernel=side, stride=stride,
              padding=padding, padding_end=padding_end, groups=groups)  # fmt: skip


def _bias(editor: OnnxEditor, call: OnnxCall, channels: int) -> list[str]:
    if len(call.inputs) < 3 or not call.inputs[2]:
        return []
    return [editor.floats(call.inputs[2], (channels,), call.where)]


def _convtranspose(editor: OnnxEditor, call: OnnxCall) -> None:
    source = editor.value(call.inputs[0], call.where)
    shape = editor.array(call.inputs[1], call.where).shape
    groups = int(call.given.get("group", 1))
    side, stride = square(call.given, shape[2:], call.where)
    if len(shape) != 4 or shape[0] != editor.channels[source] or shape[0] % groups:
        raise InputError(
            f"{call.where}: a kernel of shape {list(shape)} in {groups} groups does not fit "
            f"{editor.channels[source]} channels."
        )
    padding, padding_end = transposed_window(call.given, side, stride, call.where)
    bias = _bias(editor, call, shape[1] * groups)
    inputs = [source, editor.floats(call.inputs[1], shape, call.where), *bias]
    editor.add("ConvTranspose", call.label, inputs, call.outputs[0], kernel=side, stride=stride,
              padding=padding, padding_end=padding_end, groups=groups)  # fmt: skip


def _pad(editor: OnnxEditor, call: OnnxCall) -> None:
    given, mode = call.integers(editor, "pads", 1), call.given.get("mode", b"constant")
    axes = call.integers(editor, "axes", 3) or [0, 1, 2, 3]
    ends = dict.fromkeys(range(4), (0, 0))
    for index, axis in enumerate(axes):
        ends[axis % 4] = ((given or [])[index], (given or [])[index + len(axes)])
    zero = not call.scalar(editor, "value", 2)
    even = ends[0] == ends[1] == (0, 0) and ends[2] == ends[3] and min(ends[2]) >= 0
    if mode != b"constant" or not zero or not even:
        raise InputError(
            f"{call.where} pads {given} in mode {mode.decode()}: only zeros converts, as many "
            "above as on the left and below as on the right, in front of a Conv."
        )
    editor.padded[call.outputs[0]] = (editor.value(call.inputs[0], call.where), *ends[2])


def _maxpool(editor: OnnxEditor, call: OnnxCall) -> None:
    if call.given.get("ceil_mode", 0) or len([name for name in call.outputs if name]) > 1:
        raise InputError(f"{call.where}: ceil_mode and indices do not convert.")
    side, stride = square(call.given, tuple(call.given["kernel_shape"]), call.where)
    ends = pads(call.given, side, stride, call.where)
    padding, padding_end = window(side, stride, *ends, call.where)
    editor.add("MaxPool", call.label, [editor.value(call.inputs[0], call.where)], call.outputs[0],
              kernel=side, stride=stride, padding=padding, padding_end=padding_end)  # fmt: skip


def _blocks(editor: OnnxEditor, call: OnnxCall) -> None:
    source, block = editor.value(call.inputs[0], call.where), int(call.given["blocksize"])
    if block < 1 or (call.op == "DepthToSpace" and editor.channels[source] % block**2):
        raise InputError(
            f"{call.where}: {editor.channels[source]} channels do not fit blocks of {block}."
        )
    if call.op == "DepthToSpace" and call.given.get("mode", b"DCR") != b"DCR":
        nodes, constants = in_dcr_order(
            editor.nodes, editor.constants, source, block, editor.fresh, call.where
        )
        editor.constants.update(constants)
        for node in nodes:
            editor.append(node)
        source = nodes[-1].output
    editor.add(call.op, call.label, [source], call.outputs[0], kernel=block)


def _batchnormalization(editor: OnnxEditor, call: OnnxCall) -> None:
    source = editor.value(call.inputs[0], call.where)
    if call.given.get("training_mode", 0):
        raise InputError(f"{call.where} is in training mode: export the network for use (eval).")
    shape = (editor.channels[source],)
    names = [editor.floats(name, shape, call.where) for name in call.inputs[1:5]]
    editor.add("BatchNormalization", call.label, [source, *names], call.outputs[0],
              alpha=float(call.given.get("epsilon", 1e-5)))  # fmt: skip


def _leakyrelu(editor: OnnxEditor, call: OnnxCall) -> None:
    editor.add("LeakyRelu", call.label, [editor.value(call.inputs[0], call.where)], call.outputs[0],
              alpha=float(call.given.get("alpha", 0.01)))  # fmt: skip


def _prelu(editor: OnnxEditor, call: OnnxCall) -> None:
    source = editor.value(call.inputs[0], call.where)
    shape = (editor.channels[source], 1, 1)
    slope = editor.per_channel(call.inputs[1], shape, source, call.where)
    editor.add("PRelu", call.label, [source, slope], call.outputs[0])


def _selu(editor: OnnxEditor, call: OnnxCall) -> None:
    given = call.given.get("alpha", SELU[0]), call.given.get("gamma", SELU[1])
    if not np.allclose(given, SELU, rtol=1e-6, atol=0):
        raise InputError(f"{call.where}: only the standard Selu converts; it has {given}.")
    _unary(editor, call)


def _clip(editor: OnnxEditor, call: OnnxCall) -> None:
    low, high = call.scalar(editor, "min", 1), call.scalar(editor, "max", 2)
    low = -np.inf if low is None or low < -3e38 else low
    high = np.inf if high is None or high > 3e38 else high
    if call.last and (low, high) in PICTURE_BOUNDS:
        _pass(editor, call)
    elif (low, high) == (0.0, np.inf):
        editor.add("Relu", call.label, [editor.value(call.inputs[0], call.where)], call.outputs[0])
    else:
        raise InputError(
            f"{call.where} clips to {low:g} and {high:g}: only a Clip that is a Relu, or one at "
            "the end to the range of a picture, converts."
        )


def _two(editor: OnnxEditor, call: OnnxCall) -> None:
    """Add, Sub, Mul and Div of two values, or of a value and a constant."""
    a, b = call.inputs
    minus = call.op == "Sub"
    if editor.is_constant(a) and editor.is_constant(b):
        raise InputError(f"{call.where} joins two constants: simplify the file first (onnxsim).")
    if call.op == "Div" and not editor.is_constant(b):
        raise InputError(f"{call.where}: only a division by a constant converts.")
    if editor.is_constant(b):
        value = editor.value(a, call.where)
        name = editor.per_channel(b, (1, editor.channels[value], 1, 1), value, call.where)
        if minus or call.op == "Div":
            array = editor.constants[name]
            if not minus and not array.all():
                raise InputError(f"{call.where} divides by 0.")
            name = editor.fresh(f"{call.label}.{'minus' if minus else 'by'}")
            editor.store(name, -array if minus else 1.0 / array.astype(np.float64))
        editor.add("Add" if call.op in ("Add", "Sub") else "Mul", call.label, [value, name],
                  call.outputs[0])  # fmt: skip
        return
    second = editor.value(b, call.where)
    if minus:
        negative = editor.fresh(f"{call.label}.negative")
        _negate(editor, call, second, negative)
        second = negative
    if editor.is_constant(a):
        shape = (1, editor.channels[second], 1, 1)
        inputs = [second, editor.per_channel(a, shape, second, call.where)]
    else:
        inputs = [editor.value(a, call.where), second]
        counts = {editor.channels[name] for name in inputs}
        if len(counts - {1}) > 1:
            raise InputError(f"{call.where} joins values of {sorted(counts)} channels.")
    editor.add("Add" if minus else call.op, call.label, inputs, call.outputs[0])


def _negate(editor: OnnxEditor, call: OnnxCall, source: str, output: str) -> None:
    channels = editor.channels[source]
    minus = editor.store(editor.fresh(f"{call.label}.minus"), -np.ones((1, channels, 1, 1)))
    editor.add("Mul", f"{call.label}.negate", [source, minus], output)


def _neg(editor: OnnxEditor, call: OnnxCall) -> None:
    _negate(editor, call, editor.value(call.inputs[0], call.where), call.outputs[0])


def _concat(editor: OnnxEditor, call: OnnxCall) -> None:
    if call.given["axis"] not in (1, -3):
        raise InputError(f"{call.where} joins along axis {call.given['axis']}: only channels do.")
    values = [editor.value(name, call.where) for name in call.inputs]
    editor.add("Concat", call.label, values, call.outputs[0])


def _reduce(editor: OnnxEditor, call: OnnxCall) -> None:
    axes = sorted(axis % 4 for axis in call.integers(editor, "axes", 1) or [])
    if axes not in ([1], [2, 3]) or not call.given.get("keepdims", 1):
        raise InputError(
            f"{call.where} goes over axes {axes}: only channels (1), or rows and columns (2 and "
            "3), convert, with keepdims."
        )
    whole = {"ReduceMean": "GlobalAveragePool", "ReduceMax": "GlobalMaxPool"}[call.op]
    editor.add(call.op if axes == [1] else whole, call.label,
              [editor.value(call.inputs[0], call.where)], call.outputs[0])  # fmt: skip


def _split(editor: OnnxEditor, call: OnnxCall) -> None:
    source = editor.value(call.inputs[0], call.where)
    channels, count = editor.channels[source], len(call.outputs)
    sizes = call.integers(editor, "split", 1)
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
        editor.add("Slice", call.label, [source], name, first=first, last=first + size)
        first += size


def _slice(editor: OnnxEditor, call: OnnxCall) -> None:
    source = editor.value(call.inputs[0], call.where)
    starts, ends = call.integers(editor, "starts", 1), call.integers(editor, "ends", 2)
    axes, steps = call.integers(editor, "axes", 3), call.integers(editor, "steps", 4) or [1]
    if axes not in ([1], [-3]) or steps != [1] or not starts or not ends:
        raise InputError(f"{call.where} cuts axes {axes}, steps {steps}: only channels, step 1.")
    first, last, _ = slice(starts[0], ends[0]).indices(editor.channels[source])
    if first >= last:
        raise InputError(f"{call.where} keeps no channel of {editor.channels[source]}.")
    editor.add("Slice", call.label, [source], call.outputs[0], first=first, last=last)


_READERS: dict[str, Callable[[OnnxEditor, OnnxCall], None]] = {
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
