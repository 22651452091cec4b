"""One bench run: what was asked for, in order, into one report."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgeqe.bench import memory, quality
from edgeqe.bench.clips import ClipSet
from edgeqe.bench.conditions.cpu_load import others_between
from edgeqe.bench.conditions.energy import EnergyMeter, find_meter, joules_a_run
from edgeqe.bench.conditions.snapshot import read_conditions, warnings
from edgeqe.bench.data import PictureSet
from edgeqe.bench.ensembled import networks_of
from edgeqe.bench.entries import (
    DataEntry,
    EncoderEntry,
    ModelEntry,
    PeerEntry,
    SetupEntry,
    StampEntry,
)
from edgeqe.bench.frames import SIZES, frame_of_size
from edgeqe.bench.latency import (
    Effort,
    Lane,
    LatencyRun,
    ProgressCallback,
    Timing,
    enhancer_lanes,
    peer_lane,
)
from edgeqe.bench.peer import Peer
from edgeqe.bench.reference import ReferenceNetwork, reference_stamp
from edgeqe.bench.report import BenchReport
from edgeqe.bench.stamp import machine_stamp
from edgeqe.bench.tradeoff import Requirement
from edgeqe.coding import RatePoint, coder
from edgeqe.enhancer import Enhancer
from edgeqe.errors import InputError
from edgeqe.protocols import CodingProtocol
from edgeqe.targets.reading import read_profile

#: Networks above so many kMAC a pixel are measured for memory at the smallest size alone: the
#: others would take minutes.
HEAVY_KMAC = 100.0


@dataclass(frozen=True)
class BenchPlan:
    """What to measure."""

    pictures: PictureSet | ClipSet
    protocols: tuple[CodingProtocol, ...] = (CodingProtocol.GRAY, CodingProtocol.PLANES)
    points: tuple[RatePoint, ...] = tuple(RatePoint("jpeg", value) for value in (10, 20, 40))
    """Strengths of one codec; others than JPEG, and clips, are for quality alone."""
    low_delay: bool = False
    """Whether clips are coded as an intra picture and P pictures."""
    sizes: tuple[str, ...] = ("720p",)
    """Names out of `frames.SIZES`."""
    kinds: tuple[str, ...] = ("rgb", "network")
    """What is timed, out of `latency.KINDS`."""
    with_quality: bool = True
    with_speed: bool = True
    ensemble: int = 1
    """8 for the quality of the ensemble."""
    effort: Effort = field(default_factory=Effort)

    def __post_init__(self) -> None:
        """Refuse what cannot be measured, before anything runs."""
        for what, given, known in (
            ("protocol", self.protocols, tuple(CodingProtocol)),
            ("size", self.sizes, tuple(SIZES)),
        ):
            for name in given:
                if name not in known:
                    raise InputError(
                        f"{what} {name!r} is not known: give one of {', '.join(known)}."
                    )
            if not given:
                raise InputError(f"nothing to measure: give at least one {what}.")
        if not self.points:
            raise InputError("nothing to measure: give at least one strength.")
        if self.effort.rounds < 0:
            raise InputError(f"repeats {self.effort.rounds} is not a whole number from 1 up.")

    @property
    def timed_quality(self) -> int:
        """JPEG quality of the timed frames: the middle one of those measured, or the coarser of two."""
        return round(sorted(point.value for point in self.points)[(len(self.points) - 1) // 2])


def new_report(
    enhancers: Mapping[str, Enhancer],
    plan: BenchPlan,
    *,
    full: bool = False,
    requirement: Requirement | None = None,
    notes: Sequence[str] = (),
) -> BenchReport:
    """Report with its stamp and nothing measured."""
    infos = [enhancer.info for enhancer in enhancers.values()]
    first = infos[0]
    before, codec = read_conditions().to_dict(), plan.points[0].codec
    clips = isinstance(plan.pictures, ClipSet)
    return BenchReport(
        stamp=StampEntry(
            **machine_stamp(),
            reference=reference_stamp(read_profile(first.profile), first.runtime),
            conditions={"before": before},
        ),
        setup=SetupEntry(
            target=first.target,
            full=full,
            codec=codec,
            coding="low delay" if plan.low_delay else "all intra",
            encoder=EncoderEntry(**coder(codec).settings()),
            unit=plan.points[0].unit,
            values=[point.value for point in plan.points] if plan.with_quality else [],
            protocols=[one.value for one in plan.protocols] if plan.with_quality else [],
            sizes=list(plan.sizes) if plan.with_speed else [],
            threads=max(info.threads for info in infos),
            memory_limit_bytes=first.memory_limit,
            ensemble=None if plan.ensemble == 1 else plan.ensemble,
        ),
        models=[model_entry(name, enhancer) for name, enhancer in enhancers.items()],
        data=DataEntry(plan.pictures.name, clips, len(plan.pictures), plan.pictures.scale),
        requirement=requirement or Requirement(),
        latency_quality=plan.timed_quality if plan.with_speed else 0,
        notes=list(notes),
    )


def model_entry(name: str, enhancer: Enhancer) -> ModelEntry:
    """Describe a model for a report."""
    info = enhancer.info
    return ModelEntry(
        name=name,
        model=info.model,
        file=Path(info.path).name,
        sha256=hashlib.sha256(Path(info.path).read_bytes()).hexdigest(),
        file_bytes=info.file_bytes,
        precision=info.precision,
        parameters=info.parameters,
        kmac_per_pixel=info.kmac_per_pixel,
        window=list(info.window),
        halo=info.halo,
        memory_limit_bytes=info.memory_limit,
        planned_bytes=info.planned_bytes,
        runtime=info.runtime,
        runtime_version=info.runtime_version,
        target=info.target,
        provider=info.provider,
        placement=dict(info.placement),
        fallback=info.fallback,
        threads=info.threads,
        random_weights=info.random_weights or None,
        not_fine_tuned=info.not_fine_tuned or None,
    )


def fill(
    report: BenchReport,
    plan: BenchPlan,
    enhancers: Mapping[str, Enhancer],
    peers: Sequence[Path] = (),
    progress: ProgressCallback = lambda what, done, length: None,
) -> None:
    """Measure into a report, step by step: an interrupt leaves what was finished.

    Parameters
    ----------
    report : BenchReport
        From `new_report`.
    plan : BenchPlan
    enhancers : mapping of str to Enhancer
        By the name for the report.
    peers : sequence of Path
        Plain ONNX networks for the latency of gray arrays.
    progress : callable
        Gets progress.

    Raises
    ------
    InputError
        If a peer, a picture or the choice of them is wrong.
    """
    with ExitStack() as stack:
        threads = report.setup.threads or 1
        opened = [stack.enter_context(closing(Peer(path, threads))) for path in peers]
        report.models += [_peer_entry(peer) for peer in opened]
        before = read_conditions()
        report.stamp.conditions = {"before": before.to_dict()}
        try:
            if plan.with_quality:
                _quality(report, plan, enhancers, progress)
            if plan.with_speed:
                _latency(report, plan, enhancers, opened, progress)
                _memory(report, plan, enhancers, progress)
        finally:
            after = read_conditions()
            others = others_between(before.load, after.load)
            report.stamp.conditions["after"] = after.to_dict()
            report.stamp.others_busy = others
            if plan.with_speed:
                report.notes += warnings(before, after)


def _peer_entry(peer: Peer) -> PeerEntry:
    return PeerEntry(
        name=peer.name,
        file=f"{peer.name}.onnx",
        gives="residual" if peer.residual else "picture",
        runtime="onnxruntime",
        runtime_version=peer.runtime_version,
        provider=peer.provider,
        threads=peer.threads,
    )


def _quality(
    report: BenchReport,
    plan: BenchPlan,
    enhancers: Mapping[str, Enhancer],
    progress: ProgressCallback,
) -> None:
    networks = networks_of(enhancers, plan.ensemble)
    for protocol in plan.protocols:
        for point in plan.points:
            report.quality += quality.measure(
                networks,
                plan.pictures,
                protocol,
                point,
                progress,
                plan.ensemble,
                low_delay=plan.low_delay,
            )


def _latency(
    report: BenchReport,
    plan: BenchPlan,
    enhancers: Mapping[str, Enhancer],
    peers: Sequence[Peer],
    progress: ProgressCallback,
) -> None:
    assert isinstance(plan.pictures, PictureSet), "clips are not timed"
    first = next(iter(enhancers.values())).info
    threads = report.setup.threads or 1
    reference = ReferenceNetwork(read_profile(first.profile), first.runtime, threads)
    meter, lacking = find_meter()
    report.energy = f"Energy: {meter.name}" if meter else f"Energy: n/a, {lacking}"
    with closing(reference):
        for size in plan.sizes:
            colour = bool({"rgb", "planes"} & set(plan.kinds))
            frame = frame_of_size(plan.pictures, size, plan.timed_quality, colour=colour)
            lanes: list[Lane] = [peer_lane(peer, frame) for peer in peers]
            for name, enhancer in enhancers.items():
                lanes += enhancer_lanes(name, enhancer, frame, plan.kinds)
            if not lanes:
                continue
            latency_run = LatencyRun(lanes, reference, size, *SIZES[size])
            done, seconds = list(report.latency), list(report.reference_seconds)
            try:
                latency_run.run(plan.effort, progress)
            finally:
                report.latency = [*done, *latency_run.timings()]
                report.reference_seconds = [*seconds, *latency_run.reference_seconds()]
                report.reference_balance = reference.balance()
            if meter is not None:
                report.latency = [*done, *_metered(latency_run.timings(), lanes, meter, progress)]


def _metered(
    timings: Sequence[Timing],
    lanes: Sequence[Lane],
    meter: EnergyMeter,
    progress: ProgressCallback,
) -> list[Timing]:
    """Timings with the energy of a picture, each lane metered by itself."""
    found = []
    for number, (timing, lane) in enumerate(zip(timings, lanes, strict=True)):
        progress(f"energy, {timing.size}", number, len(lanes))
        found.append(replace(timing, joules=joules_a_run(meter, lane.run)))
    return found


def _memory(
    report: BenchReport,
    plan: BenchPlan,
    enhancers: Mapping[str, Enhancer],
    progress: ProgressCallback,
) -> None:
    gray = "rgb" not in plan.kinds
    smallest = min(plan.sizes, key=lambda size: SIZES[size])
    for number, (name, enhancer) in enumerate(enhancers.items()):
        info = enhancer.info
        for size in plan.sizes:
            progress("memory", number, len(enhancers))
            if "residual" in info.card.inputs:
                continue
            if info.kmac_per_pixel > HEAVY_KMAC and size != smallest:
                continue
            shape = SIZES[size] if gray else (*SIZES[size], 3)
            report.memory.append(
                memory.measure(
                    name, info.path, info.memory_limit, info.threads, size, shape, info.profile
                )
            )
    progress("memory", len(enhancers), len(enhancers))
