"""Last steps of a network that edgeqe does itself: clipping to the picture's range, rounding, bytes.

::

    ... -- Clip(0, 1) -- * 255 -- Round -- Cast(uint8) -- output

A Clip is one of them if its bounds are those of a picture where it stands and, behind the factors
and shifts that follow it, at the output.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper

from edgeqe.typing import Array

#: Operators that are the identity at inference.
PASSING = frozenset({"Cast", "Dropout", "Identity"})
#: Operators that a picture's last steps may be, which edgeqe does itself.
FINISHING = frozenset({*PASSING, "Clip", "Round"})
#: ONNX's numbers of floats.
FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)
#: A grey level in the usual value ranges.
LEVELS = (1.0, 1 / 255, 2 / 255)
#: Bounds of a Clip that only keeps a picture in its range, in the usual value ranges.
PICTURE_BOUNDS = ((0.0, 1.0), (-1.0, 1.0), (-0.5, 0.5), (0.0, 255.0), (0.0, np.inf))


def finishing(
    graph: onnx.GraphProto, constants: Mapping[str, Array], *, clips: bool = True
) -> list[onnx.NodeProto]:
    """Trailing nodes that edgeqe does itself; each is read by one node at most, the last by none.

    Parameters
    ----------
    graph : GraphProto
    constants : mapping of str to ndarray
        By name.
    clips : bool
        Whether a Clip is among them: that of a residual is part of the network.

    Returns
    -------
    list of NodeProto
        Without the factors, shifts and transpositions between them.
    """
    producers = {name: node for node in graph.node for name in node.output}
    read = [name for node in graph.node for name in node.input]
    result: list[onnx.NodeProto] = []
    name, uses, scale, shift = graph.output[0].name, 0, 1.0, 0.0
    while name in producers and producers[name].input and read.count(name) == uses:
        node, uses = producers[name], 1
        affine = _affine(node, constants)
        if affine is not None:
            name, factor, term = affine
            scale, shift = scale * factor, shift + scale * term
            continue
        if node.op_type == "Transpose":
            name = node.input[0]
            continue
        if node.op_type not in FINISHING or not _keeps(node, constants, scale, shift):
            break
        if node.op_type == "Clip" and not clips:
            break
        result.append(node)
        name = node.input[0]
    return result


def bounds_of(node: onnx.NodeProto, constants: Mapping[str, Array]) -> tuple[float, float] | None:
    """Bounds of a Clip, infinite where it states none; None where they are no numbers."""
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    bounds = []
    for place, (name, open_) in enumerate((("min", -np.inf), ("max", np.inf)), 1):
        stated = given.get(name, open_)
        if len(node.input) > place and node.input[place]:
            found = _number(node.input[place], constants)
            if found is None:
                return None
            stated = found
        bounds.append(open_ if abs(stated) > 3e38 else float(stated))
    return bounds[0], bounds[1]


def _keeps(
    node: onnx.NodeProto, constants: Mapping[str, Array], scale: float, shift: float
) -> bool:
    """Whether a step in front of a factor and a shift only finishes a picture."""
    plain = (scale, shift) == (1.0, 0.0)
    if node.op_type == "Round":
        return any(math.isclose(abs(scale), level, rel_tol=1e-5) for level in LEVELS)
    if node.op_type != "Clip":
        return plain or node.op_type != "Cast" or node.attribute[0].i in FLOATS
    bounds = bounds_of(node, constants)
    if bounds is None or bounds not in PICTURE_BOUNDS:
        return plain and bounds is None  # computed bounds are looked at where it is read
    if plain or np.isinf(bounds[1]):
        return plain
    ends = [bound * scale + shift for bound in bounds]
    return any(np.allclose(ends, known, rtol=1e-5, atol=1e-6) for known in PICTURE_BOUNDS)


def _affine(
    node: onnx.NodeProto, constants: Mapping[str, Array]
) -> tuple[str, float, float] | None:
    """What a node scales and shifts by one number: its source, factor and shift."""
    if node.op_type not in ("Add", "Div", "Mul", "Sub") or len(node.input) != 2:
        return None
    first, second = (_number(name, constants) for name in node.input)
    if second is not None:
        source, number = node.input[0], second
    elif first is not None and node.op_type in ("Add", "Mul"):
        source, number = node.input[1], first
    else:
        return None
    if node.op_type == "Mul":
        return source, number, 0.0
    if node.op_type == "Div":
        return (source, 1.0 / number, 0.0) if number else None
    return source, 1.0, -number if node.op_type == "Sub" else number


def _number(name: str, constants: Mapping[str, Array]) -> float | None:
    """A constant of one number."""
    value = constants.get(name)
    return float(value.reshape(())) if value is not None and value.size == 1 else None
