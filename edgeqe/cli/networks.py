"""MODEL arguments of the verbs: a shipped name, a file, a training, or a network of the zoo."""

from __future__ import annotations

import platform
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edgeqe.info import Info


def tell_target(info: Info, target: str) -> None:
    """Say on standard error that a target fell back to the processor, or is for another one."""
    if info.fallback:
        click.echo(f"fallback: {info.fallback} (target '{target}' cannot run here)", err=True)
    if info.foreign:
        click.echo(
            f"target '{info.target}' is for {info.foreign}: its settings run here on "
            f"{platform.machine()}, and their speed says nothing of {info.foreign}",
            err=True,
        )


def is_of_zoo(model: str) -> bool:
    """Whether MODEL names a network of the zoo that ships no weights."""
    from edgeqe.model.catalogue import shipped_models
    from edgeqe.zoo.facts import network_facts

    shipped = model in shipped_models() or Path(model).exists()
    return not shipped and model in network_facts()


def model_file(model: str) -> str:
    """MODEL as a name or path that the device's code opens.

    A training's folder, a ``.keras`` file of the zoo and, with seeded random weights, a network of
    the zoo are converted into a temporary folder that goes when the command ends. Of random weights
    and of pruning without fine-tuning, of a file's too, standard error says so.

    Raises
    ------
    InputError
        If a training is damaged, or a ``.keras`` file no network of the zoo.
    MissingPackageError
        If it must be converted and the host's packages are missing.
    """
    from edgeqe.model.catalogue import shipped_files, shipped_models
    from edgeqe.zoo.training.files import RECIPE

    path = Path(model)
    trained = (path / RECIPE).is_file() or (path.suffix == ".keras" and path.is_file())
    if not trained and (model in shipped_models() or model in shipped_files() or path.exists()):
        _tell_caveat(model)
        return model
    from edgeqe import zoo

    if not trained and model not in zoo.NETWORKS:
        return model  # the catalogue's error names what there is
    from edgeqe.zoo.host import host_packages

    why = f"'{model}' is no model file yet" if trained else f"'{model}' ships no weights"
    with host_packages(f"{why}, and building it", "host,ort"):
        from edgeqe.converters.export import export
        from edgeqe.converters.opening import open_source

        folder = tempfile.TemporaryDirectory(prefix="edgeqe-")
        click.get_current_context().call_on_close(folder.cleanup)  # a signal unwinds it too
        exported = export(open_source(model), Path(folder.name) / f"{path.stem or 'model'}.onnx")
    _echo(model, exported.card.caveat)
    return str(exported.path)


def _tell_caveat(model: str) -> None:
    """Say on standard error what a file's card warns of; a damaged one is told elsewhere."""
    from edgeqe.errors import EdgeqeError
    from edgeqe.model.file import ModelFile

    path = Path(model)
    try:
        if path.is_file():
            _echo(model, ModelFile(path).card.caveat)
    except (EdgeqeError, OSError):
        pass


def _echo(model: str, caveat: str) -> None:
    if caveat:
        click.echo(f"{model}: {caveat}", err=True)
