"""Fake quantization with straight-through gradients: Keras operations and layers.

Rounding is flat nearly everywhere, so its gradient teaches nothing. With the straight-through
estimator the result is the rounded value and the gradient that of the value::

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

#: Largest uint8 integer.
TOP = 255


def fake_quantize(x: Any, scale: Any, zero: Any) -> Any:
    """Quantize x to uint8 and dequantize it, with a straight-through gradient.

    Parameters
    ----------
    x : tensor
    scale, zero : tensor
        Scale and zero point, which broadcast to x.

    Returns
    -------
    tensor
        Its gradient is that of x where x is representable, else 0.
    """
    inside = ops.minimum(ops.maximum(x, -zero * scale), (TOP - zero) * scale)
    return inside + ops.stop_gradient(ops.round(inside / scale) * scale - inside)


def fake_quantize_kernel(kernel: Any, axes: tuple[int, ...], largest: int = LARGEST_WEIGHT) -> Any:
    """Quantize a kernel with one scale per channel and dequantize it, as `gptq.round_kernel` does.

    Parameters
    ----------
    kernel : tensor
    axes : tuple of int
        Axes of the weights of one channel.
    largest : int
        Largest integer weight.

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
    """Symmetric quantization whose largest integer stands for `most`, dequantized."""
    unit = most / largest
    return ops.clip(ops.round(kernel / unit), -largest, largest) * unit


class FakeQuantConvolution(keras.layers.Layer):  # type: ignore[misc]  # keras has no type stubs
    """A convolution with a fake-quantized kernel; the weight stays the original layer's.

    Parameters
    ----------
    layer : keras.layers.Conv2D or keras.layers.Conv2DTranspose
        Built, without bias and activation, as edgeqe's own networks have them.
    largest : int
        Largest integer weight.

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
        if self.transposed:  # per phase of the output, see `canonical_form.py`
            kernel = fake_quantize_kernel(self.layer.kernel, (3,), self.largest)
            return ops.conv_transpose(x, kernel, strides, "same", data_format="channels_last")
        kernel = fake_quantize_kernel(self.layer.kernel, (0, 1, 2), self.largest)
        return ops.conv(x, kernel, strides, "same", data_format="channels_last")


class FakeQuantActivation(keras.layers.Layer):  # type: ignore[misc]
    """Fake quantization of an activation, with the scale of each sample's strength.

    Inputs: x of shape (N, H, W, C) and the network's input of strengths. The scales (one per key,
    of several codecs one codec below the other) and the zero point are weights that are not
    trained.

    Parameters
    ----------
    value : str
        Its name in the graph.
    blocks : int
        Codecs that have keys of their own.
    """

    def __init__(self, value: str, blocks: int = 1) -> None:
        super().__init__(name=f"{value}.rounded")
        self.value, self.blocks = value, blocks
        self.scale = self.add_weight(
            name="scale", shape=(blocks * len(KEYS),), initializer="ones", trainable=False
        )
        self.zero = self.add_weight(name="zero", shape=(1,), initializer="zeros", trainable=False)

    def set_params(self, scale: npt.NDArray[np.floating[Any]], zero: int) -> None:
        """Set the scale at every key, in the unit of x, and the zero point."""
        self.scale.assign(scale.astype(np.float32))
        self.zero.assign(np.array([zero], np.float32))

    def call(self, inputs: Any) -> Any:
        """Quantized and dequantized x."""
        x, strength = inputs
        key = ops.cast(ops.round(strength[:, :1] * KEYS_PER_OCTAVE), "int32") - KEYS[0]
        row = ops.clip(key, 0, len(KEYS) - 1)
        if self.blocks > 1:
            codec = ops.cast(ops.argmax(strength[:, 1:], axis=1), "int32")
            row += codec[:, None] * len(KEYS)
        scale = ops.take(self.scale, row)
        return fake_quantize(x, ops.reshape(scale, (-1, 1, 1, 1)), self.zero)
