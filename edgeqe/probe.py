"""How far a network sees, measured on the runtime with probe weights in the file.

Trained weights hide a halo: what the farthest pixel adds is the product of many small
weights. So kernels are replaced by ones whose outermost taps along one axis are positive
and whose others are 0, factors by 1 and shifts by 0. On a picture that is 0 but for some
pixels, a result is above 0 exactly where the network's structure lets them through.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeqe.card import Card
from edgeqe.model_file import ModelFile
from edgeqe.runtimes import open_bytes

Float = npt.NDArray[np.float32]

#: Operators of both formats by what their second input is.
CONVOLUTIONS = ("Conv", "ConvTranspose", "CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV")
FACTORS, SHIFTS = ("Mul", "MUL"), ("Add", "ADD")
#: Operators that hide a pixel's influence on a picture of zeros.
GATES = ("Sigmoid", "LOGISTIC")


@dataclass(frozen=True)
class Sight:
    """What the probe saw, in picture pixels."""

    beyond: bool
    """Whether anything farther than the exact halo reached a result."""
    at: bool
    """Whether a pixel at the exact halo did."""


def sees(model: ModelFile) -> Sight:
    """Probe a network that tiles at its card's `exact_halo`, along both axes, from both sides."""
    beyond = at = False
    for axis in (1, 2):
        session = open_bytes(_probe(model, axis), model)
        far, near = _probes(session.run, model.card, axis)
        beyond, at = beyond or far, at or near
    return Sight(beyond, at)


def _probes(run: Callable[[Float], Float], card: Card, axis: int) -> tuple[bool, bool]:
    unit = card.pixels_per_sample
    step, reach = card.alignment // unit, card.exact_halo // unit
    margin = -(-(reach + 1) // step) * step
    first, last = margin, margin + 8 * step
    length = last + margin
    channels = card.channels + len(card.inputs) - 1
    along = np.arange(length)
    beyond = at = False
    for left, edge in ((True, first - reach), (False, last - 1 + reach)):
        outside = along < edge if left else along > edge
        for marked in (outside, along == edge):
            shape = (channels, length, 2 * step) if axis == 1 else (channels, 2 * step, length)
            planes = np.zeros(shape, np.float32)
            planes.swapaxes(axis, 2)[..., marked] = 1.0
            result = run(planes).swapaxes(axis, 2)[..., first:last]
            seen = bool((result > 0).any())
            if marked is outside:
                beyond = beyond or seen
            else:
                at = at or seen
    return beyond, at


def _probe(model: ModelFile, axis: int) -> bytes:
    """File with probe weights along an axis, 1 rows or 2 columns."""
    data = bytearray(model.data)
    origin = model.outline.origins()
    for operation in model.outline.operations:
        names = [origin.get(name, name) for name in operation.inputs]
        for position, name in enumerate(names):
            tensor = model.outline.initializers.get(name)
            if tensor is None or tensor.dtype.kind != "f" or tensor.start == tensor.stop:
                continue
            value = np.frombuffer(model.data[tensor.start : tensor.stop], tensor.dtype)
            if operation.op_type in CONVOLUTIONS and position == 1:
                kernel = value.reshape(tensor.dims)
                if model.format == "onnx":
                    new = _taps(kernel.shape, (0, 1), 1 + axis)
                else:
                    new = _taps(kernel.shape, (0, 3), axis)
            elif operation.op_type in CONVOLUTIONS:
                new = np.zeros(value.shape)
            elif operation.op_type in FACTORS:
                new = np.ones(value.shape)
            elif operation.op_type in SHIFTS:
                new = np.zeros(value.shape)
            else:
                continue
            data[tensor.start : tensor.stop] = new.astype(tensor.dtype).tobytes()
    return bytes(data)


def _taps(shape: tuple[int, ...], channels: tuple[int, int], along: int) -> npt.NDArray[np.float64]:
    """Kernel with its outermost taps along an axis, in the middle of the other."""
    kernel = np.zeros(shape)
    weight = 0.5 / max(shape[axis] for axis in channels)
    other = next(axis for axis in range(4) if axis not in (*channels, along))
    middle = [slice(None)] * 4
    middle[other] = slice((shape[other] - 1) // 2, (shape[other] - 1) // 2 + 1)
    for end in (0, shape[along] - 1):
        middle[along] = slice(end, end + 1)
        kernel[tuple(middle)] = weight
    return kernel
