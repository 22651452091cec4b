"""Opening a network to export: a training, a shipped model, a file, or a network of the zoo."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgeqe import zoo
from edgeqe.converters import sources
from edgeqe.converters.graph.convention import OutputKind
from edgeqe.converters.onnx_io.sources import from_onnx
from edgeqe.converters.sources import Source
from edgeqe.converters.tflite_io import sources as tflite_sources
from edgeqe.converters.tflite_io.saved_model import SAVED_MODEL
from edgeqe.errors import InputError, MissingModelError
from edgeqe.model.catalogue import reproduced_files, shipped_files, shipped_models

#: Suffixes of files that another tool's network may come in.
FOREIGN = (".onnx", ".keras", ".tflite")


def open_source(
    model: str | os.PathLike[str],
    *,
    seed: int | None = None,
    planes: str | None = None,
    value_range: tuple[float, float] | None = None,
    gives: OutputKind | str | None = None,
    codecs: Sequence[str] = (),
    largest_weight: int = 0,
) -> Source:
    """Open whatever a model argument names; arguments that do not fit it are an error.

    Parameters
    ----------
    model : str or path
        Folder of a training or of a SavedModel, name of a shipped model, a file (``.onnx``,
        ``.keras`` or ``.tflite`` of any tool), or name of a network of the zoo, which then has random weights.
    seed : int, optional
        Of random weights; 1 if left out.
    planes : {"y", "rgb"}, optional
        Of another tool's network: what its channels are; by their count if left out.
    value_range : (float, float), optional
        Of another tool's network: what the 8-bit sample values 0 and 255 are to it; if left out, what
        the factor and shift that it begins with say, else 0 and 1.
    gives : OutputKind or str, optional
        Of another tool's network: what it outputs; measured if left out.
    codecs : sequence of str
        Of another tool's network: codecs whose pictures it was trained on; JPEG if left out.
    largest_weight : int
        Of a fully quantized ``.onnx``: as of `onnx_io.sources.from_onnx`.

    Raises
    ------
    InputError
        If there is no such model, it cannot be read, or an argument does not fit it.
    """
    name = os.fspath(model)
    full = f"{name}:float32" if name in shipped_models() else name
    path = {**reproduced_files(), **shipped_files()}.get(full, Path(name))
    named = not path.exists() and name in zoo.NETWORKS
    foreign = {"planes": planes, "range": value_range, "gives": gives, "codec": codecs}
    given = [f"--{flag}" for flag, value in foreign.items() if value]
    saved = (path / SAVED_MODEL).is_file()
    if path.suffix not in FOREIGN and not saved and given:
        raise InputError(
            f"{', '.join(given)} say what another tool's network is: '{name}' is none. Leave them "
            "out."
        )
    if seed is not None and not named:
        raise InputError(f"--seed is for random weights: '{name}' has its own. Leave it out.")
    if named:
        return sources.from_zoo(name, 1 if seed is None else seed)
    says: dict[str, Any] = {
        "planes": planes,
        "value_range": value_range,
        "output": gives,
        "codecs": tuple(codecs) or None,
    }
    if saved:
        return tflite_sources.from_saved_model(path, **says)
    if path.is_dir():
        return sources.from_training(path)
    if not path.is_file():
        raise MissingModelError(
            f"no model '{name}': give a file ({', '.join(FOREIGN)}), the folder of a training or a SavedModel, "
            f"or one of {', '.join(shipped_models())}; 'edgeqe models --all' lists the networks without "
            "weights too."
        )
    if path.suffix == ".keras":
        return sources.from_keras_file(path, **says)
    if path.suffix == ".tflite":
        return tflite_sources.from_tflite(path, **says)
    if path.suffix != ".onnx":
        raise InputError(
            f"'{path}' is none of {', '.join(FOREIGN)}, nor a SavedModel's folder: {_way_out(path)}."
        )
    return from_onnx(path, **says, largest_weight=largest_weight)


def _way_out(path: Path) -> str:
    """What to do with a file of a format that is not read."""
    if path.name == SAVED_MODEL:
        return f"give its folder, '{path.parent}'"
    if path.suffix in (".h5", ".hdf5"):
        return "load the model in Keras and save it as .keras"
    if path.suffix in (".pt", ".pth"):
        return "export the network in PyTorch by torch.onnx.export, and convert that"
    return "export the network as one of these"
