"""Runtimes: one file each, with the proof of where it ran inside."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from edgeqe.model_file import ModelFile

Float = npt.NDArray[np.float32]


class Session(Protocol):
    """A network at one strength, called from several threads at once."""

    provider: str
    """Provider as placed, read from the runtime."""
    fixed_window: bool
    """Whether the memory of an idle window serves only windows of its shape in this session."""
    bytes_per_pixel: float
    """What a running window takes, bytes per picture pixel."""
    bytes_per_window: int
    """What it takes beside that for each window, bytes."""

    def run(self, planes: Float) -> Float:
        """Residual of planes.

        Parameters
        ----------
        planes : ndarray, shape (C, h, w), contiguous float32
            Grey levels less 128; of a network with two inputs the last plane is the
            `residual`, signed grey levels.

        Returns
        -------
        ndarray, shape (channels of the picture, h, w), float32
            Grey levels.
        """
        ...

    def shrink(self) -> None:
        """Give back what the runtime keeps and no running window uses."""
        ...


def open_session(file: ModelFile, key: int) -> Session:
    """Session of a model file at a key of its strengths.

    Raises
    ------
    ProviderError
        If the file's runtime is not installed or does not work.
    ModelError
        If the runtime refuses the model.
    """
    return open_bytes(file.at(key), file)


def open_bytes(data: bytes, file: ModelFile) -> Session:
    """Session of other bytes of a model file, such as one with other weights."""
    if file.format == "tflite":
        from edgeqe.runtimes.litert import LitertSession

        return LitertSession(data, file.card.pixels_per_sample)
    from edgeqe.runtimes.ort import OrtSession

    card = file.card
    return OrtSession(
        data,
        card.alignment // card.pixels_per_sample,
        card.peak_floats_per_pixel,
        integers=card.precision == "int8",
    )


def runtime_of(file: ModelFile) -> tuple[str, str]:
    """Name and version of the runtime that runs a file."""
    if file.format == "tflite":
        from edgeqe.runtimes import litert

        return "litert", litert.version()
    from edgeqe.runtimes import ort

    return "onnxruntime", ort.version()
