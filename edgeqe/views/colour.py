"""Picture planes: colour transform, pooling, space-to-depth, and the network's unit.

Everything works on whole small arrays (a window at a time on the device).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.typing import Float

#: RGB to Y, Cb, Cr in full range, rows Y, Cb, Cr (ITU-T T.871, JFIF).
RGB_TO_YCC = np.array(
    [
        [0.299, 0.587, 0.114],
        [-0.168735892, -0.331264108, 0.5],
        [0.5, -0.418687589, -0.081312411],
    ],
    np.float32,
)

#: MATLAB's rgb2ycbcr, row Y (ITU-R BT.601 studio range), for RGB 0 to 255.
STUDIO_LUMA = np.array([65.481, 128.553, 24.966]) / 255

#: Neutral value and scale of the network's unit: (v - 128) / 255.
NEUTRAL, SCALE = 128.0, 255.0


def studio_luma(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Luma 16 to 235 of RGB, as MATLAB's rgb2ycbcr: (H, W, 3) to (H, W)."""
    luma: npt.NDArray[np.uint8] = np.floor(rgb @ STUDIO_LUMA + 16.5).astype(np.uint8)
    return luma


def rgb_to_ycc(rgb: Float) -> Float:
    """Full-range Y, Cb, Cr of RGB, both in 0 to 255, shape (..., 3)."""
    ycc: Float = rgb @ RGB_TO_YCC.T
    ycc[..., 1:] += NEUTRAL
    return ycc


def full_luma(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Luma 0 to 255 of RGB, as JPEG codes it: (H, W, 3) to (H, W)."""
    weights = RGB_TO_YCC[0].astype(np.float64)
    luma: npt.NDArray[np.uint8] = np.clip(np.floor(rgb @ weights + 0.5), 0, 255).astype(np.uint8)
    return luma


def rgb_to_420(rgb: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], ...]:
    """Full-range Y (H, W), Cb and Cr (H / 2, W / 2) of RGB (H, W, 3), H and W even.

    Chroma is the mean of 2x2 pixels.
    """
    chroma = np.rint(pool(rgb_to_ycc(rgb.astype(np.float32))[..., 1:]))
    cb, cr = np.moveaxis(np.clip(chroma, 0, 255).astype(np.uint8), -1, 0)
    return full_luma(rgb), np.ascontiguousarray(cb), np.ascontiguousarray(cr)


def pool(x: Float) -> Float:
    """Mean of 2x2 pixels: (H, W, C) to (H/2, W/2, C), H and W even."""
    rows = x[0::2] + x[1::2]
    pooled: Float = (rows[:, 0::2] + rows[:, 1::2]) * np.float32(0.25)
    return pooled


def space_to_depth(y: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Phases of a plane: (H, W) to (H/2, W/2, 4), in rows: 00, 01, 10, 11."""
    height, width = y.shape
    blocks = y.reshape(height // 2, 2, width // 2, 2)
    return blocks.transpose(0, 2, 1, 3).reshape(height // 2, width // 2, 4)


def to_network(values: npt.NDArray[Any]) -> Float:
    """Values 0 to 255 in the network's unit."""
    return (values.astype(np.float32) - np.float32(NEUTRAL)) * np.float32(1 / SCALE)


def depth_to_space(phases: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Inverse of `space_to_depth`: (H/2, W/2, 4) to (H, W)."""
    rows, columns = phases.shape[:2]
    blocks = phases.reshape(rows, columns, 2, 2).transpose(0, 2, 1, 3)
    return blocks.reshape(2 * rows, 2 * columns)
