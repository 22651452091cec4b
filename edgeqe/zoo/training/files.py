"""File names in a training folder, and its progress as they state it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgeqe.errors import InputError
from edgeqe.reports.output_file import written_whole

#: Everything that resuming needs.
CHECKPOINT = "checkpoint.npz"
#: Averaged weights by layer name.
AVERAGED = "averaged.npz"
#: One JSON object per validation.
LOG = "log.jsonl"
#: The recipe as it was run.
RECIPE = "recipe.json"
#: Calibrated ranges of a quantization-aware training.
RANGES = "ranges.npz"


@dataclass(frozen=True)
class TrainingProgress:
    """Progress of a training, and the result of its last validation."""

    steps: int
    minutes: float
    precision: str
    """What convolutions were computed in; empty for trainings that did not note it."""
    validated: int
    """Step of the last validation; 0: none yet."""
    gains: Mapping[str, Any]
    """Mean PSNR of the JPEG and enhanced, dB, by set, protocol and quality."""


def read_progress(folder: Path) -> TrainingProgress:
    """Read the progress of a training from its checkpoint and log.

    Raises
    ------
    InputError
        If the folder holds neither, or one is damaged.
    """
    stored: dict[str, Any] = {}
    last: dict[str, Any] = {}
    try:
        if (folder / LOG).is_file():
            lines = (folder / LOG).read_text(encoding="utf-8").splitlines()
            last = json.loads(lines[-1]) if lines else {}
        if (folder / CHECKPOINT).is_file():
            with (folder / CHECKPOINT).open("rb") as file, np.load(file) as arrays:
                names = {"step", "seconds", "precision"} & set(arrays.files)
                stored = {name: arrays[name].item() for name in names}
    except (EOFError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(
            f"'{folder}' holds a damaged {CHECKPOINT} or {LOG} ({error}): go on with the training "
            "from a copy, or give another folder."
        ) from error
    if not stored and not last:
        raise InputError(
            f"'{folder}' is no training that saved a checkpoint: "
            "give a folder that 'edgeqe train' wrote."
        )
    return TrainingProgress(
        steps=int(stored.get("step", last.get("step", 0))),
        minutes=round(stored["seconds"] / 60, 1) if "seconds" in stored else last["minutes"],
        precision=str(stored.get("precision", last.get("precision", ""))),
        validated=int(last.get("step", 0)),
        gains={key: value for key, value in last.items() if isinstance(value, list)},
    )


def read_arrays(path: Path) -> dict[str, Any]:
    """Read the arrays that `write_arrays` wrote.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return dict(stored)
    except (EOFError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(
            f"checkpoint '{path}' is damaged ({error}): give another --out."
        ) from error


def write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Write arrays by name, whole or not at all."""
    named = {key.replace("/", "."): value for key, value in arrays.items()}
    with written_whole(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **named)
