"""The network by hand: a shipped file run in numpy, read by the onnx package."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from edgeqe.typing import Double


def weights_of(data: bytes) -> dict[str, Double]:
    model = onnx.load_model_from_string(data)
    return {i.name: numpy_helper.to_array(i).astype(np.float64) for i in model.graph.initializer}


def conv3x3(x: Double, kernel: Double) -> Double:
    """Zero-padded 3x3 convolution, (C, h, w) by (O, C, 3, 3)."""
    height, width = x.shape[1:]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    out = np.zeros((kernel.shape[0], height, width))
    for row in range(3):
        for column in range(3):
            part = padded[:, row : row + height, column : column + width]
            out += np.einsum("oc,chw->ohw", kernel[:, :, row, column], part)
    return out


def plain_network(planes: Double, weights: dict[str, Double]) -> Double:
    """edgeqe-nano, -tiny and -small as `zoo.plain` says, grey levels in and out."""
    depth = sum(name.startswith("hidden") and name.endswith("kernel") for name in weights)

    def convolution(x: Double, layer: str) -> Double:
        x = conv3x3(x, weights[f"{layer}.kernel"])
        x = x * weights[f"{layer}_strength.scale"][0] + weights[f"{layer}_strength.bias"][0]
        return x

    x = np.maximum(convolution(planes, "head"), 0.0)
    for first in range(1, depth - depth % 2, 2):  # a skip around every two
        h = np.maximum(convolution(x, f"hidden_{first}"), 0.0)
        x = np.maximum(x + convolution(h, f"hidden_{first + 1}"), 0.0)
    if depth % 2:
        x = np.maximum(convolution(x, f"hidden_{depth}"), 0.0)
    return convolution(x, "tail")


def gray_planes(image: npt.NDArray[Any]) -> Double:
    """Six planes of an even gray picture less 128, chroma neutral."""
    luma = image.astype(np.float64) - 128.0
    phases = [luma[0::2, 0::2], luma[0::2, 1::2], luma[1::2, 0::2], luma[1::2, 1::2]]
    neutral = np.zeros_like(phases[0])
    return np.stack([*phases, neutral, neutral])


def with_margin(plane: npt.NDArray[Any], pixels: int = 8) -> npt.NDArray[Any]:
    """A plane whose samples are mirrored around it, the last ones first."""
    return np.pad(plane, pixels, mode="symmetric")


def without_margin(plane: npt.NDArray[Any], pixels: int = 8) -> npt.NDArray[Any]:
    """Inverse of `with_margin`."""
    return plane[pixels:-pixels, pixels:-pixels]


def luma_residual(network: Callable[[Double], Double], image: npt.NDArray[Any]) -> Double:
    """Residual of an even gray picture with its margin, of a network of six planes."""
    phases = network(gray_planes(with_margin(image)))
    luma = np.zeros((2 * phases.shape[1], 2 * phases.shape[2]))
    for phase, (row, column) in zip(phases, [(0, 0), (0, 1), (1, 0), (1, 1)], strict=False):
        luma[row::2, column::2] = phase
    return without_margin(luma)


def photograph(name: str, top: int, left: int, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Part of one of scikit-image's packaged photographs."""
    import skimage.data

    picture: npt.NDArray[np.uint8] = getattr(skimage.data, name)()
    return np.ascontiguousarray(picture[top : top + height, left : left + width])
