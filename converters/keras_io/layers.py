"""Keras layers to graph operators: one conversion function per layer class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import keras
import numpy as np

from edgeqe.converters.graph.graph import Node
from edgeqe.converters.keras_io.activations import activate, bound
from edgeqe.converters.rewrites.windows import KernelWindow, placed
from edgeqe.errors import InputError
from edgeqe.typing import Float
from edgeqe.zoo.attention import ChannelMax, ChannelMean, ChannelSlice


@dataclass(frozen=True)
class LayerCall:
    """One call of a Keras layer: a shared layer has several."""

    layer: Any
    name: str
    """Layer's name; from the second use on with the use's number."""
    sources: tuple[str, ...]
    output: str
    channels: int
    """Of the first source."""

    def refuse(self, why: str) -> NoReturn:
        """InputError that names the layer and what to change."""
        kind = type(self.layer).__name__
        raise InputError(f"layer '{self.layer.name}' of type {kind} does not convert: {why}.")


@dataclass
class KerasEditor:
    """Nodes and constants of the graph while a Keras model is imported."""

    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Float] = field(default_factory=dict)
    alias: dict[str, str] = field(default_factory=dict)
    """Value behind a layer that does nothing at inference."""

    def add(self, op: str, call: LayerCall, inputs: tuple[str, ...] = (), **options: Any) -> None:
        """Append a node named as the call; it reads the call's first source and `inputs`."""
        self.nodes.append(Node(op, call.name, (call.sources[0], *inputs), call.output, **options))

    def constant(self, call: LayerCall, kind: str, value: Any) -> str:
        """Store a weight of a call's layer, once for all its uses; its name."""
        name = f"{call.layer.name}.{kind}"
        self.constants[name] = np.ascontiguousarray(as_array(value))
        return name


Converter = Callable[[KerasEditor, LayerCall], None]


def _conv2d(editor: KerasEditor, call: LayerCall) -> None:
    fields, kernel = window_of(call, as_array(call.layer.kernel).transpose(3, 2, 0, 1))
    inputs = [editor.constant(call, "kernel", kernel)]
    if call.layer.use_bias:
        inputs.append(editor.constant(call, "bias", call.layer.bias))
    editor.add("Conv", call, tuple(inputs), groups=call.layer.groups, **fields)


def _separable_conv2d(editor: KerasEditor, call: LayerCall) -> None:
    """Depthwise convolution, then 1x1; both frameworks order depthwise maps by input channel."""
    layer, (kernel, stride) = call.layer, _window(call)
    depthwise = as_array(layer.depthwise_kernel).transpose(2, 3, 0, 1)
    depthwise = depthwise.reshape(-1, 1, kernel, kernel)
    middle = f"{call.name}.depthwise"
    first = replace(call, name=middle, output=f"{middle}.out")
    name = editor.constant(call, "depthwise_kernel", depthwise)
    editor.add("Conv", first, (name,), groups=call.channels, **same_window(kernel, stride))
    pointwise = as_array(layer.pointwise_kernel).transpose(3, 2, 0, 1)
    inputs = [editor.constant(call, "pointwise_kernel", pointwise)]
    if layer.use_bias:
        inputs.append(editor.constant(call, "bias", layer.bias))
    editor.add("Conv", replace(call, sources=(first.output,)), tuple(inputs))


def _conv2d_transpose(editor: KerasEditor, call: LayerCall) -> None:
    layer, (kernel, stride) = call.layer, _window(call)
    if layer.output_padding is not None:
        call.refuse(f"output_padding {layer.output_padding}; leave it out")
    inputs = [editor.constant(call, "kernel", as_array(layer.kernel).transpose(3, 2, 0, 1))]
    if layer.use_bias:
        inputs.append(editor.constant(call, "bias", layer.bias))
    # 'same' makes stride times the size: kernel - stride rows are cut, the smaller half
    # first; where that is negative, rows without a value are added behind
    total = kernel - stride
    before = max(total, 0) // 2
    editor.add("ConvTranspose", call, tuple(inputs), kernel=kernel, stride=stride,
               padding=before, padding_end=total - before)  # fmt: skip


def _batch_normalization(editor: KerasEditor, call: LayerCall) -> None:
    layer = call.layer
    _last_axis(call, layer.axis)
    values = {
        "gamma": layer.gamma if layer.scale else np.ones(call.channels),
        "beta": layer.beta if layer.center else np.zeros(call.channels),
        "mean": layer.moving_mean,
        "variance": layer.moving_variance,
    }
    inputs = tuple(editor.constant(call, kind, value) for kind, value in values.items())
    editor.add("BatchNormalization", call, inputs, alpha=layer.epsilon)


def _relu(editor: KerasEditor, call: LayerCall) -> None:
    layer = call.layer
    if layer.threshold != 0 or (layer.max_value is not None and layer.negative_slope):
        call.refuse(f"max_value {layer.max_value}, threshold {layer.threshold}; use a plain ReLU")
    if layer.max_value is not None:
        bound(editor, call, 0.0, float(layer.max_value))
    elif layer.negative_slope:
        _leaky_relu(editor, call)
    else:
        editor.add("Relu", call)


def _leaky_relu(editor: KerasEditor, call: LayerCall) -> None:
    editor.add("LeakyRelu", call, alpha=float(call.layer.negative_slope))


def _prelu(editor: KerasEditor, call: LayerCall) -> None:
    if tuple(call.layer.alpha.shape) != (1, 1, call.channels):
        call.refuse("a slope a pixel; use shared_axes=[1, 2]")
    slope = as_array(call.layer.alpha).reshape(-1, 1, 1)
    editor.add("PRelu", call, (editor.constant(call, "alpha", slope),))


def _activation(editor: KerasEditor, call: LayerCall) -> None:
    activate(editor, call, call.layer.activation)


def _max_pooling2d(editor: KerasEditor, call: LayerCall) -> None:
    layer = call.layer
    if len({*layer.pool_size, *layer.strides}) != 1 or layer.data_format != "channels_last":
        call.refuse(f"pool size {layer.pool_size}, strides {layer.strides}; make them equal")
    editor.add("MaxPool", call, kernel=layer.pool_size[0], stride=layer.strides[0])


def _global_pooling(op: str) -> Converter:
    def convert(editor: KerasEditor, call: LayerCall) -> None:
        if not call.layer.keepdims or call.layer.data_format != "channels_last":
            call.refuse("it drops the axes; use keepdims=True, channels last")
        editor.add(op, call)

    return convert


def _chain(op: str) -> Converter:
    """``(a op b) op c``: the graph's operators take two."""

    def convert(editor: KerasEditor, call: LayerCall) -> None:
        *middle, last = call.sources[1:]
        for index, source in enumerate(middle, 1):
            name = f"{call.name}.{op.lower()}_{index}"
            part = replace(call, name=name, output=f"{name}.out")
            editor.add(op, part, (source,))
            call = replace(call, sources=(part.output,))
        editor.add(op, call, (last,))

    return convert


def _concatenate(editor: KerasEditor, call: LayerCall) -> None:
    _last_axis(call, call.layer.axis)
    editor.add("Concat", call, call.sources[1:])


def _rescaling(editor: KerasEditor, call: LayerCall) -> None:
    scale, offset = (
        np.asarray(value, np.float32).reshape(1, -1, 1, 1)
        for value in (call.layer.scale, call.layer.offset)
    )
    if offset.any():
        if (scale != 1).any():
            scaled = replace(call, name=f"{call.name}.mul", output=f"{call.name}.scaled")
            editor.add("Mul", scaled, (editor.constant(call, "scale", scale),))
            call = replace(call, sources=(scaled.output,))
        editor.add("Add", call, (editor.constant(call, "offset", offset),))
    else:
        editor.add("Mul", call, (editor.constant(call, "scale", scale),))


def _channel_slice(editor: KerasEditor, call: LayerCall) -> None:
    first, last, _ = slice(call.layer.first, call.layer.last).indices(call.channels)
    editor.add("Slice", call, first=first, last=last)


def _plain(op: str) -> Converter:
    return lambda editor, call: editor.add(op, call)


def _window(call: LayerCall) -> tuple[int, int]:
    """Kernel size and stride of a convolution that the graph can hold."""
    layer = call.layer
    kernel, stride = layer.kernel_size[0], layer.strides[0]
    if len({*layer.kernel_size}) != 1 or len({*layer.strides}) != 1:
        call.refuse(f"kernel {layer.kernel_size}, strides {layer.strides}; make both square")
    if {*layer.dilation_rate} != {1} or layer.data_format != "channels_last":
        call.refuse(f"dilation {layer.dilation_rate}, {layer.data_format}; use 1, channels_last")
    # a kernel no larger than its stride is not padded either way
    if layer.padding != "same" and kernel > stride:
        call.refuse(f"padding '{layer.padding}'; use 'same'")
    return kernel, stride


def window_of(call: LayerCall, kernel: Float) -> tuple[dict[str, int], Float]:
    """Fields of a convolution, and its kernel (out, in, rows, columns), square if it was not."""
    layer = call.layer
    stride, gaps = layer.strides[0], tuple(layer.dilation_rate)
    reaches = [gap * (side - 1) + 1 for gap, side in zip(gaps, layer.kernel_size, strict=True)]
    if len({*layer.strides}) != 1 or layer.data_format != "channels_last":
        call.refuse(f"strides {layer.strides}, {layer.data_format}; use one stride, channels_last")
    if layer.padding != "same" and max(reaches) > stride:
        call.refuse(f"padding '{layer.padding}'; use 'same'")
    if len({*layer.kernel_size}) == len({*gaps}) == 1:
        fields = same_window(reaches[0], stride)
        return {**fields, "kernel": layer.kernel_size[0], "dilation": gaps[0]}, kernel
    ends = [same_window(reach, stride) for reach in reaches]
    before, behind = ([end[name] for end in ends] for name in ("padding", "padding_end"))
    window = KernelWindow(
        tuple(layer.kernel_size), stride, gaps, (before[0], before[1]), (behind[0], behind[1])
    )
    square, fields = placed(kernel, window)
    return fields, square


def same_window(kernel: int, stride: int) -> dict[str, int]:
    """Padding of 'same' at an aligned size: kernel - stride zeros, the smaller half first."""
    total = max(kernel - stride, 0)
    before = total // 2
    return {"kernel": kernel, "stride": stride, "padding": before, "padding_end": total - before}


def _last_axis(call: LayerCall, axis: int) -> None:
    if axis not in (-1, 3):
        call.refuse(f"axis {axis}; use the last")


def as_array(variable: Any) -> Float:
    """Array of a weight."""
    return np.asarray(variable, np.float32)


#: What converts one use of a layer, by the layer's exact class: what is derived from one may
#: compute something else.
CONVERTERS: dict[type, Converter] = {
    keras.layers.Activation: _activation,
    keras.layers.Add: _chain("Add"),
    keras.layers.BatchNormalization: _batch_normalization,
    keras.layers.Concatenate: _concatenate,
    keras.layers.Conv2D: _conv2d,
    keras.layers.Conv2DTranspose: _conv2d_transpose,
    keras.layers.GlobalAveragePooling2D: _global_pooling("GlobalAveragePool"),
    keras.layers.GlobalMaxPooling2D: _global_pooling("GlobalMaxPool"),
    keras.layers.LeakyReLU: _leaky_relu,
    keras.layers.MaxPooling2D: _max_pooling2d,
    keras.layers.Maximum: _chain("Max"),
    keras.layers.Minimum: _chain("Min"),
    keras.layers.Multiply: _chain("Mul"),
    keras.layers.PReLU: _prelu,
    keras.layers.ReLU: _relu,
    keras.layers.Rescaling: _rescaling,
    keras.layers.SeparableConv2D: _separable_conv2d,
    ChannelMax: _plain("ReduceMax"),
    ChannelMean: _plain("ReduceMean"),
    ChannelSlice: _channel_slice,
}
#: Layers with an activation inside, which becomes nodes of its own.
CONVOLUTIONS = (
    keras.layers.DepthwiseConv2D,
    keras.layers.Conv2D,
    keras.layers.Conv2DTranspose,
    keras.layers.SeparableConv2D,
)
