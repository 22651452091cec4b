"""How the files of an archive are made better: what a result depends on, and what it does not."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from edgeqe.codecs.strength import Strength, resolve_if_given
from edgeqe.errors import InputError
from edgeqe.video.encoders import Encoding
from edgeqe.views.options import EnhanceOptions

__all__ = ["ArchiveSettings", "OpenedModel", "WorkerOptions", "differences", "identity_of"]

MIB = 1 << 20
#: Memory limit of each worker where none is given, bytes.
WORKER_LIMIT = 64 * MIB


@dataclass(frozen=True)
class ArchiveSettings:
    """What the results depend on beside the model.

    Raises
    ------
    InputError
        If a value is out of range, or two of them exclude each other.
    """

    quality: int | Literal["auto"] | None = None
    """JPEG quality of all files, 1 to 100; ``auto`` as the pixels of each picture show; None for
    each file's own strength. A clip has its frames' own unless a number is given."""
    qp: float | None = None
    """QP of all files."""
    rate: float | None = None
    """Rate of JPEG 2000 of all files, bits per pixel."""
    codec: str | None = None
    """What the QP or the quality is of."""
    amount: float = 1.0
    """How much of the change is made, 0 to 1."""
    ensemble: int = 1
    """1, or 8 for the mean over the flips and rotations."""
    suffix: str = ".png"
    """Of the pictures that are written."""
    output_quality: int | None = None
    """Of JPEG or WebP that is written, 1 to 100."""
    encoder: str | None = None
    """Of clips; None for the one of each container."""
    crf: float | None = None
    """Of clips: the encoder's rate factor."""
    preset: str | None = None
    """Of clips: the encoder's preset."""
    accept_truncated: bool = False
    """Take what is there of a JPEG or PNG that is cut short."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        from edgeqe.files.lossy import check_quality
        from edgeqe.files.writing import FORMATS

        if self.suffix.lower() not in FORMATS:
            raise InputError(f"suffix '{self.suffix}' is none of {', '.join(FORMATS)}.")
        check_quality(self.output_quality, FORMATS[self.suffix.lower()], f"*{self.suffix}")
        if self.quality == "auto" and (self.qp is not None or self.rate is not None):
            raise InputError("quality 'auto' and another strength are given: give one of them.")
        self.given()
        self.options()
        self.encoding()

    def given(self) -> Strength | None:
        """Strength of all files; None for each file's own."""
        asked = None if self.quality == "auto" else self.quality
        return resolve_if_given(quality=asked, qp=self.qp, rate=self.rate, codec=self.codec)

    def options(self) -> EnhanceOptions:
        """How the change is found and applied."""
        return EnhanceOptions(self.amount, self.ensemble)

    def encoding(self) -> Encoding:
        """How clips are encoded."""
        return Encoding(self.encoder, self.crf, self.preset)


@dataclass(frozen=True)
class WorkerOptions:
    """What each worker opens its `Enhancer` with; no result depends on it but by rounding."""

    model: str = "edgeqe-small"
    target: str = "auto"
    memory_limit: int = WORKER_LIMIT
    """Bytes, of one worker."""
    threads: int = 1
    """Of one worker."""
    allow_fallback: bool = False
    trust: str | None = None
    pixel_limit: int = 256_000_000
    """Largest picture or frame that is decoded, pixels."""


@dataclass(frozen=True)
class OpenedModel:
    """The model that a worker opened, and on what."""

    name: str
    sha256: str
    """Of the model file."""
    file: str
    """Its name without folders."""
    runtime: str
    provider: str
    fallback: str


def identity_of(model: OpenedModel, settings: ArchiveSettings) -> dict[str, Any]:
    """What a result depends on beside its source, as plain values: ``model``, ``model_sha256`` and the settings."""
    return {"model": model.name, "model_sha256": model.sha256, **asdict(settings)}


def identity_key(identity: dict[str, Any]) -> str:
    """Sixteen hexadecimal digits that stand for an identity."""
    text = json.dumps(identity, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def differences(before: dict[str, Any], now: dict[str, Any]) -> str:
    """What differs between two identities, in words; empty if nothing does."""
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if "model" in names and "model_sha256" in names:
        names.remove("model_sha256")
    return ", ".join(f"{name} {_word(before, name)}, now {_word(now, name)}" for name in names)


def _word(identity: dict[str, Any], name: str) -> str:
    value = identity.get(name)
    return "not given" if value is None else str(value)[:24]
