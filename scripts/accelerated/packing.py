"""Everything that a training needs, in one folder that is not larger than allowed.

Pictures are copied as they are, never coded again: fewer of them cost variety, not quality.
The held-out pictures come along to validate on, named as such by a list beside them.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from contents import DATA, LIMIT, START, TEACHER, WHEELS, megabytes, size
from draw import draw
from wheels import fetch, packages_of

from edgeqe.errors import InputError, MissingFileError, MissingModelError
from edgeqe.files.folders import list_pictures
from edgeqe.model.catalogue import find_model
from edgeqe.zoo.training.files import AVERAGED, CHECKPOINT, LOG, RANGES
from edgeqe.zoo.training.pictures import HOLDOUT, split, training_folder
from edgeqe.zoo.training.recipe import Recipe, read_recipe, recipe_path
from edgeqe.zoo.training.start import not_trained

#: Share of the folder that held-out pictures may take.
HELD_SHARE = 0.1


@dataclass(frozen=True)
class Packed:
    """What was packed."""

    recipe: str
    """Name."""
    bytes: int
    """Of the whole folder."""
    limit: int
    """Bytes that were allowed."""
    training: dict[str, tuple[int, int]]
    """By folder, pictures to train on that are packed, and that there are."""
    held: tuple[int, int]
    """Pictures to validate on that are packed, and that there are."""
    beside: tuple[str, ...]
    """Names of the other files."""

    def lines(self) -> list[str]:
        """The figures as text."""
        folders = ", ".join(
            f"{name} {some} of {all_}" for name, (some, all_) in self.training.items()
        )
        return [
            f"{self.recipe}: {megabytes(self.bytes)} of at most {megabytes(self.limit)}",
            f"pictures, as they are: {folders}; held out {self.held[0]} of {self.held[1]}",
            f"beside them: {', '.join(self.beside)}",
        ]


def pack(
    name: str,
    data: Path,
    folder: Path,
    *,
    checkpoint: Path | None = None,
    python: str | None = None,
    limit: int = LIMIT,
    trainings: Path = Path("runs"),
) -> Packed:
    """Pack a training.

    Parameters
    ----------
    name : str
        A shipped recipe's name, or a TOML file's path.
    data : Path
        Data folder, or folder of pictures, as of a training.
    folder : Path
        Where to write; must not exist.
    checkpoint : Path, optional
        Folder of a training of this recipe that shall go on.
    python : str, optional
        Version of Python for which wheels are packed; none if left out.
    limit : int
        Bytes that all may take.
    trainings : Path
        Folder of the training that the recipe starts from, if it starts from one.

    Raises
    ------
    InputError
        If there is no room for pictures, something that is named is missing, or the folder exists.
    ModelError
        If a model that the recipe names is missing.
    """
    if folder.exists():
        raise InputError(f"'{folder}' exists: remove it, or give another folder.")
    recipe = read_recipe(name)
    if not data.is_dir():
        raise MissingFileError(f"no folder '{data}': give the data folder by --data.")
    source = training_folder(data, recipe.data)
    training, held = split(list_pictures(source))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as place:
        made = Path(place) / folder.name
        made.mkdir()
        shutil.copyfile(recipe_path(name), made / f"{recipe.name}.toml")
        _copy_models(recipe, made, trainings)
        if checkpoint is not None:
            _copy_checkpoint(recipe, checkpoint, made)
        if python is not None:
            fetch(made / WHEELS, python, packages_of(recipe))
        beside = _files(made)
        validating = draw(held, int(limit * HELD_SHARE), recipe.seed) or held[:1]
        lists = _lists(validating)
        used = size(beside) + size(validating) + sum(map(len, lists.values()))
        chosen = draw(training, limit - used, recipe.seed)
        if not chosen:
            raise InputError(
                f"without any picture to train on it is {megabytes(used)} of at most "
                f"{megabytes(limit)}: leave out --wheels or --checkpoint."
            )
        target = made / DATA / recipe.data
        for file in chosen + validating:
            copy = target / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        for parent, text in lists.items():
            (target / parent.relative_to(source) / HOLDOUT.name).write_bytes(text)
        packed = Packed(
            recipe=recipe.name,
            bytes=size(_files(made)),
            limit=limit,
            training=_counts(chosen, training, source),
            held=(len(validating), len(held)),
            beside=tuple(file.name for file in beside),
        )
        made.rename(folder)
    return packed


def _copy_models(recipe: Recipe, folder: Path, trainings: Path) -> None:
    """Copy the model files that the recipe names, shipped ones and trainings too."""
    models = {f"{TEACHER}{place}": model for place, model in enumerate(recipe.teachers)}
    if recipe.start:
        models[START] = recipe.start
    for stem, model in models.items():
        file = trainings / model / AVERAGED
        if not file.is_file():
            try:
                file = find_model(model, "float32")
            except MissingModelError as error:
                raise not_trained(model, trainings) from error
        shutil.copyfile(file, folder / f"{stem}{file.suffix}")


def _copy_checkpoint(recipe: Recipe, training: Path, folder: Path) -> None:
    """Copy what a training has reached.

    Raises
    ------
    InputError
        If it cannot go on by this recipe.
    """
    file = training / CHECKPOINT
    if not file.is_file():
        raise MissingFileError(
            f"no checkpoint '{file}': give the folder of a training by --checkpoint."
        )
    if (training / RANGES).is_file():
        raise InputError(f"'{training}' was trained with --quantized, which runs here alone.")
    with np.load(file, allow_pickle=False) as stored:
        network = str(stored["network"])
    if network != recipe.network:
        raise InputError(
            f"checkpoint '{file}' is of '{network}', the recipe trains '{recipe.network}'."
        )
    shutil.copyfile(file, folder / CHECKPOINT)
    if (training / LOG).is_file():
        shutil.copyfile(training / LOG, folder / LOG)


def _files(folder: Path) -> list[Path]:
    """All files below a folder."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _lists(held: Iterable[Path]) -> dict[Path, bytes]:
    """By folder, the list that names its held-out pictures."""
    names: dict[Path, str] = {}
    for file in held:
        names[file.parent] = names.get(file.parent, "") + f"{file.name}\n"
    return {folder: text.encode() for folder, text in names.items()}


def _counts(some: list[Path], every: list[Path], source: Path) -> dict[str, tuple[int, int]]:
    """Pictures by folder, of some and of all."""
    chosen, there = (
        Counter(file.parent.relative_to(source).as_posix() for file in files)
        for files in (some, every)
    )
    return {
        source.name if name == "." else name: (chosen[name], count) for name, count in there.items()
    }
