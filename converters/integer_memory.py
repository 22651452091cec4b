"""What ONNX Runtime takes for a network of integers, from its graph.

Measured with ONNX Runtime 1.31 on x86-64: values lie in bytes, channels last. A convolution
beside that unfolds its input, a byte a tap and input channel for each sample of its result
(1x1 convolutions do not), and sums in int32. Anything else than a convolution, or operators
that move integers, may work on real numbers.
"""

from __future__ import annotations

from edgeqe.converters.integer import MOVING, Group, IntegerGraph

REAL, SUM = 4, 4
#: Share beside that, for windows of many sizes that run at once out of one arena: planned with
#: 1.29, 80 pictures of 80 sizes took up to 4 % more than a limit of 12 MiB, with this at most 97 %.
UNSEEN = 1.44


def peak_bytes(integer: IntegerGraph) -> float:
    """Bytes that a window takes at most for each sample of the input, its real numbers included."""
    graph = integer.graph
    channels, scales = graph.channels(), graph.scales()
    area = {name: float(scale**2) for name, scale in scales.items()}
    groups = integer.groups()
    last = {name: i for i, group in enumerate(groups) for n in group.nodes for name in n.inputs}
    last[graph.output] = len(groups)

    def size(value: str) -> float:
        return channels[value] * area[value] * (1 if value in integer.steps else REAL)

    ends = sum(REAL * channels[name] * area[name] for name in (*graph.inputs, graph.output))
    alive = dict.fromkeys(graph.inputs)
    peak = 0.0
    for index, group in enumerate(groups):
        alive[group.output] = None
        held = sum(size(value) for value in alive)
        peak = max(peak, held + _beside(integer, group, channels, area))
        alive = {value: None for value in alive if last.get(value, -1) > index}
    return UNSEEN * (peak + ends)


def _beside(
    integer: IntegerGraph, group: Group, channels: dict[str, int], area: dict[str, float]
) -> float:
    """Bytes that an operation takes beside its input and its result."""
    node, made = group.first, channels[group.output] * area[group.output]
    read = [name for name in node.inputs if name in channels]
    if integer.is_integer(node) and node.op == "Conv":
        taps = node.kernel**2 * channels[node.inputs[0]] if node.kernel * node.stride > 1 else 0
        return taps * area[group.output] + SUM * made
    if node.op in MOVING and group.output in integer.steps and not integer.symmetric:
        return 0.0
    return REAL * (made + sum(channels[name] * area[name] for name in read))
