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


def hgrdn() -> Any:
    """HGRDN: 16 residual dense blocks in four groups at half resolution, RGB, 5.5 MMAC a pixel."""
    layers = keras.layers
    planes = keras.Input((None, None, 3), name="planes")
    x = layers.Conv2D(WIDTH, 3, padding="same", name="head")(planes)
    down = layers.Conv2D(WIDTH, 4, 2, padding="same", name="down")(x)
    x, groups = down, []
    for index in range(1, GROUPS + 1):
        x = _group(x, f"group_{index}")
        groups.append(x)
    x = _fused(groups, down, "hierarchy")
    x = cbam(x, UNITS, "attention")
    x = layers.Conv2DTranspose(WIDTH, 4, 2, padding="same", name="up")(x)
    details = layers.Conv2D(3, 3, padding="same", name="tail")(x)
    return keras.Model(planes, layers.Add(name="picture")([details, planes]), name="hgrdn")


def _fused(parts: list[Any], skip: Any, name: str) -> Any:
    """1x1 convolution of all parts together, and a skip."""
    joined = keras.layers.Concatenate(name=f"{name}_join")(parts)
    x = keras.layers.Conv2D(WIDTH, 1, name=f"{name}_fusion")(joined)
    return keras.layers.Add(name=name)([x, skip])


def _group(x: Any, name: str) -> Any:
    """GRDB: dense blocks in a row, their results fused."""
    skip, blocks = x, []
    for index in range(1, BLOCKS + 1):
        x = _dense(x, f"{name}_{index}")
        blocks.append(x)
    return _fused(blocks, skip, name)


def _dense(x: Any, name: str) -> Any:
    """Residual dense block: each convolution reads all earlier ones of the block."""
    parts = [x]
    for index in range(1, DENSE + 1):
        given = parts[0]
        if len(parts) > 1:
            given = keras.layers.Concatenate(name=f"{name}_dense_{index}")(parts)
        h = keras.layers.Conv2D(WIDTH, 3, padding="same", name=f"{name}_conv_{index}")(given)
        parts.append(keras.layers.ReLU(name=f"{name}_relu_{index}")(h))
    return _fused(parts, x, name)
