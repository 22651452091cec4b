"""Memory of a network on ONNX Runtime's CPU provider, from the lifetimes of its values.

The kernels and copies of `onnx_kernels` take what they make and what they need beside from the
simulated arena, and give back what nothing reads any more.
"""

from __future__ import annotations

from edgeqe.converters.graph.graph import Graph
from edgeqe.converters.graph.integer import IntegerGraph
from edgeqe.converters.memory.arena import Arena, Chunk
from edgeqe.converters.memory.ort_kernels import (
    PLANES,
    PROCESSORS,
    Place,
    Step,
    given,
    sizes,
    steps_of,
)

#: Runs that are simulated.
RUNS = 2
#: What the simulation does not see. ONNX Runtime 1.31 logs the arena that is simulated for
#: edgeqe-tiny, -small and -base, DCAD, VRCNN, MVGL-B, Liu and TucoCodec, and 3 % more for RRNet;
#: with what lies beside the arena windows of 384 and 512 pixels took 0 to 6 % more.
UNSEEN = 1.06
#: The same of a network of integers. Its values have many sizes, so windows that run side by side,
#: and smaller ones after larger ones, cut up each other's chunks: random orders of two to four
#: threads took up to 10 % more of the simulated arena.
UNSEEN_INTEGERS = 1.10


def peak_bytes(content: Graph | IntegerGraph) -> float:
    """Bytes that a run takes for each sample of the input, the network's input and output included.

    The most that any of `PROCESSORS` takes.
    """
    integer = content if isinstance(content, IntegerGraph) else IntegerGraph(content, {})
    size, ends = sizes(integer), {*given(integer), (integer.graph.output, PLANES)}
    most = max(simulated(steps_of(integer, kind), size, ends) for kind in PROCESSORS)
    unseen = UNSEEN_INTEGERS if integer.steps else UNSEEN
    return unseen * most + sum(size[place] for place in ends)


def simulated(steps: list[Step], size: dict[Place, float], callers: set[Place]) -> float:
    """Bytes of the arena for each sample of the input.

    The larger of two runs in a row, because the first one leaves its gaps to the second.
    What lies at the caller's takes none.
    """
    last = {place: index for index, step in enumerate(steps) for place in step.reads}
    arena = Arena()
    for _ in range(RUNS):
        held: dict[Place, Chunk] = {}
        for index, step in enumerate(steps):
            dying = [p for p in dict.fromkeys(step.reads) if last[p] == index and p in held]
            if step.in_place and step.reads[0] in dying and step.makes not in callers:
                held[step.makes] = held.pop(step.reads[0])
                dying.remove(step.reads[0])
            elif step.makes not in callers:
                held[step.makes] = arena.take(size[step.makes])
            for chunk in [arena.take(beside) for beside in step.beside]:
                arena.give_back(chunk)
            for place in dying:
                arena.give_back(held.pop(place))
    return arena.total
