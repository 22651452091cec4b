"""What lies where in a packed training."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from edgeqe.errors import InputError
from edgeqe.zoo.training.recipe import Recipe, read_recipe

MEGABYTE = 1_000_000
#: Most that a folder takes, bytes.
LIMIT = 60 * MEGABYTE
#: Pictures, in a sub-folder of the name that the recipe gives.
DATA = "data"
#: Wheels of packages that the machine may lack.
WHEELS = "wheels"
#: Stems of the files of the model that a training starts from, and of its teachers, numbered behind it.
START, TEACHER = "start", "teacher-"


def recipe_file(folder: Path) -> Path:
    """File of a packed training's recipe.

    Raises
    ------
    InputError
        If the folder is none that was packed.
    """
    recipes = sorted(folder.glob("*.toml"))
    if len(recipes) != 1 or not (folder / DATA).is_dir():
        raise InputError(f"'{folder}' is no packed training: give a folder that 'pack' wrote.")
    return recipes[0]


def packed_recipe(folder: Path) -> Recipe:
    """Recipe of a packed training, whose models are the packed files."""
    recipe = read_recipe(str(recipe_file(folder)))
    teachers = [str(next(folder.glob(f"{TEACHER}{n}.*"))) for n in range(len(recipe.teachers))]
    start = "".join(str(file) for file in folder.glob(f"{START}.*"))
    return dataclasses.replace(recipe, start=start, teachers=teachers)


def size(files: list[Path]) -> int:
    """Bytes that files take together."""
    return sum(file.stat().st_size for file in files)


def megabytes(count: int) -> str:
    """Bytes as text."""
    return f"{count / MEGABYTE:.1f} MB"
