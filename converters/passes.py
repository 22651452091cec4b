"""Passes on the graph: fold, and what tiling asks of a network.

Each returns something new; none changes its argument.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from edgeqe.converters.graph import POINTWISE, Float, Graph, Node
from edgeqe.errors import InputError

#: Channels of a block in the widest layout that a runtime's convolutions use.
CHANNEL_BLOCK = 16


def fold_batch_norm(graph: Graph) -> tuple[Graph, bool]:
    """Fold batch norm into the convolution before it.

    1. The convolution feeds only the batch norm and its kernel is used once: scale
       the kernel, ``W' = W * g``, ``b' = (b - mean) * g + beta``, with
       ``g = gamma / sqrt(variance + epsilon)``.
    2. Its kernel is used more than once: leave the kernel, write ``Mul`` by g and
       ``Add`` of b', so that the kernel stays one constant; a runtime folds the
       constants per use at load.
    3. Anything else in front, or the convolution's output read elsewhere too:
       ``Mul`` by g and ``Add`` of ``beta - mean * g``.

    Returns
    -------
    graph : Graph
    modified : bool
    """
    constants = dict(graph.constants)
    makers = {node.output: node for node in graph.nodes}
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.op != "BatchNormalization":
            nodes.append(node)
            continue
        gamma, beta, mean, variance = (constants[name] for name in node.inputs[1:])
        gain = gamma / np.sqrt(variance + np.float32(node.alpha))
        shift = beta - mean * gain
        maker = makers.get(node.inputs[0])
        alone = maker is not None and maker.op == "Conv" and len(graph.uses(node.inputs[0])) == 1
        if maker is not None and alone:
            position = nodes.index(maker)
            if len(maker.inputs) == 3:
                shift = shift + constants[maker.inputs[2]] * gain
            if len(graph.uses(maker.inputs[1])) == 1:  # case 1
                kernel, bias = f"{maker.name}.folded_kernel", f"{maker.name}.folded_bias"
                constants[kernel] = constants[maker.inputs[1]] * gain[:, None, None, None]
                constants[bias] = shift.astype(np.float32)
                inputs = (maker.inputs[0], kernel, bias)
                nodes[position] = replace(maker, inputs=inputs, output=node.output)
                continue
            nodes[position] = replace(maker, inputs=maker.inputs[:2])  # case 2
        nodes += _affine(node, gain, shift, constants)  # cases 2 and 3
    modified = any(node.op == "BatchNormalization" for node in graph.nodes)
    return graph.with_nodes(nodes, constants), modified


def _affine(node: Node, gain: Float, shift: Float, constants: dict[str, Float]) -> list[Node]:
    scale, bias, middle = f"{node.name}.scale", f"{node.name}.bias", f"{node.name}.scaled"
    constants[scale] = gain.reshape(1, -1, 1, 1).astype(np.float32)
    constants[bias] = shift.reshape(1, -1, 1, 1).astype(np.float32)
    return [
        Node("Mul", f"{node.name}.mul", (node.inputs[0], scale), middle),
        Node("Add", f"{node.name}.add", (middle, bias), node.output),
    ]


@dataclass(frozen=True)
class Reach:
    """What tiling asks of a network, in pixels of its input."""

    halo: int
    """Pixels beside a tile that its result depends on, rounded up to the alignment."""
    exact_halo: int
    """The same, not rounded."""
    alignment: int
    """Tiles start at a multiple of this: the network's total stride."""


def scales(graph: Graph) -> dict[str, Fraction]:
    """Resolution of every value relative to the input, 1/2 after one stride of 2."""
    result = {name: Fraction(1) for name in graph.inputs}
    for node in graph.nodes:
        scale = next(result[name] for name in node.inputs if name in result)
        if node.op in ("Conv", "MaxPool"):
            scale /= node.stride
        elif node.op == "SpaceToDepth":
            scale /= node.kernel
        elif node.op == "DepthToSpace":
            scale *= node.kernel
        elif node.op == "ConvTranspose":
            scale *= node.stride
        result[node.output] = scale
    return result


def _needs(node: Node, first: int, last: int) -> tuple[int, int]:
    """Input interval that the output interval [first, last] needs."""
    k, s, p = node.kernel, node.stride, node.padding
    if node.op in ("Conv", "MaxPool"):
        return s * first - p, s * last - p + k - 1
    if node.op == "ConvTranspose":
        return -((k - 1 - p - first) // s), (last + p) // s
    if node.op == "SpaceToDepth":
        return k * first, k * last + k - 1
    if node.op == "DepthToSpace":
        return first // k, last // k
    assert node.op in POINTWISE
    return first, last


def reach(graph: Graph) -> Reach:
    """Halo and alignment by back-propagating the interval that an aligned tile needs.

    A tile of eight alignment steps is put far from the borders; the input interval
    of every value is propagated to the input (union over the paths), and the halo
    is what sticks out on the wider side.
    """
    resolution = scales(graph)
    alignment = math.lcm(*(value.denominator for value in resolution.values()))
    far = alignment * 4096
    out = resolution[graph.output]
    span = (int(far * out), int((far + 8 * alignment) * out) - 1)
    need: dict[str, tuple[int, int]] = {graph.output: span}
    for node in reversed(graph.nodes):
        if node.output not in need:
            continue
        first, last = _needs(node, *need[node.output])
        for name in node.inputs:
            if name in graph.constants:
                continue
            old = need.get(name, (first, last))
            need[name] = (min(old[0], first), max(old[1], last))
    firsts = [need[name][0] for name in graph.inputs if name in need]
    lasts = [need[name][1] for name in graph.inputs if name in need]
    if not firsts:
        raise InputError(f"network '{graph.name}': the output does not depend on the input.")
    exact = max(far - min(firsts), max(lasts) - (far + 8 * alignment - 1), 0)
    return Reach(-(-exact // alignment) * alignment, exact, alignment)


def peak_floats(graph: Graph) -> float:
    """Most numbers alive at once per input pixel, network input and output included.

    Runtimes keep hidden values in blocks of channels, 16 with AVX-512, so their
    channels count rounded up to `CHANNEL_BLOCK`.

    A value lives from the node that makes it to the last that reads it. Convolutions
    fuse with the scale, bias and activation behind them at load, and runtimes run
    pointwise nodes in place, so a pointwise node whose first input dies in it takes
    the place of that input.
    """
    resolution, channels = scales(graph), graph.channels()
    last = {name: index for index, node in enumerate(graph.nodes) for name in node.inputs}
    size = {}
    for name, count in channels.items():
        if name not in graph.inputs and name != graph.output:
            count = -(-count // CHANNEL_BLOCK) * CHANNEL_BLOCK
        size[name] = float(count * resolution[name] ** 2)
    alive = set(graph.inputs)
    peak = sum(size[name] for name in alive)
    for index, node in enumerate(graph.nodes):
        dying = {n for n in node.inputs if n in alive and last[n] == index and n != graph.output}
        in_place = node.op in POINTWISE and node.inputs[0] in dying and node.op != "Concat"
        if in_place:
            alive -= {node.inputs[0]}
        alive.add(node.output)
        peak = max(peak, sum(size[name] for name in alive))
        alive -= dying
        if index + 1 < len(graph.nodes):
            alive |= set(graph.inputs)  # the caller's buffer stays
    return peak


def macs(graph: Graph) -> float:
    """Multiply-accumulates per input pixel of all convolutions."""
    resolution = scales(graph)
    total = 0.0
    for node in graph.nodes:
        if node.op in ("Conv", "ConvTranspose"):
            at = node.output if node.op == "Conv" else node.inputs[0]
            total += graph.constants[node.inputs[1]].size * float(resolution[at] ** 2)
    return total
