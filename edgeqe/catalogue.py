"""Shipped models by name."""

from __future__ import annotations

import os
from pathlib import Path

from edgeqe.errors import ModelError

MODELS = Path(__file__).with_name("models")
SUFFIX = ".onnx"


def shipped_models() -> dict[str, Path]:
    """Files of the shipped models by name, smallest first."""
    files = sorted(MODELS.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_size)
    return {path.stem: path for path in files}


def find_model(model: str | os.PathLike[str]) -> Path:
    """File of a shipped model's name (``edgeqe-small``, ``edgeqe-small:float32``), or of a path.

    Raises
    ------
    ModelError
        If it is neither.
    """
    shipped = shipped_models()
    name = str(model)
    if name.removesuffix(":float32") in shipped:
        return shipped[name.removesuffix(":float32")]
    path = Path(model)
    if path.is_file():
        return path
    if path.is_dir():
        raise ModelError(f"'{model}' is a folder: give a model file, {', '.join(shipped)}.")
    raise ModelError(
        f"no model '{model}': give a file or one of {', '.join(shipped) or 'none'}; "
        "'edgeqe models --all' lists the networks without weights too."
    )
