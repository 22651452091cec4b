"""Runtimes: one file each, with the proof of where it ran inside."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol

import numpy as np

from edgeqe.model.file import ModelFile
from edgeqe.runtimes.placement import Placement
from edgeqe.targets.profile import Runtime
from edgeqe.typing import Float


class Session(Protocol):
    """A network at one strength, called from several threads at once."""

    provider: str
    """Provider as placed, read from the runtime."""
    own_memory: bool
    """Whether the memory of an idle window serves windows of this session alone."""
    bytes_per_pixel: float
    """What a running window takes, bytes per picture pixel."""
    bytes_per_window: int
    """What it takes beside that for each window, bytes."""

    def run(self, planes: Float, out: Float | None = None, place: Hashable = None) -> Float:
        """Residual of planes.

        Parameters
        ----------
        planes : ndarray, shape (C, h, w), contiguous float32
            Grey levels less 128; of a network with two inputs the last plane is the
            `residual`, signed grey levels.
        out : ndarray, contiguous float32, optional
            Where to write, of the result's shape and apart from `planes`; a new array if left out.
        place : hashable, optional
            Kind of the place that the window has in the memory limit, for a session with
            `own_memory`: what idles of that kind is used again.

        Returns
        -------
        ndarray, shape (channels of the picture, h, w), float32
            Grey levels.
        """
        ...

    def shrink(self) -> None:
        """Give back what the runtime keeps and no running window uses."""
        ...


def open_session(file: ModelFile, key: int, way: Runtime | None = None) -> Session:
    """Session of a model file at a key of its strengths.

    Parameters
    ----------
    file : ModelFile
    key : int
    way : Runtime, optional
        How a profile says to run it; on one thread of the processor if left out.

    Raises
    ------
    ProviderError
        If the file's runtime is not installed or does not work.
    ModelError
        If the runtime refuses the model.
    """
    return open_bytes(file.at(key), file, way)


def open_bytes(data: bytes, file: ModelFile, way: Runtime | None = None) -> Session:
    """Session of other bytes of a model file, such as one with other weights."""
    if file.format == "tflite":
        from edgeqe.runtimes.litert import LitertSession

        threads = int(way.options.get("num_threads", 1)) if way is not None else 1
        return LitertSession(data, file.card.pixels_per_sample, threads)
    from edgeqe.runtimes.ort import CPU, OrtSession

    card = file.card
    return OrtSession(
        data,
        card.alignment // card.pixels_per_sample,
        card.peak_floats_per_pixel,
        wanted=[(CPU, {}) if way is None else (way.provider, way.options)],
    )


def placement_of(file: ModelFile) -> Placement:
    """Where a file's network runs on the processor, from a run of its smallest window."""
    card = file.card
    key, side = file.key(card.default_step), max(card.alignment, card.block, 16)
    samples = side // card.pixels_per_sample
    if file.format == "tflite":
        from edgeqe.runtimes.litert import LitertSession

        return LitertSession(file.at(key), card.pixels_per_sample).placement()
    from edgeqe.runtimes.ort import OrtSession

    session = OrtSession(file.at(key), recorded=True)
    inputs = card.channels + ("residual" in card.inputs)
    session.run(np.zeros((inputs, samples, samples), np.float32))
    return session.placement(card.kmac_per_pixel * 1e3 * side**2)


def runtime_of(file: ModelFile) -> tuple[str, str]:
    """Name and version of the runtime that runs a file."""
    if file.format == "tflite":
        from edgeqe.runtimes import litert

        return "litert", litert.version()
    from edgeqe.runtimes import ort

    return "onnxruntime", ort.version()
