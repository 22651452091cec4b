"""Rounding as INT8 does it, with a gradient: Keras operations and layers.

A rounding is flat nearly everywhere, so its gradient teaches nothing. Straight through, the
result is the rounded number and the gradient that of the number::

    y = x + constant(rounded(x) - x)      dy/dx = 1; 0 where the integers do not reach x

References
----------
Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", CVPR 2018, section 3.
Bengio, Léonard, Courville, "Estimating or Propagating Gradients Through Stochastic Neurons
for Conditional Computation", 2013, arXiv:1308.3432.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from edgeqe.codecs.strength import KEYS_PER_OCTAVE
from edgeqe.converters.graph.graph import KEYS
from edgeqe.converters.graph.integer import LARGEST_WEIGHT
from edgeqe.errors import InputError
from edgeqe.quantization.int8.gptq import CLIPS

#: Largest integer of a value.
TOP = 255


def rounded_value(x: Any, scale: Any, zero: Any) -> Any:
    """Numbers that the integers 0 to 255 stand for, nearest to x.

    Parameters
    ----------
    x : tensor
    scale, zero : tensor
        As of `converters.integer.Step`; they broadcast to x.

    Returns
    -------
    tensor
        Its gradient is that of x where x is between the numbers of 0 and 255, else 0.
    """
    inside = ops.minimum(ops.maximum(x, -zero * scale), (TOP - zero) * scale)
    return inside + ops.stop_gradient(ops.round(inside / scale) * scale - inside)


def rounded_kernel(kernel: Any, axes: tuple[int, ...], largest: int = LARGEST_WEIGHT) -> Any:
    """Kernel of whole numbers times a scale a channel, by the rule of `rounding.round_kernel`.

    Parameters
    ----------
    kernel : tensor
    axes : tuple of int
        Axes of the weights of one channel.
    largest : int
        Largest whole number.

    Returns
    -------
    tensor
        Shape of the kernel; its gradient is the kernel's.
    """
    peak = ops.max(ops.abs(kernel), axis=axes, keepdims=True)
    peak = ops.where(peak == 0.0, ops.ones_like(peak), peak)
    clips = np.array(CLIPS, np.float32)
    trials = _whole(kernel, peak * clips.reshape(-1, *[1] * len(kernel.shape)), largest)
    within = tuple(axis + 1 for axis in axes)
    loss = ops.sum(ops.square(trials - kernel), axis=within, keepdims=True)
    best = _whole(kernel, peak * ops.take(clips, ops.argmin(loss, axis=0)), largest)
    return kernel + ops.stop_gradient(best - kernel)


def _whole(kernel: Any, most: Any, largest: int) -> Any:
    """Whole numbers of which the largest stands for `most`, as what they stand for."""
    unit = most / largest
    return ops.clip(ops.round(kernel / unit), -largest, largest) * unit


class RoundedConvolution(keras.layers.Layer):  # type: ignore[misc]  # keras has no type stubs
    """A convolution layer's work with its kernel rounded; the weight stays the layer's.

    Parameters
    ----------
    layer : keras.layers.Conv2D or keras.layers.Conv2DTranspose
        Built, without bias and activation, as edgeqe's own networks have them.
    largest : int
        Largest whole number of the kernel.

    Raises
    ------
    InputError
        If the layer is another kind of convolution.
    """

    def __init__(self, layer: Any, largest: int = LARGEST_WEIGHT) -> None:
        super().__init__(name=f"{layer.name}.rounded")
        self.layer, self.largest = layer, largest
        self.transposed = type(layer) is keras.layers.Conv2DTranspose
        plain = not layer.use_bias and layer.activation is keras.activations.linear
        apart = not self.transposed or layer.kernel_size == layer.strides
        if not (plain and apart and getattr(layer, "groups", 1) == 1 and layer.padding == "same"):
            raise InputError(
                f"layer '{layer.name}': quantization-aware training knows the convolutions of "
                "edgeqe's own networks alone; round this network without training."
            )

    def call(self, x: Any) -> Any:
        """The convolution of x, shape (N, H, W, C)."""
        strides = self.layer.strides
        if self.transposed:  # INT8 has a channel for each phase of the result, see `normal.py`
            kernel = rounded_kernel(self.layer.kernel, (3,), self.largest)
            return ops.conv_transpose(x, kernel, strides, "same", data_format="channels_last")
        kernel = rounded_kernel(self.layer.kernel, (0, 1, 2), self.largest)
        return ops.conv(x, kernel, strides, "same", data_format="channels_last")


class RoundedValue(keras.layers.Layer):  # type: ignore[misc]
    """Value of a graph rounded to 8 bits, its step that of each sample's strength.

    Inputs: x of shape (N, H, W, C) and log2 of the step, shape (N, 1). The scales (one a key)
    and the zero are weights that are not trained.

    Parameters
    ----------
    value : str
        Its name in the graph.
    """

    def __init__(self, value: str) -> None:
        super().__init__(name=f"{value}.rounded")
        self.value = value
        self.scale = self.add_weight(
            name="scale", shape=(len(KEYS),), initializer="ones", trainable=False
        )
        self.zero = self.add_weight(name="zero", shape=(1,), initializer="zeros", trainable=False)

    def set_step(self, scale: npt.NDArray[np.floating[Any]], zero: int) -> None:
        """Set the scale at every key, in the unit of x, and the integer of 0."""
        self.scale.assign(scale.astype(np.float32))
        self.zero.assign(np.array([zero], np.float32))

    def call(self, inputs: Any) -> Any:
        """What the integers of x stand for."""
        x, log2_step = inputs
        key = ops.cast(ops.round(log2_step * KEYS_PER_OCTAVE), "int32") - KEYS[0]
        scale = ops.take(self.scale, ops.clip(key, 0, len(KEYS) - 1))
        return rounded_value(x, ops.reshape(scale, (-1, 1, 1, 1)), self.zero)
