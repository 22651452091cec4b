"""Checking networks that run at one size alone: the graph stands in for them at any other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeqe.converters.graph.graph import Graph
from edgeqe.converters.onnx_io.output_kind import trial_pictures
from edgeqe.converters.onnx_io.session import GraphSession
from edgeqe.converters.sources import Reference
from edgeqe.errors import CheckError
from edgeqe.typing import Float
from edgeqe.views.colour import NEUTRAL

#: Largest difference, relative to the residual's range, beside the reference's own rounding.
TOLERANCE = 5e-5


def checked(graph: Graph, original: Reference, size: tuple[int, int], rounding: float) -> Reference:
    """Reference that runs a graph, once it gave what the original gives at the original's size.

    Parameters
    ----------
    graph : Graph
        In the convention of the model file, before it is folded.
    original : callable
        The original as planes to residual; it runs at `size` alone.
    size : (int, int)
        Height and width of its picture.
    rounding : float
        Error of the original itself, 8-bit levels.

    Raises
    ------
    CheckError
        If both differ.
    """
    running = GraphSession(graph)

    def reference(planes: npt.NDArray[np.uint8]) -> Float:
        given = planes.astype(np.float32)[None] - np.float32(NEUTRAL)
        residual: Float = running.run({"planes": given})[0][0]
        return residual

    channels = graph.inputs["planes"]
    picture = trial_pictures(channels, max(size))[1][:, : size[0], : size[1]].astype(np.uint8)
    expected, found = original(picture), reference(picture)
    span = max(float(np.ptp(expected)), 1e-6)
    worst = float(np.abs(found - expected).max())
    if not worst <= TOLERANCE * span + rounding:
        raise CheckError(
            f"the converted network differs from its source by {worst / span:.1e} of the residual's "
            f"range at {size[1]} by {size[0]}, more than {TOLERANCE:.0e}: nothing was written."
        )
    return reference
