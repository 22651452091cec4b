"""edgeqe-multiscale: one width at three resolutions, kernels used twice, native to 4:2:0.

Input and output as in `edgeqe.zoo.plain`. Levels lie at 1/2, 1/4 and 1/8 of the
picture, so that one pixel of the coarsest is one 8x8 block of JPEG::

    head  block ─────────────────────────────────── + block  tail      1/2
            down  block block ───────── + block block  up              1/4
                          down  block  up                              1/8

A block uses its 3x3 kernel twice, with a scale and a bias of its own each time (the
weight sharing of ASQE-CNN's attention blocks, without the attention)::

    h = relu(s1 * (W * x) + b1);  y = relu(s2 * (W * h) + b2 + x)

Down and up are 2x2 with stride 2, so they add nothing to the halo. Nothing pools.

| network | width | kernels used twice | kMAC per picture pixel | halo, pixels |
|---|---|---|---|---|
| edgeqe-multiscale | 64 | 7 | 60.7 | 62, rounded 64 |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from edgeqe.zoo import JPEG_ALONE
from edgeqe.zoo.plain import PLANES, ConvolutionBuilder

WIDTH = 64


def edgeqe_multiscale(strength: str = "scale-and-bias", codecs: Sequence[str] = JPEG_ALONE) -> Any:
    """Width 64 at three resolutions, kernels used twice: 60.7 kMAC per picture pixel."""
    make = ConvolutionBuilder(strength, codecs=codecs)
    fine = make.convolution(make.planes, WIDTH, "head")
    fine = _block(make, fine, "fine_in")
    middle = make.convolution(fine, WIDTH, "down_1", kernel=2, stride=2)
    for index in (1, 2):
        middle = _block(make, middle, f"middle_in_{index}")
    coarse = make.convolution(middle, WIDTH, "down_2", kernel=2, stride=2)
    coarse = _block(make, coarse, "coarse")
    middle = keras.layers.Add(name="join_2")([make.up(coarse, WIDTH, "up_2"), middle])
    for index in (1, 2):
        middle = _block(make, middle, f"middle_out_{index}")
    fine = keras.layers.Add(name="join_1")([make.up(middle, WIDTH, "up_1"), fine])
    fine = _block(make, fine, "fine_out")
    return make.network("edgeqe-multiscale", make.tail(fine, PLANES))


def _block(make: ConvolutionBuilder, x: Any, name: str) -> Any:
    kernel = make.kernel(WIDTH, name)
    h = make.activated(make.scaled(kernel(x), f"{name}_1"), f"{name}_1")
    h = make.scaled(kernel(h), f"{name}_2")
    h = keras.layers.Add(name=f"{name}_add")([h, x])
    return make.activated(h, f"{name}_2")
