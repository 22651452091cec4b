"""Operators on a picture whose channels lie last, as other frameworks than PyTorch have it.

An operator that works on each element, or along the channels, gives the same on the picture as the
graph has it; what it makes lies as what it reads. So only the order of the axes is remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edgeqe.converters.onnx_io.editor import OnnxCall, OnnxEditor

#: Operators whose result lies as their input does.
_ELEMENTWISE = frozenset(
    {"Abs", "Add", "Cast", "ChannelNorm", "Clip", "Concat", "DequantizeLinear", "Div", "Dropout",
     "Elu", "Gelu", "HardSigmoid", "HardSwish", "Identity", "LayerNormalization", "LeakyRelu", "Max",
     "Mean", "Min", "Mish", "Mul", "Neg", "PRelu", "Pow", "QuantizeLinear", "ReduceMax", "ReduceMean",
     "Relu", "Round", "Selu", "Sigmoid", "Softplus", "Sub", "Sum", "Tanh"}
)  # fmt: skip
#: Operators whose constants are one per channel, whatever the order of axes.
_VECTORS = frozenset({"ChannelNorm", "LayerNormalization"})
#: Operators whose axis, stated or not, is the last.
_LAST_AXIS = frozenset({"ChannelNorm", "LayerNormalization"})


def as_pictures(editor: OnnxEditor, call: OnnxCall) -> tuple[OnnxCall, tuple[int, ...]]:
    """A call on pictures in the graph's order, and the order that its result lies in.

    That is () for a call that is left as it is.
    """
    moved = {
        n: editor.moved[own] for n in call.inputs if (own := editor.alias.get(n, n)) in editor.moved
    }
    orders = {layout.order_of_axes() for layout in moved.values()}
    if call.op not in _ELEMENTWISE or len(orders) != 1 or None in orders:
        return call, ()
    (order,) = (found for found in orders if found)
    others = [n for n in call.inputs if n and n not in moved and not editor.is_constant(n)]
    if others:
        return call, ()
    inputs = []
    for index, name in enumerate(call.inputs):
        if name in moved:
            inputs.append(moved[name].source)
        elif name and index and call.op not in _VECTORS and editor.array(name, call.where).size > 1:
            inputs.append(_turned(editor, name, order, call.where))
        else:
            inputs.append(name)
    if call.op in ("ReduceMax", "ReduceMean"):
        del inputs[1:]
    outputs = tuple(editor.fresh(f"{name}.picture") for name in call.outputs)
    given = _with_axes(editor, call, order)
    return replace(call, inputs=tuple(inputs), outputs=outputs, given=given), order


def _turned(editor: OnnxEditor, name: str, order: Sequence[int], where: str) -> str:
    """A constant with its axes in the graph's order."""
    array = editor.array(name, where)
    if array.ndim > 4 or array.dtype.kind != "f":
        return name
    whole = array.reshape((1,) * (4 - array.ndim) + array.shape)
    turned = editor.fresh(f"{name}.turned")
    editor.tensors[turned] = whole.transpose(np.argsort(order))
    return turned


def _with_axes(editor: OnnxEditor, call: OnnxCall, order: Sequence[int]) -> dict[str, Any]:
    """Attributes with axes as the graph counts them."""
    given = dict(call.given)
    if call.op in _LAST_AXIS or "axis" in given:
        given["axis"] = order[int(given.get("axis", -1)) % 4]
    if call.op in ("ReduceMax", "ReduceMean"):
        given["axes"] = [order[axis % 4] for axis in call.integers(editor, "axes", 1) or []]
    return given


def put_back(
    editor: OnnxEditor, made: Sequence[str], outputs: Sequence[str], order: Sequence[int]
) -> None:
    """Let the outputs of a call lie in the order of its inputs, under their own names."""
    for name, own in zip(made, outputs, strict=True):
        editor.move(own, editor.layout(name, own).transposed(order))
