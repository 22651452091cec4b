"""Cross-layer equalization around depthwise convolutions, whose channels have ranges far apart.

A depthwise convolution sums nothing over channels, so the spread of its inputs stays, up to 64 to 1 in
separable layers, and one scale for the whole tensor leaves the small ones few integers. What a convolution
reads of a channel may be divided by any factor that its weights are multiplied by, a ReLU between or not::

    conv(W, relu(conv(V, x))) = conv(W s, relu(conv(V / s, x)))

With s = sqrt(range of the channel / largest weight that reads it) values and weights take the same share of
the spread. A depthwise convolution has a scale of its own for each channel's weights, which take all of it:
there s = range of the channel.

References
----------
M. Nagel et al., "Data-free quantization through weight equalization and bias correction", ICCV 2019, eq. 11,
with the range of the channel's values in place of that of its weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeqe.codecs.strength import step_from_quality, step_key
from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.converters.graph.integer import groups_of
from edgeqe.converters.onnx_io.session import GraphSession
from edgeqe.model.card import pixels_per_sample
from edgeqe.quantization.calibration.calibration import in_parts
from edgeqe.quantization.calibration.samples import Photograph, inputs_at, some_windows
from edgeqe.quantization.int8.canonical_form import canonical
from edgeqe.typing import Float

#: Windows on which ranges are found, at each quality.
WINDOWS = 16


def equalized(
    graph: Graph, photographs: Sequence[Photograph], layout: str, qualities: Sequence[int]
) -> Graph:
    """Graph of the same function with like ranges of the channels around depthwise convolutions.

    Parameters
    ----------
    graph : Graph
        Folded.
    photographs : sequence of Photograph
        Of `read_photographs`.
    layout : str
        The network's planes, one of `card.LAYOUTS`.
    qualities : sequence of int
        IJG qualities.

    Returns
    -------
    Graph
        In canonical form; the graph itself where there is no depthwise convolution of which
        one side is equalized: nothing else reads the values, nothing else uses the kernel.
    """
    made = canonical(graph)
    pairs = _pairs(made)
    if not pairs:
        return graph
    ranges = _ranges(made, sorted(pairs), photographs, layout, qualities)
    constants, vectors = dict(made.constants), dict(made.vectors)
    for value, (first, reader) in pairs.items():
        kernel = constants[reader.inputs[1]]
        axes = (1, 2, 3) if reader.groups > 1 else (0, 2, 3)
        weights = np.abs(kernel).max(axis=axes)
        used = (ranges[value] > 0) & (weights > 0)
        factors = np.ones_like(weights)
        if reader.groups > 1:
            factors[used] = ranges[value][used] / ranges[value].max()
            constants[reader.inputs[1]] = kernel * factors[:, None, None, None]
        else:
            factors[used] = np.sqrt(ranges[value][used] / weights[used])
            constants[reader.inputs[1]] = kernel * factors[None, :, None, None]
        for name in (f"{first.name}.kernel.scale", f"{first.name}.bias"):
            constants[name] = constants[name] / factors[None, :, None, None]
            if name in vectors:
                vectors[name] = vectors[name] / factors
    return made.with_nodes(made.nodes, constants, vectors)


def _pairs(graph: Graph) -> dict[str, tuple[Node, Node]]:
    """By the value between them: two convolutions, one of them depthwise, the second the only reader."""
    found = {}
    for group in groups_of(graph):
        value, first = group.output, group.first
        readers = [node for node in graph.nodes if value in node.inputs]
        if first.op != "Conv" or value == graph.output or len(readers) != 1:
            continue
        reader = readers[0]
        uses = [node for node in graph.nodes if reader.inputs[1:2] == node.inputs[1:2]]
        depthwise = reader.groups == graph.channels()[value] > 1
        whole = reader.op == "Conv" and (reader.groups == 1 or depthwise) and len(uses) == 1
        if whole and (first.groups > 1 or depthwise):
            found[value] = (first, reader)
    return found


def _ranges(
    graph: Graph,
    values: Sequence[str],
    photographs: Sequence[Photograph],
    layout: str,
    qualities: Sequence[int],
) -> dict[str, Float]:
    """Largest magnitude of each channel of values."""
    some = some_windows(photographs, WINDOWS)
    windows = [window for photograph in some for window in photograph.windows]
    found: dict[str, Float] = {}
    for part in in_parts(graph, values, pixels_per_sample(layout), windows):
        for quality in qualities:
            running = GraphSession(graph.at(step_key(step_from_quality(quality))), part)
            for given in inputs_at(some, layout, graph.inputs, quality):
                for value, made in zip(part, running.run(given), strict=True):
                    seen = np.abs(made[0]).max(axis=(1, 2))
                    found[value] = np.maximum(found.get(value, np.float32(0)), seen)
    return found
