"""Keras layers that networks of other tools have, beside those of the zoo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from edgeqe.converters.graph.graph import Node
from edgeqe.converters.keras_io.activations import activate
from edgeqe.converters.keras_io.layers import (
    KerasEditor,
    LayerCall,
    as_array,
    same_window,
    window_of,
)
from edgeqe.typing import Double


def depthwise_conv2d(editor: KerasEditor, call: LayerCall) -> None:
    """DepthwiseConv2D; both frameworks order its maps by input channel."""
    layer = call.layer
    kernel = as_array(layer.kernel).transpose(2, 3, 0, 1)
    kernel = kernel.reshape(-1, 1, *kernel.shape[2:])
    fields, kernel = window_of(call, kernel)
    inputs = [editor.constant(call, "kernel", kernel)]
    if layer.use_bias:
        inputs.append(editor.constant(call, "bias", layer.bias))
    editor.add("Conv", call, tuple(inputs), groups=call.channels, **fields)


def average_pooling2d(editor: KerasEditor, call: LayerCall) -> None:
    """AveragePooling2D, as a convolution by 1 over the window's area."""
    layer = call.layer
    side, stride = layer.pool_size[0], layer.strides[0]
    if len({*layer.pool_size}) != 1 or len({*layer.strides}) != 1 or side != stride:
        call.refuse(f"pool size {layer.pool_size}, strides {layer.strides}; make all equal")
    _depthwise(editor, call, np.full((side, side), 1 / side**2), **same_window(side, stride))


def up_sampling2d(editor: KerasEditor, call: LayerCall) -> None:
    """UpSampling2D: copies of each channel, for bilinear a window of each phase, DepthToSpace."""
    factor, how = call.layer.size[0], call.layer.interpolation
    if len({*call.layer.size}) != 1 or how not in ("nearest", "bilinear") or factor > 8:
        call.refuse(f"size {call.layer.size} by {how}; use one factor, nearest or bilinear")
    copies = replace(call, name=f"{call.name}.copies", output=f"{call.name}.copies.out")
    editor.add("Concat", copies, (call.sources[0],) * (factor**2 - 1))
    last = copies.output
    if how == "bilinear":
        lines = np.zeros((factor, 3))
        for phase in range(factor):
            place = (phase + 0.5) / factor - 0.5
            first = int(np.floor(place))
            lines[phase, first + 1] += 1 - (place - first)
            lines[phase, first + 2] += place - first
        kernels = np.einsum("pr,qc->pqrc", lines, lines).reshape(-1, 1, 3, 3)
        weights = editor.constant(call, "weights", np.repeat(kernels, call.channels, axis=0))
        last = f"{call.name}.phases.out"
        editor.nodes.append(
            Node("Conv", f"{call.name}.phases", (copies.output, weights), last, 3, 1, 1, 1,
                 groups=call.channels * factor**2, border="edge")
        )  # fmt: skip
    editor.nodes.append(Node("DepthToSpace", call.name, (last,), call.output, factor))


def _depthwise(editor: KerasEditor, call: LayerCall, plane: Double, **fields: Any) -> None:
    """A convolution of each channel with the same weights."""
    kernel = np.broadcast_to(plane, (call.channels, 1, *plane.shape))
    weights = editor.constant(call, "weights", kernel)
    editor.add("Conv", call, (weights,), groups=call.channels, **fields)


def layer_normalization(editor: KerasEditor, call: LayerCall) -> None:
    """LayerNormalization over the channels, with factor and shift behind it."""
    layer = call.layer
    axes = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
    if list(axes) not in ([-1], [3]):
        call.refuse(f"axis {layer.axis}; normalize over the last alone")
    parts = [(op, value) for op, value in (("Mul", layer.gamma), ("Add", layer.beta))
             if value is not None]  # fmt: skip
    names = [f"{call.name}.normal", *(f"{call.name}.{op.lower()}" for op, _ in parts)]
    outputs = [*(f"{name}.out" for name in names[:-1]), call.output]
    first, epsilon = call.sources[:1], float(layer.epsilon)
    editor.nodes.append(Node("ChannelNorm", names[0], first, outputs[0], alpha=epsilon))
    for index, (op, value) in enumerate(parts):
        vector = editor.constant(call, op.lower(), as_array(value).reshape(1, -1, 1, 1))
        inputs = (outputs[index], vector)
        editor.nodes.append(Node(op, names[index + 1], inputs, outputs[index + 1]))


def elu(editor: KerasEditor, call: LayerCall) -> None:
    """ELU."""
    editor.add("Elu", call, alpha=float(call.layer.alpha))


def function_of(function: Any) -> Callable[[KerasEditor, LayerCall], None]:
    """Converter of a layer that is one activation function."""
    return lambda editor, call: activate(editor, call, function)


def subtract(editor: KerasEditor, call: LayerCall) -> None:
    """Subtract: the second times -1, and Add."""
    minus = np.full((1, call.channels, 1, 1), -1.0)
    name = f"{call.name}.negative"
    inputs = (call.sources[1], editor.constant(call, "minus", minus))
    editor.nodes.append(Node("Mul", name, inputs, f"{name}.out"))
    editor.add("Add", call, (f"{name}.out",))


def identity(editor: KerasEditor, call: LayerCall) -> None:
    """A layer that does nothing at inference."""
    editor.alias[call.output] = editor.alias.get(call.sources[0], call.sources[0])


_l = keras.layers
#: What converts one use of a layer, by its exact class.
MORE_CONVERTERS: dict[type, Callable[[KerasEditor, LayerCall], None]] = {
    _l.AveragePooling2D: average_pooling2d,
    _l.DepthwiseConv2D: depthwise_conv2d,
    _l.Dropout: identity,
    _l.ELU: elu,
    _l.GaussianDropout: identity,
    _l.GaussianNoise: identity,
    _l.LayerNormalization: layer_normalization,
    _l.SpatialDropout2D: identity,
    _l.Subtract: subtract,
    _l.UpSampling2D: up_sampling2d,
}
