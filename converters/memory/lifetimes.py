"""Peak memory of a graph on ONNX Runtime's CPU provider, from the lifetimes of its values.

The kernels and layout copies of `ort_kernels` allocate their outputs and workspaces in the
simulated arena, and free what nothing reads any more.
"""

from __future__ import annotations

from edgeqe.converters.graph.graph import Graph
from edgeqe.converters.graph.integer import QuantizedGraph
from edgeqe.converters.memory.arena import Arena, Chunk
from edgeqe.converters.memory.ort_kernels import (
    PLANES,
    PROCESSORS,
    KernelCall,
    Place,
    given,
    kernel_calls,
    sizes,
)

#: Runs that are simulated.
RUNS = 2
#: What the simulation does not see. ONNX Runtime 1.31 logs the arena that is simulated for
#: edgeqe-tiny, -small and -base, DCAD, VRCNN, MVGL-B, Liu and TucoCodec, and 3 % more for RRNet;
#: with what lies beside the arena windows of 384 and 512 pixels took 0 to 6 % more.
UNSEEN = 1.06
#: The same of an INT8 graph. Its tensors have many sizes, so windows that run side by side,
#: and smaller ones after larger ones, cut up each other's chunks: random orders of two to four
#: threads took up to 10 % more of the simulated arena.
UNSEEN_INTEGERS = 1.10


def peak_bytes(content: Graph | QuantizedGraph) -> float:
    """Peak bytes of a run per sample of the input, the network's input and output included.

    The largest of all `PROCESSORS`.
    """
    quantized = content if isinstance(content, QuantizedGraph) else QuantizedGraph(content, {})
    size, ends = sizes(quantized), {*given(quantized), (quantized.graph.output, PLANES)}
    most = max(simulated(kernel_calls(quantized, kind), size, ends) for kind in PROCESSORS)
    unseen = UNSEEN_INTEGERS if quantized.quant_params else UNSEEN
    return unseen * most + sum(size[place] for place in ends)


def simulated(calls: list[KernelCall], size: dict[Place, float], callers: set[Place]) -> float:
    """Arena bytes per sample of the input.

    The larger of two runs in a row, because the first one leaves its gaps to the second.
    Buffers of the caller count nothing.
    """
    last = {place: index for index, call in enumerate(calls) for place in call.reads}
    arena = Arena()
    for _ in range(RUNS):
        held: dict[Place, Chunk] = {}
        for index, call in enumerate(calls):
            dying = [p for p in dict.fromkeys(call.reads) if last[p] == index and p in held]
            if call.in_place and call.reads[0] in dying and call.makes not in callers:
                held[call.makes] = held.pop(call.reads[0])
                dying.remove(call.reads[0])
            elif call.makes not in callers:
                held[call.makes] = arena.take(size[call.makes])
            for chunk in [arena.take(beside) for beside in call.beside]:
                arena.give_back(chunk)
            for place in dying:
                arena.give_back(held.pop(place))
    return arena.total
