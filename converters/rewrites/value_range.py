"""Value ranges that a network tells itself: by the factor and shift that it begins with, and ends with.

::

    x -- * s + o --+-- body --+-- Add -- * t + p -- output
                   +----------+

Bytes are scaled by 1/255 or so, or their mean is subtracted, in front of the first convolution, or in its
kernel: s and o say what range x has. What t and p leave undone says that the output has another one.
"""

from __future__ import annotations

import math

import numpy as np

from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.converters.rewrites.skips import EXACT, share_of_input
from edgeqe.typing import Double
from edgeqe.views.colour import SCALE

#: Black and white in a network's value range.
ValueRange = tuple[float, float]
UNIT: ValueRange = (0.0, 1.0)
#: Ranges that a picture may have, as networks are trained.
USUAL: tuple[ValueRange, ...] = (
    UNIT,
    (-1.0, 1.0),
    (-0.5, 0.5),
    (0.0, SCALE),
    (-SCALE / 2, SCALE / 2),
)
#: Shifts of the input that say where black is.
BLACK = (-1.0, -0.5)
#: Spread of a normalised input from which it cannot be one of 0 to 1; its mean likewise.
WIDE, FAR = 32.0, 2.0
#: Sum of the magnitudes of a first kernel's values that is only reached with a factor of 1/255 in it.
SMALL = 1 / 16
#: How near, as a share of its length, a range is taken for a usual one.
ALIKE = 0.02


def plain_factors(graph: Graph) -> Graph:
    """Graph whose first and last convolutions by one factor a channel, mean shifts, are Mul and Add."""
    nodes, constants, channels = list[Node](), dict(graph.constants), graph.channels()
    for node in graph.nodes:
        ends = node.inputs[0] in graph.inputs or node.output == graph.output
        factors = _diagonal(graph, node, channels[node.inputs[0]]) if ends else None
        if factors is None:
            nodes.append(node)
            continue
        parts = [("Mul", f"{node.name}.factor", factors)]
        if len(node.inputs) > 2:
            parts.append(("Add", f"{node.name}.shift", _values(graph, node.inputs[2])))
        source = node.inputs[0]
        for number, (op, name, values) in enumerate(parts, 1):
            constants[name] = np.ascontiguousarray(values.reshape(1, -1, 1, 1), np.float32)
            output = node.output if number == len(parts) else f"{name}.out"
            nodes.append(Node(op, f"{name}.{op}", (source, name), output))
            source = output
    return graph.with_nodes(nodes, constants)


def input_range(graph: Graph) -> ValueRange | None:
    """Range of a network's input, by the first factor and shift; None if they do not say it.

    With m the input's value that they make 0, and d the difference that they make 1:

    1. a large m or d is of whole numbers: 8 bits, or as many as hold m + d;
    2. an m of -1 or -0.5 is black, and white lies as far on the other side;
    3. anything else says nothing.
    """
    for factor, shift in _first_affines(graph):
        mean, spread = float(np.mean(-shift / factor)), float(np.mean(1 / np.abs(factor)))
        if mean >= FAR or (spread >= WIDE and mean >= 0):
            return 0.0, 2.0 ** max(8, round(math.log2(mean + spread))) - 1
        for black in BLACK:
            if abs(mean - black) < EXACT:
                return black, -black
    return None


def output_ranges(graph: Graph, given: ValueRange) -> list[ValueRange]:
    """Ranges that a network's picture may have, the likeliest first.

    Parameters
    ----------
    graph : Graph
        In its own value range.
    given : (float, float)
        That of its input.

    Returns
    -------
    list of (float, float)
        1. Of a sum with the input: what that term has become, alone; its own range if that is none.
        2. Of a network that scales its input at first: the range behind that, the input's own, 0 to 1.
           The input's own stands first where a large factor is the last but shifts.
        3. Of any other network: the input's own, alone.
    """
    share = share_of_input(graph, next(iter(graph.inputs)))
    if share is not None:
        ends = [float(np.mean(share[0])) * end + float(np.mean(share[1])) for end in given]
        even = np.ptp(share[0]) <= EXACT * np.abs(share[0]).max()
        near = [known for known in (given, *USUAL) if _alike((ends[0], ends[1]), known)]
        return [near[0] if even and near else given]
    inner = [
        (float(np.mean(factor)) * given[0] + float(np.mean(shift)),
         float(np.mean(factor)) * given[1] + float(np.mean(shift)))
        for factor, shift in _first_affines(graph)
    ]  # fmt: skip
    if not inner:
        return [given]
    usual = [next((known for known in USUAL if _alike(one, known)), UNIT) for one in inner[:1]]
    ranges = [given, *usual] if _ends_large(graph) else [*usual, given]
    return list(dict.fromkeys([*ranges, UNIT]))


def _alike(one: ValueRange, other: ValueRange) -> bool:
    length = abs(other[1] - other[0])
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) <= ALIKE * length


def _first_affines(graph: Graph) -> list[tuple[Double, Double]]:
    """Factor and shift per channel that the input has where something else first reads it.

    Only those that change it, one a branch.
    """
    source = next(iter(graph.inputs))
    count = graph.inputs[source]
    ends, found = [(source, np.ones(count), np.zeros(count))], []
    while ends:
        value, factor, shift = ends.pop()
        for node in graph.nodes:
            if node.inputs[0] != value:
                continue
            constant = _constant(graph, node)
            if constant is None:
                found.append((factor / _folded(graph, node), shift))
            elif node.op == "Mul" and constant.all():
                ends.append((node.output, factor * constant, shift * constant))
            elif node.op == "Add":
                ends.append((node.output, factor, shift + constant))
    return [(factor, shift) for factor, shift in found if (factor != 1).any() or shift.any()]


def _folded(graph: Graph, node: Node) -> float:
    """By how much the kernel that first reads the input is smaller than kernels are: 255, or 1.

    TensorFlow's converter and ONNX optimizers multiply a factor of 1/255 into it.
    """
    if node.op != "Conv" or node.output == graph.output or node.inputs[1] in graph.vectors:
        return 1.0
    kernel = np.abs(graph.constants[node.inputs[1]])
    small = kernel.sum(axis=(1, 2, 3)).mean() < SMALL
    return float(SCALE) if small else 1.0


def _ends_large(graph: Graph) -> bool:
    """Whether the last node but shifts is a factor that makes bytes of what is normalised."""
    producers, name = graph.producers(), graph.output
    while name in producers:
        node = producers[name]
        constant = _constant(graph, node)
        if constant is None:
            return False
        if node.op == "Mul":
            return bool(np.abs(constant).mean() >= WIDE)
        name = node.inputs[0]
    return False


def _constant(graph: Graph, node: Node) -> Double | None:
    """What a node multiplies by, or adds: one number a channel."""
    if node.op not in ("Mul", "Add") or len(node.inputs) != 2:
        return None
    name = node.inputs[1]
    if name not in graph.constants or name in graph.vectors:
        return None
    return _values(graph, name)


def _values(graph: Graph, name: str) -> Double:
    values: Double = graph.constants[name].reshape(-1).astype(np.float64)
    return values


def _diagonal(graph: Graph, node: Node, channels: int) -> Double | None:
    """Factors of a 1x1 convolution that mixes no channels."""
    if (
        node.op != "Conv"
        or node.inputs[1] in graph.vectors
        or set(node.inputs[2:]) & set(graph.vectors)
    ):
        return None
    kernel = graph.constants[node.inputs[1]]
    if kernel.shape == (channels, 1, 1, 1) and node.stride == 1:
        return _values(graph, node.inputs[1])
    if kernel.shape != (channels, channels, 1, 1) or node.stride != 1 or node.groups != 1:
        return None
    square = kernel[:, :, 0, 0].astype(np.float64)
    return np.array(np.diag(square)) if not (square - np.diag(np.diag(square))).any() else None
