"""INT8 quantization pass: integer kernels stored once, scales that follow the strength.

Weights are symmetric, per channel, in [-64, 64] (for LiteRT alone [-127, 127]); activations have one scale and one zero point. A
per-channel factor (batch norm, the strength) changes scales and biases alone, never a kernel::

    w * s / max|w * s| = w / max|w|    for s > 0

so a kernel is quantized once, before anything is folded into it, and serves every strength.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.codecs.strength import KEYS_PER_OCTAVE, step_from_quality
from edgeqe.converters.graph.graph import KEYS, Graph
from edgeqe.converters.graph.integer import (
    CONVOLUTIONS,
    LARGEST_BYTE,
    LARGEST_WEIGHT,
    MOVING,
    Group,
    QuantizedGraph,
    QuantParams,
    groups_of,
)
from edgeqe.errors import InputError
from edgeqe.quantization.calibration.ranges import Ranges
from edgeqe.quantization.int8.canonical_form import canonical
from edgeqe.quantization.int8.kernels import with_integer_kernel
from edgeqe.quantization.int8.saturation import without_bounds
from edgeqe.typing import Double
from edgeqe.views.colour import NEUTRAL

#: JPEG quality and the largest scale of the residual there, 8-bit levels; between the two linear
#: in the logarithms of step and scale, beyond them constant. Edges of text want residuals of 32
#: levels at quality 60 and more at coarser ones, which half of this would clip.
FINE, COARSE = (60, 1 / 4), (10, 1.0)
#: Smallest scale of a value, relative to its largest over the strengths.
SMALLEST = 1e-4
MIDDLE, TOP = 128, 255


def quantized_graph(
    graph: Graph,
    ranges: Ranges,
    key: int,
    *,
    symmetric: bool = False,
    keep_float: Collection[str] = (),
    hessians: Mapping[str, Double] | None = None,
    largest: int = LARGEST_WEIGHT,
) -> QuantizedGraph:
    """Quantize a float graph.

    1. A convolution gets integer weights in [-largest, largest] and scales per channel.
    2. A convolution of `keep_float`, with all uses of its kernel, runs in float; its weights are
       integers in [-127, 127] all the same, so that the file stays small.
    3. A value that a quantized operator reads, or computes, gets a scale per strength and one zero
       point; one that is only moved (`MOVING`) shares those of the value it is moved to.
    4. An upper bound behind a quantized convolution and Relu is kept by saturation (`saturation.py`).
    5. A kernel whose scales differ in sign over its uses and strengths is refused, but stays as it
       is where the convolution is kept in float.

    Parameters
    ----------
    graph : Graph
        Folded, in the convention of the model file.
    ranges : Ranges
        Of every value that `values` names.
    key : int
        Strength that the result is set to.
    symmetric : bool
        Give every value the zero point 128, as TensorRT wants them.
    keep_float : collection of str
        Nodes that are kept in float. A convolution whose kernel is shared takes its other uses
        along.
    hessians : mapping of str to ndarray, optional
        GPTQ Hessians by kernel, see `hessian.py`; without one, weights are rounded to nearest.
    largest : int
        Largest integer weight; more than 64 overflows in ONNX Runtime on x86 without VNNI.

    Raises
    ------
    InputError
        If the scales behind a kernel differ in sign (5).
    """
    graph = canonical(graph)
    convolutions = [node for node in graph.nodes if node.op in CONVOLUTIONS]
    kept = {node.inputs[1] for node in convolutions if node.name in keep_float}
    kernels = frozenset(node.inputs[1] for node in convolutions) - kept
    for kernel in sorted(kernels):
        graph = with_integer_kernel(graph, kernel, largest, (hessians or {}).get(kernel))
    for kernel in sorted(kept):  # integer weights too, so that the file stays small
        with contextlib.suppress(InputError):  # but for one whose scales change their sign
            graph = with_integer_kernel(graph, kernel, LARGEST_BYTE, (hessians or {}).get(kernel))
    graph, bounds = without_bounds(graph, kernels)
    constants, vectors, quant_params = (
        dict(graph.constants),
        dict(graph.vectors),
        dict[str, QuantParams](),
    )
    decided = _deciding(graph, kernels, keep_float)
    for value in dict.fromkeys(decided.values()):
        is_result = value == decided.get(graph.output)
        low, high = _range(graph, value, ranges)
        zero = _zero(low, high, symmetric or is_result)
        scale = _scales(low, high, zero, symmetric)
        if value in bounds:
            scale = np.minimum(scale, bounds[value] / (TOP - zero))
        if is_result:
            scale = np.minimum(scale, np.tile(largest_residual_scale(np.array(KEYS)), graph.blocks))
        name = f"{value}.scale"
        quant_params[value] = QuantParams(name, zero)
        constants[name] = np.full((1, 1, 1, 1), scale.max(), np.float32)
        if graph.vectors:
            vectors[name] = scale[:, None].astype(np.float32)
    if graph.vectors:  # an int32 bias counts in the input's scale, so it follows the strength
        for node in convolutions:
            bias = f"{node.name}.bias"
            row = constants[bias].reshape(1, -1)
            vectors.setdefault(bias, np.repeat(row, len(graph.keys), axis=0))
    whole = replace(graph, constants=constants, vectors=vectors)
    named = {value: quant_params[like] for value, like in decided.items()}
    result = QuantizedGraph(whole, named, kernels, symmetric)
    return result.at(key) if graph.vectors else result


def values(graph: Graph) -> list[str]:
    """Values of a folded graph, in canonical form, whose ranges `quantized_graph` needs."""
    graph = canonical(graph)
    kernels = frozenset(node.inputs[1] for node in graph.nodes if node.op in CONVOLUTIONS)
    return [v for v in dict.fromkeys(_deciding(graph, kernels, ()).values()) if v != "planes"]


def largest_residual_scale(keys: npt.NDArray[np.integer[Any]]) -> Double:
    """Largest scale of the residual at keys of the strength table, 8-bit levels."""
    fine, coarse = (math.log2(step_from_quality(quality)) for quality, _ in (FINE, COARSE))
    share = (np.asarray(keys, np.float64) / KEYS_PER_OCTAVE - fine) / (coarse - fine)
    ends = math.log2(FINE[1]), math.log2(COARSE[1])
    result: Double = np.exp2(ends[0] + np.clip(share, 0.0, 1.0) * (ends[1] - ends[0]))
    return result


def _deciding(graph: Graph, kernels: frozenset[str], keep_float: Collection[str]) -> dict[str, str]:
    """Values to quantize, each with the value whose range decides its parameters.

    That is the value itself, or the one that is moved to it. The input of a convolution that is
    kept in float stays float where only such read it, and so does its output.
    """
    groups = groups_of(graph)

    def quantized(group: Group) -> bool:
        if group.first.op in CONVOLUTIONS:
            return group.first.inputs[1] in kernels
        # a norm divides by the spread of its input: it takes integers only if a convolution makes them
        return group.first.name not in keep_float and group.first.op != "ChannelNorm"

    def read_as_integer(value: str) -> bool:
        readers = [g for g in groups if any(value in node.inputs for node in g.nodes)]
        return any(
            read_as_integer(group.output) if group.first.op in MOVING else quantized(group)
            for group in readers
        )

    found = {value: value for value in graph.inputs if read_as_integer(value)}
    for group in groups:
        if group.first.op in MOVING:
            if group.first.inputs[0] in found:
                found[group.output] = found[group.first.inputs[0]]
        elif quantized(group) or read_as_integer(group.output):
            found[group.output] = group.output
    return found


def _range(graph: Graph, value: str, ranges: Ranges) -> tuple[Double, Double]:
    """Range of a value at every key; its extremes where nothing follows the strength."""
    if value == "planes":
        return np.full(len(graph.keys), -NEUTRAL), np.full(len(graph.keys), TOP - NEUTRAL)
    low, high = ranges.at(value, np.array(graph.keys))
    if not graph.vectors:
        low[:], high[:] = low.min(), high.max()
    return low, high


def _zero(low: Double, high: Double, symmetric: bool) -> int:
    """Zero point for all strengths."""
    if symmetric:
        return MIDDLE
    if low.min() >= 0.0:
        return 0
    if high.max() <= 0.0:
        return TOP
    return int(np.clip(np.rint(np.median(-low / (high - low)) * TOP), 1, TOP - 1))


def _scales(low: Double, high: Double, zero: int, symmetric: bool) -> Double:
    """Smallest scale at every key with which the range is representable."""
    below, above = (MIDDLE - 1, MIDDLE - 1) if symmetric else (zero, TOP - zero)
    scale = np.zeros(len(low))
    if below:
        scale = np.maximum(scale, -low / below)
    if above:
        scale = np.maximum(scale, high / above)
    peak = float(scale.max()) or 1.0
    result: Double = np.maximum(scale, SMALLEST * peak)
    return result
