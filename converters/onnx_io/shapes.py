"""Constants that a file computes: sizes of its own values, and weights on their way to an operator.

PyTorch writes ``x.shape`` and what is computed of it as operators. They are evaluated at one large
size that powers of two and small odd numbers divide, so that what rounds up to a multiple rounds
nothing. Nothing of the file runs: each operator is a line of NumPy here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from edgeqe.errors import InputError
from edgeqe.typing import Array

#: Height and width that sizes are evaluated at where the file leaves them open.
TRACED = (256 * 315, 256 * 945)
#: Most elements of a constant that is made larger than what it is made of.
LARGEST = 1 << 16
#: NumPy types by ONNX's number.
_TYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 5: np.int16, 6: np.int32, 7: np.int64,
          9: np.bool_, 10: np.float16, 11: np.float64}  # fmt: skip

Given = Mapping[str, Any]
_Operator = Callable[[list[Array], Given], Any]


def is_evaluated(op: str) -> bool:
    """Whether an operator of constants is computed."""
    return op in _OPERATORS


def evaluate(op: str, operands: Sequence[Array | None], given: Given, where: str) -> Array:
    """Result of an operator whose inputs are constants.

    Parameters
    ----------
    op : str
    operands : sequence of ndarray or None
        None for an input that is left out.
    given : mapping
        Attributes.
    where : str
        Operator and node, for errors.

    Raises
    ------
    InputError
        If it cannot be computed.
    """
    try:
        with np.errstate(all="ignore"):
            result = _OPERATORS[op](list(operands), given)  # type: ignore[arg-type]
            array: Array = np.asarray(result)
    except (ArithmeticError, IndexError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{where} cannot be computed ({error}): export the file again.") from error
    return array


def _integers(value: Any) -> list[int]:
    return [int(number) for number in np.asarray(value).ravel()]


def _axes(operands: list[Array], given: Given) -> list[int] | None:
    if "axes" in given:
        return _integers(given["axes"])
    return _integers(operands[1]) if len(operands) > 1 and operands[1] is not None else None


def _squeeze(x: list[Array], given: Given) -> Any:
    axes = _axes(x, given)
    return np.squeeze(x[0], None if axes is None else tuple(axes))


def _unsqueeze(x: list[Array], given: Given) -> Any:
    return np.expand_dims(x[0], tuple(_axes(x, given) or ()))


def _slice(x: list[Array], given: Given) -> Any:
    if "starts" in given:
        starts, ends, axes = (given.get(name) for name in ("starts", "ends", "axes"))
        steps = None
    else:
        starts, ends, axes, steps = (*x[1:], None, None)[:4]
    first = _integers(starts)
    where = _integers(axes) if axes is not None else range(len(first))
    step = _integers(steps) if steps is not None else [1] * len(first)
    cut = [slice(None)] * x[0].ndim
    for axis, begin, end, by in zip(where, first, _integers(ends), step, strict=True):
        cut[axis] = slice(begin, None if by < 0 and end < -(1 << 31) else end, by)
    return x[0][tuple(cut)]


def _div(x: list[Array], given: Given) -> Any:
    if x[0].dtype.kind in "iu":
        return np.trunc(x[0] / x[1]).astype(x[0].dtype)
    return x[0] / x[1]


def _mod(x: list[Array], given: Given) -> Any:
    return np.fmod(x[0], x[1]) if given.get("fmod", 0) else np.mod(x[0], x[1])


def _reshape(x: list[Array], given: Given) -> Any:
    return x[0].reshape(wanted_shape(x[0].shape, _integers(x[1]), given.get("allowzero", 0)))


def wanted_shape(shape: Sequence[int], asked: Sequence[int], allow_zero: int = 0) -> list[int]:
    """Shape that ONNX's Reshape gives: 0 keeps a side, -1 takes what is left.

    Raises
    ------
    ValueError
        If it does not fit.
    """
    sides = [
        shape[axis] if side == 0 and not allow_zero else side for axis, side in enumerate(asked)
    ]
    if -1 in sides:
        rest = math.prod(side for side in sides if side != -1)
        sides[sides.index(-1)] = math.prod(shape) // max(rest, 1)
    if math.prod(sides) != math.prod(shape) or min(sides, default=1) < 0:
        raise ValueError(f"{list(shape)} does not fit {list(asked)}")
    return sides


def _filled(x: list[Array], given: Given) -> Any:
    shape, value = _integers(x[0]), given.get("value", np.zeros(1, np.float32))
    return np.full(_small(shape), np.asarray(value).reshape(()))


def _small(shape: list[int]) -> list[int]:
    if math.prod(shape) > LARGEST:
        raise ValueError(f"{math.prod(shape)} elements")
    return shape


def _range(x: list[Array], given: Given) -> Any:
    start, stop, step = (value.reshape(()).item() for value in x)
    _small([int((stop - start) / step)])
    return np.arange(start, stop, step).astype(x[0].dtype)


def _expand(x: list[Array], given: Given) -> Any:
    shape = np.broadcast_shapes(x[0].shape, tuple(_small(_integers(x[1]))))
    return np.broadcast_to(x[0], _small(list(shape)))


def dequantized(x: list[Array], given: Given) -> Any:
    """Floats of integers, by the inputs and attributes of a DequantizeLinear of a constant."""
    scale, axis = x[1], int(given.get("axis", 1))
    zero = x[2] if len(x) > 2 and x[2] is not None else np.zeros(scale.shape, x[0].dtype)
    if scale.size > 1:
        column = [1] * x[0].ndim
        column[axis] = -1
        scale, zero = scale.reshape(column), zero.reshape(column)
    real = (x[0].astype(np.float64) - zero.astype(np.float64)) * scale.astype(np.float64)
    return real.astype(np.float32)


def _product(x: list[Array], given: Given) -> Any:
    axes = _axes(x, given)
    keep = bool(given.get("keepdims", 1))
    return np.prod(x[0], None if axes is None else tuple(axes), keepdims=keep).astype(x[0].dtype)


_OPERATORS: dict[str, _Operator] = {
    "Abs": lambda x, _: np.abs(x[0]), "Add": lambda x, _: x[0] + x[1],
    "And": lambda x, _: x[0] & x[1], "Cast": lambda x, g: x[0].astype(_TYPES[g["to"]]),
    "CastLike": lambda x, _: x[0].astype(x[1].dtype), "Ceil": lambda x, _: np.ceil(x[0]),
    "Concat": lambda x, g: np.concatenate(x, g["axis"]), "ConstantOfShape": _filled,
    "DequantizeLinear": dequantized, "Div": _div, "Equal": lambda x, _: x[0] == x[1],
    "Exp": lambda x, _: np.exp(x[0]), "Expand": _expand, "Floor": lambda x, _: np.floor(x[0]),
    "Gather": lambda x, g: np.take(x[0], x[1], g.get("axis", 0)),
    "Greater": lambda x, _: x[0] > x[1], "Identity": lambda x, _: x[0],
    "Less": lambda x, _: x[0] < x[1], "Max": lambda x, _: np.maximum.reduce(x),
    "Min": lambda x, _: np.minimum.reduce(x), "Mod": _mod, "Mul": lambda x, _: x[0] * x[1],
    "Neg": lambda x, _: -x[0], "Not": lambda x, _: ~x[0], "Or": lambda x, _: x[0] | x[1],
    "Pow": lambda x, _: np.power(x[0], x[1]).astype(x[0].dtype), "Range": _range,
    "Reciprocal": lambda x, _: 1 / x[0], "ReduceProd": _product, "Reshape": _reshape,
    "Round": lambda x, _: np.rint(x[0]), "Slice": _slice, "Sqrt": lambda x, _: np.sqrt(x[0]),
    "Squeeze": _squeeze, "Sub": lambda x, _: x[0] - x[1],
    "Transpose": lambda x, g: np.transpose(x[0], g.get("perm")), "Unsqueeze": _unsqueeze,
    "Where": lambda x, _: np.where(x[0], x[1], x[2]),
}  # fmt: skip
