"""Quantization-aware training in one call: a recipe that fine-tunes with fake quantization."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeqe.zoo.host import host_packages
from edgeqe.zoo.training.recipe import Recipe
from edgeqe.zoo.training.workflow import checked, run

if TYPE_CHECKING:
    from edgeqe.zoo.training.loop import Training, TrainingCallback


def train(
    recipe: Recipe | str,
    *,
    data: str | os.PathLike[str],
    out: str | os.PathLike[str] = "runs",
    resume: bool = False,
    progress: TrainingCallback | None = None,
    log: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Fine-tune the model that a recipe starts from with fake quantization, in float32.

    As ``edgeqe train --quantized`` does; `quantize` takes the folder that it writes.

    Parameters
    ----------
    recipe : Recipe or str
        With a `start`: a shipped recipe's name, or the path of a TOML file.
    data, out, resume, progress, log
        See `zoo.training.train`.

    Returns
    -------
    dict
        The last validation, of the float network.

    Raises
    ------
    InputError
        If the recipe starts from random weights, recipe, data or folder does not fit, or a
        package is missing.
    ImageError
        If a picture cannot be read.
    TrainingInterrupted
        If the user interrupts; a checkpoint is written.
    """
    return run(open_training(recipe, data=data, out=out, resume=resume), progress, log)


def open_training(
    recipe: Recipe | str,
    *,
    data: str | os.PathLike[str],
    out: str | os.PathLike[str] = "runs",
    resume: bool = False,
    profiled: bool = False,
) -> Training:
    """Prepare a training as `train` runs it; `profiled` allows a folder that holds one."""
    chosen, folder = checked(recipe, data, out, resume=resume, profiled=profiled, quantized=True)
    with host_packages("training", "host,ort,files"):
        from edgeqe.quantization.qat.training import QuantizedTraining

        training = QuantizedTraining(chosen, Path(data), folder)
    if resume:
        training.resume()
    return training
