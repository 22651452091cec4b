"""Keras layers as nodes of the graph: one function a layer, and the table of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import keras
import numpy as np

from edgeqe.converters.graph.graph import Float, Node
from edgeqe.errors import InputError
from edgeqe.zoo.attention import ChannelMax, ChannelMean, ChannelSlice

#: Operators of Keras' activation functions.
ACTIVATIONS = {
    keras.activations.relu: "Relu",
    keras.activations.selu: "Selu",
    keras.activations.sigmoid: "Sigmoid",
}


@dataclass(frozen=True)
class Call:
    """One use of a layer."""

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
class Draft:
    """Nodes and constants read so far."""

    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Float] = field(default_factory=dict)

    def add(self, op: str, call: Call, inputs: tuple[str, ...] = (), **options: Any) -> None:
        """Node of a call's name that reads its first source and what `inputs` names."""
        self.nodes.append(Node(op, call.name, (call.sources[0], *inputs), call.output, **options))

    def constant(self, call: Call, kind: str, value: Any) -> str:
        """Constant of a call's layer, one for all its uses."""
        name = f"{call.layer.name}.{kind}"
        self.constants[name] = np.ascontiguousarray(_array(value))
        return name


Converter = Callable[[Draft, Call], None]


def _conv2d(draft: Draft, call: Call) -> None:
    kernel, stride = _window(call)
    inputs = [draft.constant(call, "kernel", _array(call.layer.kernel).transpose(3, 2, 0, 1))]
    if call.layer.use_bias:
        inputs.append(draft.constant(call, "bias", call.layer.bias))
    draft.add("Conv", call, tuple(inputs), groups=call.layer.groups, **_same(kernel, stride))


def _separable_conv2d(draft: Draft, call: Call) -> None:
    """Depthwise convolution, then 1x1; both frameworks sort depthwise maps by input channel."""
    layer, (kernel, stride) = call.layer, _window(call)
    depthwise = _array(layer.depthwise_kernel).transpose(2, 3, 0, 1)
    depthwise = depthwise.reshape(-1, 1, kernel, kernel)
    middle = f"{call.name}.depthwise"
    first = replace(call, name=middle, output=f"{middle}.out")
    name = draft.constant(call, "depthwise_kernel", depthwise)
    draft.add("Conv", first, (name,), groups=call.channels, **_same(kernel, stride))
    pointwise = _array(layer.pointwise_kernel).transpose(3, 2, 0, 1)
    inputs = [draft.constant(call, "pointwise_kernel", pointwise)]
    if layer.use_bias:
        inputs.append(draft.constant(call, "bias", layer.bias))
    draft.add("Conv", replace(call, sources=(first.output,)), tuple(inputs))


def _conv2d_transpose(draft: Draft, call: Call) -> None:
    layer, (kernel, stride) = call.layer, _window(call)
    if layer.output_padding is not None:
        call.refuse(f"output_padding {layer.output_padding}; leave it out")
    inputs = [draft.constant(call, "kernel", _array(layer.kernel).transpose(3, 2, 0, 1))]
    if layer.use_bias:
        inputs.append(draft.constant(call, "bias", layer.bias))
    # 'same' makes stride times the size: kernel - stride rows are cut, the smaller half
    # first; where that is negative, rows without a value are added behind
    total = kernel - stride
    before = max(total, 0) // 2
    draft.add("ConvTranspose", call, tuple(inputs), kernel=kernel, stride=stride,
               padding=before, padding_end=total - before)  # fmt: skip


def _batch_normalization(draft: Draft, call: Call) -> None:
    layer = call.layer
    _last_axis(call, layer.axis)
    values = {
        "gamma": layer.gamma if layer.scale else np.ones(call.channels),
        "beta": layer.beta if layer.center else np.zeros(call.channels),
        "mean": layer.moving_mean,
        "variance": layer.moving_variance,
    }
    inputs = tuple(draft.constant(call, kind, value) for kind, value in values.items())
    draft.add("BatchNormalization", call, inputs, alpha=layer.epsilon)


def _relu(draft: Draft, call: Call) -> None:
    layer = call.layer
    if layer.max_value is not None or layer.threshold != 0:
        call.refuse(f"max_value {layer.max_value}, threshold {layer.threshold}; use a plain ReLU")
    if layer.negative_slope:
        _leaky_relu(draft, call)
    else:
        draft.add("Relu", call)


def _leaky_relu(draft: Draft, call: Call) -> None:
    draft.add("LeakyRelu", call, alpha=float(call.layer.negative_slope))


def _prelu(draft: Draft, call: Call) -> None:
    if tuple(call.layer.alpha.shape) != (1, 1, call.channels):
        call.refuse("a slope a pixel; use shared_axes=[1, 2]")
    slope = _array(call.layer.alpha).reshape(-1, 1, 1)
    draft.add("PRelu", call, (draft.constant(call, "alpha", slope),))


def _activation(draft: Draft, call: Call) -> None:
    draft.add(operator_of(call), call)


def _max_pooling2d(draft: Draft, call: Call) -> None:
    layer = call.layer
    if len({*layer.pool_size, *layer.strides}) != 1 or layer.data_format != "channels_last":
        call.refuse(f"pool size {layer.pool_size}, strides {layer.strides}; make them equal")
    draft.add("MaxPool", call, kernel=layer.pool_size[0], stride=layer.strides[0])


def _global_pooling(op: str) -> Converter:
    def convert(draft: Draft, call: Call) -> None:
        if not call.layer.keepdims or call.layer.data_format != "channels_last":
            call.refuse("it drops the axes; use keepdims=True, channels last")
        draft.add(op, call)

    return convert


def _chain(op: str) -> Converter:
    """``(a op b) op c``: the graph's operators take two."""

    def convert(draft: Draft, call: Call) -> None:
        *middle, last = call.sources[1:]
        for index, source in enumerate(middle, 1):
            name = f"{call.name}.{op.lower()}_{index}"
            part = replace(call, name=name, output=f"{name}.out")
            draft.add(op, part, (source,))
            call = replace(call, sources=(part.output,))
        draft.add(op, call, (last,))

    return convert


def _concatenate(draft: Draft, call: Call) -> None:
    _last_axis(call, call.layer.axis)
    draft.add("Concat", call, call.sources[1:])


def _rescaling(draft: Draft, call: Call) -> None:
    scale, offset = (
        np.asarray(value, np.float32).reshape(1, -1, 1, 1)
        for value in (call.layer.scale, call.layer.offset)
    )
    if offset.any():
        if (scale != 1).any():
            scaled = replace(call, name=f"{call.name}.mul", output=f"{call.name}.scaled")
            draft.add("Mul", scaled, (draft.constant(call, "scale", scale),))
            call = replace(call, sources=(scaled.output,))
        draft.add("Add", call, (draft.constant(call, "offset", offset),))
    else:
        draft.add("Mul", call, (draft.constant(call, "scale", scale),))


def _channel_slice(draft: Draft, call: Call) -> None:
    first, last, _ = slice(call.layer.first, call.layer.last).indices(call.channels)
    draft.add("Slice", call, first=first, last=last)


def _plain(op: str) -> Converter:
    return lambda draft, call: draft.add(op, call)


def _window(call: Call) -> tuple[int, int]:
    """Kernel and stride of a convolution that the graph can hold."""
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


def _same(kernel: int, stride: int) -> dict[str, int]:
    """'same' at an aligned size: kernel - stride zeros in all, the smaller half first."""
    total = max(kernel - stride, 0)
    before = total // 2
    return {"kernel": kernel, "stride": stride, "padding": before, "padding_end": total - before}


def operator_of(call: Call) -> str:
    """Operator of a layer's activation function."""
    function = call.layer.activation
    if function not in ACTIVATIONS:
        name = getattr(function, "__name__", type(function).__name__)
        call.refuse(f"activation '{name}'; use relu, selu or sigmoid")
    return ACTIVATIONS[function]


def _last_axis(call: Call, axis: int) -> None:
    if axis not in (-1, 3):
        call.refuse(f"axis {axis}; use the last")


def _array(variable: Any) -> Float:
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
    keras.layers.Multiply: _chain("Mul"),
    keras.layers.PReLU: _prelu,
    keras.layers.ReLU: _relu,
    keras.layers.Rescaling: _rescaling,
    keras.layers.SeparableConv2D: _separable_conv2d,
    ChannelMax: _plain("ReduceMax"),
    ChannelMean: _plain("ReduceMean"),
    ChannelSlice: _channel_slice,
}
#: Layers with an activation inside, which becomes a node of its own.
CONVOLUTIONS = (
    keras.layers.Conv2D,
    keras.layers.Conv2DTranspose,
    keras.layers.SeparableConv2D,
)
