"""edgeqe-nano, -tiny, -small, -base and -base-video: plain stacks, native to 4:2:0.

Input: six half-resolution planes, (v - 128) / 255 for 8-bit values v: the four
phases of Y (space-to-depth 2: top left, top right, bottom left, bottom right), Cb
and Cr. Output: their residual in the same unit. All convolutions are 3x3; nothing
pools, so tiles are exact.

| network | width | depth | kMAC per picture pixel | halo, pixels |
|---|---|---|---|---|
| edgeqe-nano | 16 | 2 | 1.6 | 8 |
| edgeqe-tiny | 32 | 3 | 7.8 | 10 |
| edgeqe-small | 40 | 4 | 15.5 | 12 |
| edgeqe-base, edgeqe-base-video | 64 | 8 | 75.5 | 20 |

docs/networks.md has the shapes that were tried, with what they gain and take.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from edgeqe.errors import InputError
from edgeqe.zoo import ALL_BUT_JPEG, JPEG_ALONE, StrengthForm
from edgeqe.zoo.strengths import STRENGTH_INPUTS, QpAdaptive, ScaleAndBias, StepFeatures

PLANES = 6


class ConvolutionBuilder:
    """Builds convolutions with strength vectors, for one network native to 4:2:0.

    Parameters
    ----------
    strength : StrengthForm or str
        Form of the strength layers.
    units : int
        Width of the strength MLP; only for `SCALE_AND_BIAS`.
    codecs : sequence of str
        Codecs that the network serves; others than JPEG only with `SCALE_AND_BIAS`.

    Raises
    ------
    InputError
        If there is no such form, or it has no codecs.
    """

    def __init__(
        self,
        strength: StrengthForm | str,
        units: int = 16,
        codecs: Sequence[str] = JPEG_ALONE,
    ) -> None:
        self.strength, several = StrengthForm(strength), len(codecs) > 1
        self.planes = keras.Input((None, None, PLANES), name="planes")
        name = STRENGTH_INPUTS[several]
        self.given = keras.Input((1 + len(codecs) * several,), name=name)
        if self.strength is StrengthForm.SCALE_AND_BIAS:
            self.condition = StepFeatures(units, codecs, name="step")(self.given)
            if not several:
                both = [self.given, self.condition]
                self.condition = keras.layers.Concatenate(name="condition")(both)
        elif tuple(codecs) != JPEG_ALONE:
            raise InputError(
                f"strength '{strength}' knows no codec, and {', '.join(codecs)} are asked for: "
                f"use '{StrengthForm.SCALE_AND_BIAS}'."
            )
        else:
            self.condition = self.given

    def kernel(self, filters: int, name: str, kernel: int = 3, **options: Any) -> Any:
        """Convolution without bias, which may be used more than once."""
        options = {"kernel_initializer": "he_normal", **options}
        return keras.layers.Conv2D(
            filters, kernel, padding="same", use_bias=False, name=name, **options
        )

    def scaled(self, x: Any, name: str, in_steps: bool = False) -> Any:
        """Strength layer behind one use of a kernel."""
        form: Any
        if self.strength is StrengthForm.SCALE_AND_BIAS:
            form = ScaleAndBias(in_steps=in_steps, name=f"{name}_strength")
        else:
            form = QpAdaptive(name=f"{name}_strength")
        return form([x, self.condition])

    def activated(self, x: Any, name: str) -> Any:
        """ReLU."""
        return keras.layers.ReLU(name=f"{name}_relu")(x)

    def convolution(self, x: Any, filters: int, name: str, kernel: int = 3, stride: int = 1) -> Any:
        """Kernel, strength vectors, ReLU."""
        x = self.kernel(filters, name, kernel, strides=stride)(x)
        return self.activated(self.scaled(x, name), name)

    def pair(self, x: Any, filters: int, first: str, second: str) -> Any:
        """Two convolutions with a skip around both, added in front of the second's ReLU."""
        h = self.convolution(x, filters, first)
        h = self.scaled(self.kernel(filters, second)(h), second)
        return self.activated(keras.layers.Add(name=f"{second}_add")([h, x]), second)

    def up(self, x: Any, filters: int, name: str) -> Any:
        """Twice the resolution: transposed convolution, 2x2, stride 2, strength vectors."""
        layer = keras.layers.Conv2DTranspose(
            filters, 2, 2, padding="same", use_bias=False, name=name, kernel_initializer="he_normal"
        )
        return self.scaled(layer(x), name)

    def tail(self, x: Any, filters: int) -> Any:
        """Zero-initialised last convolution, its vectors in units of the step."""
        return self.scaled(
            self.kernel(filters, "tail", kernel_initializer="zeros")(x), "tail", in_steps=True
        )

    def network(self, name: str, residual: Any) -> Any:
        """Keras model of both inputs."""
        return keras.Model([self.planes, self.given], residual, name=name)


def plain(
    name: str,
    *,
    width: int,
    depth: int,
    strength: str = "scale-and-bias",
    units: int = 16,
    codecs: Sequence[str] = JPEG_ALONE,
) -> Any:
    """Head, `depth` hidden convolutions with a skip around every two, zero-initialised tail.

    ::

        head  [hidden hidden +] ... [hidden hidden +]  tail
             └───────────────┘

    Parameters
    ----------
    name : str
        Name of the Keras model.
    width : int
        Channels of every hidden layer.
    depth : int
        3x3 convolutions between head and tail; an odd one out stands last, without a skip.
    strength, units, codecs
        As of `ConvolutionBuilder`.

    Returns
    -------
    keras.Model
        Inputs ``planes`` (N, H/2, W/2, 6) and the strength, as of `strengths.STRENGTH_INPUTS`;
        output the residual, shape of ``planes``.
    """
    make = ConvolutionBuilder(strength, units, codecs)
    x = make.convolution(make.planes, width, "head")
    for index in range(1, depth - depth % 2, 2):
        x = make.pair(x, width, f"hidden_{index}", f"hidden_{index + 1}")
    if depth % 2:
        x = make.convolution(x, width, f"hidden_{depth}")
    return make.network(name, make.tail(x, PLANES))


def edgeqe_nano(strength: str = "scale-and-bias", codecs: Sequence[str] = JPEG_ALONE) -> Any:
    """Width 16, two hidden convolutions: 1.6 kMAC per picture pixel."""
    return plain("edgeqe-nano", width=16, depth=2, strength=strength, codecs=codecs)


def edgeqe_tiny(strength: str = "scale-and-bias", codecs: Sequence[str] = JPEG_ALONE) -> Any:
    """Width 32, three hidden convolutions: 7.8 kMAC per picture pixel."""
    return plain("edgeqe-tiny", width=32, depth=3, strength=strength, codecs=codecs)


def edgeqe_small(strength: str = "scale-and-bias", codecs: Sequence[str] = JPEG_ALONE) -> Any:
    """Width 40, four hidden convolutions: 15.5 kMAC per picture pixel."""
    return plain("edgeqe-small", width=40, depth=4, strength=strength, codecs=codecs)


def edgeqe_base(strength: str = "scale-and-bias", codecs: Sequence[str] = JPEG_ALONE) -> Any:
    """Width 64, eight hidden convolutions: 75.5 kMAC per picture pixel."""
    return plain("edgeqe-base", width=64, depth=8, strength=strength, codecs=codecs)


def edgeqe_base_video(
    strength: str = "scale-and-bias", codecs: Sequence[str] = ALL_BUT_JPEG
) -> Any:
    """edgeqe-base for the codecs of video and their stills: 75.5 kMAC per picture pixel."""
    return plain("edgeqe-base-video", width=64, depth=8, strength=strength, codecs=codecs)
