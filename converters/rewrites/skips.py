"""Global skips: the network's input as a term of the sum that is its output.

Networks normalise what they get and undo it at the end::

    x -- (x - a) / b = y --+-- body --+-- Add -- * b + a -- output
                           +----------+

The input's coefficient is 1 there too, but behind a factor and a shift. A sum is followed through
factors and shifts per channel, so that what it holds beside the input can be told from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.errors import InputError
from edgeqe.typing import Double

#: Coefficients of the input that differ from 1 by rounding alone, and those from which a
#: network is a sum with its input that is scaled a little.
EXACT, NEAR = 1e-6, 0.01


@dataclass
class Rest:
    """What a sum holds beside the network's input."""

    shift: Double
    """Constant per channel, shape (C,)."""
    terms: list[tuple[str, Double]] = field(default_factory=list)
    """Values, and constants that follow the strength, with their factors (C,)."""


def beside_input(graph: Graph, source: str) -> Rest | None:
    """Terms beside the network's input of the sum that is its output.

    Parameters
    ----------
    graph : Graph
        In its own value range.
    source : str
        The input.

    Returns
    -------
    Rest or None
        None if the output is no sum with the input, or one with another multiple of it. An input
        that is scaled by up to `NEAR` leaves a small term.

    Raises
    ------
    InputError
        If the output is the input, shifted at most.
    """
    walk = _Walk(graph, source)
    if not walk.reaches(graph.output):
        return None
    walk.expand(graph.output, np.ones(walk.count))
    more = walk.coefficient - 1.0
    if np.abs(more).max() > NEAR:
        return None
    rest, scales = walk.rest, graph.scales()
    if np.abs(more).max() > EXACT:
        rest.terms.append((source, more))
    values = [name for name, _ in rest.terms if name not in graph.constants]
    if not values:
        raise InputError(
            f"network '{graph.name}' gives its input back, shifted at most: it enhances nothing."
        )
    whole = any(walk.channels[n] == walk.count and scales[n] for n in values)
    return rest if whole else None


def share_of_input(graph: Graph, source: str) -> tuple[Double, Double] | None:
    """What the network's input has become in the sum that is its output.

    Returns
    -------
    (ndarray, ndarray), shape (C,) each, or None
        Factor and shift per channel; None if the output is no sum with the input.
    """
    walk = _Walk(graph, source)
    if not walk.reaches(graph.output):
        return None
    walk.expand(graph.output, np.ones(walk.count))
    return walk.coefficient, walk.rest.shift


class _Walk:
    """State while one sum is followed back to the input."""

    def __init__(self, graph: Graph, source: str) -> None:
        self.graph, self.source = graph, source
        self.producers, self.channels = graph.producers(), graph.channels()
        self.count = self.channels[graph.output]
        self.coefficient, self.rest = np.zeros(self.count), Rest(np.zeros(self.count))
        self.known: dict[str, bool] = {source: self.channels[source] == self.count}

    def fixed(self, name: str) -> bool:
        """Whether a name is a constant that does not follow the strength."""
        return name in self.graph.constants and name not in self.graph.vectors

    def reaches(self, value: str) -> bool:
        """Whether a value is the input but for factors, shifts and what is added."""
        if value not in self.known:
            node = self.producers.get(value)
            self.known[value] = node is not None and any(map(self.reaches, self._through(node)))
        return self.known[value]

    def _through(self, node: Node) -> list[str]:
        """Values that a node scales, shifts or adds, channel by channel."""
        values = [name for name in node.inputs if name in self.channels]
        even = all(self.channels[name] == self.count for name in values)
        if node.op == "Mul" and even and len(values) == 1 and self.fixed(node.inputs[1]):
            return values
        return values if node.op == "Add" and even else []

    def expand(self, value: str, gain: Double) -> None:
        """Add a value times a gain to the coefficient, the shift and the terms."""
        if value == self.source:
            self.coefficient += gain
        elif not self.reaches(value):
            self.rest.terms.append((value, gain))
        elif self.producers[value].op == "Mul":
            node = self.producers[value]
            self.expand(node.inputs[0], gain * self._vector(node.inputs[1]))
        else:
            for name in self.producers[value].inputs:
                if self.fixed(name):
                    self.rest.shift += gain * self._vector(name)
                else:
                    self.expand(name, gain)

    def _vector(self, name: str) -> Double:
        values: Double = self.graph.constants[name].reshape(-1).astype(np.float64)
        return values
