"""Strength layers: per-channel scale and bias as functions of the codec's step, in two forms.

A convolution without bias is followed by ``y * scale(step) + bias(step)``. Both
vectors depend on the step alone, so for a picture they are constants and cost
nothing per pixel: a runtime folds them into the convolution at load.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

#: Step of QP 32, the origin of t in the QP-adaptive paper: 2 ** ((32 - 4) / 6).
STEP_OF_QP_32 = 2.0 ** (28 / 6)
#: Least scale of `ScaleAndBias`: an integer kernel serves all strengths of a channel whose scale
#: keeps its sign.
LEAST_SCALE = 2.0**-7


@keras.saving.register_keras_serializable("edgeqe")
class StepFeatures(keras.layers.Layer):  # type: ignore[misc]  # keras has no type stubs
    """Features of the step for `ScaleAndBias`: a small MLP on its logarithm.

    Input of shape (N, 1): log2 of the step. Output of shape (N, units).

    Parameters
    ----------
    units : int
        Width of both layers.
    """

    def __init__(self, units: int = 16, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.hidden = keras.layers.Dense(units, activation="tanh", name="hidden")
        self.out = keras.layers.Dense(units, activation="tanh", name="out")

    def build(self, input_shape: Any) -> None:
        """Make both layers."""
        self.hidden.build(input_shape)
        self.out.build((None, self.units))

    def call(self, log2_step: Any) -> Any:
        """Features in -1 to 1; the input is centred on step 16, 8 octaves wide."""
        return self.out(self.hidden((log2_step - 4.0) / 2.0))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "units": self.units}


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
