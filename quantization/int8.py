"""INT8 as a pass on the graph: integer kernels once, scales that follow the strength.

Per-channel symmetric kernels with |w| <= 64 (127 for LiteRT alone), values with one scale and one zero each. A factor
a channel (batch norm, the strength) changes scales and biases alone, never a kernel::

    w * s / max|w * s| = w / max|w|    for s > 0

so a kernel is rounded once, before anything is folded into it, and serves every strength.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.converters.graph import KEYS, Graph
from edgeqe.converters.integer import (
    CONVOLUTIONS,
    LARGEST_BYTE,
    LARGEST_WEIGHT,
    MOVING,
    Group,
    IntegerGraph,
    Step,
    groups_of,
)
from edgeqe.errors import InputError
from edgeqe.planes import NEUTRAL
from edgeqe.quantization.kernels import with_integer_kernel
from edgeqe.quantization.normal import normal
from edgeqe.quantization.ranges import Double, Ranges
from edgeqe.strength import KEYS_PER_OCTAVE, step_from_quality

#: JPEG quality and the most grey levels that a residual's scale may have there; between the
#: two linear in the logarithms of step and scale, beyond them constant. Edges of text want
#: residuals of 32 levels at quality 60 and more at coarser ones, which half of this would clip.
FINE, COARSE = (60, 1 / 4), (10, 1.0)
#: Smallest scale of a value, of its largest over the strengths.
SMALLEST = 1e-4
MIDDLE, TOP = 128, 255


def integer_graph(
    graph: Graph,
    ranges: Ranges,
    key: int,
    *,
    symmetric: bool = False,
    real: Collection[str] = (),
    moments: Mapping[str, Double] | None = None,
    largest: int = LARGEST_WEIGHT,
) -> IntegerGraph:
    """Network of integers of a network of real numbers.

    Parameters
    ----------
    graph : Graph
        Folded, in the convention of the model file.
    ranges : Ranges
        Of every value that `values` names.
    key : int
        Strength that the result is set to.
    symmetric : bool
        Give every value the zero 128, as TensorRT wants them.
    real : collection of str
        Convolutions, and other nodes, that stay real. A convolution whose kernel is shared
        takes its other uses along. Their kernels are rounded to 8 bits.
    moments : mapping of str to ndarray, optional
        Second moment of the inputs of kernels, see `moments.py`; without it weights are rounded
        to the nearest.
    largest : int
        Largest weight; more than 64 overflows in ONNX Runtime on x86 without VNNI.

    Raises
    ------
    InputError
        If the scales behind a kernel differ in sign.
    """
    graph = normal(graph)
    convolutions = [node for node in graph.nodes if node.op in CONVOLUTIONS]
    kept = {node.inputs[1] for node in convolutions if node.name in real}
    kernels = frozenset(node.inputs[1] for node in convolutions) - kept
    for kernel in sorted(kernels):
        graph = with_integer_kernel(graph, kernel, largest, (moments or {}).get(kernel))
    for kernel in sorted(kept):  # whole numbers too, so that the file stays small
        with contextlib.suppress(InputError):  # but for one whose scales change their sign
            graph = with_integer_kernel(graph, kernel, LARGEST_BYTE, (moments or {}).get(kernel))
    constants, vectors, steps = dict(graph.constants), dict(graph.vectors), dict[str, Step]()
    decided = _deciding(graph, kernels, real)
    for value in dict.fromkeys(decided.values()):
        is_result = value == decided.get(graph.output)
        low, high = _range(graph, value, ranges)
        zero = _zero(low, high, symmetric or is_result)
        scale = _scales(low, high, zero, symmetric)
        if is_result:
            scale = np.minimum(scale, most_of_residual(np.array(KEYS)))
        name = f"{value}.scale"
        steps[value] = Step(name, zero)
        constants[name] = np.full((1, 1, 1, 1), scale.max(), np.float32)
        if graph.vectors:
            vectors[name] = scale[:, None].astype(np.float32)
    if graph.vectors:  # integers of a bias follow the input's scale, so it follows the strength
        for node in convolutions:
            bias = f"{node.name}.bias"
            row = constants[bias].reshape(1, -1)
            vectors.setdefault(bias, np.repeat(row, len(KEYS), axis=0))
    whole = replace(graph, constants=constants, vectors=vectors)
    named = {value: steps[like] for value, like in decided.items()}
    result = IntegerGraph(whole, named, kernels, symmetric)
    return result.at(key) if graph.vectors else result


def values(graph: Graph) -> list[str]:
    """Values of a folded graph, in normal form, whose ranges `integer_graph` needs."""
    graph = normal(graph)
    kernels = frozenset(node.inputs[1] for node in graph.nodes if node.op in CONVOLUTIONS)
    return [v for v in dict.fromkeys(_deciding(graph, kernels, ()).values()) if v != "planes"]


def most_of_residual(keys: npt.NDArray[np.integer[Any]]) -> Double:
    """Largest scale of the residual at keys of the strength table, grey levels."""
    fine, coarse = (math.log2(step_from_quality(quality)) for quality, _ in (FINE, COARSE))
    share = (np.asarray(keys, np.float64) / KEYS_PER_OCTAVE - fine) / (coarse - fine)
    ends = math.log2(FINE[1]), math.log2(COARSE[1])
    result: Double = np.exp2(ends[0] + np.clip(share, 0.0, 1.0) * (ends[1] - ends[0]))
    return result


def _deciding(graph: Graph, kernels: frozenset[str], real: Collection[str]) -> dict[str, str]:
    """Values that become integers, each with the value whose range decides its step.

    That is the value itself, or the one that is moved to it. A real convolution's input
    stays real where only such read it, and so does its result.
    """
    groups = groups_of(graph)

    def integer(group: Group) -> bool:
        if group.first.op in CONVOLUTIONS:
            return group.first.inputs[1] in kernels
        return group.first.name not in real

    def read_as_integer(value: str) -> bool:
        readers = [g for g in groups if any(value in node.inputs for node in g.nodes)]
        return any(
            read_as_integer(group.output) if group.first.op in MOVING else integer(group)
            for group in readers
        )

    found = {value: value for value in graph.inputs if read_as_integer(value)}
    for group in groups:
        if group.first.op in MOVING:
            if group.first.inputs[0] in found:
                found[group.output] = found[group.first.inputs[0]]
        elif integer(group) or read_as_integer(group.output):
            found[group.output] = group.output
    return found


def _range(graph: Graph, value: str, ranges: Ranges) -> tuple[Double, Double]:
    """Low and high of a value at every key; their extremes where nothing follows the strength."""
    if value == "planes":
        return np.full(len(KEYS), -NEUTRAL), np.full(len(KEYS), TOP - NEUTRAL)
    low, high = ranges.at(value, np.array(KEYS))
    if not graph.vectors:
        low[:], high[:] = low.min(), high.max()
    return low, high


def _zero(low: Double, high: Double, symmetric: bool) -> int:
    """The integer of 0.0, for all strengths."""
    if symmetric:
        return MIDDLE
    if low.min() >= 0.0:
        return 0
    if high.max() <= 0.0:
        return TOP
    return int(np.clip(np.rint(np.median(-low / (high - low)) * TOP), 1, TOP - 1))


def _scales(low: Double, high: Double, zero: int, symmetric: bool) -> Double:
    """Scale at every key with which low and high are integers."""
    below, above = (MIDDLE - 1, MIDDLE - 1) if symmetric else (zero, TOP - zero)
    scale = np.zeros(len(low))
    if below:
        scale = np.maximum(scale, -low / below)
    if above:
        scale = np.maximum(scale, high / above)
    peak = float(scale.max()) or 1.0
    result: Double = np.maximum(scale, SMALLEST * peak)
    return result
