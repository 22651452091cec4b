"""RRNet: an in-loop filter that sees the prediction residual beside the reconstruction.

Inputs ``planes`` (N, H, W, 1), the reconstruction without deblocking and SAO, values
(v - 128) / 255, and ``residual`` (N, H, W, 1), the decoded prediction residual in 1/255,
signed, 0 where none was coded. Output the filtered picture in the unit of ``planes``.
H and W are multiples of 4. 300,865 parameters and 608 slopes of PReLU, 125 kMAC a pixel.

References
----------
W. Jia et al., "Residual-guided in-loop filter using convolution neural network", section
III: table I and equation 1 (residual network), table II (reconstruction network). Table I
says 64 maps inside the residual blocks, which the identity skips of equation 1 rule out;
the text of III-B says 32.
"""

from __future__ import annotations

from typing import Any

import keras


def rrnet(name: str = "rrnet", residual: bool = True, width: int = 32) -> Any:
    """RRNet: two inputs, luma.

    Parameters
    ----------
    name : str
    residual : bool
        False for the reconstruction network alone, without the second input (section IV-C).
    width : int
        Maps at full resolution; twice and four times as many below.
    """
    inputs = planes = keras.Input((None, None, 1), name="planes")
    features = _reconstruction_network(planes, width)
    if residual:
        given = keras.Input((None, None, 1), name="residual")
        inputs = [planes, given]
        both = [_residual_network(given, width), features]
        features = keras.layers.Concatenate(name="joined")(both)
    details = keras.layers.Conv2D(1, 3, padding="same", name="last")(features)
    picture = keras.layers.Add(name="picture")([details, planes])
    return keras.Model(inputs, picture, name=name)


def _active(x: Any, filters: int, name: str) -> Any:
    """3x3 convolution and PReLU with one slope a map."""
    x = keras.layers.Conv2D(filters, 3, padding="same", name=name)(x)
    return keras.layers.PReLU(
        shared_axes=[1, 2],
        alpha_initializer=keras.initializers.Constant(0.25),
        name=f"{name}_prelu",
    )(x)


def _residual_network(residual: Any, width: int) -> Any:
    """Eight convolutions; ``F_j = A(W F_(j-1) + b) + F_(j-2)`` for j = 3, 5, 7 (equation 1)."""
    x = _active(residual, width, "residual_1")
    for first in (2, 4, 6):
        h = _active(_active(x, width, f"residual_{first}"), width, f"residual_{first + 1}")
        x = keras.layers.Add(name=f"residual_skip_{first + 1}")([h, x])
    return _active(x, width, "residual_8")


def _reconstruction_network(planes: Any, width: int) -> Any:
    """Two poolings down, two transposed convolutions up, concatenated with what was there."""
    layers = keras.layers
    full = _active(planes, width, "reconstruction_1")
    half = _active(layers.MaxPooling2D(2, name="pool_1")(full), 2 * width, "reconstruction_2")
    x = _active(layers.MaxPooling2D(2, name="pool_2")(half), 4 * width, "reconstruction_3")
    x = layers.Conv2DTranspose(2 * width, 2, 2, padding="same", name="up_1")(x)
    x = layers.Concatenate(name="skip_1")([half, x])
    x = _active(x, 2 * width, "reconstruction_4")
    x = layers.Conv2DTranspose(width, 2, 2, padding="same", name="up_2")(x)
    x = layers.Concatenate(name="skip_2")([full, x])
    return _active(_active(x, width, "reconstruction_5"), width, "reconstruction_6")
