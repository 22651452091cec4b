"""What a training starts from: weights of a model, perhaps narrower or of fewer codecs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.errors import InputError, MissingFileError, MissingModelError
from edgeqe.model.catalogue import shipped_models
from edgeqe.zoo import codecs_of, load
from edgeqe.zoo.training.files import AVERAGED
from edgeqe.zoo.training.recipe import shipped_recipes

#: Beginning of the names of weights that a network of one codec has not.
CODEC_WEIGHTS = "step.codec_"


def start_from(model: Any, start: str, trainings: Path) -> None:
    """Set a network's weights to those that a recipe's `start` names.

    What the start has no weights for, the vectors of further codecs, stays 0, so every codec
    begins as that of the start; of several codecs each has its own. A narrower start is widened:
    the network begins with its output, and its further channels with random weights of their own.

    Parameters
    ----------
    model : keras.Model
        With random weights.
    start : str
        As of `Recipe.start`.
    trainings : Path
        Folder of the trainings, one of which may be named.

    Raises
    ------
    InputError
        If the weights do not fit the network.
    ModelError
        If there is no such model.
    """
    held, before = weights_of_start(start, trainings)
    own = {name_of(variable): variable for variable in model.weights}
    before = before or codecs_of(model)
    of_codecs = {name for name in own.keys() | held.keys() if name.startswith(CODEC_WEIGHTS)}
    unknown = (own.keys() ^ held.keys()) - of_codecs
    if unknown:
        raise InputError(
            f"start '{start}' does not fit '{model.name}', only one of them has a weight "
            f"'{min(unknown)}': name a model of the recipe's network and strength."
        )
    for name in (name for name in own if name in held):
        wanted, known = own[name].numpy(), held[name]
        if name in of_codecs:
            if len(known) != len(before):
                raise InputError(
                    f"start '{start}' has '{name}' of {len(known)} codecs, '{model.name}' of "
                    f"{len(before)}, and averaged weights do not say which: name the model's file."
                )
            known = rows_of_codecs(known, before, codecs_of(model))
        if known.ndim != wanted.ndim or np.any(np.array(known.shape) > wanted.shape):
            raise InputError(
                f"start '{start}' does not fit '{model.name}': its weight '{name}' has the shape "
                f"{known.shape}, {wanted.shape} is the widest there is room for. Name a model "
                "of the recipe's network and strength, as wide or narrower."
            )
        own[name].assign(widened(known, wanted))


def weights_of_start(
    start: str, trainings: Path
) -> tuple[dict[str, npt.NDArray[np.float32]], tuple[str, ...]]:
    """Weights of a recipe's start by name, and its codecs; none if the file does not say."""
    path = trainings / start / AVERAGED
    if path.is_file() or start.endswith(".npz"):
        path = path if path.is_file() else Path(start)
        if not path.is_file():
            raise MissingFileError(f"no file '{path}': give the averaged weights of a training.")
        with np.load(path, allow_pickle=False) as stored:
            return dict(stored), ()
    try:
        model = load(start)
    except MissingModelError as error:
        raise not_trained(start, trainings) from error
    return {name_of(variable): variable.numpy() for variable in model.weights}, codecs_of(model)


def name_of(variable: Any) -> str:
    """Name of a weight in files of averaged weights."""
    return str(variable.path).replace("/", ".")


def rows_of_codecs(
    known: npt.NDArray[np.float32], before: tuple[str, ...], codecs: tuple[str, ...]
) -> npt.NDArray[np.float32]:
    """Vectors of a start's codecs, (before, units), as those of a network's; 0 of further ones."""
    rows = np.zeros((len(codecs), *known.shape[1:]), known.dtype)
    for index, codec in enumerate(codecs):
        if codec in before:
            rows[index] = known[before.index(codec)]
    return rows


def widened(
    known: npt.NDArray[np.float32], wanted: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """A weight of a wider layer that keeps what the narrower one computes.

    Further outputs, the last axis, keep the random weights that they have; what the known outputs
    take from further inputs is 0.

    Parameters
    ----------
    known, wanted : ndarray
        Of as many axes; no axis of `known` is longer.

    References
    ----------
    T. Chen, I. Goodfellow and J. Shlens, "Net2Net: accelerating learning via knowledge transfer",
    ICLR 2016, section 2; units are added here with random weights, not copied.
    """
    weight = wanted.copy()
    weight[..., : known.shape[-1]] = 0.0
    weight[tuple(slice(length) for length in known.shape)] = known
    return weight


def not_trained(start: str, trainings: Path) -> MissingModelError:
    """Error for a recipe's `start` that is neither a model nor a training in a folder."""
    first = (
        f"run 'edgeqe train {start} --out {trainings}' first, or name the folder that has it in place "
        f"of '{trainings}'"
        if start in shipped_recipes()
        else f"give a shipped model ({', '.join(shipped_models())}), a file, or a training in '{trainings}'"
    )
    return MissingModelError(
        f"no model or training '{start}', which this recipe starts from: {first}."
    )
