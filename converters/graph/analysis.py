"""Static analysis of a graph: receptive-field halo, alignment, peak live floats, traffic, MACs."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from edgeqe.converters.graph.graph import POINTWISE, Graph, Node
from edgeqe.converters.graph.integer import groups_of
from edgeqe.errors import InputError

#: Channels of a block in the widest layout that a runtime's convolutions use.
CHANNEL_BLOCK = 16


@dataclass(frozen=True)
class ReceptiveField:
    """Receptive field of a graph as tiling needs it, in pixels of its input."""

    halo: int
    """Pixels around a tile that its result depends on, rounded up to the alignment."""
    exact_halo: int
    """`halo`, not rounded."""
    alignment: int
    """Tiles start at a multiple of this: the network's total stride."""


def _needs(node: Node, first: int, last: int) -> tuple[int, int]:
    """Input interval that a node needs for the output interval [first, last]."""
    k, s, p = node.kernel, node.stride, node.padding
    if node.op in ("Conv", "MaxPool"):
        return s * first - p, s * last - p + node.reach - 1
    if node.op == "ConvTranspose":
        return -((k - 1 - p - first) // s), (last + p) // s
    if node.op == "SpaceToDepth":
        return k * first, k * last + k - 1
    if node.op == "DepthToSpace":
        return first // k, last // k
    assert node.op in POINTWISE
    return first, last


def receptive_field(graph: Graph) -> ReceptiveField:
    """Halo and alignment, by back-propagating the interval that an aligned tile needs.

    Channel attention with global pooling is left out: a network with it has no halo, and
    what tiles it is the card's `tiling`.

    A tile of eight alignment steps is put far from the borders; the input interval
    of every value is propagated to the input (union over the paths), and the halo
    is what sticks out on the wider side.
    """
    resolution = graph.scales()
    alignment = math.lcm(*(value.denominator for value in resolution.values()))
    if graph.pools_globally:
        return ReceptiveField(0, 0, alignment)
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
    return ReceptiveField(-(-exact // alignment) * alignment, exact, alignment)


def peak_floats(graph: Graph) -> float:
    """Peak live floats per input pixel, network input and output included.

    Runtimes keep hidden tensors in blocks of channels, 16 with AVX-512, so their
    channels count rounded up to `CHANNEL_BLOCK`.

    A value lives from the node that makes it to the last that reads it. Convolutions
    fuse with the scale, bias and activation behind them at load, and runtimes run
    pointwise nodes in place, so a pointwise node whose first input dies in it takes
    the place of that input.
    """
    resolution, channels = graph.scales(), graph.channels()
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


def traffic_floats(graph: Graph, integers: Collection[str] = ()) -> float:
    """Floats (4 bytes each) read and written per input pixel by all fused layers.

    A layer is what a runtime runs as one operation (`integer.groups_of`): it reads each value
    that comes from outside of it once, whole, and writes its last one. A value of two readers
    is read twice. Weights are left out: they are read once a window, not once a pixel.

    Parameters
    ----------
    graph : Graph
    integers : collection of str
        Values that are 8-bit integers, one byte each.
    """
    resolution = graph.scales()
    size = {
        name: float(count * resolution[name] ** 2) / (4 if name in integers else 1)
        for name, count in graph.channels().items()
    }
    total = 0.0
    for group in groups_of(graph):
        inside = {node.output for node in group.nodes}
        read = {name for node in group.nodes for name in node.inputs if name in size} - inside
        total += size[group.output] + sum(size[name] for name in read)
    return total


def macs(graph: Graph, kernels: Collection[str] | None = None) -> float:
    """Multiply-accumulates per input pixel of all convolutions, or of those with some kernels."""
    resolution = graph.scales()
    total = 0.0
    for node in graph.nodes:
        if node.op in ("Conv", "ConvTranspose"):
            if kernels is not None and node.inputs[1] not in kernels:
                continue
            at = node.output if node.op == "Conv" else node.inputs[0]
            total += graph.constants[node.inputs[1]].size * float(resolution[at] ** 2)
    return total
