"""Runtimes: one file each, with the proof of where it ran inside."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from edgeqe.model.file import ModelFile
from edgeqe.model.protobuf import OnnxOutline
from edgeqe.runtimes.forks import in_runtime
from edgeqe.runtimes.placement import Placement
from edgeqe.targets.profile import Backend
from edgeqe.typing import Float

__all__ = ["IntegerSession", "Session", "open_bytes", "open_session", "runtime_of"]


class Session(Protocol):
    """A network at one strength, called from several threads at once."""

    provider: str
    """Provider as placed, read from the runtime."""
    placement: Placement
    """Share of the MACs by provider: from the record of a run where several could have any."""
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
            8-bit sample values, level-shifted by 128; of a network with two inputs the last plane is the
            `residual`, signed 8-bit levels.
        out : ndarray, contiguous float32, optional
            Where to write, of the result's shape and apart from `planes`; a new array if left out.
        place : hashable, optional
            Kind of the place that the window has in the memory limit, for a session with
            `own_memory`: what idles of that kind is used again.

        Returns
        -------
        ndarray, shape (channels of the picture, h, w), float32
            8-bit sample values.
        """
        ...

    def shrink(self) -> None:
        """Give back what the runtime keeps and no running window uses."""
        ...


@runtime_checkable
class IntegerSession(Session, Protocol):
    """A session that may take and give integers, without floats in between."""

    integer_scale: np.float32 | None
    """8-bit levels in one integer of the residual, if an integer of the planes is one level and
    nothing is added to either; None if not, and then there is no `run_integers`."""

    def run_integers(
        self, samples: npt.NDArray[np.int8], out: npt.NDArray[np.int8], place: Hashable
    ) -> None:
        """Residual of a window's planes, side by side: `run` without the conversions.

        Parameters
        ----------
        samples : ndarray of int8, shape (h, w, C), contiguous
            8-bit sample values, level-shifted by 128.
        out : ndarray of int8, shape (h, w, C), contiguous
            Gets the residual, in units of `integer_scale`.
        place : hashable
            As of `run`.
        """
        ...


def open_session(file: ModelFile, key: int, backend: Backend | None = None) -> Session:
    """Session of a model file at a key of its strengths.

    Parameters
    ----------
    file : ModelFile
    key : int
    backend : Backend, optional
        What a profile says runs it; on one thread of the processor if left out.

    Raises
    ------
    ProviderError
        If the file's runtime is not installed or does not work.
    ModelError
        If the runtime refuses the model.
    """
    return open_bytes(file.at(key), file, backend)


def open_bytes(data: bytes, file: ModelFile, backend: Backend | None = None) -> Session:
    """Session of other bytes of a model file, such as one with other weights."""
    if file.format == "tflite":
        with in_runtime():
            from edgeqe.runtimes.litert import LitertSession

        threads = int(backend.options.get("num_threads", 1)) if backend is not None else 1
        # other bytes have other scales, which are checked too before LiteRT sees them
        known = file.outline if data == file.data else None
        assert not isinstance(known, OnnxOutline)
        return LitertSession(data, file.card.pixels_per_sample, threads, file.card, known)
    with in_runtime():
        from edgeqe.runtimes.ort import CPU, OrtSession

    card = file.card
    return OrtSession(
        data,
        card.alignment // card.pixels_per_sample,
        card.peak_floats_per_pixel,
        wanted=[(CPU, {}) if backend is None else (backend.provider, backend.options)],
        card=card,
    )


def runtime_of(file: ModelFile) -> tuple[str, str]:
    """Name and version of the runtime that runs a file."""
    if file.format == "tflite":
        from edgeqe.runtimes import litert

        return "litert", litert.version()
    from edgeqe.runtimes import ort

    return "onnxruntime", ort.version()
