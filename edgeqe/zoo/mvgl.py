"""MVGL A, B and C: residual networks with SELU for BPG (HEVC intra) pictures, RGB.

Input ``planes`` (N, H, W, 3), values (v - 128) / 255; output the enhanced picture in the
same unit. Head, residual blocks [conv, SELU, conv, x 0.1] with a long skip, tail, x 0.1, and
the input is added (section 3, figures 2 and 3). No batch norm.

| network | blocks | width | parameters | kMAC a pixel |
|---|---|---|---|---|
| mvgl-a | 32 | 96 | 5,402,883 | 5,397 |
| mvgl-b | 8 | 96 | 1,416,963 | 1,415 |
| mvgl-c | 32 | 48 | 1,353,603 | 1,350 |

The mean colour of the training set is subtracted in front and added behind; behind, it
cancels with that of the picture that is added. The 0.1 inside the blocks and the mean are
readings: the paper states neither; the mean is that of DIV2K, as EDSR takes it.

References
----------
O. Kirmemis et al., "Learned compression artifact removal by deep residual networks" (team
MVGL), section 3, figures 2 and 3; section 4 (B, n, counts).
B. Lim et al., "Enhanced deep residual networks", 2017 (EDSR).
"""

from __future__ import annotations

from typing import Any

import keras

#: Mean of red, green and blue, 0 to 1, and its place in the network's unit.
MEAN = (0.4488, 0.4371, 0.4040)
NEUTRAL = 128 / 255
#: What a block's, and the whole network's, contribution is scaled by.
RESIDUAL_SCALE = 0.1


def mvgl(name: str, blocks: int, width: int) -> Any:
    """MVGL: residual blocks with SELU, RGB.

    Parameters
    ----------
    name : str
    blocks : int
        Residual blocks B.
    width : int
        Feature maps n.
    """
    layers = keras.layers

    def convolution(x: Any, filters: int, layer: str) -> Any:
        return layers.Conv2D(
            filters, 3, padding="same", name=layer, kernel_initializer="lecun_normal"
        )(x)

    planes = keras.Input((None, None, 3), name="planes")
    offset = [NEUTRAL - mean for mean in MEAN]
    head = convolution(layers.Rescaling(1.0, offset, name="less_mean")(planes), width, "head")
    x = head
    for index in range(1, blocks + 1):
        h = convolution(x, width, f"block_{index}_1")
        h = layers.Activation("selu", name=f"block_{index}_selu")(h)
        h = convolution(h, width, f"block_{index}_2")
        h = layers.Rescaling(RESIDUAL_SCALE, name=f"block_{index}_scale")(h)
        x = layers.Add(name=f"block_{index}")([h, x])
    x = layers.Add(name="long_skip")([convolution(x, width, "body"), head])
    details = layers.Rescaling(RESIDUAL_SCALE, name="scale")(convolution(x, 3, "tail"))
    return keras.Model(planes, layers.Add(name="picture")([details, planes]), name=name)
