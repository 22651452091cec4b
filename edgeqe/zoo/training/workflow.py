"""Training in one call: a recipe, run in a folder of its own, resumable."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeqe.errors import InputError, MissingFileError
from edgeqe.zoo.host import host_packages
from edgeqe.zoo.training.files import CHECKPOINT, LOG, RANGES
from edgeqe.zoo.training.recipe import Recipe, read_recipe

if TYPE_CHECKING:
    from edgeqe.zoo.training.loop import Training, TrainingCallback
    from edgeqe.zoo.training.precision import Precision


class TrainingInterrupted(KeyboardInterrupt):
    """The user interrupted a training; the message says what its folder holds."""


def train(
    recipe: Recipe | str,
    *,
    data: str | os.PathLike[str],
    out: str | os.PathLike[str] = "runs",
    precision: Precision | str = "auto",
    resume: bool = False,
    progress: TrainingCallback | None = None,
    log: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Train a network by a recipe, as ``edgeqe train`` does.

    Parameters
    ----------
    recipe : Recipe or str
        A shipped recipe's name, or the path of a TOML file.
    data : str or path
        Folder of pictures, or data folder of which the recipe names a sub-folder.
    out : str or path
        Folder of the trainings; this one gets a sub-folder named as the recipe.
    precision : Precision or str
        Data type of the convolutions.
    resume : bool
        Go on from the checkpoint.
    progress : callable, optional
        Called with the training step, the running mean loss and the seconds trained.
    log : callable
        Called with a line at the start and for each validation.

    Returns
    -------
    dict
        The last validation, as in the log: ``step``, ``minutes``, ``loss``, ``precision``, and
        mean PSNR of JPEG and enhanced, dB, by set, protocol and quality.

    Raises
    ------
    InputError
        If the recipe, the data or the folder does not fit, or a package is missing.
    ImageError
        If a picture cannot be read.
    TrainingInterrupted
        If the user interrupts; a checkpoint is written.
    """
    training = open_training(recipe, data=data, out=out, precision=precision, resume=resume)
    return run(training, progress, log)


def open_training(
    recipe: Recipe | str,
    *,
    data: str | os.PathLike[str],
    out: str | os.PathLike[str] = "runs",
    precision: Precision | str = "auto",
    resume: bool = False,
    profiled: bool = False,
) -> Training:
    """Prepare a training as `train` runs it; `profiled` allows a folder that holds one."""
    chosen, folder = checked(recipe, data, out, resume=resume, profiled=profiled, quantized=False)
    with host_packages("training", "host,files"):
        from edgeqe.zoo.training.kinds import training_of
        from edgeqe.zoo.training.precision import Precision

        training = training_of(chosen)(chosen, Path(data), folder, Precision(precision))
    if resume:
        training.resume()
    return training


def checked(
    recipe: Recipe | str,
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    resume: bool,
    profiled: bool,
    quantized: bool,
) -> tuple[Recipe, Path]:
    """Recipe and folder of a training, checked before any work.

    Raises
    ------
    InputError
        If the folder holds a training that is not resumed, or one of the other kind, or cannot be
        made, there is no data folder or no picture in it, or a teacher cannot teach.
    """
    chosen = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    folder = Path(out) / chosen.name
    held = (folder / CHECKPOINT).is_file()
    if held and not resume and not profiled:
        raise InputError(
            f"'{folder}' holds a training: go on with --resume, or give another --out."
        )
    if not Path(data).is_dir():
        raise MissingFileError(f"no folder '{data}': give the data folder by --data.")
    if held and resume and (folder / RANGES).is_file() != quantized:
        was, wanted = ("without", "leave it out") if quantized else ("with", "give it")
        raise InputError(
            f"'{folder}' holds a training {was} --quantized: {wanted} to go on with it."
        )
    with host_packages("training", "host,files"):
        from edgeqe.files.folders import list_pictures
        from edgeqe.zoo.training.pictures import training_folder
        from edgeqe.zoo.training.teacher import FirstTeacher

        list_pictures(training_folder(Path(data), chosen.data))
        FirstTeacher(chosen.teachers, chosen.codecs)
    if not profiled:
        _make(folder)
    return chosen, folder


def _make(folder: Path) -> None:
    """Make the folder of a training."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"'{folder}' cannot be made ({error.strerror}): give another folder by --out."
        ) from error


def run(
    training: Training,
    progress: TrainingCallback | None = None,
    log: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Run a prepared training to its end; its last validation, as of `train`.

    Raises
    ------
    TrainingInterrupted
        If the user interrupts; a checkpoint is written.
    """
    recipe, folder = training.recipe, training.folder
    log(f"{recipe.name}: step {training.step} of {recipe.steps}, {training.precision.value}")
    try:
        training.run(progress, log)
    except KeyboardInterrupt as error:
        held = f"'{folder}' holds a checkpoint of step {training.step} of {recipe.steps}"
        after = f"{held}; go on with --resume." if training.step else "nothing was trained."
        raise TrainingInterrupted(after) from error
    lines = (folder / LOG).read_text(encoding="utf-8").splitlines()
    last: dict[str, Any] = json.loads(lines[-1])
    return last
