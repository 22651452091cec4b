"""What a training starts from: weights of a model, perhaps of fewer codecs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgeqe.errors import InputError, MissingModelError
from edgeqe.zoo import codecs_of, load, load_weights_of
from edgeqe.zoo.training.files import AVERAGED

#: Beginning of the paths of weights that a network of one codec has not.
CODEC_WEIGHTS = "step/codec_"


def start_from(model: Any, start: str, trainings: Path) -> None:
    """Set a network's weights to those that a recipe's `start` names.

    What the start has no weights for, the vectors of further codecs, stays 0, so every codec
    begins as that of the start; of several codecs each has its own.

    Parameters
    ----------
    model : keras.Model
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
    if (trainings / start / AVERAGED).is_file():
        load_weights_of(model, trainings / start / AVERAGED)
        return
    if start.endswith(".npz"):
        load_weights_of(model, Path(start))
        return
    try:
        stored = load(start)
    except MissingModelError as error:
        raise not_trained(start, trainings) from error
    held, own = ({v.path: v for v in m.weights} for m in (stored, model))
    of_codecs = [path for path in own.keys() | held.keys() if path.startswith(CODEC_WEIGHTS)]
    shapes, wanted = (
        {path: tuple(v.shape) for path, v in weights.items() if path not in of_codecs}
        for weights in (held, own)
    )
    if shapes != wanted:
        raise InputError(
            f"start '{start}' is a '{stored.name}' whose weights do not fit '{model.name}': "
            "name a model of the recipe's network, strength and widths."
        )
    for path in shapes:
        own[path].assign(held[path])
    before = codecs_of(stored)
    for path in set(of_codecs) & held.keys() & own.keys():
        rows, known = own[path].numpy(), held[path].numpy()
        for index, codec in enumerate(codecs_of(model)):
            if codec in before:
                rows[index] = known[before.index(codec)]
        own[path].assign(rows)


def not_trained(start: str, trainings: Path) -> MissingModelError:
    """Error for a recipe's `start` that is neither a model nor a training in a folder."""
    return MissingModelError(
        f"no model or training '{start}', which this recipe starts from: run 'edgeqe train {start} "
        f"--out {trainings}' first, or name the folder that has it in place of '{trainings}'."
    )
