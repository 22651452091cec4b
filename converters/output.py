"""The file that a verb writes: checked before any work."""

from __future__ import annotations

import os
from pathlib import Path

from edgeqe.errors import InputError, MissingFileError

#: Suffixes of model files.
SUFFIXES = (".onnx", ".tflite")


def check_output(path: str | os.PathLike[str], *, overwrite: bool) -> Path:
    """Refuse the name of a model file before any work.

    Raises
    ------
    InputError
        If it has no format's suffix, exists and may not be replaced, or has no folder.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise InputError(f"'{path}' must end in {' or '.join(SUFFIXES)}.")
    if path.exists() and not overwrite:
        raise InputError(f"'{path}' exists: add --overwrite, or choose another name.")
    if not path.parent.is_dir():
        raise MissingFileError(f"no folder '{path.parent}': make it first.")
    return path
