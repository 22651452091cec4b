"""CBAM: channel and spatial attention, and the layers that they need.

References
----------
S. Woo et al., "CBAM: Convolutional block attention module", ECCV 2018, section 3.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

#: Bias that both votes of a channel gate begin with: together they open it to sigmoid(4) = 0.98.
OPEN = 2.0


@keras.saving.register_keras_serializable("edgeqe")
class ChannelSlice(keras.layers.Layer):  # type: ignore[misc]  # keras has no type stubs
    """Slice of channels, `first` to before `last`.

    Parameters
    ----------
    first, last : int
    """

    def __init__(self, first: int, last: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first, self.last = first, last

    def call(self, x: Any) -> Any:
        """(N, H, W, C) to (N, H, W, last - first)."""
        return x[..., self.first : self.last]

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "first": self.first, "last": self.last}


@keras.saving.register_keras_serializable("edgeqe")
class ChannelMean(keras.layers.Layer):  # type: ignore[misc]
    """Mean over the channels, one channel."""

    def call(self, x: Any) -> Any:
        """(N, H, W, C) to (N, H, W, 1)."""
        return ops.mean(x, axis=-1, keepdims=True)


@keras.saving.register_keras_serializable("edgeqe")
class ChannelMax(keras.layers.Layer):  # type: ignore[misc]
    """Maximum over the channels, one channel."""

    def call(self, x: Any) -> Any:
        """(N, H, W, C) to (N, H, W, 1)."""
        return ops.max(x, axis=-1, keepdims=True)


def cbam(x: Any, units: int, name: str) -> Any:
    """Channel attention with global pooling, then spatial attention.

    ``g = sigmoid(MLP(mean of x over the picture) + MLP(maximum of x over the picture))``
    with one MLP for both; ``s = sigmoid(conv7x7([mean, maximum of g x over the
    channels]))``, without a bias; the result is ``s g x``.

    Parameters
    ----------
    x : tensor, shape (N, H, W, C)
    units : int
        Hidden units of the MLP C -> units -> C.
    name : str
        Prefix of the layers' names.
    """
    layers = keras.layers
    hidden = layers.Conv2D(units, 1, name=f"{name}_mlp_hidden")
    opened = keras.initializers.Constant(OPEN)
    out = layers.Conv2D(x.shape[-1], 1, bias_initializer=opened, name=f"{name}_mlp_out")
    votes = []
    for kind, pool in (
        ("mean", layers.GlobalAveragePooling2D),
        ("max", layers.GlobalMaxPooling2D),
    ):
        pooled = pool(keepdims=True, name=f"{name}_{kind}")(x)
        votes.append(out(layers.ReLU(name=f"{name}_{kind}_relu")(hidden(pooled))))
    gate = layers.Add(name=f"{name}_votes")(votes)
    gate = layers.Activation("sigmoid", name=f"{name}_channel_gate")(gate)
    x = layers.Multiply(name=f"{name}_channels")([x, gate])
    pooled = [
        ChannelMean(name=f"{name}_channel_mean")(x),
        ChannelMax(name=f"{name}_channel_max")(x),
    ]
    pooled = layers.Concatenate(name=f"{name}_pooled")(pooled)
    even = keras.initializers.Zeros()
    where = layers.Conv2D(
        1, 7, padding="same", use_bias=False, kernel_initializer=even, name=f"{name}_where"
    )(pooled)
    where = layers.Activation("sigmoid", name=f"{name}_spatial_gate")(where)
    return layers.Multiply(name=f"{name}_places")([x, where])


def multi_head(x: Any, heads: int, units: int, name: str) -> Any:
    """Channels in `heads` equal groups, a CBAM each (ASQE-CNN, section 3.1, MHA)."""
    if heads == 1:
        return cbam(x, units, name)
    width = x.shape[-1] // heads
    parts = [
        cbam(
            ChannelSlice(i * width, (i + 1) * width, name=f"{name}_{i + 1}_slice")(x),
            units,
            f"{name}_{i + 1}",
        )
        for i in range(heads)
    ]
    return keras.layers.Concatenate(name=f"{name}_join")(parts)
