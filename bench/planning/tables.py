"""What is chosen from: bytes, seconds and PSNR of every picture at every strength by every network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.errors import InputError

__all__ = ["ChoiceTables", "PlanChoice", "PlanLimits"]

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PlanLimits:
    """What all pictures together may take. Both are whole numbers, so that sums are exact."""

    size_bytes: int
    """Of the coded files."""
    microseconds: int
    """Of the networks."""
    pixels: int = 0
    """Of all pictures, where the size is stated in bits a pixel; else 0."""

    def size_words(self, size_bytes: int) -> str:
        """A size as this limit is stated: bits a pixel are rounded up, so that they hold it."""
        if not self.pixels:
            return f"{size_bytes} bytes"
        millionths = -(-8 * size_bytes * 10**6 // self.pixels)
        return f"{millionths // 10**6}.{millionths % 10**6:06d}bpp ({size_bytes} bytes)"


@dataclass(frozen=True, eq=False)
class ChoiceTables:
    """Costs and quality of N pictures at Q strengths by M networks.

    Parameters
    ----------
    sizes : ndarray of int64, shape (N, Q)
        Bytes of each coded file, 0 or more.
    microseconds : ndarray of int64, shape (N, M)
        Time of each network on each picture, whatever the strength, 0 or more.
    psnr : ndarray of float64, shape (N, Q, M)
        PSNR in dB. Network 0 is none: the picture as it is decoded.

    Raises
    ------
    InputError
        If the shapes do not go together, one is empty, or a value is out of range.
    """

    sizes: Int64
    microseconds: Int64
    psnr: Float64

    def __post_init__(self) -> None:
        """Refuse what is no table."""
        shape = self.psnr.shape
        fits = (
            len(shape) == 3
            and 0 not in shape
            and self.sizes.shape == shape[:2]
            and self.microseconds.shape == (shape[0], shape[2])
        )
        if not fits:
            raise InputError(
                f"tables of shapes {self.sizes.shape}, {self.microseconds.shape} and {shape} do not go "
                "together: give sizes (N, Q), microseconds (N, M) and psnr (N, Q, M), none empty."
            )
        whole = all(
            np.issubdtype(costs.dtype, np.integer) and costs.min() >= 0
            for costs in (self.sizes, self.microseconds)
        )
        if not whole or not np.isfinite(self.psnr).all():
            raise InputError(
                "sizes and microseconds are whole numbers of 0 or more, and PSNR is finite: correct "
                "the tables."
            )

    @property
    def pictures(self) -> int:
        """How many there are."""
        return int(self.psnr.shape[0])

    def least(self) -> PlanLimits:
        """Smallest limits that anything can be chosen under."""
        sizes, times = self.sizes.min(axis=1), self.microseconds.min(axis=1)
        return PlanLimits(int(sizes.sum()), int(times.sum()))

    def check(self, limits: PlanLimits) -> None:
        """Refuse limits that nothing can be chosen under.

        Raises
        ------
        InputError
            With the limit that is too small, and the least that works.
        """
        least = self.least()
        small = []
        if limits.size_bytes < least.size_bytes:
            small.append(
                f"the size limit of {limits.size_bytes} bytes is too small, the least that works is "
                f"{limits.size_words(least.size_bytes)}"
            )
        if limits.microseconds < least.microseconds:
            small.append(
                f"the time limit of {limits.microseconds / 1e6:.6f} s is too small, the least that "
                f"works is {least.microseconds / 1e6:.6f} s"
            )
        if small:
            raise InputError(f"{'; '.join(small)}.")


@dataclass(frozen=True, eq=False)
class PlanChoice:
    """A strength and a network for each picture."""

    strengths: tuple[int, ...]
    """Index of each picture's strength."""
    networks: tuple[int, ...]
    """Index of each picture's network; 0 is none."""
    size_bytes: int
    """Of all coded files."""
    microseconds: int
    """Of all networks."""
    psnr: float
    """Mean over the pictures, dB."""
    gap: float = 0.0
    """Most that a better choice could add to `psnr`, dB; 0 where the choice is proven to be the best."""

    @classmethod
    def of(
        cls,
        tables: ChoiceTables,
        strengths: Sequence[int] | npt.NDArray[Any],
        networks: Sequence[int] | npt.NDArray[Any],
        gap: float = 0.0,
    ) -> PlanChoice:
        """Choice with what it takes and gives."""
        each = np.arange(tables.pictures)
        q, m = np.asarray(strengths, np.int64), np.asarray(networks, np.int64)
        return cls(
            tuple(map(int, q)),
            tuple(map(int, m)),
            int(tables.sizes[each, q].sum()),
            int(tables.microseconds[each, m].sum()),
            float(tables.psnr[each, q, m].mean()),
            gap,
        )
