"""Catalogue of shipped models: names of network, precision and format, and their files.

``edgeqe-small:int8.tflite`` is the file ``models/edgeqe-small.int8.tflite``; ``.onnx`` is left
out of names. A network's name alone lets the target choose: see `runtimes/selection.py`.
"""

from __future__ import annotations

import os
from pathlib import Path

from edgeqe.errors import MissingModelError, ModelError

MODELS = Path(__file__).parents[1] / "models"
#: Folder below with the papers' networks, trained at a reduced scale: taken by name, never chosen.
REPRODUCED = "reproduced"


def shipped_files() -> dict[str, Path]:
    """Files of the shipped models by full name; of each network the float32 ones first."""
    found = {}
    for path in MODELS.iterdir():
        network, _, form = path.name.partition(".")
        if form.endswith((".onnx", ".tflite")):
            found[f"{network}:{form.removesuffix('.onnx')}"] = path
    order = {name: index for index, name in enumerate(shipped_models())}

    def place(name: str) -> tuple[int, bool, str]:
        network, _, form = name.partition(":")
        return order.get(network, len(order)), not form.startswith("float32"), form

    return dict(sorted(found.items(), key=lambda item: place(item[0])))


def reproduced_files() -> dict[str, Path]:
    """Files of the papers' networks, trained at a reduced scale, by name and ``name:precision``.

    A name alone is its float32 file.
    """
    found = {}
    for path in sorted((MODELS / REPRODUCED).glob("*.onnx")):
        network, _, form = path.name.removesuffix(".onnx").partition(".")
        found[f"{network}:{form}"] = path
        if form == "float32":
            found[network] = path
    return found


def shipped_models() -> list[str]:
    """Names of the shipped networks, smallest first."""
    files = MODELS.glob("*.float32.onnx")
    return [p.name.partition(".")[0] for p in sorted(files, key=lambda path: path.stat().st_size)]


def forms_of(network: str) -> list[str]:
    """Precisions and formats of a shipped network, such as ``float32`` and ``int8.tflite``."""
    names = [name.partition(":") for name in shipped_files()]
    return [form for shipped, _, form in names if shipped == network]


def find_model(model: str | os.PathLike[str], form: str = "float32") -> Path:
    """Find the file of a shipped model's name, or of a path.

    Parameters
    ----------
    model : str or path
        ``edgeqe-small``, ``edgeqe-small:float32``, ``edgeqe-small:int8.tflite``, a name of
        `reproduced_files`, or a file.
    form : str
        What a network's name alone means. (`selection.place` lets a target choose.)

    Raises
    ------
    MissingModelError
        If it is neither.
    ModelError
        If it is a folder.
    """
    files, name = shipped_files(), str(model)
    if name in shipped_models():
        name = f"{name}:{form}"
    files |= reproduced_files()
    if name in files:
        return files[name]
    path = Path(model)
    if path.is_file():
        return path
    if path.is_dir():
        raise ModelError(
            f"'{model}' is a folder: give a model file, {_listed()}; 'edgeqe convert' makes a file of a "
            "training's folder or a SavedModel."
        )
    network = name.partition(":")[0]
    if network in shipped_models():
        raise MissingModelError(
            f"no model '{model}': '{network}' has {', '.join(forms_of(network))}."
        )
    raise MissingModelError(
        f"no model '{model}': give a file or one of {_listed()}; "
        "'edgeqe models --all' lists the networks without weights too."
    )


def _listed() -> str:
    return ", ".join(shipped_models()) or "none"
