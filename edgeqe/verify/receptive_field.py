"""Receptive field of a network, measured on the runtime with probe weights in the file.

Trained weights hide a halo: what the farthest pixel adds is the product of many small
weights. So kernels are replaced by ones whose outermost taps along one axis are positive
and whose others are 0, factors by 1 and shifts by 0. On a picture that is 0 but for some
pixels, a result is above 0 exactly where the network's structure lets them through.

In a network of integers all scales are set too, so that a layer multiplies by at least 4: then
what is above 0 stays, up to the largest integer, and 0 stays 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.model.card import Card
from edgeqe.model.file import ModelFile
from edgeqe.model.tensors import Tensor
from edgeqe.runtimes import open_bytes
from edgeqe.typing import Float

#: Operators of both formats by what their second input is.
CONVOLUTIONS = ("Conv", "ConvTranspose", "CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV")
FACTORS, SHIFTS = ("Mul", "MUL"), ("Add", "ADD")
#: Operators that hide a pixel's influence on a picture of zeros.
GATES = ("Sigmoid", "LOGISTIC")
#: Largest weight of an integer kernel, and what a layer multiplies by.
LARGEST, GAIN = 64, 4.0
#: ONNX's codes of the types of weights.
_FLOATS, _INTEGERS = (1, 10), (3, 6)


@dataclass(frozen=True)
class MeasuredField:
    """Receptive field as measured, picture pixels."""

    beyond: bool
    """Whether anything farther than the exact halo reached a result."""
    at: bool
    """Whether a pixel at the exact halo did."""


def measured_field(model: ModelFile) -> MeasuredField:
    """Probe a network that tiles at its card's `exact_halo`, along both axes, from both sides."""
    beyond = at = False
    for axis in (1, 2):
        session = open_bytes(_probe(model, axis), model)
        far, near = _probes(session.run, model.card, axis)
        beyond, at = beyond or far, at or near
    return MeasuredField(beyond, at)


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
    data, constants = bytearray(model.data), model.outline.initializers
    origin = model.outline.origins()
    scales = _scales(model) if model.card.precision == "int8" else {}
    for name, number in scales.items():
        _write(data, constants[name], np.full(_size(constants[name]), number))
    for operation in model.outline.operations:
        names = [origin.get(name, name) for name in operation.inputs]
        for position, name in enumerate(names):
            tensor = constants.get(name)
            if tensor is None or name in scales or tensor.start == tensor.stop:
                continue
            if tensor.data_type not in (*_FLOATS, *_INTEGERS):
                continue
            if operation.op_type in CONVOLUTIONS and position == 1:
                axes = ((0, 1), 1 + axis) if model.format == "onnx" else ((0, 3), axis)
                new = _taps(tensor.dims, *axes)
                if scales:  # large enough that no rounding behind it makes 0 of it
                    new = np.where(new > 0.0, LARGEST if tensor.data_type in _INTEGERS else GAIN, 0)
            elif operation.op_type in CONVOLUTIONS or operation.op_type in SHIFTS:
                new = np.zeros(_size(tensor))
            elif operation.op_type in FACTORS:
                new = np.ones(_size(tensor))
            else:
                continue
            _write(data, tensor, new)
    return bytes(data)


def _scales(model: ModelFile) -> dict[str, float]:
    """Scale constants of a quantized graph, and what the probe sets them to.

    Values count in 8-bit levels; kernels, and biases that count products of the two, in parts.
    """
    constants = model.outline.initializers
    scales = {name: tensor for name, tensor in constants.items() if name.endswith(".scale")}
    return {
        name: GAIN / LARGEST if name.endswith((".kernel.scale", ".bias.scale")) else 1.0
        for name, tensor in scales.items()
        if tensor.data_type == 1 and tensor.start < tensor.stop
    }


def _size(tensor: Tensor) -> int:
    return (tensor.stop - tensor.start) // tensor.dtype.itemsize


def _write(data: bytearray, tensor: Tensor, values: npt.NDArray[Any]) -> None:
    data[tensor.start : tensor.stop] = values.astype(tensor.dtype).tobytes()


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
