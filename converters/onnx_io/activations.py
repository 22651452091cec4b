"""Activations of the importer: those that the graph has, and those that are a few of its operators."""

from __future__ import annotations

import numpy as np

from edgeqe.converters.onnx_io.editor import OnnxCall, OnnxEditor
from edgeqe.converters.onnx_io.finishing import PICTURE_BOUNDS
from edgeqe.errors import InputError

#: Slope and scale of ONNX's Selu where a node states none, and of the graph's.
SELU = (1.6732632423543772, 1.0507009873554805)


def unary(editor: OnnxEditor, call: OnnxCall) -> None:
    """An operator of the graph by its name."""
    editor.add(call.op, call.label, [editor.value(call.inputs[0], call.where)], call.outputs[0])


def hard_swish(editor: OnnxEditor, call: OnnxCall) -> None:
    """HardSwish."""
    source = editor.value(call.inputs[0], call.where)
    editor.add("HardSwish", call.label, [source], call.outputs[0])


def sloped(editor: OnnxEditor, call: OnnxCall) -> None:
    """LeakyRelu and Elu."""
    default = 0.01 if call.op == "LeakyRelu" else 1.0
    editor.add(call.op, call.label, [editor.value(call.inputs[0], call.where)], call.outputs[0],
              alpha=float(call.given.get("alpha", default)))  # fmt: skip


def prelu(editor: OnnxEditor, call: OnnxCall) -> None:
    """PRelu, one slope or one per channel."""
    source = editor.value(call.inputs[0], call.where)
    shape = (editor.channels[source], 1, 1)
    slope = editor.per_channel(call.inputs[1], shape, source, call.where)
    editor.add("PRelu", call.label, [source, slope], call.outputs[0])


def selu(editor: OnnxEditor, call: OnnxCall) -> None:
    """Selu of the standard constants."""
    given = call.given.get("alpha", SELU[0]), call.given.get("gamma", SELU[1])
    if not np.allclose(given, SELU, rtol=1e-6, atol=0):
        raise InputError(f"{call.where}: only the standard Selu converts; it has {given}.")
    unary(editor, call)


def gelu(editor: OnnxEditor, call: OnnxCall) -> None:
    """Gelu by the error function, or by tanh: ``x * sigmoid(1.596 * (x + 0.0447 * x**3))``."""
    source = editor.value(call.inputs[0], call.where)
    if call.given.get("approximate", b"none") != b"tanh":
        editor.add("Gelu", call.label, [source], call.outputs[0])
        return
    square = editor.step("Mul", call, source, source)
    cube = editor.step("Mul", call, square, source)
    twice = 2 * np.sqrt(2 / np.pi)
    scaled = editor.step("Mul", call, cube, 0.044715 * twice)
    total = editor.step("Add", call, scaled, editor.step("Mul", call, source, twice))
    share = editor.step("Sigmoid", call, total)
    editor.add("Mul", call.label, [source, share], call.outputs[0])


def mish(editor: OnnxEditor, call: OnnxCall) -> None:
    """Mish: ``x * tanh(softplus(x))``."""
    source = editor.value(call.inputs[0], call.where)
    share = editor.step("Tanh", call, editor.step("Softplus", call, source))
    editor.add("Mul", call.label, [source, share], call.outputs[0])


def hard_sigmoid(editor: OnnxEditor, call: OnnxCall) -> None:
    """HardSigmoid: a line between 0 and 1."""
    source = editor.value(call.inputs[0], call.where)
    slope, shift = float(call.given.get("alpha", 0.2)), float(call.given.get("beta", 0.5))
    line = editor.step("Add", call, editor.step("Mul", call, source, slope), shift)
    clipped(editor, call, line, 0.0, 1.0)


def clip(editor: OnnxEditor, call: OnnxCall) -> None:
    """Clip; one at the end that only keeps a picture in its range is dropped: edgeqe clips itself."""
    low, high = call.scalar(editor, "min", 1), call.scalar(editor, "max", 2)
    low = -np.inf if low is None or low < -3e38 else low
    high = np.inf if high is None or high > 3e38 else high
    if call.last and (low, high) in PICTURE_BOUNDS:
        editor.same(call.outputs[0], call.inputs[0])
    else:
        clipped(editor, call, editor.value(call.inputs[0], call.where), low, high)


def clipped(editor: OnnxEditor, call: OnnxCall, value: str, low: float, high: float) -> None:
    """Append Relu, or Max, and Min."""
    if low == -np.inf and high == np.inf:
        editor.same(call.outputs[0], value)
        return
    if high == np.inf:
        above = call.outputs[0]
    elif low != -np.inf:
        above = editor.fresh(f"{call.label}.above")
    else:
        above = value
    if low == 0.0:
        editor.add("Relu", call.label, [value], above)
    elif low != -np.inf:
        editor.add("Max", call.label, [value, editor.number(call, value, low)], above)
    if high != np.inf:
        bound = editor.number(call, above, high)
        editor.add("Min", f"{call.label}.below", [above, bound], call.outputs[0])


def channel_norm(editor: OnnxEditor, call: OnnxCall) -> None:
    """ChannelNorm, or a LayerNormalization over channels behind it, with factor and shift."""
    source = editor.value(call.inputs[0], call.where)
    fields = {"alpha": float(call.given.get("epsilon", 1e-5))}
    if int(call.given.get("axis", -1)) not in (1, -3):
        raise InputError(
            f"{call.where} normalizes more than the channels of each pixel, so that tiles would not "
            "equal the whole: normalize over channels alone, or train with BatchNorm."
        )
    if len(call.inputs) == 1:
        editor.add("ChannelNorm", call.label, [source], call.outputs[0], **fields)
        return
    normal = editor.fresh(f"{call.label}.normal")
    editor.add("ChannelNorm", normal, [source], normal, **fields)
    last = len(call.inputs) - 1
    for index, op in ((1, "Mul"), (2, "Add")):
        if index > last or not call.inputs[index]:
            continue
        shape = (1, editor.channels[source], 1, 1)
        vector = editor.floats(call.inputs[index], shape, call.where)
        output = call.outputs[0] if index == last else editor.fresh(f"{call.label}.scaled")
        editor.add(op, f"{call.label}.{op.lower()}", [normal, vector], output)
        normal = output
