"""One bench run: what was asked for, in order, into one report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeqe.bench import memory, quality, speed
from edgeqe.bench.data import PictureSet
from edgeqe.bench.peer import Peer
from edgeqe.bench.report import Report
from edgeqe.bench.stamp import machine_stamp
from edgeqe.enhancer import Enhancer
from edgeqe.errors import InputError
from edgeqe.strength import step_from_quality

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What to measure."""

    pictures: PictureSet
    protocols: tuple[str, ...]
    qualities: tuple[int, ...]
    """IJG qualities, 1 to 100."""

    with_quality: bool = True
    with_speed: bool = True
    repeats: int = 5
    """Rounds of the speed lanes."""

    speed_pictures: int = 6
    """Pictures that are timed, spread over the set."""

    memory_shape: tuple[int, ...] | None = (*memory.MEMORY_SIZE, 3)
    """Array of the memory figure; None leaves it out."""

    def __post_init__(self) -> None:
        """Refuse what cannot be measured, before anything runs."""
        for value in self.qualities:
            step_from_quality(value)
        for protocol in self.protocols:
            if protocol not in quality.PROTOCOLS:
                known = ", ".join(quality.PROTOCOLS)
                raise InputError(f"protocol {protocol!r} is not known: give one of {known}.")
        if not self.qualities or not self.protocols:
            raise InputError("nothing to measure: give at least one quality and one protocol.")
        for name, count in (("repeats", self.repeats), ("speed-pictures", self.speed_pictures)):
            if count < 1:
                raise InputError(f"{name} {count} is not a whole number from 1 up.")


def new_report(enhancers: Mapping[str, Enhancer], pictures: PictureSet) -> Report:
    """Report with its stamp and nothing measured."""
    return Report(
        stamp=machine_stamp(),
        models=[model_entry(name, enhancer) for name, enhancer in enhancers.items()],
        data={"name": pictures.name, "pictures": len(pictures), "scale": pictures.scale},
    )


def model_entry(name: str, enhancer: Enhancer) -> dict[str, Any]:
    """Describe a model for a report."""
    info = enhancer.info
    return {
        "name": name,
        "file": Path(info.path).name,
        "file_bytes": info.file_bytes,
        "precision": info.precision,
        "parameters": info.parameters,
        "kmac_per_pixel": info.kmac_per_pixel,
        "window": list(info.window),
        "halo": info.halo,
        "memory_limit_bytes": info.memory_limit,
        "planned_bytes": info.planned_bytes,
        "runtime": info.runtime,
        "runtime_version": info.runtime_version,
        "target": info.target,
        "provider": info.provider,
        "placement": dict(info.placement),
        "fallback": info.fallback,
        "threads": info.threads,
    }


def fill(
    report: Report,
    plan: Plan,
    enhancers: Mapping[str, Enhancer],
    peers: Sequence[Path] = (),
    tell: Tell = lambda text: None,
) -> None:
    """Measure into a report, step by step: an interrupt leaves what was finished.

    Parameters
    ----------
    report : Report
        From `new_report`.
    plan : Plan
    enhancers : mapping of str to Enhancer
        By the name for the report.
    peers : sequence of Path
        Plain ONNX networks for the speed of protocol ``gray``.
    tell : callable
        Gets lines of progress.

    Raises
    ------
    InputError
        If a peer, a picture or the choice of them is wrong.
    """
    with ExitStack() as stack:
        threads = max(enhancer.info.threads for enhancer in enhancers.values())
        opened = [stack.enter_context(closing(Peer(path, threads))) for path in peers]
        if plan.with_quality:
            for protocol in plan.protocols:
                for value in plan.qualities:
                    report.quality += quality.measure(
                        enhancers, plan.pictures, protocol, value, tell
                    )
        if plan.with_speed:
            _speed(report, plan, enhancers, opened, tell)
            if plan.memory_shape is not None:
                _memory(report, plan.memory_shape, enhancers, tell)


def _speed(
    report: Report,
    plan: Plan,
    enhancers: Mapping[str, Enhancer],
    peers: Sequence[Peer],
    tell: Tell,
) -> None:
    inputs = list(dict.fromkeys(i for p in plan.protocols for i in speed.INPUTS[p]))
    value = plan.qualities[len(plan.qualities) // 2]
    gray_only = inputs == ["gray"]
    pictures = plan.pictures if gray_only else plan.pictures.colour_only()
    if not len(pictures):
        raise InputError("no colour picture to time: give --protocol gray, or another folder.")
    chosen = pictures.spread(plan.speed_pictures)
    frames = [speed.decoded_frame(picture, value) for picture in chosen]
    lanes = [speed.peer_lane(peer, frames) for peer in peers]
    for name, enhancer in enhancers.items():
        lanes += speed.enhancer_lanes(name, enhancer, frames, inputs)
    for peer in peers:
        entry = {"name": peer.name, "peer": True, "file": f"{peer.name}.onnx",
                 "gives": "residual" if peer.residual else "picture",
                 "runtime": "onnxruntime", "runtime_version": peer.runtime_version,
                 "provider": peer.provider, "threads": peer.threads}  # fmt: skip
        report.models.append(entry)
    race = speed.Race(lanes, [frame.pixels for frame in frames])
    report.speed_setup = {
        "pictures": len(frames),
        "megapixels": sum(race.pixels) / 1e6,
        "quality": value,
    }
    tell("speed: warming up")
    race.warm_up()
    for number in range(1, plan.repeats + 1):
        tell(f"speed: round {number} of {plan.repeats}")
        race.run_round()
        report.speed = race.timings()


def _memory(
    report: Report, shape: tuple[int, ...], enhancers: Mapping[str, Enhancer], tell: Tell
) -> None:
    for name, enhancer in enhancers.items():
        tell(f"memory: {name}")
        info = enhancer.info
        heavy = info.kmac_per_pixel > memory.HEAVY_KMAC and shape[:2] == memory.MEMORY_SIZE
        size = (*memory.HEAVY_SIZE, *shape[2:]) if heavy else shape
        report.memory.append(
            memory.measure(name, info.path, info.memory_limit, info.threads, size, info.profile)
        )
