"""Less of the residual at the finest steps of every codec, as a vector that follows the strength."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from edgeqe.codecs.strength import KEYS_PER_OCTAVE
from edgeqe.converters.graph.graph import KEYS, Graph, Node

#: The residual is scaled down below this step, to `FINEST_SHARE` of it an octave below:
#: where the error is about one 8-bit level, a network that is right on the mean is too
#: strong for its worst picture. Chosen on the validation pictures (docs/results.md, pictures that lose).
SHARE_STEP, FINEST_SHARE = 4.0, 0.85


def residual_share(log2_steps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Share of the residual that is applied at each strength, `FINEST_SHARE` to 1."""
    octaves = np.clip(math.log2(SHARE_STEP) - log2_steps, 0.0, 1.0)
    return 1.0 - (1.0 - FINEST_SHARE) * octaves


def with_residual_share(graph: Graph) -> Graph:
    """Graph whose output is scaled by `residual_share`: one Mul, its vector following the strength."""
    share_of = np.tile(residual_share(np.array(KEYS) / KEYS_PER_OCTAVE), graph.blocks)
    output, name = f"{graph.output}.cautious", "caution.scale"
    node = Node("Mul", "caution", (graph.output, name), output)
    return Graph(
        graph.name,
        graph.inputs,
        output,
        (*graph.nodes, node),
        {**graph.constants, name: np.ones((1, 1, 1, 1), np.float32)},
        {**graph.vectors, name: share_of[:, None].astype(np.float32)},
    )
