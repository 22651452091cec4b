"""GPTQ Hessians: second moments E[x xᵀ] of each kernel's inputs on calibration data."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edgeqe.codecs.strength import step_from_quality, step_key
from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.converters.graph.integer import CONVOLUTIONS
from edgeqe.converters.onnx_io.session import GraphSession
from edgeqe.model.card import pixels_per_sample
from edgeqe.quantization.calibration.calibration import in_parts
from edgeqe.quantization.calibration.samples import Photograph, inputs_at, some_windows
from edgeqe.quantization.int8.canonical_form import canonical
from edgeqe.quantization.int8.oracle_operators import windows_of
from edgeqe.typing import Double, Float

#: Windows that are run, evenly chosen, and output samples drawn of each, per quality and use of
#: a kernel.
WINDOWS, PLACES = 32, 400


def hessians(
    graph: Graph,
    photographs: Sequence[Photograph],
    layout: str,
    qualities: Sequence[int],
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Double]:
    """GPTQ Hessian of every kernel, over pictures, strengths and uses.

    Every quality counts the same in dB: at a coarse step both the inputs' and the allowed output
    errors are larger, so inputs count in units of the step.

    Parameters
    ----------
    graph : Graph
        Folded, in the convention of the model file.
    photographs : sequence of Photograph
        Of `read_photographs`.
    layout : str
        The network's planes, one of `card.LAYOUTS`.
    qualities : sequence of int
        IJG qualities.
    progress : callable, optional
        Gets the qualities done and all of them.

    Returns
    -------
    dict of str to ndarray, shape (n, n)
        By kernel, n = inputs of an output channel: E[x xᵀ], up to a factor. Kernels of grouped
        convolutions and of transposed convolutions that overlap have none.
    """
    graph = canonical(graph)
    readers = [n for n in graph.nodes if n.op == "Conv" and n.groups == 1]
    values = sorted({node.inputs[0] for node in readers} - set(graph.inputs))
    photographs = some_windows(photographs, WINDOWS)
    windows = [window for photograph in photographs for window in photograph.windows]
    unit = pixels_per_sample(layout)
    parts = [list(graph.inputs), *(in_parts(graph, values, unit, windows) if values else ())]
    found: dict[str, Double] = {}
    rng = np.random.default_rng(5)
    for done, quality in enumerate(qualities, 1):
        step = step_from_quality(quality)
        for part in parts:
            wanted = [value for value in part if value not in graph.inputs]
            running = GraphSession(graph.at(step_key(step)), wanted)
            for given in inputs_at(photographs, layout, graph.inputs, quality):
                read = running.run(given) if wanted else []
                made = {**given, **dict(zip(wanted, read, strict=True))}
                for node in readers:
                    if node.inputs[0] in part:
                        x = _drawn(node, made[node.inputs[0]][0], rng) / step
                        found[node.inputs[1]] = found.get(node.inputs[1], 0.0) + x.T @ x
        if progress is not None:
            progress(done, len(qualities))
    uses = {n.inputs[1] for n in graph.nodes if n.op in CONVOLUTIONS and n not in readers}
    return {kernel: hessian for kernel, hessian in found.items() if kernel not in uses}


def _drawn(node: Node, value: Float, rng: np.random.Generator) -> Double:
    """Inputs of a convolution at sampled output positions, shape (PLACES, n)."""
    windows = windows_of(node, value)
    rows, columns = (rng.integers(side, size=PLACES) for side in windows.shape[1:3])
    drawn: Double = windows[:, rows, columns].transpose(1, 0, 2, 3).astype(np.float64)
    return drawn.reshape(PLACES, -1)
