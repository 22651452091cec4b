"""Speed of networks on a device that is not there, from its profile's peaks: see `roofline`.

It is the network alone, and an estimate: every text and every JSON of it says so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeqe.bench.roofline import (
    LIMIT,
    FrameEstimate,
    arithmetic,
    bytes_per_pixel,
    frame_on,
    threads_of,
)
from edgeqe.engine.workers import available_threads
from edgeqe.errors import InputError
from edgeqe.model.catalogue import forms_of
from edgeqe.model.file import ModelFile
from edgeqe.reports.tables import counted, table
from edgeqe.targets.profile import Peak, Profile

#: Version of the JSON layout; a reader must refuse one that it does not know.
SCHEMA_VERSION = 1
NOT_MEASURED = "estimate, not measured"
#: Pictures that are estimated: height and width, pixels. The first is of the size of the packaged
#: photographs, to be held against a measurement.
SMALL, HD, LARGE = "512x512", "720p", "12 MP"
FRAMES: Mapping[str, tuple[int, int]] = {SMALL: (512, 512), HD: (720, 1280), LARGE: (3000, 4000)}
#: What the figures leave out.
LEFT_OUT = (
    "the network alone: reading and writing of pictures, their conversion to planes and back, "
    "copies to an accelerator and the start of each layer are left out"
)


@dataclass(frozen=True)
class Estimate:
    """A model's estimate."""

    name: str
    file: str
    arithmetic: Mapping[str, float]
    """Thousand multiply-accumulates per picture pixel, by the precision they run in."""
    bytes_per_pixel: float
    """Read and written by all layers, weights not counted; 0 where the card does not say, and
    then traffic has no part in the estimate."""
    frames: Mapping[str, FrameEstimate]
    """By the names of `FRAMES`."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.name,
            "file": self.file,
            "kmac_per_pixel": dict(self.arithmetic),
            "bytes_per_pixel": self.bytes_per_pixel or None,
            "frames": {name: frame.to_dict() for name, frame in self.frames.items()},
        }


@dataclass(frozen=True)
class Estimates:
    """Estimates of models on one target, and what they assume."""

    profile: Profile
    peak: Peak
    cores: int
    """Processors of the device."""
    models: tuple[Estimate, ...]

    def assumptions(self) -> list[str]:
        """Sentences of everything that the figures rest on."""
        used = dict.fromkeys(precision for m in self.models for precision in m.arithmetic)
        unit = "a core" if self.peak.per_core else "in all"
        lines = [
            f"peak {precision}: {self.peak.gigamacs[precision]:g} GMAC/s {unit}, of which small "
            f"convolutions are assumed to reach {self.peak.assumed.get(precision, 1.0):.0%}"
            for precision in used
        ]
        lines.append(f"traffic: {self.peak.gigabytes:g} GB/s in all")
        lines.append(f"source of the peaks: {self.peak.source}")
        if self.peak.per_core:
            threads = threads_of(self.profile, self.peak, self.cores)
            lines.append(f"{counted(threads, 'thread')}, a core each")
        if not self.profile.window.fixed:
            lines.append(f"windows as planned for a memory limit of {LIMIT >> 20} MiB")
        old = [model.file for model in self.models if not model.bytes_per_pixel]
        if old:
            lines.append(
                "traffic, and reals among integers, are left out of files that do not say them, "
                f"{', '.join(old)}: export them again"
            )
        return [*lines, LEFT_OUT]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "schema_version": SCHEMA_VERSION,
            "kind": "edgeqe-estimate",
            "note": NOT_MEASURED,
            "target": self.profile.name,
            "profile": self.profile.source,
            "cores": self.cores,
            "peak": {
                "gigamacs": dict(self.peak.gigamacs),
                "assumed_share": {p: self.peak.assumed.get(p, 1.0) for p in self.peak.gigamacs},
                "gigabytes": self.peak.gigabytes,
                "per_core": self.peak.per_core,
                "source": self.peak.source,
            },
            "assumptions": self.assumptions(),
            "models": [model.to_dict() for model in self.models],
        }


def estimate(
    models: Sequence[ModelFile], profile: Profile, features: Collection[str], cores: int
) -> Estimates:
    """Estimate the speed of models on a target.

    Parameters
    ----------
    models : sequence of ModelFile
    profile : Profile
    features : collection of str
        Of the device's processor, names out of `hardware.CPU_FLAGS`; they choose the peak.
    cores : int
        Processors of the device.

    Raises
    ------
    InputError
        If the profile has no peak for these features, or for a model's precision, or its windows
        are too small for a model.
    MemoryLimitError
        If a model does not fit in the memory limit that is assumed.
    """
    peak = profile.peak(features)
    if peak is None:
        needs = dict.fromkeys(name for each in profile.peaks for name in each.needs)
        why = f"its peaks need one of {', '.join(needs)}" if needs else "it has none"
        raise InputError(
            f"target '{profile.name}' has no peak to estimate with ({why}): give a profile with a "
            "[[peak]] table of this device."
        )
    return Estimates(
        profile, peak, cores, tuple(_estimate(model, profile, peak, cores) for model in models)
    )


def _estimate(model: ModelFile, profile: Profile, peak: Peak, cores: int) -> Estimate:
    return Estimate(
        name=model.card.name,
        file=model.path.name,
        arithmetic=arithmetic(model, profile),
        bytes_per_pixel=bytes_per_pixel(model.card, profile),
        frames={
            name: frame_on(model, profile, peak, cores, height, width)
            for name, (height, width) in FRAMES.items()
        },
    )


def cores_of(profile: Profile, features: Collection[str]) -> int:
    """Processors of the device that a profile's peak is of; of this machine where it says none."""
    peak = profile.peak(features)
    return (peak.cores if peak else 0) or available_threads()


def forms_on(profile: Profile, network: str) -> list[str]:
    """Shipped forms of a network to estimate on a target: one of each precision that it runs.

    Such as ``["int8.tflite", "float32"]``; whether a runtime is installed here plays no part.
    """
    shipped, found = forms_of(network), dict[str, str]()
    for runtime in profile.backends:
        ending = ".tflite" if runtime.runtime == "litert" else ""
        for precision in runtime.precisions:
            if f"{precision}{ending}" in shipped:
                found.setdefault(precision, f"{precision}{ending}")
    return list(found.values())


def format_estimates(estimates: Estimates) -> str:
    """Whole text: a table, and what it rests on."""
    rows = []
    for model in estimates.models:
        small, hd, large = (model.frames[name] for name in (SMALL, HD, LARGE))
        rows.append(
            [
                model.name,
                "+".join(model.arithmetic),
                f"{sum(model.arithmetic.values()):.2f}",
                f"{model.bytes_per_pixel:.0f}" if model.bytes_per_pixel else "unknown",
                f"{small.megapixels_per_second:.2f}",
                f"{1 / hd.seconds:.2f}",
                f"{1 / large.seconds:.3f}",
                "x".join(map(str, large.cut.window)),
                f"{large.cut.overhead:.0%}",
                large.limit,
            ]
        )
    headers = ["model", "runs in", "kMAC/px", "bytes/px", f"Mpx/s at {SMALL}", f"{HD} fps"]
    headers += [f"{LARGE} fps", "window", "halo", "limit"]
    profile = estimates.profile
    lines = [
        f"{NOT_MEASURED.capitalize()}: target {profile.name} ({profile.description})",
        "",
        *table([headers, *rows], range(2)),
        "",
        f"Window, halo (pixels computed beside the picture's) and limit are of {LARGE}.",
        "Assumed:",
        *(f"- {line}" for line in estimates.assumptions()),
    ]
    return "\n".join(lines)
