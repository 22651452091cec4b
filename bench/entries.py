"""The entries of a bench report, one dataclass for each object of its JSON, with its keys as fields.

They are typed up to the moment they become JSON (`plain`), and their shape is written here alone:
`edgeqe.bench.kinds` derives from it what is checked of a baseline.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from edgeqe.bench.kinds import (
    Amount,
    Decibels,
    DecibelsByName,
    Fraction,
    Interval,
    Load,
    MaybeRatio,
    MaybeText,
    MaybeWhole,
    RatioValue,
    Text,
    Texts,
    Truth,
    Whole,
)

__all__ = [
    "DataEntry", "EncoderEntry", "LaneEntry", "LatencyEntry", "MemoryEntry", "ModelEntry", "PeerEntry",
    "QualityEntry", "ReportEntry", "SetupEntry", "StampEntry", "plain",
]  # fmt: skip

#: Of fields that JSON leaves out where they are None.
LEFT_OUT = {"left_out": True}


@dataclass
class StampEntry:
    """What all figures share: versions, machine, decoder, reference network, conditions."""

    edgeqe: Text
    python: Text
    numpy: Text
    system: Text
    cpu: Text
    """Name of the processor."""
    cpu_count: MaybeWhole
    """Processors that the process may use."""
    cpu_features: Texts
    jpeg: Text
    """The decoder."""
    reference: Text
    """Files and work of the reference network."""
    conditions: dict[str, Any] = field(default_factory=dict)
    """``before`` and ``after``: clocks, heat, load; see `conditions.snapshot`."""
    others_busy: Load = None
    """Processors that other programs kept busy."""


@dataclass
class EncoderEntry:
    """What codes the pictures."""

    encoder: Text
    version: Text
    settings: Text


@dataclass
class SetupEntry:
    """What was asked for."""

    target: str
    full: bool
    codec: Text
    """Name of the codec whose pictures are enhanced."""
    coding: Text
    """``all intra``, or ``low delay`` of clips."""
    encoder: EncoderEntry
    unit: str
    """What `values` are: ``quality``, ``qp`` or ``rate``."""
    values: list[float]
    """Strengths that the encoder is given; empty where no quality was measured."""
    protocols: list[str]
    sizes: list[str]
    """Empty where no speed was measured."""
    threads: MaybeWhole
    memory_limit_bytes: Whole
    ensemble: MaybeWhole = field(default=None, metadata=LEFT_OUT)
    """8 for the mean over the eight flips and rotations."""


@dataclass
class ModelEntry:
    """One model: name, file, runtime, provider, threads, cost."""

    name: Text
    model: str
    """Name of the network."""
    file: str
    sha256: MaybeText
    file_bytes: int
    precision: str
    parameters: int
    kmac_per_pixel: float
    window: list[int]
    """Height and width, pixels."""
    halo: int
    memory_limit_bytes: int
    planned_bytes: int
    runtime: Text
    runtime_version: Text
    target: str
    provider: Text
    placement: dict[str, float]
    """Share of the MACs by provider."""
    fallback: MaybeText
    threads: MaybeWhole
    random_weights: bool | None = field(default=None, metadata=LEFT_OUT)
    """True where nobody trained it."""
    not_fine_tuned: bool | None = field(default=None, metadata=LEFT_OUT)
    """True where it was pruned, and no training won back what that costs."""


@dataclass
class PeerEntry:
    """One plain ONNX network that is timed beside."""

    name: Text
    file: str
    gives: str
    """``residual`` or ``picture``."""
    runtime: Text
    runtime_version: Text
    provider: Text
    threads: MaybeWhole
    peer: bool = True


@dataclass
class DataEntry:
    """The pictures or clips."""

    name: Text
    clips: Truth
    """Whether they are clips."""
    pictures: Whole
    scale: Fraction


@dataclass
class QualityEntry:
    """Means over the pictures or clips for one protocol, strength and model, in dB but for SSIM."""

    protocol: Text
    model: Text
    codec: Text
    unit: str
    """What `value` is: ``quality``, ``qp`` or ``rate`` in bits per pixel."""
    value: Amount
    ensemble: int
    pictures: int
    step: float
    bits_per_pixel: float
    bits_per_channel: float
    gain_db: Decibels
    worst_gain_db: float
    worst_picture: str
    psnr_db_before: float
    psnr_db_after: float
    ssim_before: float
    ssim_after: float
    psnr_b_db_before: float
    psnr_b_db_after: float
    gains_db: DecibelsByName
    """By the name of the picture or clip."""
    y_psnr_db_before: float | None = field(default=None, metadata=LEFT_OUT)
    """Of luma; not in protocol ``gray``."""
    y_psnr_db_after: float | None = field(default=None, metadata=LEFT_OUT)


@dataclass
class LaneEntry:
    """One lane's times in milliseconds, and its ratio to the reference network."""

    model: Text
    what: Text
    """One of `latency.KINDS`."""
    size: Text
    height: int
    width: int
    repeats: int
    mean_ms: float
    p50_ms: float
    p50_interval_ms: list[float]
    p90_ms: float
    p99_ms: float | None
    lowest_ms: float
    highest_ms: float
    megapixels_per_second: float
    frames_per_second: float
    to_reference: RatioValue
    to_reference_interval: Interval
    unsteady: bool
    joules_per_megapixel: float | None = field(default=None, metadata=LEFT_OUT)
    """Of the metered part of the device, idling included."""


@dataclass
class LatencyEntry:
    """All lanes, and the reference network's time."""

    reference_ms: float | None
    reference_balance: MaybeRatio
    """Time of its float32 over that of its INT8."""
    quality: int | None
    """IJG quality of the timed frames."""
    lanes: list[LaneEntry]
    energy: str | None = field(default=None, metadata=LEFT_OUT)
    """What meters the energy, or why nothing does."""


@dataclass
class MemoryEntry:
    """Memory of one call, bytes."""

    name: Text
    size: Text
    shape: list[int]
    peak_bytes: MaybeWhole
    planned_bytes: int
    limit_bytes: Whole
    codec_bytes: int | None
    planner_off: float | None
    """Share by which the peak is above the plan."""
    planner_wrong: bool


@dataclass
class ReportEntry:
    """The whole report."""

    schema_version: int
    kind: str
    interrupted: Truth
    stamp: StampEntry
    setup: SetupEntry
    models: list[ModelEntry | PeerEntry]
    data: DataEntry
    quality: list[QualityEntry]
    bd: list[dict[str, Any]]
    latency: LatencyEntry
    memory: list[MemoryEntry]
    pareto: dict[str, Any] | None
    advice: dict[str, Any] | None
    notes: list[str]


def plain(entry: Any) -> Any:
    """Plain values of an entry, of lists of entries and of what lies inside, for JSON."""
    if dataclasses.is_dataclass(entry):
        return {
            one.name: plain(getattr(entry, one.name))
            for one in dataclasses.fields(entry)
            if not (one.metadata.get("left_out") and getattr(entry, one.name) is None)
        }
    if isinstance(entry, list):
        return [plain(item) for item in entry]
    if isinstance(entry, dict):
        return {key: plain(item) for key, item in entry.items()}
    return entry
