"""Sensitivity analysis: PSNR of the enhanced picture that quantizing each layer alone costs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from edgeqe.codecs.strength import step_from_quality, step_key
from edgeqe.converters.graph.graph import Graph
from edgeqe.converters.graph.integer import CONVOLUTIONS, QuantizedGraph
from edgeqe.converters.onnx_io.session import GraphSession
from edgeqe.quantization.calibration.samples import Photograph, inputs_at, targets_of
from edgeqe.typing import Float
from edgeqe.views.colour import NEUTRAL, SCALE

#: JPEG qualities that the loss is measured at, and windows at each.
QUALITIES, WINDOWS = (10, 40, 60, 80, 90), 12

#: Makes a quantized graph with some convolutions kept in float.
Maker = Callable[[Collection[str]], QuantizedGraph]


@dataclass(frozen=True)
class QuantizationLoss:
    """PSNR that a quantized graph loses against its float graph."""

    name: str
    """The one convolution that is quantized; empty for all of them."""
    drop_db: dict[int, float]
    """PSNR of the float graph less that of this one, dB, mean over the windows, by quality."""

    @property
    def worst_db(self) -> float:
        """Largest over the qualities."""
        return max(self.drop_db.values())


class LossMeter:
    """Measures the PSNR loss on windows of pictures, the residual added and rounded as on a device.

    Parameters
    ----------
    graph : Graph
        The float graph, folded, in the convention of the model file.
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
        self.float_psnr: dict[int, list[float]] = {}
        for quality in QUALITIES:
            inputs = enumerate(inputs_at(photographs, layout, graph.inputs, quality))
            self.given[quality] = [given for index, given in inputs if index in chosen]
            running = GraphSession(graph.at(step_key(step_from_quality(quality))))
            self.float_psnr[quality] = self._psnr(quality, running)

    def drop(self, quantized: QuantizedGraph) -> dict[int, float]:
        """Mean loss of a quantized graph, dB, by quality."""
        drops = {}
        for quality in QUALITIES:
            at = quantized.at(step_key(step_from_quality(quality)))
            psnr = self._psnr(quality, GraphSession(at))
            drops[quality] = float(np.mean(np.subtract(self.float_psnr[quality], psnr)))
        return drops

    def _psnr(self, quality: int, running: GraphSession) -> list[float]:
        result = []
        for given, target in zip(self.given[quality], self.targets, strict=True):
            shown = given["planes"][0] + np.float32(NEUTRAL)
            better = np.clip(shown + np.rint(running.run(given)[0][0]), 0.0, SCALE)
            error = float(np.square(better.astype(np.float64) - target).mean())
            result.append(10 * np.log10(SCALE**2 / max(error, 1e-12)))
        return result


def convolutions(graph: Graph) -> list[str]:
    """Names of the convolutions of a folded graph, one of those that share a kernel."""
    first: dict[str, str] = {}
    for node in graph.nodes:
        if node.op in CONVOLUTIONS:
            first.setdefault(node.inputs[1], node.name)
    return list(first.values())


def rank(
    names: Sequence[str],
    meter: LossMeter,
    make: Maker,
    progress: Callable[[int, int], None] | None = None,
) -> list[QuantizationLoss]:
    """Loss of quantizing each convolution alone, the largest first."""
    losses = []
    for done, name in enumerate(names, 1):
        others = [other for other in names if other != name]
        losses.append(QuantizationLoss(name, meter.drop(make(others))))
        if progress is not None:
            progress(done, len(names))
    return sorted(losses, key=lambda loss: -loss.worst_db)


@dataclass(frozen=True)
class MixedPrecision:
    """Result of `search`: a quantized graph, and what is kept in float."""

    quantized: QuantizedGraph
    kept_float: tuple[str, ...]
    """Convolutions that are kept in float."""
    loss: QuantizationLoss
    met: bool
    """Whether the loss is within the limit."""


def search(
    ranked: Sequence[QuantizationLoss], meter: LossMeter, make: Maker, max_drop: float | None
) -> MixedPrecision:
    """Keep the most sensitive convolutions in float, one more at a time, until the limit is met.

    Parameters
    ----------
    ranked : sequence of Loss
        Of `rank`.
    max_drop : float, optional
        Largest loss at any quality, dB; any where it is left out.

    Returns
    -------
    MixedPrecision
        The first that meets the limit; else the one that loses least.
    """
    best: MixedPrecision | None = None
    for count in range(len(ranked) + 1):
        kept_float = tuple(loss.name for loss in ranked[:count])
        quantized = make(kept_float)
        loss = QuantizationLoss("", meter.drop(quantized))
        found = MixedPrecision(
            quantized, kept_float, loss, max_drop is None or loss.worst_db <= max_drop
        )
        if best is None or found.loss.worst_db < best.loss.worst_db:
            best = found
        if best.met:
            break
    assert best is not None
    return best
