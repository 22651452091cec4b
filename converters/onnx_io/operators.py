"""ONNX operators to operators of the graph, one import function each.

Spatial windows must keep the size, or divide it by their stride, at sizes that the stride
divides: without that, tiles would not equal the whole picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from edgeqe.converters.onnx_io import activations, arithmetic, nhwc, rearranging, resizing, shapes
from edgeqe.converters.onnx_io.editor import Around, OnnxCall, OnnxEditor, Rounding
from edgeqe.converters.onnx_io.file import EXTRA
from edgeqe.converters.onnx_io.finishing import FLOATS
from edgeqe.converters.onnx_io.windows import (
    same_ends,
    square,
    transposed_window,
    window,
    window_of,
)
from edgeqe.converters.rewrites.phases import dcr_from_crd
from edgeqe.converters.rewrites.windows import placed
from edgeqe.errors import InputError

#: Operators that do not convert, and the way out.
REFUSED = {
    "GroupNormalization": "it takes the mean of the whole picture: use normalization over channels",
    "InstanceNormalization": "it takes the mean of the whole picture: use normalization over "
    "channels, or BatchNorm",
    "GridSample": "it reads any place of the picture: take the warping out of the network",
    "MatMul": "it is attention or a dense layer: write one over channels as a 1x1 Conv",
    "QLinearConv": "the file holds integer operators: export it in QDQ form, or in float",
    "ConvInteger": "the file holds integer operators: export it in QDQ form, or in float",
    "Softmax": "it is attention: only channel attention by Sigmoid converts",
}


def read(editor: OnnxEditor, node: onnx.NodeProto, *, last: bool) -> None:
    """Import one node of the file into the graph.

    `last` says that only identities lie between it and the output.

    Raises
    ------
    InputError
        If it has no counterpart.
    """
    plain = node.domain in ("", "ai.onnx") or (node.domain, node.op_type) in EXTRA
    op = node.op_type if plain else f"{node.domain}.{node.op_type}"
    label = node.name or next(iter(node.output), "")
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    call = OnnxCall(op, label, tuple(node.input), tuple(node.output), given, last)
    try:
        if op == "Shape":
            editor.tensors[call.outputs[0]] = _shape(editor, call)
        elif shapes.is_evaluated(op) and call.inputs and _fixed(editor, call):
            operands = [editor.array(n, call.where) if n else None for n in call.inputs]
            editor.tensors[call.outputs[0]] = shapes.evaluate(op, operands, given, call.where)
        elif op not in _READERS:
            way = REFUSED.get(op, f"it has no counterpart in the graph; known: {KNOWN}")
            raise InputError(f"{call.where} does not convert: {way}.")
        else:
            inner, order = nhwc.as_pictures(editor, call)
            _READERS[op](editor, inner)
            if order:
                nhwc.put_back(editor, inner.outputs, call.outputs, order)
    except (ArithmeticError, IndexError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{call.where} is damaged ({error}): export the file again.") from error


def _fixed(editor: OnnxEditor, call: OnnxCall) -> bool:
    """Whether all that an operator reads is constant."""
    return all(not name or editor.is_constant(name) for name in call.inputs)


def _shape(editor: OnnxEditor, call: OnnxCall) -> npt.NDArray[np.int64]:
    sides = np.array(editor.shape(call.inputs[0], call.where), np.int64)
    return sides[slice(call.given.get("start", 0), call.given.get("end"))]


def _pass(editor: OnnxEditor, call: OnnxCall) -> None:
    if call.op == "Cast" and call.given["to"] not in FLOATS and not call.last:
        raise InputError(f"{call.where} casts a picture to integers: only floats convert.")
    editor.same(call.outputs[0], call.inputs[0])


def _round(editor: OnnxEditor, call: OnnxCall) -> None:
    if not call.last:
        raise InputError(f"{call.where} rounds inside the network: only at its end it converts.")
    editor.same(call.outputs[0], call.inputs[0])


def _quantize(editor: OnnxEditor, call: OnnxCall) -> None:
    """QuantizeLinear of a value: its rounding is left out, its saturation at 0 is a Relu."""
    zero = (
        editor.array(call.inputs[2], call.where) if len(call.inputs) > 2 else np.array(0, np.uint8)
    )
    positive = any(
        node.op == "Relu" and node.output == editor.alias.get(call.inputs[0], call.inputs[0])
        for node in editor.nodes
    )
    lowest = int(zero) == np.iinfo(zero.dtype).min
    if call.inputs[0] not in editor.inputs and lowest and not positive:
        activations.unary(editor, replace(call, op="Relu"))
    else:
        editor.same(call.outputs[0], call.inputs[0])
    scale = editor.array(call.inputs[1], call.where)
    value = editor.alias.get(call.outputs[0], call.outputs[0])
    editor.rounded.setdefault(value, []).append(Rounding(scale, zero, call.outputs[0]))


def _constant(editor: OnnxEditor, call: OnnxCall) -> None:
    if call.outputs[0] not in editor.tensors:
        raise InputError(f"{call.where} holds no values.")


def _conv(editor: OnnxEditor, call: OnnxCall) -> None:
    around = editor.around(call)
    source, weights = around.source, editor.array(call.inputs[1], call.where)
    shape, groups = weights.shape, int(call.given.get("group", 1))
    if len(shape) != 4 or shape[1] * groups != editor.channels[source] or shape[0] % groups:
        raise InputError(
            f"{call.where}: a kernel of shape {list(shape)} in {groups} groups does not fit "
            f"{editor.channels[source]} channels."
        )
    found = window_of(call.given, shape[2:], call.where, around.before, around.behind)
    kernel, fields = placed(weights, found)
    name = editor.floats(call.inputs[1], shape, call.where)
    if kernel.shape != shape:
        name = editor.store(editor.fresh(f"{name}.square"), kernel)
    border = around.border if fields["padding"] or fields["padding_end"] else "zero"
    inputs = [source, name, *_bias(editor, call, shape[0])]
    editor.add("Conv", call.label, inputs, call.outputs[0], groups=groups, border=border, **fields)


def _fused_conv(editor: OnnxEditor, call: OnnxCall) -> None:
    """FusedConv of ONNX Runtime: ``activation(conv(x) + z)``."""
    activation = call.given.get("activation", b"").decode()
    numbers = [float(number) for number in call.given.get("activation_params", ())]
    names = {"LeakyRelu": ("alpha",), "HardSigmoid": ("alpha", "beta"), "Clip": ("min", "max")}
    if activation not in ("", "Relu", "Sigmoid", "Tanh", *names):
        raise InputError(f"{call.where} ends in {activation}: export it without fusion.")
    value = (
        editor.fresh(f"{call.label}.conv")
        if activation or len(call.inputs) > 3
        else call.outputs[0]
    )
    _conv(editor, replace(call, label=value, inputs=call.inputs[:3], outputs=(value,)))
    if len(call.inputs) > 3:
        total = editor.fresh(f"{call.label}.sum") if activation else call.outputs[0]
        inputs = [value, editor.value(call.inputs[3], call.where)]
        editor.add("Add", total, inputs, total)
        value = total
    if activation:
        given = dict(zip(names.get(activation, ()), numbers, strict=False))
        act = replace(call, op=activation, inputs=(value,), given=given, last=False)
        _READERS[activation](editor, act)


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
    given, mode = call.integers(editor, "pads", 1), call.given.get("mode", b"constant").decode()
    axes = call.integers(editor, "axes", 3) or [0, 1, 2, 3]
    ends = dict.fromkeys(range(4), (0, 0))
    for index, axis in enumerate(axes):
        ends[axis % 4] = ((given or [])[index], (given or [])[index + len(axes)])
    if not any(map(any, ends.values())):  # up to a multiple that the size already is
        editor.same(call.outputs[0], call.inputs[0])
        return
    zero = mode != "constant" or not call.scalar(editor, "value", 2)
    rows, columns = ends[2], ends[3]
    if ends[0] != (0, 0) or ends[1] != (0, 0) or min(*rows, *columns) < 0 or not zero:
        raise InputError(
            f"{call.where} pads {given} in mode {mode}: only rows and columns of zeros, of the edge "
            "or mirrored convert, in front of a Conv."
        )
    if mode not in ("constant", "edge", "reflect"):
        raise InputError(f"{call.where} pads in mode {mode}: constant, edge and reflect convert.")
    border = "zero" if mode == "constant" else mode
    source = editor.value(call.inputs[0], call.where)
    editor.padded[call.outputs[0]] = Around(
        source, (rows[0], columns[0]), (rows[1], columns[1]), border
    )


def _maxpool(editor: OnnxEditor, call: OnnxCall) -> None:
    if call.given.get("ceil_mode", 0) or len([name for name in call.outputs if name]) > 1:
        raise InputError(f"{call.where}: ceil_mode and indices do not convert.")
    side, stride = square(call.given, tuple(call.given["kernel_shape"]), call.where)
    ends = same_ends(call.given, side, stride, call.where)
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
        order = dcr_from_crd(editor.channels[source], block)
        source = rearranging.selected(editor, source, order, call.label)
    if block == 1:
        editor.same(call.outputs[0], source)
        return
    editor.add(call.op, call.label, [source], call.outputs[0], kernel=block)


def _batchnormalization(editor: OnnxEditor, call: OnnxCall) -> None:
    source = editor.value(call.inputs[0], call.where)
    if call.given.get("training_mode", 0):
        raise InputError(f"{call.where} is in training mode: export the network for use (eval).")
    shape = (editor.channels[source],)
    names = [editor.floats(name, shape, call.where) for name in call.inputs[1:5]]
    editor.add("BatchNormalization", call.label, [source, *names], call.outputs[0],
              alpha=float(call.given.get("epsilon", 1e-5)))  # fmt: skip


def _concat(editor: OnnxEditor, call: OnnxCall) -> None:
    if call.given["axis"] not in (1, -3):
        raise InputError(f"{call.where} joins along axis {call.given['axis']}: only channels do.")
    if len(call.inputs) == 1:
        editor.same(call.outputs[0], call.inputs[0])
        return
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


_a, _r = activations, rearranging
_READERS: dict[str, Callable[[OnnxEditor, OnnxCall], None]] = {
    "Abs": arithmetic.absolute, "Add": arithmetic.two, "AveragePool": resizing.average_pool,
    "BatchNormalization": _batchnormalization, "Cast": _pass, "ChannelNorm": _a.channel_norm,
    "Clip": _a.clip, "Concat": _concat, "Constant": _constant, "Conv": _conv,
    "ConvTranspose": _convtranspose, "DepthToSpace": _blocks, "DequantizeLinear": _pass, "Div": arithmetic.two,
    "Dropout": _pass, "Elu": _a.sloped, "Flatten": _r.reshape, "FusedConv": _fused_conv,
    "Gelu": _a.gelu, "GlobalAveragePool": _a.unary, "GlobalMaxPool": _a.unary,
    "HardSigmoid": _a.hard_sigmoid, "HardSwish": _a.hard_swish, "Identity": _pass,
    "LayerNormalization": _a.channel_norm, "LeakyRelu": _a.sloped, "Max": arithmetic.several,
    "MaxPool": _maxpool, "Mean": arithmetic.several, "Min": arithmetic.several, "Mish": _a.mish, "Mul": arithmetic.two, "Neg": arithmetic.neg,
    "PRelu": _a.prelu, "Pad": _pad, "Pow": arithmetic.power, "QuantizeLinear": _quantize,
    "ReduceMax": _reduce, "ReduceMean": _reduce, "Relu": _a.unary, "Reshape": _r.reshape,
    "Resize": resizing.resize, "Round": _round, "Selu": _a.selu, "Sigmoid": _a.unary,
    "Slice": _r.cut, "Softplus": _a.unary, "SpaceToDepth": _blocks, "Split": _r.split,
    "Squeeze": _r.reshape, "Sub": arithmetic.two, "Sum": arithmetic.several, "Tanh": _a.unary,
    "Transpose": _r.transpose, "Unsqueeze": _r.reshape, "Upsample": resizing.resize,
}  # fmt: skip
#: Names of the operators that are read.
KNOWN = ", ".join(_READERS)
