"""Attribution of a drift: quantization, runtime and decoder are swapped one at a time and measured.

::

    reference, exact --quantization--> candidate, exact
                     --runtime-------> candidate, on its runtime
                     --decoder-------> the same, fed by another JPEG decoder

*Exact* is reference inference (`reference_inference.py`). PSNR is of the enhanced picture against the
reference picture, so what a stage loses is gain, and the losses of the stages add up to the drift.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeqe import metrics
from edgeqe.coding import RatePoint
from edgeqe.errors import InputError
from edgeqe.model.file import ModelFile
from edgeqe.protocols import CodingProtocol, MeasuredNetwork, protocols_of
from edgeqe.quantization.drift.decoders import Decoder, decoder_of, islow
from edgeqe.quantization.drift.drift import PICTURE_CEILING
from edgeqe.quantization.drift.gate import MEMORY_LIMIT
from edgeqe.quantization.drift.reference_inference import ReferenceInference
from edgeqe.quantization.drift.references import PROTOCOLS, compressed_pictures, notes_of
from edgeqe.quantization.drift.reporting import Given, Model, machine, opened, stand_in_notes
from edgeqe.quantization.drift.stand_in import for_codec

#: The stages in their order.
SOURCES = ("quantization", "runtime", "decoder")
#: A stage that costs less than this is not blamed, dB.
NOTICEABLE = 0.001
#: Qualities that are measured unless others are asked for: reference inference is slow.
QUALITIES = (10, 40, 90)


@dataclass(frozen=True)
class BlameRow:
    """Means over the pictures of one protocol at one quality, dB."""

    protocol: CodingProtocol
    quality: int
    pictures: int
    jpeg: float
    """PSNR of the JPEG, by the reference decoder."""
    psnr: tuple[float, ...]
    """PSNR of the enhanced pictures: before the first stage and behind each one."""

    @property
    def losses(self) -> dict[str, float]:
        """What each stage of `SOURCES` costs."""
        pairs = zip(self.psnr, self.psnr[1:], strict=False)
        return {name: before - after for name, (before, after) in zip(SOURCES, pairs, strict=True)}

    @property
    def drift(self) -> float:
        """What all stages cost together."""
        return self.psnr[0] - self.psnr[-1]


@dataclass(frozen=True)
class Blame:
    """Where a drift comes from."""

    reference: Model
    candidate: Model
    decoder: str
    """Decoder of the last stage."""
    data: str
    """Name of the set of pictures."""
    rows: tuple[BlameRow, ...]
    notes: tuple[str, ...]
    stamp: dict[str, Any]
    """See `edgeqe.quantization.drift.reporting.machine`."""

    def losses(self) -> dict[str, float]:
        """What each stage of `SOURCES` costs, mean over the rows, dB."""
        return {
            name: math.fsum(row.losses[name] for row in self.rows) / len(self.rows)
            for name in SOURCES
        }

    @property
    def largest(self) -> str:
        """The stage that costs most; ``none`` if none costs `NOTICEABLE`."""
        losses = self.losses()
        name = max(losses, key=lambda source: losses[source])
        return name if losses[name] >= NOTICEABLE else "none"


def blame(
    reference: Given,
    candidate: Given,
    files: Sequence[Path],
    *,
    data: str,
    protocols: Sequence[str] = PROTOCOLS,
    qualities: Sequence[int] = QUALITIES,
    decoder: str = "islow",
    threads: int | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Blame:
    """Measure what each stage from a reference to a candidate costs.

    Parameters
    ----------
    reference, candidate : str or path
        Names of shipped models or model files, of either format. A network's name alone is its
        float32 file as reference, and what this device runs as candidate.
    files : sequence of Path
        Reference pictures; one at a time is held in memory.
    data : str
        Name of the set of pictures, for the report.
    protocols, qualities, threads, advance
        As of `edgeqe.quantization.drift.gate.check`.
    decoder : str
        JPEG decoder of the last stage, one of `edgeqe.quantization.drift.decoders.DECODERS`; the
        first, which is the decoder of all other stages, leaves that stage at 0.

    Raises
    ------
    InputError
        If a model, a picture, or another argument cannot be used.
    ProviderError
        If a file's runtime is not there.
    """
    other, asked = decoder_of(decoder), protocols_of(protocols)
    if other is not islow and CodingProtocol.PLANES in asked:
        raise InputError(
            f"decoder {decoder} gives no planes as they are coded: leave protocol planes out, or swap "
            "no decoder."
        )
    with opened(reference, candidate, threads=threads, memory_limit=MEMORY_LIMIT) as two:
        first, second = (ran.model for ran in two)
        network = for_codec(two[1].enhancer, two[1].enhancer.codecs, "jpeg")
        stages: list[tuple[MeasuredNetwork, Decoder]] = [
            (_exact(first), islow),
            (_exact(second), islow),
            (network, islow),
            (network, other),
        ]
        rows = _measure(stages, files, asked, qualities, advance)
        notes = stand_in_notes(two)
    notes += notes_of(files, asked, {row.protocol for row in rows})
    return Blame(first, second, decoder, data, tuple(rows), notes, machine())


def _exact(model: Model) -> MeasuredNetwork:
    """A model in plain arithmetic."""
    file = ModelFile(Path(model.path))
    return for_codec(ReferenceInference(file), file.card.codecs, "jpeg")


def _measure(
    stages: Sequence[tuple[MeasuredNetwork, Decoder]],
    files: Sequence[Path],
    protocols: Sequence[CodingProtocol],
    qualities: Sequence[int],
    advance: Callable[[], None],
) -> list[BlameRow]:
    """Every row, by protocol, then quality."""
    points = [RatePoint("jpeg", quality) for quality in qualities]
    found: dict[tuple[CodingProtocol, int], list[list[float]]] = {
        (protocol, quality): [] for protocol in protocols for quality in qualities
    }
    for coded in compressed_pictures(files, protocols, points, advance):
        original, gray = coded.reference.pixels, coded.protocol == CodingProtocol.GRAY
        pictures = [coded.decoded.pixels]
        for network, decoder in stages:
            pictures.append(coded.enhanced(network, decoder(coded.data, gray)).pixels)
        figures = [metrics.psnr(original, p, ceiling=PICTURE_CEILING) for p in pictures]
        found[coded.protocol, round(coded.point.value)].append(figures)
    rows = []
    for (protocol, quality), measured in found.items():
        if measured:
            means = [math.fsum(column) / len(measured) for column in zip(*measured, strict=True)]
            rows.append(BlameRow(protocol, quality, len(measured), means[0], tuple(means[1:])))
    return rows
