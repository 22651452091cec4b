"""What an `Enhancer` says about itself."""

from __future__ import annotations

from dataclasses import dataclass

from edgeqe.card import Card


@dataclass(frozen=True)
class Info:
    """What an `Enhancer` is and where it runs."""

    model: str
    """Name of the network."""
    path: str
    """File of the model."""
    precision: str
    runtime: str
    runtime_version: str
    provider: str
    """Provider as placed, read from the session."""
    fallback: str
    """``cpu`` where another target was asked for and falling back allowed, else empty."""
    threads: int
    memory_limit: int
    """Bytes."""
    window: tuple[int, int]
    """Height and width of the windows of a large picture, pixels."""
    halo: int
    """Pixels."""
    alignment: int
    """Pixels."""
    planned_bytes: int
    """Bytes that a large picture takes at most."""
    kmac_per_pixel: float
    parameters: int
    file_bytes: int
    card: Card


@dataclass(frozen=True)
class SelfTest:
    """Result of `Enhancer.self_test`."""

    passed: bool
    max_error: float
    """Largest difference from the golden output, grey levels."""
    tolerance: float
    """Largest that passes, grey levels."""
