"""Post-training quantization: calibrate, quantize, and prepare for `export`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgeqe.converters.graph.integer import LARGEST_BYTE, LARGEST_WEIGHT, QuantizedGraph
from edgeqe.converters.sources import Source
from edgeqe.errors import InputError
from edgeqe.quantization.calibration.calibration import QUALITIES, STATISTIC, Calibration, calibrate
from edgeqe.quantization.calibration.drawn_samples import with_drawn
from edgeqe.quantization.calibration.representative import check_qualities, check_representative
from edgeqe.quantization.calibration.samples import read_photographs
from edgeqe.quantization.calibration.statistics import PERCENTILE, RangeStatistic
from edgeqe.quantization.int8.canonical_form import canonical
from edgeqe.quantization.int8.equalization import equalized
from edgeqe.quantization.int8.hessian import hessians
from edgeqe.quantization.int8.int8 import quantized_graph, values
from edgeqe.quantization.int8.oracle import Oracle
from edgeqe.quantization.int8.sensitivity import LossMeter
from edgeqe.quantization.int8.workflow import PhaseCallback
from edgeqe.typing import Double
from edgeqe.views.colour import NEUTRAL
from edgeqe.zoo import TRAINING_KEY


class Quantizer:
    """A float network and its calibration, from which quantized graphs are made.

    Parameters
    ----------
    source : Source
        A float network.
    folder : Path
        Reference pictures, at least 8.
    statistic : RangeStatistic or str
        How the range of a value is found.
    percentile : float
        As of `calibrate`.
    qualities : sequence of int
        JPEG qualities of calibration.
    drawn : float
        Share of the windows that are drawn pictures, 0 to less than 1.
    frozen : Calibration, optional
        Of a quantization-aware training, which fits its weights to it: nothing is calibrated
        then, and weights are rounded to nearest.
    progress : callable, optional

    Raises
    ------
    InputError
        If the pictures cannot represent the task, or the network is quantized already.
    """

    def __init__(
        self,
        source: Source,
        folder: Path,
        *,
        statistic: RangeStatistic | str = STATISTIC,
        percentile: float = PERCENTILE,
        qualities: Sequence[int] = QUALITIES,
        drawn: float = 0.0,
        frozen: Calibration | None = None,
        progress: PhaseCallback | None = None,
    ) -> None:
        if source.quantized is not None:
            raise InputError(f"'{source.graph.name}' is quantized already: give its float model.")

        def told(what: str) -> Callable[[int, int], None] | None:
            return None if progress is None else lambda done, all_: progress(what, done, all_)

        found = read_photographs(folder, progress=told("read pictures"))
        self.photographs, self.warnings = check_representative(found)
        if source.block:  # blocks are too small to be judged by
            names = {photograph.name for photograph in self.photographs}
            cut = read_photographs(folder, block=source.block, progress=told("cut blocks"))
            self.photographs = [photograph for photograph in cut if photograph.name in names]
        self.photographs = with_drawn(self.photographs, drawn, source.block)
        self.warnings += check_qualities(qualities, strengths=bool(source.graph.vectors))
        self.source, self.drawn = source, drawn
        if frozen is not None:
            self.calibration = frozen
            self.hessians: dict[str, Double] | None = None
            return
        graph = equalized(source.graph, self.photographs, source.planes, qualities)
        self.source = source = replace(source, graph=graph)
        self.calibration = calibrate(
            canonical(source.graph),
            values(source.graph),
            self.photographs,
            planes=source.planes,
            codecs=source.codecs,
            statistic=statistic,
            percentile=percentile,
            qualities=qualities,
            progress=told("calibrate"),
        )
        self.hessians = hessians(
            source.graph, self.photographs, source.planes, qualities, told("weigh kernels")
        )

    def make(
        self,
        keep_float: Collection[str] = (),
        *,
        symmetric: bool = False,
        litert: bool = False,
    ) -> QuantizedGraph:
        """Quantized graph, some of its convolutions kept in float.

        Parameters
        ----------
        keep_float, symmetric
            As of `quantized_graph`.
        litert : bool
            Weights of 8 bits, which LiteRT holds everywhere, and ONNX Runtime does not. Those of a
            quantization-aware training stay at the 7 bits that it fits its weights to.
        """
        wide = litert and self.hessians is not None
        return quantized_graph(
            self.source.graph,
            self.calibration.ranges,
            self.source.default_key,
            symmetric=symmetric,
            keep_float=keep_float,
            hessians=self.hessians,
            largest=LARGEST_BYTE if wide else LARGEST_WEIGHT,
        )

    def meter(self) -> LossMeter:
        """Measures the loss of quantized graphs on the same pictures."""
        return LossMeter(self.source.graph, self.photographs, self.source.planes)

    def as_source(self, quantized: QuantizedGraph, drop_db: Mapping[int, float]) -> Source:
        """Export source of a quantized graph, with calibration and loss in its card.

        The reference that the file is checked against is the oracle.
        """
        kept = [
            n.name for n in quantized.graph.nodes if n.op == "Conv" and not quantized.is_integer(n)
        ]
        calibration = dict(self.calibration.summary)
        if self.drawn:
            calibration["drawn share"] = self.drawn
        provenance = {**self.source.provenance, "calibration": calibration}
        if kept:
            provenance["real convolutions"] = kept
        return replace(
            self.source,
            graph=quantized.graph,
            quantized=quantized,
            reference=lambda planes: Oracle(quantized).run(
                planes.astype(np.float32) - np.float32(NEUTRAL)
            ),
            provenance=provenance,
            quality={
                **{f"float32's {what}": found for what, found in self.source.quality.items()},
                "drop on the calibration pictures, dB": {
                    f"q{quality}": round(drop, 4) for quality, drop in drop_db.items()
                },
            },
            metadata={k: v for k, v in self.source.metadata.items() if k != TRAINING_KEY},
            rounding=0.0,
        )
