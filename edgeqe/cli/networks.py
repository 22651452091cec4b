"""What every verb takes as MODEL: a shipped name, a file, or a network of the zoo."""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edgeqe.converters.sources import Source


def model_file(model: str) -> str:
    """MODEL as a name or path that the device's code opens.

    A network of the zoo is written, with seeded random weights, to a temporary folder that
    goes when the program ends; standard error says so.

    Raises
    ------
    MissingPackageError
        If it is a network of the zoo and the host's packages are missing.
    """
    from edgeqe.model.catalogue import shipped_files, shipped_models

    if model in shipped_models() or model in shipped_files() or Path(model).exists():
        return model
    from edgeqe import zoo

    if model not in zoo.NETWORKS:
        return model  # the catalogue's error names what there is
    from edgeqe.cli.host import needs_packages, quiet_start

    with needs_packages(f"'{model}' ships no weights, and building it", "host,ort"):
        with quiet_start():
            from edgeqe.converters.export import export
            from edgeqe.converters.sources import from_zoo

            folder = tempfile.TemporaryDirectory(prefix="edgeqe-")
            atexit.register(folder.cleanup)
            exported = export(from_zoo(model), Path(folder.name) / f"{model}.onnx")
    click.echo(f"{model}: random weights, for timing and tests alone", err=True)
    return str(exported.path)


def check_output(path: Path, *, overwrite: bool) -> None:
    """Refuse a model file's name before any work.

    Raises
    ------
    InputError
        If it has no format's ending, exists and may not be replaced, or has no folder.
    """
    from edgeqe.errors import InputError, MissingFileError

    if path.suffix not in (".onnx", ".tflite"):
        raise InputError(f"'{path}' must end in .onnx or .tflite.")
    if path.exists() and not overwrite:
        raise InputError(f"'{path}' exists: add --overwrite, or choose another name.")
    if not path.parent.is_dir():
        raise MissingFileError(f"no folder '{path.parent}': make it first.")


def source_of(
    model: str,
    seed: int | None = None,
    foreign: Mapping[str, str | None] | None = None,
    codecs: tuple[str, ...] = (),
) -> Source:
    """Source of whatever MODEL is; flags that do not fit it are an error.

    Parameters
    ----------
    model : str
        Folder of a training, shipped name, model file, or name of a network of the zoo.
    seed : int, optional
        Of a zoo network's random weights.
    foreign : mapping, optional
        What another tool's network is: ``planes``, ``value_range`` and ``gives``.
    codecs : tuple of str
        Of another tool's network.

    Raises
    ------
    InputError
        If there is no such model, or a flag does not fit it.
    """
    from edgeqe import zoo
    from edgeqe.converters import sources
    from edgeqe.converters.onnx_io.sources import from_onnx
    from edgeqe.converters.rewrites.conventions import parse_range
    from edgeqe.errors import InputError, MissingModelError
    from edgeqe.model.catalogue import shipped_files, shipped_models

    full = f"{model}:float32" if model in shipped_models() else model
    path = shipped_files().get(full, Path(model))
    named = not path.exists() and model in zoo.NETWORKS
    foreign = foreign or {}
    given = [f"--{name.replace('value_', '')}" for name, value in foreign.items() if value]
    given += ["--codec"] if codecs else []
    if path.suffix != ".onnx" and given:
        raise InputError(f"{', '.join(given)} say what another tool's ONNX network is: '{model}' "
                         "is none. Leave them out.")  # fmt: skip
    if seed is not None and not named:
        raise InputError(f"--seed is for random weights: '{model}' has its own. Leave it out.")
    if named:
        return sources.from_zoo(model, 1 if seed is None else seed)
    if path.is_dir():
        return sources.from_training(path)
    if not path.is_file():
        raise MissingModelError(
            f"no model '{model}': give a training's folder, a file (.onnx, .keras), or one of "
            f"{', '.join(dict.fromkeys([*shipped_models(), *zoo.NETWORKS]))}."
        )
    if path.suffix == ".keras":
        return sources.from_keras_file(path)
    if path.suffix != ".onnx":
        raise InputError(
            f"'{path}' is neither .onnx nor .keras: convert from the network that it was made of."
        )
    value_range = foreign.get("value_range")
    return from_onnx(
        path,
        planes=foreign.get("planes"),
        value_range=None if value_range is None else parse_range(value_range),
        output=foreign.get("gives"),
        codecs=codecs or None,
    )
