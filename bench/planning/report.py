"""What a plan's run found: the three choices at equal limits, as JSON and as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeqe.bench.planning.limits import parse_rate
from edgeqe.bench.planning.tables import ChoiceTables, PlanChoice, PlanLimits
from edgeqe.coding import RatePoint, coder
from edgeqe.coding.rate_point import codec_in_words, unit_in_words
from edgeqe.reports.tables import printable, table

__all__ = ["PlanNetwork", "PlanReport"]

#: What stands for no network in text.
NONE = "none"
SINGLE = "best single {} and network"
STEPS, JOINT = "{}, then networks", "{} and networks at once"
PLURAL = {"QP": "QPs", "quality": "qualities", "rate": "rates"}


@dataclass(frozen=True)
class PlanNetwork:
    """A network that is chosen from."""

    name: str
    precision: str
    runtime: str
    provider: str
    threads: int


@dataclass(frozen=True, eq=False)
class PlanReport:
    """A plan, what it was chosen from, and what else was possible."""

    data: str
    out: str
    scale: float
    points: tuple[RatePoint, ...]
    networks: tuple[PlanNetwork, ...]
    """Without none, which is the tables' first."""
    limits: PlanLimits
    size_limit: str
    """As it was stated."""
    pictures: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]
    """Height and width of each picture."""
    tables: ChoiceTables
    single: PlanChoice | None
    """Best single strength and network; None where none fits."""
    two_step: PlanChoice
    joint: PlanChoice
    """The plan that was written."""
    solving_seconds: float
    """Wall time of all programs."""
    stripped: int
    """Pictures whose alpha, profile or metadata no coded file holds."""
    notes: tuple[str, ...]
    """What spoilt the times: other programs, a clock that fell."""
    stamp: dict[str, Any]

    @property
    def pixels(self) -> int:
        """Of all pictures."""
        return sum(height * width for height, width in self.sizes)

    @property
    def network_names(self) -> tuple[str | None, ...]:
        """Names by the tables' index; None first."""
        return (None, *(network.name for network in self.networks))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        first = self.points[0]
        return {
            "schema_version": 1,
            "kind": "edgeqe-plan-report",
            "stamp": self.stamp,
            "data": self.data,
            "out": self.out,
            "scale": self.scale,
            "codec": first.codec,
            "encoder": dict(coder(first.codec).settings()),
            "unit": first.unit,
            "values": [point.value for point in self.points],
            "networks": [vars(network) for network in self.networks],
            "size_limit": self.size_limit,
            "size_limit_bytes": self.limits.size_bytes,
            "time_limit_seconds": self.limits.microseconds / 1e6,
            "pixels": self.pixels,
            "measure": "mean over the pictures of PSNR of RGB, of gray pictures of gray, dB",
            "single": None if self.single is None else self._choice(self.single),
            "two_step": self._choice(self.two_step),
            "joint": self._choice(self.joint),
            "solving_seconds": self.solving_seconds,
            "stripped": self.stripped,
            "notes": list(self.notes),
            "pictures": [self._picture(index) for index in range(len(self.pictures))],
        }

    def _choice(self, choice: PlanChoice) -> dict[str, Any]:
        return {
            "psnr_db": choice.psnr,
            "bytes": choice.size_bytes,
            "bits_per_pixel": 8 * choice.size_bytes / self.pixels,
            "seconds": choice.microseconds / 1e6,
            "gap_db": choice.gap,
            "values": [self.points[q].value for q in choice.strengths],
            "networks": [self.network_names[m] for m in choice.networks],
        }

    def _picture(self, index: int) -> dict[str, Any]:
        """What was measured of a picture."""
        height, width = self.sizes[index]
        return {
            "name": self.pictures[index],
            "height": height,
            "width": width,
            "bytes": self.tables.sizes[index].tolist(),
            "seconds": (self.tables.microseconds[index] / 1e6).tolist(),
            "psnr_db": self.tables.psnr[index].tolist(),
        }

    def to_text(self) -> str:
        """Report for a terminal."""
        first = self.points[0]
        unit = unit_in_words(first.codec)
        values = ", ".join(f"{point.value:g}" for point in self.points)
        limit = f"{self.limits.size_bytes} bytes"
        if parse_rate(self.size_limit) is not None:
            limit = f"{self.size_limit} ({limit})"
        lines = [
            f"{len(self.pictures)} pictures of '{printable(self.data)}', {self.pixels / 1e6:.2f} megapixels; "
            f"{codec_in_words(first.codec)} {unit} {values}",
            "PSNR in dB of RGB, of gray pictures of gray, mean over the pictures",
            "",
            *self._networks(),
            "",
            f"limits: {limit}, {self.limits.microseconds / 1e6:g} s",
            "",
            *self._plans(unit),
            "",
            *self._counts(unit),
            "",
            f"solved in {self.solving_seconds:.1f} s",
        ]
        if self.joint.gap:
            lines.append(
                f"not proven to be the best in the time: another plan may have up to {self.joint.gap:.4f} dB "
                "more"
            )
        if self.stripped:
            lines.append(
                f"{self.stripped} pictures have alpha, a colour profile or metadata, which the coded files "
                "do not hold"
            )
        lines += [f"times: {note}" for note in self.notes]
        lines.append(
            f"wrote {printable(self.out)}: 'edgeqe enhance {printable(self.out)} -o DIR' obeys it"
        )
        return "\n".join(lines)

    def _networks(self) -> list[str]:
        """Table of the networks: what each would take for all pictures."""
        seconds = self.tables.microseconds.sum(axis=0) / 1e6
        gains = (self.tables.psnr - self.tables.psnr[:, :, :1]).mean(axis=(0, 1))
        rows = [["network", "all pictures", "mean gain", "as"], [NONE, "0 s", "+0.000 dB", ""]]
        for index, network in enumerate(self.networks, 1):
            rows.append(
                [
                    printable(network.name),
                    f"{seconds[index]:.3f} s",
                    f"{gains[index]:+.3f} dB",
                    f"{network.precision}, {network.runtime}, {network.provider}, "
                    f"{network.threads} threads",
                ]
            )
        return table(rows, left={0, 3})

    def _plans(self, unit: str) -> list[str]:
        """Table of the three choices."""
        rows = [["plan", "PSNR", "bytes", "bpp", "seconds", ""]]
        for name, choice in ((SINGLE, self.single), (STEPS, self.two_step), (JOINT, self.joint)):
            title = name.format(unit if name is SINGLE else PLURAL[unit])
            if choice is None:
                rows.append([title, "none fits", "", "", "", ""])
                continue
            used = f"{8 * choice.size_bytes / self.pixels:.4f}", f"{choice.microseconds / 1e6:.3f}"
            told = ""
            if name is SINGLE:
                network = self.network_names[choice.networks[0]] or NONE
                told = f"{unit} {self.points[choice.strengths[0]].value:g}, {printable(network)}"
            rows.append([title, f"{choice.psnr:.3f}", str(choice.size_bytes), *used, told])
        return table(rows, left={0, 5})

    def _counts(self, unit: str) -> list[str]:
        """Table of how many pictures of the joint plan have each strength and network."""
        counts = np.zeros((len(self.points), len(self.network_names)), int)
        np.add.at(counts, (list(self.joint.strengths), list(self.joint.networks)), 1)
        head: Sequence[str] = [printable(name or NONE) for name in self.network_names]
        rows = [[f"pictures of a {unit}", *head]]
        for point, row in zip(self.points, counts, strict=True):
            if row.any():
                rows.append([f"{point.value:g}", *(str(count) if count else "" for count in row)])
        return table(rows, left={0})
