"""Saved calibration of a quantization-aware training: a .npz file in its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from edgeqe.errors import InputError
from edgeqe.quantization.calibration.calibration import Calibration
from edgeqe.quantization.calibration.ranges import Ranges
from edgeqe.reports.output_file import written_whole
from edgeqe.zoo.training.files import RANGES


def write_calibration(folder: Path, calibration: Calibration) -> None:
    """Write the calibration of a training, whole or not at all.

    The file holds the keys, ``low.VALUE`` and ``high.VALUE`` of every value, and the summary
    as JSON.
    """
    ranges = calibration.ranges
    arrays: dict[str, Any] = {f"low.{name}": ends for name, ends in ranges.low.items()}
    arrays |= {f"high.{name}": ends for name, ends in ranges.high.items()}
    summary = json.dumps({**calibration.summary, "frozen in training": True})
    with written_whole(folder / RANGES) as temporary, temporary.open("wb") as file:
        np.savez(file, keys=np.array(ranges.keys), summary=np.array(summary), **arrays)


def read_calibration(folder: Path) -> Calibration | None:
    """Load the calibration of a training; None of one without fake quantization.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    path = folder / RANGES
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            low, high = (
                {name[len(end) :]: stored[name] for name in stored.files if name.startswith(end)}
                for end in ("low.", "high.")
            )
            keys = tuple(int(key) for key in stored["keys"])
            return Calibration(Ranges(keys, low, high), json.loads(str(stored["summary"])))
    except Exception as error:  # numpy and zipfile raise nearly anything on damaged files
        raise InputError(f"'{path}' is damaged ({error}): train again.") from error
