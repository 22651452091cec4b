"""The graph's operators in NumPy and float64, with which the oracle computes.

Values are (C, h, w). Sums of integers are exact as long as they stay below 2**53, in any order; those of a
quantized convolution reach 2**31 at most, so these operators serve integers as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from edgeqe.converters.graph.graph import Node
from edgeqe.errors import InputError
from edgeqe.typing import Double

#: Elements of the im2col matrix that are laid out at once, 32 MB.
BAND = 2**22
#: ONNX's scale and slope of Selu.
SELU_SCALE, SELU_SLOPE = 1.0507009873554805, 1.6732632423543772


def run(node: Node, operands: list[Double]) -> Double:
    """Output of a node.

    Parameters
    ----------
    node : Node
    operands : list of ndarray of float64
        Its inputs: values (C, h, w), vectors (C, 1, 1) or (1, 1, 1), kernels as the graph has
        them.

    Raises
    ------
    InputError
        If the oracle has no such operator.
    """
    if node.op not in _RUN:
        raise InputError(f"node '{node.name}': the oracle has no {node.op}: fold the graph first.")
    return _RUN[node.op](node, operands)


def _convolution(node: Node, operands: list[Double]) -> Double:
    """im2col and a matrix product, a band of rows at a time."""
    x, kernel, *bias = operands
    count, _, rows, columns = kernel.shape
    windows = windows_of(node, x).transpose(0, 3, 4, 1, 2)
    *taps, height, width = windows.shape
    weights = kernel.reshape(node.groups, count // node.groups, -1)
    result = np.empty((*weights.shape[:2], height, width))
    band = max(BAND // (math.prod(taps) * width), 1)
    for top in range(0, height, band):
        part = windows[..., top : top + band, :]
        made = weights @ part.reshape(node.groups, weights.shape[2], -1)
        result[:, :, top : top + band] = made.reshape(*weights.shape[:2], -1, width)
    return result.reshape(count, height, width) + (bias[0] if bias else 0.0)


def windows_of(node: Node, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Windows of a Conv: what each of its outputs reads, shape (C, rows, columns, kernel, kernel)."""
    pad = (node.padding, node.padding_end)
    mode = {"zero": "constant"}.get(node.border, node.border)
    padded = np.pad(x, ((0, 0), pad, pad), mode)  # type: ignore[call-overload]
    windows = sliding_window_view(padded, (node.reach, node.reach), axis=(1, 2))
    result: npt.NDArray[Any] = windows[
        :, :: node.stride, :: node.stride, :: node.dilation, :: node.dilation
    ]
    return result


def _transposed(node: Node, operands: list[Double]) -> Double:
    """Every input pixel adds its kernel where it stands, `stride` apart; the edges are cut."""
    x, kernel, *bias = operands
    channels, each, rows, columns = kernel.shape
    (_, height, width), count = x.shape, each * node.groups
    weights = kernel.reshape(node.groups, channels // node.groups, each, rows, columns)
    pixels = x.reshape(node.groups, channels // node.groups, height * width)
    behind = max(-node.padding_end, 0)  # rows and columns that nothing adds to
    whole = np.zeros(
        (
            count,
            (height - 1) * node.stride + rows + behind,
            (width - 1) * node.stride + columns + behind,
        )
    )
    for row, column in np.ndindex(rows, columns):
        made = weights[..., row, column].swapaxes(1, 2) @ pixels
        place = _every(whole, row, column, node.stride, height, width)
        place += made.reshape(count, height, width)
    end = max(node.padding_end, 0)
    cut = whole[:, node.padding : whole.shape[1] - end, node.padding : whole.shape[2] - end]
    return cut + (bias[0] if bias else 0.0)


def _every(x: Double, row: int, column: int, stride: int, height: int, width: int) -> Double:
    """View of `height` by `width` pixels from a place on, `stride` apart."""
    return x[
        :,
        row : row + (height - 1) * stride + 1 : stride,
        column : column + (width - 1) * stride + 1 : stride,
    ]


def _max_pool(node: Node, operands: list[Double]) -> Double:
    pad = (node.padding, node.padding_end)
    padded = np.pad(operands[0], ((0, 0), pad, pad), constant_values=-np.inf)
    height, width = ((side - node.kernel) // node.stride + 1 for side in padded.shape[1:])
    parts = [
        _every(padded, row, column, node.stride, height, width)
        for row, column in np.ndindex(node.kernel, node.kernel)
    ]
    result: Double = np.maximum.reduce(parts)
    return result


def _depth_to_space(node: Node, operands: list[Double]) -> Double:
    """Channel (row * block + column) * C + c of the input is pixel (row, column) of channel c."""
    block, (channels, height, width) = node.kernel, operands[0].shape
    count = channels // block**2
    parts = operands[0].reshape(block, block, count, height, width).transpose(2, 3, 0, 4, 1)
    return parts.reshape(count, height * block, width * block)


def _space_to_depth(node: Node, operands: list[Double]) -> Double:
    """The inverse of DepthToSpace."""
    block, (channels, height, width) = node.kernel, operands[0].shape
    parts = operands[0].reshape(channels, height // block, block, width // block, block)
    return parts.transpose(2, 4, 0, 1, 3).reshape(-1, height // block, width // block)


def _selu(_: Node, operands: list[Double]) -> Double:
    x = operands[0]
    below: Double = SELU_SLOPE * np.expm1(np.minimum(x, 0.0))
    return SELU_SCALE * np.where(x > 0.0, x, below)


def _normalized(node: Node, operands: list[Double]) -> Double:
    centred = operands[0] - operands[0].mean(axis=0, keepdims=True)
    variance = np.square(centred).mean(axis=0, keepdims=True)
    result: Double = centred / np.sqrt(variance + node.alpha)
    return result


def _gelu(_: Node, operands: list[Double]) -> Double:
    erf = np.vectorize(math.erf, otypes=[np.float64])
    result: Double = 0.5 * operands[0] * (1.0 + erf(operands[0] / math.sqrt(2)))
    return result


def _elu(node: Node, operands: list[Double]) -> Double:
    x = operands[0]
    return np.where(x > 0.0, x, node.alpha * np.expm1(np.minimum(x, 0.0)))


def _leaky(x: Double, slope: Double | float) -> Double:
    return np.where(x < 0.0, slope * x, x)


def _sigmoid(x: Double) -> Double:
    result: Double = 0.5 + 0.5 * np.tanh(0.5 * x)  # exp would overflow far below 0
    return result


_RUN: dict[str, Callable[[Node, list[Double]], Double]] = {
    "Add": lambda _, x: x[0] + x[1],
    "ChannelNorm": _normalized,
    "Concat": lambda _, x: np.concatenate(x),
    "Conv": _convolution,
    "ConvTranspose": _transposed,
    "DepthToSpace": _depth_to_space,
    "Elu": _elu,
    "Gelu": _gelu,
    "GlobalAveragePool": lambda _, x: x[0].mean(axis=(1, 2), keepdims=True),
    "GlobalMaxPool": lambda _, x: x[0].max(axis=(1, 2), keepdims=True),
    "HardSwish": lambda _, x: x[0] * np.clip(x[0] / 6.0 + 0.5, 0.0, 1.0),
    "LeakyRelu": lambda node, x: _leaky(x[0], node.alpha),
    "Max": lambda _, x: np.maximum(x[0], x[1]),
    "MaxPool": _max_pool,
    "Min": lambda _, x: np.minimum(x[0], x[1]),
    "Mul": lambda _, x: x[0] * x[1],
    "PRelu": lambda _, x: _leaky(x[0], x[1]),
    "ReduceMax": lambda _, x: x[0].max(axis=0, keepdims=True),
    "ReduceMean": lambda _, x: x[0].mean(axis=0, keepdims=True),
    "Relu": lambda _, x: np.maximum(x[0], 0.0),
    "Selu": _selu,
    "Sigmoid": lambda _, x: _sigmoid(x[0]),
    "Slice": lambda node, x: x[0][node.first : node.last],
    "Softplus": lambda _, x: np.logaddexp(0.0, x[0]),
    "SpaceToDepth": _space_to_depth,
    "Tanh": lambda _, x: np.tanh(x[0]),
}
