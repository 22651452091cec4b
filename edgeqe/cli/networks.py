"""MODEL arguments of the verbs: a shipped name, a file, or a network of the zoo."""

from __future__ import annotations

import atexit
import tempfile
from pathlib import Path

import click


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
    from edgeqe.zoo.host import host_packages

    with host_packages(f"'{model}' ships no weights, and building it", "host,ort"):
        from edgeqe.converters.export import export
        from edgeqe.converters.sources import from_zoo

        folder = tempfile.TemporaryDirectory(prefix="edgeqe-")
        atexit.register(folder.cleanup)
        exported = export(from_zoo(model), Path(folder.name) / f"{model}.onnx")
    click.echo(f"{model}: random weights, for timing and tests alone", err=True)
    return str(exported.path)
