"""ASQE-CNN: attention, shared weights and three resolutions, for JPEG to VVC.

Input ``planes`` (N, 64, 64, C), values (v - 128) / 255, C = 3 (RGB) or 1 (gray); output the
enhanced block in the same unit. Channel attention pools over the block, so the function is
defined on a grid of 64x64 blocks, run a second time on the picture without its top 16 rows
and left 16 columns, and fused (section 4.1); `edgeqe.engine.blocks` does that on the device.

The blocks are those of figure 3; how they are joined (figure 2) is a reading that fits the
counts of table 8: 888,861 (RGB), 833,481 without attention, 1,479,709 without weight sharing,
563,575 without multi-resolution feature fusion; 881,943 (gray), which the paper does not print.
434 kMAC a pixel; 16 convolutions are used twice.

References
----------
"Attention-based shared weights quality enhancement CNN" for RGB and grayscale images and
video sequences (ASQE-CNN), sections 3 (figures 2 and 3) and 4.
"""

from __future__ import annotations

from typing import Any

import keras

from edgeqe.zoo.attention import multi_head

#: Width N of every layer, heads of the reduced resolutions, hidden units of the channel attention's MLP.
WIDTH, HEADS, UNITS = 64, 4, 32


class _Blocks:
    """The eight blocks of figure 3."""

    def __init__(self, attention: bool, sharing: bool, width: int, units: int) -> None:
        self.attention, self.sharing, self.width, self.units = attention, sharing, width, units

    def normed(self, x: Any, name: str) -> Any:
        """Batch norm and ReLU."""
        x = keras.layers.BatchNormalization(name=f"{name}_norm")(x)
        return keras.layers.ReLU(name=f"{name}_relu")(x)

    def cb(self, x: Any, name: str, stride: int = 1) -> Any:
        """Convolutional block: 3x3, stride s, batch norm, ReLU."""
        x = keras.layers.Conv2D(self.width, 3, stride, padding="same", name=name)(x)
        return self.normed(x, name)

    def db(self, x: Any, name: str, stride: int) -> Any:
        """Deconvolutional block: 3x3 transposed, stride s, batch norm, ReLU."""
        x = keras.layers.Conv2DTranspose(self.width, 3, stride, padding="same", name=name)(x)
        return self.normed(x, name)

    def pair(self, name: str) -> tuple[Any, Any]:
        """One convolution to be used twice, or two."""
        first = keras.layers.Conv2D(self.width, 3, padding="same", name=name)
        if self.sharing:
            return first, first
        return first, keras.layers.Conv2D(self.width, 3, padding="same", name=f"{name}_second")

    def asb(self, x: Any, name: str, heads: int) -> Any:
        """Attention-based shared weights block."""
        first, second = self.pair(name)
        h = self.normed(first(x), f"{name}_1")
        if self.attention:
            h = multi_head(h, heads, self.units, f"{name}_attention")
        h = keras.layers.Add(name=f"{name}_skip")([second(h), x])
        return self.normed(h, f"{name}_2")

    def asrb(self, x: Any, name: str) -> Any:
        """Attention-based shared weights residual block: two ASB and a skip."""
        h = self.asb(self.asb(x, f"{name}_1", HEADS), f"{name}_2", HEADS)
        return keras.layers.Add(name=f"{name}_residual")([h, x])

    def fusion(self, current: Any, other: Any, name: str) -> Any:
        """HFF and LFF: what `asb` does, with the other resolution in place of attention."""
        first, second = self.pair(name)
        h = keras.layers.Add(name=f"{name}_fuse")([self.normed(first(current), f"{name}_1"), other])
        h = keras.layers.Add(name=f"{name}_skip")([second(h), current])
        return self.normed(h, f"{name}_2")


def asqe(
    name: str = "asqe",
    channels: int = 3,
    attention: bool = True,
    sharing: bool = True,
    fusion: bool = True,
    width: int = 0,
    units: int = 0,
) -> Any:
    """ASQE-CNN: attention, shared weights, three resolutions.

    Parameters
    ----------
    name : str
    channels : int
        3 for RGB, 1 for gray.
    attention, sharing, fusion : bool
        False for the ablations noAttention, noWeightSharing and noMFF of section 4.6.
    width, units : int
        Width of every layer, a multiple of the heads, and hidden units of the channel attention;
        0: the paper's.
    """
    make = _Blocks(attention, sharing, width or WIDTH, units or UNITS)
    planes = keras.Input((None, None, channels), name="planes")
    full_in = make.asb(make.cb(planes, "full_in"), "full_in_asb", heads=1)
    if fusion:
        half_in = make.asrb(make.cb(planes, "half_in", 2), "half_in_asrb")
        down = make.cb(full_in, "full_to_half", 2)
        half_in = make.asrb(make.fusion(half_in, down, "half_hff"), "half_hff_asrb")
        quarter = make.asrb(make.cb(planes, "quarter_in", 4), "quarter_in_asrb")
        down = make.cb(half_in, "half_to_quarter", 2)
        quarter = make.asrb(make.fusion(quarter, down, "quarter_hff"), "quarter_hff_asrb")
    else:
        half_in = make.asrb(make.cb(full_in, "full_to_half", 2), "half_hff_asrb")
        quarter = make.asrb(make.cb(half_in, "half_to_quarter", 2), "quarter_hff_asrb")
    up = make.db(quarter, "quarter_to_half", 2)
    half_out = make.asrb(make.fusion(half_in, up, "half_lff"), "half_lff_asrb")
    up = make.db(half_out, "half_to_full", 2)
    full_out = make.asb(make.fusion(full_in, up, "full_lff"), "full_out_asb", heads=1)
    details = [("full_details", full_out)]
    if fusion:
        details.append(("half_details", make.db(half_out, "half_up", 2)))
        details.append(("quarter_details", make.db(quarter, "quarter_up", 4)))
    parts = [
        keras.layers.Conv2D(channels, 3, padding="same", name=layer)(x) for layer, x in details
    ]
    picture = keras.layers.Add(name="picture")([*parts, planes])
    return keras.Model(planes, picture, name=name)
