"""HGRDN: a hierarchy of grouped residual dense blocks, for RGB after VVC intra.

Input ``planes`` (N, H, W, 3), values (v - 128) / 255, H and W even; output the enhanced
picture in the same unit. 22.05 million parameters, 5.5 MMAC a pixel. The framework runs it
as noise reduction (NR), as texture restoration (TR), or one behind the other:
``Enhancer(["nr.onnx", "tr.onnx"])``. Its CBAM pools over the picture, so it takes whole
pictures unless its channel attention is frozen.

Figure 1 names the parts (four GRDB, one down-sampling, one up-sampling layer, one CBAM);
how they are joined follows GRDN, and is a reading: dense growth 64, four dense blocks a
group, 1x1 fusions with a skip for each dense block, each group and the hierarchy, CBAM in
front of the up-sampling, the picture added at the end.

References
----------
Y. Kim et al., "Towards the perceptual quality enhancement of low bit-rate compressed
images", section 2, figure 1.
D.-W. Kim et al., "GRDN: grouped residual dense network", CVPR workshops 2019, section 3.
"""

from __future__ import annotations

from typing import Any

import keras

from edgeqe.zoo.attention import cbam

#: Width and growth, convolutions a dense block, dense blocks a group, groups.
WIDTH, DENSE, BLOCKS, GROUPS = 64, 8, 4, 4
#: Hidden units of the channel attention: CBAM's reduction ratio 16.
UNITS = WIDTH // 16


def hgrdn(width: int = 0, dense: int = 0, blocks: int = 0, groups: int = 0, stages: int = 1) -> Any:
    """HGRDN: residual dense blocks in groups at half resolution, RGB.

    Parameters
    ----------
    width, dense, blocks, groups : int
        Width and growth, convolutions a dense block, dense blocks a group, groups; 0: the paper's.
    stages : int
        Networks one behind the other, such as noise reduction and texture restoration that are
        trained as a cascade.
    """
    make = _Parts(width or WIDTH, dense or DENSE, blocks or BLOCKS, groups or GROUPS)
    picture = planes = keras.Input((None, None, 3), name="planes")
    for stage in range(1, stages + 1):
        last = stage == stages
        picture = make.stage(picture, f"stage_{stage}_" if stages > 1 else "", last)
    return keras.Model(planes, picture, name="hgrdn")


class _Parts:
    """The blocks of figure 1."""

    def __init__(self, width: int, dense: int, blocks: int, groups: int) -> None:
        self.width, self.dense, self.blocks, self.groups = width, dense, blocks, groups

    def stage(self, planes: Any, prefix: str, last: bool) -> Any:
        """A whole HGRDN, from picture to picture."""
        layers = keras.layers
        x = layers.Conv2D(self.width, 3, padding="same", name=f"{prefix}head")(planes)
        down = layers.Conv2D(self.width, 4, 2, padding="same", name=f"{prefix}down")(x)
        x, groups = down, []
        for index in range(1, self.groups + 1):
            x = self.group(x, f"{prefix}group_{index}")
            groups.append(x)
        x = self.fused(groups, down, f"{prefix}hierarchy")
        x = cbam(x, UNITS, f"{prefix}attention")
        x = layers.Conv2DTranspose(self.width, 4, 2, padding="same", name=f"{prefix}up")(x)
        details = layers.Conv2D(3, 3, padding="same", name=f"{prefix}tail")(x)
        name = "picture" if last else f"{prefix}picture"
        return layers.Add(name=name)([details, planes])

    def fused(self, parts: list[Any], skip: Any, name: str) -> Any:
        """1x1 convolution of all parts together, and a skip."""
        joined = parts[0]
        if len(parts) > 1:
            joined = keras.layers.Concatenate(name=f"{name}_join")(parts)
        x = keras.layers.Conv2D(self.width, 1, name=f"{name}_fusion")(joined)
        return keras.layers.Add(name=name)([x, skip])

    def group(self, x: Any, name: str) -> Any:
        """GRDB: dense blocks in a row, their results fused."""
        skip, blocks = x, []
        for index in range(1, self.blocks + 1):
            x = self.dense_block(x, f"{name}_{index}")
            blocks.append(x)
        return self.fused(blocks, skip, name)

    def dense_block(self, x: Any, name: str) -> Any:
        """Residual dense block: each convolution reads all earlier ones of the block."""
        parts = [x]
        for index in range(1, self.dense + 1):
            given = parts[0]
            if len(parts) > 1:
                given = keras.layers.Concatenate(name=f"{name}_dense_{index}")(parts)
            layer = keras.layers.Conv2D(self.width, 3, padding="same", name=f"{name}_conv_{index}")
            parts.append(keras.layers.ReLU(name=f"{name}_relu_{index}")(layer(given)))
        return self.fused(parts, x, name)
