"""A network to integers: calibrate, round, and turn into a source that `export` writes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgeqe.converters.integer import LARGEST_BYTE, LARGEST_WEIGHT, IntegerGraph
from edgeqe.converters.sources import Source
from edgeqe.errors import InputError
from edgeqe.planes import NEUTRAL
from edgeqe.quantization.calibration import QUALITIES, STATISTIC, Calibration, calibrate
from edgeqe.quantization.drawn_samples import with_drawn
from edgeqe.quantization.int8 import integer_graph, values
from edgeqe.quantization.moments import moments
from edgeqe.quantization.normal import normal
from edgeqe.quantization.oracle import Oracle
from edgeqe.quantization.ranges import Double
from edgeqe.quantization.representative import check_qualities, check_representative
from edgeqe.quantization.samples import read_photographs
from edgeqe.quantization.sensitivity import Judge
from edgeqe.zoo import TRAINING_KEY

#: Gets what is being done, the parts done and all of them.
Progress = Callable[[str, int, int], None]


class Quantizer:
    """A network and what calibration found: makes networks of integers.

    Parameters
    ----------
    source : Source
        A network of real numbers.
    folder : Path
        Undamaged pictures, at least 8.
    statistic : {"minmax", "percentile", "mse"}
        How the range of a value is found.
    qualities : sequence of int
        JPEG qualities of calibration.
    drawn : float
        Share of the windows that are drawn pictures, 0 to less than 1.
    frozen : Calibration, optional
        Of a quantization-aware training, which fits its weights to it: nothing is calibrated
        then, and weights are rounded to the nearest.
    progress : callable, optional

    Raises
    ------
    InputError
        If the pictures cannot represent the task, or the network is one of integers.
    """

    def __init__(
        self,
        source: Source,
        folder: Path,
        *,
        statistic: str = STATISTIC,
        qualities: Sequence[int] = QUALITIES,
        drawn: float = 0.0,
        frozen: Calibration | None = None,
        progress: Progress | None = None,
    ) -> None:
        if source.integer is not None:
            raise InputError(f"'{source.graph.name}' is a network of integers already.")

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
            self.moments: dict[str, Double] | None = None
            return
        self.calibration = calibrate(
            normal(source.graph),
            values(source.graph),
            self.photographs,
            planes=source.planes,
            codecs=source.codecs,
            statistic=statistic,
            qualities=qualities,
            progress=told("calibrate"),
        )
        self.moments = moments(
            source.graph, self.photographs, source.planes, qualities, told("weigh kernels")
        )

    def make(
        self, real: Collection[str] = (), *, symmetric: bool = False, litert: bool = False
    ) -> IntegerGraph:
        """Network of integers, some of its convolutions kept real.

        Parameters
        ----------
        real, symmetric
            As of `integer_graph`.
        litert : bool
            Round kernels to 8 bits, which LiteRT holds everywhere, and ONNX Runtime does not. Those
            of a quantization-aware training stay at the 7 bits that it fits its weights to.
        """
        wide = litert and self.moments is not None
        return integer_graph(
            self.source.graph,
            self.calibration.ranges,
            self.source.default_key,
            symmetric=symmetric,
            real=real,
            moments=self.moments,
            largest=LARGEST_BYTE if wide else LARGEST_WEIGHT,
        )

    def judge(self) -> Judge:
        """Measures what networks of integers cost, on the same pictures."""
        return Judge(self.source.graph, self.photographs, self.source.planes)

    def as_source(self, integer: IntegerGraph, drop_db: Mapping[int, float]) -> Source:
        """A network of integers as what `export` writes, with its calibration and drop in the card.

        The reference that the file is checked against is the oracle.
        """
        real = [n.name for n in integer.graph.nodes if n.op == "Conv" and not integer.is_integer(n)]
        calibration = dict(self.calibration.summary)
        if self.drawn:
            calibration["drawn share"] = self.drawn
        provenance = {**self.source.provenance, "calibration": calibration}
        if real:
            provenance["real convolutions"] = real
        return replace(
            self.source,
            graph=integer.graph,
            integer=integer,
            reference=lambda planes: Oracle(integer).run(
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
        )
