"""A small network of another tool that enhances a little: random features, and the tail that fits best."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

from edgeqe.typing import Double, Float
from tests.quantization.photographs import NAMES, picture

#: JPEG quality that the tail is fitted at, places drawn of each picture, weight of small tails.
QUALITY, PLACES, RIDGE = 40, 4000, 1e-3


def head(channels: int = 8, seed: int = 1) -> tuple[Float, Float]:
    """Kernel (C, 1, 3, 3) whose taps sum to 0, and bias (C,), for pictures of 0 to 1."""
    rng = np.random.default_rng(seed)
    kernel = rng.normal(0, 4, (channels, 1, 3, 3))
    kernel -= kernel.mean(axis=(2, 3), keepdims=True)
    return kernel.astype(np.float32), rng.uniform(0, 0.4, channels).astype(np.float32)


def tail(kernel: Float, bias: Float, activation: Callable[[Any], Any]) -> Float:
    """Kernel (1, C, 3, 3) of the convolution behind the activation whose output is nearest to what JPEG took.

    Pictures of 0 to 1, gray. Least squares, each picture by its own error, because decibels are.
    """
    rng = np.random.default_rng(3)
    size = kernel.shape[0] * 9
    moments, products = np.zeros((size, size)), np.zeros(size)
    for name in NAMES:
        original = picture(name).convert("L")
        data = io.BytesIO()
        original.save(data, "JPEG", quality=QUALITY)
        coded = np.asarray(Image.open(data), np.float64) / 255
        lost: Double = np.asarray(original, np.float64) / 255 - coded
        taps = sliding_window_view(coded, (3, 3)).reshape(*(side - 2 for side in coded.shape), 9)
        hidden = activation(taps @ kernel.reshape(-1, 9).T + bias)
        seen = sliding_window_view(hidden, (3, 3), axis=(0, 1))
        rows, columns = (rng.integers(side, size=PLACES) for side in seen.shape[:2])
        features = seen[rows, columns].reshape(PLACES, -1)
        error = np.square(lost).mean()
        moments += features.T @ features / error
        products += features.T @ lost[rows + 2, columns + 2] / error
    moments += RIDGE * np.trace(moments) / size * np.eye(size)
    fitted: Double = np.linalg.solve(moments, products)
    return fitted.reshape(1, -1, 3, 3).astype(np.float32)
