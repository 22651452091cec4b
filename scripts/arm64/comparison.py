"""What two machines made of the same picture, side by side.

Integer models on LiteRT must give the same bytes: their arithmetic has one right result. ONNX
Runtime scales its sums with other roundings on ARM than on x86, and floats add up in any order:
there a picture may differ by one step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

#: Largest difference that passes where bytes may differ, grey levels: one step of a picture.
TOLERANCE = 1.0

#: Steps of a 16-bit picture in a grey level.
STEPS = 257


def _empty(dtype: type[Any]) -> Any:
    return field(default_factory=lambda: np.zeros(0, dtype))


@dataclass(frozen=True)
class Side:
    """What one machine made."""

    machine: str = ""
    """Such as ``aarch64``."""
    python: str = ""
    numpy: str = ""
    runtime: str = ""
    """Name and version."""
    provider: str = ""
    """As placed."""
    precision: str = ""
    """Of the model, such as ``int8``."""
    self_test: bool = False
    """Whether the model's golden tile came out as it should."""
    bits8: npt.NDArray[np.uint8] = _empty(np.uint8)
    """The enhanced picture."""
    bits16: npt.NDArray[np.uint16] = _empty(np.uint16)
    """The enhanced picture of the same one widened to 16 bits."""
    error: str = ""
    """Why there is nothing of this; empty where there is."""

    @property
    def digest(self) -> str:
        """First digits of the SHA-256 of the 8-bit picture's bytes."""
        return "-" if self.error else hashlib.sha256(self.bits8.tobytes()).hexdigest()[:12]


@dataclass(frozen=True)
class Row:
    """One model on this machine and on an emulated processor."""

    cpu: str
    model: str
    here: Side
    there: Side

    @property
    def error(self) -> str:
        """Why the two cannot be compared; empty where they can."""
        for side, name in ((self.here, "here"), (self.there, "there")):
            if side.error:
                return f"{name}, {side.error}"
        if self.here.bits8.shape != self.there.bits8.shape:
            return f"shapes {self.here.bits8.shape} and {self.there.bits8.shape}"
        if self.there.machine != "aarch64":
            return f"ran on {self.there.machine}, not aarch64"
        if self.here.runtime != self.there.runtime or self.here.provider != self.there.provider:
            there = f"{self.there.runtime} ({self.there.provider})"
            return f"{self.here.runtime} ({self.here.provider}) here, {there} there"
        return ""

    @property
    def differences(self) -> tuple[float, float]:
        """Largest difference of the 8-bit and of the 16-bit pictures, grey levels."""
        return (
            _largest(self.here.bits8, self.there.bits8),
            _largest(self.here.bits16, self.there.bits16) / STEPS,
        )

    @property
    def differing(self) -> float:
        """Share of the 8-bit samples that differ."""
        return float(np.mean(self.here.bits8 != self.there.bits8))

    @property
    def exact(self) -> bool:
        """Whether the two must give the same bytes."""
        return self.here.precision == "int8" and self.here.runtime.startswith("litert")

    @property
    def passed(self) -> bool:
        """Whether the pictures are as equal as they must be, and both self-tests passed."""
        if self.error or not (self.here.self_test and self.there.self_test):
            return False
        return max(self.differences) <= (0.0 if self.exact else TOLERANCE)

    @property
    def verdict(self) -> str:
        """A few words for the table."""
        if self.error:
            return f"FAILED: {self.error}"
        if not (self.here.self_test and self.there.self_test):
            return f"SELF-TEST FAILED {'here' if not self.here.self_test else 'there'}"
        if max(self.differences) == 0:
            return "same bytes"
        return "agrees" if self.passed else "DIFFERS"


def _largest(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    """Largest difference of two arrays of unsigned integers, which must not wrap around."""
    return float(np.abs(one.astype(np.int64) - other.astype(np.int64)).max(initial=0))


def as_table(rows: Sequence[Row]) -> list[str]:
    """Lines of the table, under what ran where.

    Differences are the largest of the picture at 8 and at 16 bits, in grey levels of 8 bits,
    and the share of the 8-bit samples that differ.
    """
    lines = []
    for side in ([row.here for row in rows], [row.there for row in rows]):
        ran = next((one for one in side if not one.error), None)
        if ran is not None:
            lines.append(f"{ran.machine}: Python {ran.python}, numpy {ran.numpy}")
    heads = ["processor", "model", "runtime", "sha256 here", "sha256 there"]
    cells = [[*heads, "8 bit", "16 bit", "differ"]]
    for row in rows:
        compared = ["-", "-", "-"]
        if not row.error:
            compared = [*(f"{d:.3f}" for d in row.differences), f"{row.differing:.3%}"]
        runtime = row.here.runtime or "-"
        cells.append([row.cpu, row.model, runtime, row.here.digest, row.there.digest, *compared])
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    verdicts = ["verdict", *(row.verdict for row in rows)]
    for line, verdict in zip(cells, verdicts, strict=True):
        padded = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        lines.append("  ".join([*padded, verdict]))
    return lines
