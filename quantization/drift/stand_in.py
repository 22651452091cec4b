"""JPEG stands in for the codecs of a network that does not serve it."""

from __future__ import annotations

from collections.abc import Collection

from edgeqe.protocols import MeasuredNetwork
from edgeqe.typing import Array


class StandIn:
    """A network that is told no codec: a step alone is of whatever it serves.

    Parameters
    ----------
    network : MeasuredNetwork
    """

    def __init__(self, network: MeasuredNetwork) -> None:
        self._network = network

    @property
    def takes_planes(self) -> bool:
        """Whether `enhance_planes` works."""
        return self._network.takes_planes

    def enhance(self, image: Array, /, *, step: float, codec: str) -> Array:
        """Enhanced array of the same shape."""
        return self._network.enhance(image, step=step, codec="")

    def enhance_planes(
        self, y: Array, u: Array, v: Array, /, *, step: float, codec: str
    ) -> tuple[Array, Array, Array]:
        """Enhanced planes of the same shapes."""
        return self._network.enhance_planes(y, u, v, step=step, codec="")


def for_codec(network: MeasuredNetwork, codecs: Collection[str], codec: str) -> MeasuredNetwork:
    """Network for pictures of a codec: as it is, but for JPEG that it does not serve.

    Parameters
    ----------
    network : MeasuredNetwork
    codecs : collection of str
        What it serves; it refuses others than JPEG.
    codec : str
        Of the pictures.
    """
    return StandIn(network) if codec == "jpeg" and codec not in codecs else network
