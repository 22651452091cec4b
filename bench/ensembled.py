"""Enhancers with their ensemble, for figures that are reported apart."""

from __future__ import annotations

from collections.abc import Mapping

from edgeqe.enhancer import Enhancer
from edgeqe.protocols import MeasuredNetwork
from edgeqe.typing import Array


class Ensembled:
    """An `Enhancer` as a `MeasuredNetwork` whose residual is the mean of an ensemble's.

    Parameters
    ----------
    enhancer : Enhancer
    members : int
        See `Enhancer.enhance`.
    """

    def __init__(self, enhancer: Enhancer, members: int) -> None:
        self._enhancer, self._members = enhancer, members

    @property
    def takes_planes(self) -> bool:
        """Whether `enhance_planes` works."""
        return self._enhancer.takes_planes

    def enhance(self, image: Array, /, *, step: float, codec: str) -> Array:
        """Enhanced array of the same shape."""
        return self._enhancer.enhance(image, step=step, codec=codec, ensemble=self._members)

    def enhance_planes(
        self, y: Array, u: Array, v: Array, /, *, step: float, codec: str
    ) -> tuple[Array, Array, Array]:
        """Enhanced planes of the same shapes."""
        return self._enhancer.enhance_planes(
            y, u, v, step=step, codec=codec, ensemble=self._members
        )


def networks_of(enhancers: Mapping[str, Enhancer], ensemble: int) -> Mapping[str, MeasuredNetwork]:
    """Networks whose quality is measured, by the names of their enhancers."""
    if ensemble == 1:
        return enhancers
    return {name: Ensembled(enhancer, ensemble) for name, enhancer in enhancers.items()}
