"""Memory of a network on ONNX Runtime's CPU provider, which keeps values in two layouts.

Convolutions, poolings, sums and activations behind them work on blocks of 16 channels,
everything else on plain planes; where the two meet a value exists twice. A convolution takes
along the factor, shift, sum and activation that follow it alone.

References
----------
ONNX Runtime, ``nchwc_transformer.cc`` (which operators are blocked) and
``conv_transpose_attributes.h`` (the column buffer).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgeqe.converters.arena import Arena, Chunk
from edgeqe.converters.graph import POINTWISE, Graph, Node
from edgeqe.converters.passes import CHANNEL_BLOCK

#: Operators that work on blocks; sums and concatenations of whole blocks do too, an added
#: constant does not.
BLOCKED, JOINS = frozenset({"Conv", "MaxPool", "GlobalAveragePool"}), frozenset({"Add", "Concat"})
#: Activations that a convolution takes along.
ACTIVATIONS = frozenset({"Relu", "LeakyRelu", "Sigmoid"})


#: Runs that are simulated.
RUNS = 2
#: What kernels pack beside: windows of 384 and 512 pixels took 0 to 6 % more than simulated.
UNSEEN = 1.06
#: A value in a layout: its name, and whether it lies in blocks.
Place = tuple[str, bool]


@dataclass(frozen=True)
class Step:
    """One kernel of the runtime, or the copy of a value into the other layout."""

    reads: tuple[Place, ...]
    makes: Place
    in_place: bool = False
    """Whether the result may take the place of the first input."""
    workspace: float = 0.0
    """Numbers beside, per pixel of the network's input."""


def peak_on_blocks(graph: Graph) -> float:
    """Numbers per input pixel that a run takes, the network's input and output included.

    The larger of two runs in a row, because the first one leaves its gaps to the second.
    """
    steps, sizes = _with_copies(graph), _sizes(graph)
    last = {place: index for index, step in enumerate(steps) for place in step.reads}
    callers = {*((name, False) for name in graph.inputs), (graph.output, False)}
    arena = Arena()
    for _ in range(RUNS):
        held: dict[Place, Chunk] = {}
        for index, step in enumerate(steps):
            dying = [p for p in dict.fromkeys(step.reads) if last[p] == index and p in held]
            if step.in_place and step.reads[0] in dying and step.makes not in callers:
                held[step.makes] = held.pop(step.reads[0])
                dying.remove(step.reads[0])
            elif step.makes not in callers:
                held[step.makes] = arena.take(sizes[step.makes])
            if step.workspace:
                arena.give_back(arena.take(step.workspace))
            for place in dying:
                arena.give_back(held.pop(place))
    return UNSEEN * arena.total + sum(sizes[place] for place in callers)


def _with_copies(graph: Graph) -> list[Step]:
    """Steps in running order, with the copies from one layout to the other."""
    layouts = {name: {False} for name in graph.inputs}
    steps: list[Step] = []

    def bring(name: str, blocked: bool) -> Place:
        if blocked not in layouts[name]:
            steps.append(Step(((name, not blocked),), (name, blocked)))
            layouts[name].add(blocked)
        return name, blocked

    channels = graph.channels()
    for node, reads, output, workspace in _kernels(graph):
        whole = all(channels[name] % CHANNEL_BLOCK == 0 for name in reads)
        blocked = node.op in BLOCKED or (node.op in JOINS and len(reads) > 1 and whole)
        # a convolution reads a few plain channels as they are
        few = node.op == "Conv" and channels[reads[0]] < CHANNEL_BLOCK
        places = tuple(bring(name, blocked and not (few and name == reads[0])) for name in reads)
        in_place = node.op in POINTWISE - {"Concat", "Slice", "ReduceMax", "ReduceMean"}
        steps.append(Step(places, (output, blocked), in_place, workspace))
        layouts[output] = {blocked}
    bring(graph.output, False)
    return steps


def _sizes(graph: Graph) -> dict[tuple[str, bool], float]:
    """Numbers of each value per input pixel, plain and in blocks."""
    resolution, sizes = graph.scales(), {}
    for name, count in graph.channels().items():
        share = float(resolution[name] ** 2)
        sizes[name, False] = count * share
        sizes[name, True] = -(-count // CHANNEL_BLOCK) * CHANNEL_BLOCK * share
    return sizes


def _kernels(graph: Graph) -> Iterator[tuple[Node, list[str], str, float]]:
    """First node, values read, value made and workspace of each kernel, in running order."""
    resolution, channels = graph.scales(), graph.channels()
    position = {node.output: index for index, node in enumerate(graph.nodes)}
    taken: set[str] = set()
    found = []
    for index, node in enumerate(graph.nodes):
        if node.name in taken:
            continue
        reads = [name for name in node.inputs if name not in graph.constants]
        output, end, workspace = node.output, index, 0.0
        for follower in _taken_along(graph, node, taken) if node.op == "Conv" else []:
            taken.add(follower.name)
            reads += [name for name in follower.inputs if name not in (*graph.constants, output)]
            output, end = follower.output, position[follower.output]
        if node.op == "ConvTranspose":
            area = float(resolution[node.inputs[0]] ** 2)
            workspace = channels[node.output] * node.kernel**2 * area
        found.append((end, (node, reads, output, workspace)))
    yield from (kernel for _, kernel in sorted(found, key=lambda pair: pair[0]))


def _taken_along(graph: Graph, conv: Node, taken: set[str]) -> list[Node]:
    """Factor, shift, one sum and an activation that follow a convolution alone."""
    chain: list[Node] = []
    value, summed = conv.output, False
    while value != graph.output:
        readers = graph.uses(value)
        if len(readers) != 1 or readers[0].name in taken:
            break
        follower = readers[0]
        constant = any(name in graph.constants for name in follower.inputs)
        if follower.op in ("Mul", "Add") and constant and not summed:
            pass
        elif follower.op == "Add" and not constant and not summed:
            summed = True
        elif follower.op in ACTIVATIONS:
            return [*chain, follower]
        else:
            break
        chain.append(follower)
        value = follower.output
    return chain
