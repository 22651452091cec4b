"""Which layer loses: the dB of the final picture that each integer convolution costs alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from edgeqe.codecs.strength import step_from_quality, step_key
from edgeqe.converters.graph.graph import Float, Graph
from edgeqe.converters.graph.integer import CONVOLUTIONS, IntegerGraph
from edgeqe.converters.onnx_io.session import Running
from edgeqe.quantization.calibration.samples import Photograph, inputs_at, targets_of
from edgeqe.views.colour import NEUTRAL, SCALE

#: Qualities that a drop is measured at, and windows at each.
QUALITIES, WINDOWS = (10, 40, 60, 80, 90), 12

#: A network of integers with some convolutions kept real.
Maker = Callable[[Collection[str]], IntegerGraph]


@dataclass(frozen=True)
class Loss:
    """What a network of integers costs."""

    name: str
    """The convolution that is an integer one alone; empty for all of them."""
    drop_db: dict[int, float]
    """PSNR of the real network less that of this one, mean over the windows, by quality."""

    @property
    def worst_db(self) -> float:
        """Largest of the qualities."""
        return max(self.drop_db.values())


class Judge:
    """Measures drops on windows of pictures, the residual added and rounded as on a device.

    Parameters
    ----------
    graph : Graph
        The real network, folded, in the convention of the model file.
    photographs : sequence of Photograph
    layout : str
        Its planes, one of `card.LAYOUTS`.
    """

    def __init__(self, graph: Graph, photographs: Sequence[Photograph], layout: str) -> None:
        self.given: dict[int, list[dict[str, Float]]] = {}
        count = sum(len(photograph.windows) for photograph in photographs)
        chosen = {index * count // WINDOWS for index in range(min(WINDOWS, count))}
        targets = [t for i, t in enumerate(targets_of(photographs, layout)) if i in chosen]
        self.targets = targets
        self.real: dict[int, list[float]] = {}
        for quality in QUALITIES:
            inputs = enumerate(inputs_at(photographs, layout, graph.inputs, quality))
            self.given[quality] = [given for index, given in inputs if index in chosen]
            running = Running(graph.at(step_key(step_from_quality(quality))))
            self.real[quality] = self._psnr(quality, running)

    def drop(self, integer: IntegerGraph) -> dict[int, float]:
        """Mean drop of a network of integers, dB, by quality."""
        drops = {}
        for quality in QUALITIES:
            at = integer.at(step_key(step_from_quality(quality)))
            psnr = self._psnr(quality, Running(at))
            drops[quality] = float(np.mean(np.subtract(self.real[quality], psnr)))
        return drops

    def _psnr(self, quality: int, running: Running) -> list[float]:
        result = []
        for given, target in zip(self.given[quality], self.targets, strict=True):
            shown = given["planes"][0] + np.float32(NEUTRAL)
            better = np.clip(shown + np.rint(running.run(given)[0][0]), 0.0, SCALE)
            error = float(np.square(better.astype(np.float64) - target).mean())
            result.append(10 * np.log10(SCALE**2 / max(error, 1e-12)))
        return result


def convolutions(graph: Graph) -> list[str]:
    """Convolutions of a folded graph, one of those that share a kernel."""
    first: dict[str, str] = {}
    for node in graph.nodes:
        if node.op in CONVOLUTIONS:
            first.setdefault(node.inputs[1], node.name)
    return list(first.values())


def rank(
    names: Sequence[str],
    judge: Judge,
    make: Maker,
    progress: Callable[[int, int], None] | None = None,
) -> list[Loss]:
    """Loss of each convolution alone, the worst first."""
    losses = []
    for done, name in enumerate(names, 1):
        others = [other for other in names if other != name]
        losses.append(Loss(name, judge.drop(make(others))))
        if progress is not None:
            progress(done, len(names))
    return sorted(losses, key=lambda loss: -loss.worst_db)


@dataclass(frozen=True)
class Search:
    """What `search` found."""

    integer: IntegerGraph
    real: tuple[str, ...]
    """Convolutions that stay real."""
    loss: Loss
    met: bool
    """Whether the drop is within the limit."""


def search(ranked: Sequence[Loss], judge: Judge, make: Maker, max_drop: float | None) -> Search:
    """Keep the worst convolutions real, one more at a time, until the drop is met.

    Parameters
    ----------
    ranked : sequence of Loss
        Of `rank`.
    max_drop : float, optional
        Largest drop at any quality, dB; any where it is left out.

    Returns
    -------
    Search
        The first that meets the limit; else the one that drops least.
    """
    best: Search | None = None
    for count in range(len(ranked) + 1):
        real = tuple(loss.name for loss in ranked[:count])
        integer = make(real)
        loss = Loss("", judge.drop(integer))
        found = Search(integer, real, loss, max_drop is None or loss.worst_db <= max_drop)
        if best is None or found.loss.worst_db < best.loss.worst_db:
            best = found
        if best.met:
            break
    assert best is not None
    return best
