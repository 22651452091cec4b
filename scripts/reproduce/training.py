"""The trainings of a group, one after another, each a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from edgeqe.errors import InputError
from edgeqe.zoo.training.files import CHECKPOINT, read_progress
from edgeqe.zoo.training.recipe import REDUCED, read_recipe


def is_done(name: str, out: Path) -> bool:
    """Whether a training has come to its end and was validated there."""
    folder = out / name
    if not (folder / CHECKPOINT).is_file():
        return False
    progress = read_progress(folder)
    return progress.steps == progress.validated == read_recipe(name).steps


def train(recipes: Sequence[str], data: Path, out: Path, *, reduced: bool) -> None:
    """Run those trainings that are not done.

    Parameters
    ----------
    recipes : sequence of str
        Names of the papers' recipes.
    data : Path
        As of ``edgeqe train``.
    out : Path
        Folder of the trainings.
    reduced : bool
        Run their reductions.

    Raises
    ------
    InputError
        If one fails; it has said why.
    """
    for recipe in recipes:
        name = f"{recipe}{REDUCED}" if reduced else recipe
        if is_done(name, out):
            print(f"{name}: done", flush=True)
            continue
        command = [sys.executable, "-m", "edgeqe", "train", name]
        command += ["--data", str(data), "--out", str(out)]
        if (out / name / CHECKPOINT).is_file():
            command.append("--resume")
        code = subprocess.run(command).returncode
        if code == 130:
            raise KeyboardInterrupt
        if code:
            raise InputError(f"the training {name} ended with exit code {code}.")
