"""What an `Enhancer` says about itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from edgeqe.engine.opening import OpenedEngine
from edgeqe.model.card import Card

__all__ = ["Info", "SelfTest"]

MIB = 1 << 20


@dataclass(frozen=True)
class Info:
    """What an `Enhancer` is and where it runs."""

    model: str
    """Name of the network; names of a cascade with `` + `` between, as the next ones."""
    path: str
    """File of the model."""
    precision: str
    runtime: str
    runtime_version: str
    target: str
    """Name of the target's profile."""
    profile: str
    """File of the profile."""
    provider: str
    """Provider as placed: the one that most of the MACs ran on, read from its session."""
    placement: Mapping[str, float]
    """Share of the MACs by provider, as placed; of a cascade the mean of its models."""
    fallback: str
    """``cpu`` where another target was asked for and falling back allowed, else empty."""
    threads: int
    memory_limit: int
    """Bytes."""
    window: tuple[int, int]
    """Height and width of the windows of a large picture, pixels: 4096 a side, or the first
    half of that, and half of the half, that fits where not all sizes fit alike."""
    halo: int
    """Pixels."""
    alignment: int
    """Pixels."""
    planned_bytes: int
    """Bytes that this large picture takes at most."""
    kmac_per_pixel: float
    parameters: int
    file_bytes: int
    card: Card
    """Card of the model, the first one of a cascade."""
    models: tuple[str, ...]
    """Name of each network."""
    random_weights: bool
    """Whether a network's weights are random: it then enhances nothing."""
    not_fine_tuned: bool
    """Whether a network was pruned, and no training won back what that costs."""
    foreign: str
    """Architecture that the target's profile is for where this machine has another, such as
    ``arm64``; else empty."""

    def __str__(self) -> str:
        """Give what matters as a short table."""
        height, width = self.window
        placed = ", ".join(f"{name} {share:.0%}" for name, share in self.placement.items())
        caveat = ", pruned and not fine-tuned" if self.not_fine_tuned else ""
        mark = ", random weights: for timing and tests alone" if self.random_weights else caveat
        cost = f"{self.kmac_per_pixel:g} kMAC a pixel, {self.parameters:,} parameters"
        facts = {
            "model": f"{self.model}, {self.precision}{mark}",
            "file": f"{self.path} ({self.file_bytes:,} bytes)",
            "work": cost,
            "runtime": f"{self.runtime} {self.runtime_version}",
            "target": f"{self.target}{f', fallback {self.fallback}' if self.fallback else ''}"
            f"{f', a profile of {self.foreign}' if self.foreign else ''}",
            "placement": placed,
            "threads": str(self.threads),
            "memory": f"{self.planned_bytes / MIB:.1f} of {self.memory_limit / MIB:g} MiB at most",
            "windows": f"{height} x {width} pixels, a halo of {self.halo} among them",
        }
        return "\n".join(f"{name:11}{told}" for name, told in facts.items())


@dataclass(frozen=True)
class SelfTest:
    """Result of `Enhancer.self_test`."""

    passed: bool
    max_error: float
    """Largest difference from the golden output, 8-bit sample values."""
    tolerance: float
    """Largest that passes, 8-bit sample values."""


def info_of(opened: OpenedEngine) -> Info:
    """What an engine is; sums over the models of a cascade."""
    from edgeqe.runtimes import runtime_of

    engine, profile = opened.engine, opened.profile
    cascade, large = engine.cascade, engine.large()
    cards, runtimes = cascade.cards, [runtime_of(file) for file in cascade.files]
    return Info(
        model=" + ".join(card.name for card in cards),
        path=" + ".join(str(file.path) for file in cascade.files),
        precision=_joined(card.precision for card in cards),
        runtime=_joined(name for name, _ in runtimes),
        runtime_version=_joined(version for _, version in runtimes),
        target=profile.name,
        profile=profile.source,
        provider=_joined(placement.provider for placement in engine.placements),
        placement=_mean([placement.macs for placement in engine.placements]),
        fallback=opened.fallback,
        threads=engine.threads,
        memory_limit=engine.limit,
        window=large.window,
        halo=engine.geometry.halo,
        alignment=engine.geometry.alignment,
        planned_bytes=large.planned_bytes,
        kmac_per_pixel=sum(card.kmac_per_pixel for card in cards),
        parameters=sum(card.parameters for card in cards),
        file_bytes=sum(len(file.data) for file in cascade.files),
        card=cards[0],
        models=tuple(card.name for card in cards),
        random_weights=any(card.random_weights for card in cards),
        not_fine_tuned=any(card.not_fine_tuned for card in cards),
        foreign=opened.foreign,
    )


def _joined(values: Iterable[str]) -> str:
    """Different values in their order."""
    return " + ".join(dict.fromkeys(values))


def _mean(shares: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean share of each provider."""
    names = dict.fromkeys(name for share in shares for name in share)
    return {name: sum(s.get(name, 0.0) for s in shares) / len(shares) for name in names}
