"""Four in-loop filters of one luma plane, each plain and with QP-adaptive convolution.

Input ``planes`` (N, H, W, 1), values (v - 128) / 255; output the filtered picture in the
same unit. QP-adaptive networks take ``log2_step`` (N, 1) as well, and every convolution
is ``y_c = s_c (w_c * x) + b_c`` with ``s_c = 1 / (1 + theta_c t)`` (`QpAdaptive`).

| network | convolutions | parameters | with theta | kMAC a pixel |
|---|---|---|---|---|
| liu | 9 separable, width 32, and a last one | 12,266 | 12,555 | 10.8 |
| vrcnn | 4 stages, parallel kernel sizes | 54,512 and 161 biases | 54,673 and 161 | 54.5 |
| dcad | 10, width 64 | 296,641 | 297,218 | 296 |
| tuco | head, 6 residual blocks, tail, width 64 | 447,681 | 448,514 | 443.5 |

The published figures of VRCNN leave its biases out.

References
----------
C. Liu et al., "A QP-adaptive mechanism for CNN-based filter in video coding": equation 14 and
section 3.3 (the convolution), table 1 (the four filters and their counts); the filters' own papers are
its references [5] Liu, [6] VRCNN, [7] DCAD, [8] Tuocodec ("Tuco" here).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from edgeqe.zoo.strengths import QpAdaptive

#: Slope of TucoCodec's leaky ReLU; a reading, the paper states none.
LEAKY_SLOPE = 0.2

Convolution = Callable[..., Any]


class _Filter:
    """Inputs, and convolutions that are plain or QP-adaptive alike."""

    def __init__(self, name: str, qp_adaptive: bool) -> None:
        self.name = f"{name}-qp" if qp_adaptive else name
        self.qp_adaptive = qp_adaptive
        self.inputs = self.planes = keras.Input((None, None, 1), name="planes")
        if qp_adaptive:
            self.log2_step = keras.Input((1,), name="log2_step")
            self.inputs = [self.planes, self.log2_step]

    def convolution(
        self, x: Any, filters: int, name: str, kernel: int = 3, separable: bool = False
    ) -> Any:
        kind = keras.layers.SeparableConv2D if separable else keras.layers.Conv2D
        options = {"padding": "same", "use_bias": not self.qp_adaptive, "name": name}
        x = kind(filters, kernel, **options)(x)
        if self.qp_adaptive:
            x = QpAdaptive(name=f"{name}_strength")([x, self.log2_step])
        return x

    def network(self, residual: Any) -> Any:
        picture = keras.layers.Add(name="picture")([residual, self.planes])
        return keras.Model(self.inputs, picture, name=self.name)


def liu(qp_adaptive: bool = False) -> Any:
    """Liu's filter: nine depthwise separable convolutions and a last one, 10.8 kMAC a pixel.

    Each separable convolution, 3x3 depthwise without a bias and 1x1 with one, width 32, is
    followed by batch norm and ReLU.
    """
    make = _Filter("liu", qp_adaptive)
    x = make.planes
    for index in range(1, 10):
        x = make.convolution(x, 32, f"separable_{index}", separable=True)
        x = keras.layers.BatchNormalization(name=f"norm_{index}")(x)
        x = keras.layers.ReLU(name=f"relu_{index}")(x)
    return make.network(make.convolution(x, 1, "last"))


def vrcnn(qp_adaptive: bool = False) -> Any:
    """VRCNN: four stages, two of them with two kernel sizes side by side, 54.5 kMAC a pixel."""
    make = _Filter("vrcnn", qp_adaptive)

    def stage(x: Any, name: str, *branches: tuple[int, int]) -> Any:
        parts = []
        for kernel, filters in branches:
            part = make.convolution(x, filters, f"{name}_{kernel}x{kernel}", kernel)
            parts.append(keras.layers.ReLU(name=f"{name}_{kernel}x{kernel}_relu")(part))
        return parts[0] if len(parts) == 1 else keras.layers.Concatenate(name=name)(parts)

    x = stage(make.planes, "stage_1", (5, 64))
    x = stage(x, "stage_2", (5, 16), (3, 32))
    x = stage(x, "stage_3", (3, 16), (1, 32))
    return make.network(make.convolution(x, 1, "stage_4"))


def dcad(qp_adaptive: bool = False) -> Any:
    """DCAD: ten 3x3 convolutions in a row, width 64, 296 kMAC a pixel."""
    make = _Filter("dcad", qp_adaptive)
    x = make.planes
    for index in range(1, 10):
        x = make.convolution(x, 64, f"conv_{index}")
        x = keras.layers.ReLU(name=f"relu_{index}")(x)
    return make.network(make.convolution(x, 1, "conv_10"))


def tuco(qp_adaptive: bool = False) -> Any:
    """TucoCodec's filter: six residual blocks of width 64, leaky ReLU, 443.5 kMAC a pixel.

    How convolutions, batch norm and skips are grouped is a reading that fits both counts.
    """
    make = _Filter("tuco", qp_adaptive)

    def normed(x: Any, name: str, active: bool) -> Any:
        x = make.convolution(x, 64, name)
        x = keras.layers.BatchNormalization(name=f"{name}_norm")(x)
        if active:
            x = keras.layers.LeakyReLU(negative_slope=LEAKY_SLOPE, name=f"{name}_leaky")(x)
        return x

    x = normed(make.planes, "head", active=True)
    for index in range(1, 7):
        h = normed(x, f"block_{index}_1", active=True)
        h = normed(h, f"block_{index}_2", active=False)
        x = keras.layers.Add(name=f"block_{index}")([h, x])
    return make.network(make.convolution(x, 1, "tail"))
