"""edgeqe-tiny and edgeqe-small: plain stacks, native to 4:2:0.

Input: six half-resolution planes, (v - 128) / 255 for 8-bit values v: the four
phases of Y (space-to-depth 2: top left, top right, bottom left, bottom right), Cb
and Cr. Output: their residual in the same unit. All convolutions are 3x3; nothing
pools, so tiles are exact.

| network | width | depth | kMAC per picture pixel | halo, pixels |
|---|---|---|---|---|
| edgeqe-tiny | 24 | 4 | 5.8 | 12 |
| edgeqe-small | 32 | 6 | 14.7 | 16 |
"""

from __future__ import annotations

from typing import Any

import keras

from edgeqe.zoo.strengths import QpAdaptive, ScaleAndBias, StepFeatures

PLANES = 6


def plain(
    name: str, *, width: int, depth: int, strength: str = "scale-and-bias", units: int = 16
) -> Any:
    """Head, `depth` hidden convolutions and a zero-initialised tail.

    Parameters
    ----------
    name : str
        Name of the Keras model.
    width : int
        Channels of every hidden layer.
    depth : int
        3x3 convolutions between head and tail.
    strength : {"scale-and-bias", "qp-adaptive"}
        Form of the strength vectors.
    units : int
        Width of the strength MLP; only for "scale-and-bias".

    Returns
    -------
    keras.Model
        Inputs ``planes`` (N, H/2, W/2, 6) and ``log2_step`` (N, 1); output the
        residual, shape of ``planes``.
    """
    planes = keras.Input((None, None, PLANES), name="planes")
    log2_step = keras.Input((1,), name="log2_step")
    if strength == "scale-and-bias":
        features = StepFeatures(units, name="step")(log2_step)
        condition = keras.layers.Concatenate(name="condition")([log2_step, features])
    elif strength == "qp-adaptive":
        condition = log2_step
    else:
        raise ValueError(f"strength {strength!r}: use 'scale-and-bias' or 'qp-adaptive'.")

    def convolution(x: Any, filters: int, layer: str, **options: Any) -> Any:
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False, name=layer, **options)(
            x
        )
        form: Any
        if strength == "scale-and-bias":
            form = ScaleAndBias(in_steps=layer == "tail", name=f"{layer}_strength")
        else:
            form = QpAdaptive(name=f"{layer}_strength")
        return form([x, condition])

    x = planes
    for index in range(depth + 1):
        layer = "head" if index == 0 else f"hidden_{index}"
        x = convolution(x, width, layer, kernel_initializer="he_normal")
        x = keras.layers.ReLU(name=f"{layer}_relu")(x)
    residual = convolution(x, PLANES, "tail", kernel_initializer="zeros")
    return keras.Model([planes, log2_step], residual, name=name)


def edgeqe_tiny(strength: str = "scale-and-bias") -> Any:
    """Width 24, four hidden convolutions: 5.8 kMAC per picture pixel."""
    return plain("edgeqe-tiny", width=24, depth=4, strength=strength)


def edgeqe_small(strength: str = "scale-and-bias") -> Any:
    """Width 32, six hidden convolutions: 14.7 kMAC per picture pixel."""
    return plain("edgeqe-small", width=32, depth=6, strength=strength)
