"""Strength layers: per-channel scale and bias as functions of the codec's step, in two forms.

A convolution without bias is followed by ``y * scale(step) + bias(step)``. Both
vectors depend on the step alone, so for a picture they are constants and cost
nothing per pixel: a runtime folds them into the convolution at load.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

#: Names of a network's input of its strength: log2 of the step, (N, 1); and of one that serves
#: several codecs the same with a one-hot of the codec behind it, (N, 1 + codecs).
STRENGTH_INPUTS = ("log2_step", "strength")
#: Step of QP 32, the origin of t in the QP-adaptive paper: 2 ** ((32 - 4) / 6).
STEP_OF_QP_32 = 2.0 ** (28 / 6)
#: Least scale of `ScaleAndBias`: an integer kernel serves all strengths of a channel whose scale
#: keeps its sign.
LEAST_SCALE = 2.0**-7


@keras.saving.register_keras_serializable("edgeqe")
class StepFeatures(keras.layers.Layer):  # type: ignore[misc]  # keras has no type stubs
    """Features of the step for `ScaleAndBias`: a small MLP on its logarithm.

    Input of shape (N, 1): log2 of the step; of several codecs (N, 1 + codecs), a one-hot of the
    codec behind it, which adds a vector of that codec to the input of either layer's tanh.
    Output of shape (N, units); of several codecs (N, 1 + units), log2 of the step in front.

    Parameters
    ----------
    units : int
        Width of both layers.
    codecs : sequence of str
        Codecs that the network serves, in the order of the one-hot.
    """

    def __init__(self, units: int = 16, codecs: Sequence[str] = ("jpeg",), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.codecs = units, tuple(codecs)
        self.hidden = keras.layers.Dense(units, activation="tanh", name="hidden")
        self.out = keras.layers.Dense(units, activation="tanh", name="out")

    def build(self, input_shape: Any) -> None:
        """Make both layers."""
        self.hidden.build((None, 1))
        self.out.build((None, self.units))
        if len(self.codecs) > 1:
            shape = (len(self.codecs), self.units)
            self.codec_hidden = self.add_weight(
                name="codec_hidden", shape=shape, initializer="zeros"
            )
            self.codec_out = self.add_weight(name="codec_out", shape=shape, initializer="zeros")

    def call(self, strength: Any) -> Any:
        """Features in -1 to 1; the step is centred on 16, 8 octaves wide."""
        if len(self.codecs) == 1:
            return self.out(self.hidden((strength - 4.0) / 2.0))
        log2_step, codec = strength[:, :1], strength[:, 1:]
        x = ops.matmul((log2_step - 4.0) / 2.0, self.hidden.kernel) + self.hidden.bias
        x = ops.tanh(x + ops.matmul(codec, self.codec_hidden))
        x = ops.matmul(x, self.out.kernel) + self.out.bias
        x = ops.tanh(x + ops.matmul(codec, self.codec_out))
        return ops.concatenate([log2_step, x], axis=1)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "units": self.units, "codecs": list(self.codecs)}


def with_codec(log2_step: Any, index: int, count: int) -> Any:
    """Values of a network's input of strengths, (N, 1) or (N, 1 + count).

    Parameters
    ----------
    log2_step : array, shape (N, 1)
    index, count : int
        The codec's place among those that the network serves, and how many they are.
    """
    if count == 1:
        return log2_step
    one_hot = np.zeros((len(log2_step), count), np.float32)
    one_hot[:, index] = 1.0
    return np.concatenate([np.asarray(log2_step, np.float32), one_hot], axis=1)


class StrengthLayer(keras.layers.Layer):  # type: ignore[misc]
    """Base of the strength layers.

    A form has ``vectors(strength)``: scale and bias, each of shape (N, 1, 1, C), for
    the layer's second input. Converters ask it for the vectors of many strengths. They
    are float32 whatever x is in; the result is in what x is in.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)

    def call(self, inputs: Any) -> Any:
        """``x * scale + bias`` for inputs ``[x, strength]``."""
        x, strength = inputs
        scale, bias = (ops.cast(vector, x.dtype) for vector in self.vectors(strength))
        return x * scale + bias


@keras.saving.register_keras_serializable("edgeqe")
class ScaleAndBias(StrengthLayer):
    """Scale and bias per channel, linear in `StepFeatures`.

    ``scale = unit * max(1 + A f, LEAST_SCALE)``, ``bias = unit * (b + B f)``, where ``unit`` is 1,
    or ``step / 16`` where `in_steps` is set: the tail's residual is then in units
    of the step, as the error of a quantizer is.

    Inputs: x of shape (N, H, W, C), and the concatenation (N, 1 + units) of log2 of
    the step and the features.
    """

    def __init__(self, in_steps: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.in_steps = in_steps

    def build(self, input_shape: Any) -> None:
        """Make both matrices, zero at the start, and the constant bias."""
        channels, units = input_shape[0][-1], input_shape[1][-1] - 1
        self.channels = channels
        self.scale_weights = self.add_weight(
            name="scale_weights", shape=(units, channels), initializer="zeros"
        )
        self.bias_weights = self.add_weight(
            name="bias_weights", shape=(units, channels), initializer="zeros"
        )
        self.bias = self.add_weight(name="bias", shape=(channels,), initializer="zeros")

    def vectors(self, strength: Any) -> tuple[Any, Any]:
        """Scale and bias of shape (N, 1, 1, C)."""
        log2_step, features = strength[:, :1], strength[:, 1:]
        scale = ops.maximum(1.0 + ops.matmul(features, self.scale_weights), LEAST_SCALE)
        bias = self.bias + ops.matmul(features, self.bias_weights)
        if self.in_steps:
            unit = ops.exp2(log2_step - 4.0)
            scale, bias = scale * unit, bias * unit
        shape = (-1, 1, 1, self.channels)
        return ops.reshape(scale, shape), ops.reshape(bias, shape)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "in_steps": self.in_steps}


@keras.saving.register_keras_serializable("edgeqe")
class QpAdaptive(StrengthLayer):
    """``y_c = s_c * (w_c * x) + b_c`` with ``s_c = 1 / (1 + theta_c * t)``.

    ``theta_c >= 0`` is learnt, one per output map; ``t = (step / step(QP 32)) ** 2``,
    which is ``2 ** ((QP - 32) / 3)``.

    Inputs: x of shape (N, H, W, C) and log2 of the step, shape (N, 1).

    References
    ----------
    C. Liu et al., "A QP-adaptive mechanism for CNN-based filter in video coding",
    section 3.
    """

    def build(self, input_shape: Any) -> None:
        """Make theta and the bias."""
        channels = input_shape[0][-1]
        self.channels = channels
        self.theta = self.add_weight(
            name="theta",
            shape=(channels,),
            initializer=keras.initializers.Constant(0.01),
            constraint=keras.constraints.NonNeg(),
        )
        self.bias = self.add_weight(name="bias", shape=(channels,), initializer="zeros")

    def vectors(self, strength: Any) -> tuple[Any, Any]:
        """Scale and bias of shape (N, 1, 1, C)."""
        t = ops.square(ops.exp2(strength) / STEP_OF_QP_32)
        scale = 1.0 / (1.0 + self.theta * t)
        shape = (-1, 1, 1, self.channels)
        return ops.reshape(scale, shape), ops.reshape(self.bias, (1, 1, 1, self.channels))
