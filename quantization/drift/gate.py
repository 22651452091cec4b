"""The drift gate: compares the gain of two model files on pictures and applies the limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from edgeqe.coding import RatePoint, coder
from edgeqe.protocols import protocols_of
from edgeqe.quantization.drift.drift import QUALITIES, measure
from edgeqe.quantization.drift.limits import DriftLimits
from edgeqe.quantization.drift.references import PROTOCOLS, notes_of
from edgeqe.quantization.drift.report import DriftReport
from edgeqe.quantization.drift.reporting import Given, machine, opened, stand_in_notes
from edgeqe.quantization.drift.stand_in import for_codec

#: Memory of each of the two enhancers unless stated.
MEMORY_LIMIT = "256MiB"
#: Limits that hold unless others are stated.
DEFAULT_LIMITS = DriftLimits()


def check(
    reference: Given,
    candidate: Given,
    sets: Mapping[str, Sequence[Path]],
    *,
    protocols: Sequence[str] = PROTOCOLS,
    codec: str = "jpeg",
    values: Sequence[float] = QUALITIES,
    limits: DriftLimits = DEFAULT_LIMITS,
    threads: int | None = None,
    memory_limit: int | str = MEMORY_LIMIT,
    advance: Callable[[], None] = lambda: None,
) -> DriftReport:
    """Measure how far a candidate drifts from a reference, and judge it.

    Each file runs on its own runtime, as an `Enhancer` runs it on this machine.

    Parameters
    ----------
    reference, candidate : str or path
        Names of shipped models or model files, of either format. A network's name alone is its
        float32 file as reference, and what this device runs as candidate.
    sets : mapping of str to sequence of Path
        Reference pictures by the name of their set, each judged by itself; one picture at a time
        is held in memory.
    protocols : sequence of str
        Names out of `edgeqe.protocols.CodingProtocol`.
    codec : str
        What codes the pictures, one of `edgeqe.coding.CODECS`. Models that do not serve it are
        refused; only JPEG stands in for others.
    values : sequence of float
        Strengths as the codec states them: of JPEG qualities, 1 to 100.
    limits : DriftLimits
    threads : int, optional
        Threads of each; all processors if left out.
    memory_limit : int or str
        Memory of each.
    advance : callable
        Called after every strength of every picture.

    Returns
    -------
    DriftReport

    Raises
    ------
    InputError
        If a model, a picture, or another argument cannot be used.
    ProviderError
        If a file's runtime is not there.
    """
    asked, points = protocols_of(protocols), [RatePoint(codec, value) for value in values]
    encoder = coder(codec).settings()
    with opened(reference, candidate, threads=threads, memory_limit=memory_limit) as two:
        first, second = two
        before, after = (for_codec(one.enhancer, one.enhancer.codecs, codec) for one in two)
        rows = measure(before, after, sets, asked, points, advance)
        notes = list(stand_in_notes(two)) if codec == "jpeg" else []
    for data, files in sets.items():
        measured = {row.protocol for row in rows if row.data == data}
        notes += [f"{data}: {note}" for note in notes_of(files, asked, measured)]
    return DriftReport(
        first.model, second.model, limits, tuple(rows), tuple(notes), machine(), encoder
    )
