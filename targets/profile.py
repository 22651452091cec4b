"""A device profile: what runs there, how, and how fast it could be. One TOML file each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from edgeqe.targets.options import ACCELERATORS


@dataclass(frozen=True)
class Backend:
    """What runs a network: ``[[runtime]]``, tried in the order of the file."""

    runtime: str
    """``onnxruntime`` or ``litert``."""
    provider: str
    """Provider that must hold the convolutions, by ONNX Runtime's name, or ``XNNPACK``."""
    precisions: tuple[str, ...]
    """What a network's name alone means here, the first that is shipped: ``float32``,
    ``float16``, ``int8`` or ``int8-trt``."""
    needs: tuple[str, ...] = ()
    """Processor features, as `edgeqe doctor` names them, of which one must be there."""
    options: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """Options of the provider, by its own names."""
    fix: str = ""
    """What to do where it is not there."""

    @property
    def on_accelerator(self) -> bool:
        """Whether it computes on another device than the processor."""
        return self.provider in ACCELERATORS


@dataclass(frozen=True)
class WindowBounds:
    """``[window]``: sides of the windows that a picture is cut into, pixels."""

    smallest: int = 0
    """Least side; pictures that with their margin are below it are not cut. 0: what the network needs."""
    largest: int = 0
    """Most of a side; 0: any."""
    fixed: bool = False
    """One window shape, `largest` a side, for all pictures, and the strength vectors as inputs:
    an accelerator builds one engine a model. Smaller pictures are mirrored up to it."""


@dataclass(frozen=True)
class Peak:
    """``[[peak]]``: what the device could do at most, for estimates."""

    gigamacs: Mapping[str, float]
    """Thousand million multiply-accumulates a second, by precision."""
    gigabytes: float
    """Thousand million bytes a second to memory, or to the cache where windows stay in it."""
    source: str
    """Where the figures are from."""
    per_core: bool = False
    """Whether `gigamacs` are of one core."""
    needs: tuple[str, ...] = ()
    """Processor features, of which one must be there for these figures."""
    assumed: Mapping[str, float] = field(default_factory=dict)
    """Share of `gigamacs` that networks of small convolutions reach, by precision; 1 if absent."""
    cores: int = 0
    """Processors of the device that `source` is about; 0: not said."""


@dataclass(frozen=True)
class Profile:
    """A target."""

    name: str
    description: str
    backends: tuple[Backend, ...]
    window: WindowBounds
    threads: int
    """Windows that run at once; 0: one a processor."""
    most_on_cpu: float
    """Share of a network's MACs that may stay on the processor where an accelerator is asked
    for, 0 to 1."""
    precision: Mapping[str, tuple[str, ...]]
    """``[precision]``: of networks, what their name alone means, before a runtime's own order."""
    peaks: tuple[Peak, ...]
    source: str = ""
    """File that it was read from."""
    architecture: str = ""
    """Of the processors that it is for, as `detect.architecture_of` names them; empty: of any."""

    @property
    def on_accelerator(self) -> bool:
        """Whether its first backend is an accelerator's."""
        return self.backends[0].on_accelerator

    def backends_for(self, network: str) -> list[Backend]:
        """Backends in the order in which they are tried for a network.

        Those that run one of the precisions that the profile names for it come first.
        """
        wanted = set(self.precision.get(network, ()))
        return sorted(self.backends, key=lambda backend: wanted.isdisjoint(backend.precisions))

    def peak(self, features: Collection[str]) -> Peak | None:
        """First peak whose features are there; None where the profile has none."""
        for peak in self.peaks:
            if not peak.needs or not set(peak.needs).isdisjoint(features):
                return peak
        return None
