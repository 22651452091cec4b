"""Training batches and validation pictures for fine-tuning networks native to 4:2:0."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe import zoo
from edgeqe.errors import InputError, MissingFileError
from edgeqe.files.folders import list_pictures
from edgeqe.zoo.training.feed import Feed, Job
from edgeqe.zoo.training.pictures import split, training_folder
from edgeqe.zoo.training.pool import SLOTS, Batch
from edgeqe.zoo.training.recipe import Recipe
from edgeqe.zoo.training.validate import psnr_gains, validation_sets

#: Crops and the weights of samples are those of training from scratch.
RECIPE = Recipe(name="pictures", network="", steps=1)
#: Qualities that are validated, and every which picture of BSDS.
QUALITIES, EVERY = (10, 20, 40, 80), 2

#: Mean PSNR, dB, of the JPEG and enhanced, by set, protocol and quality.
Gains = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class TuningPictures:
    """Pictures to train on, and others to validate on."""

    files: tuple[Path, ...]
    """Reference pictures that batches are made of."""
    sets: dict[str, list[npt.NDArray[np.uint8]]]
    """Validation pictures by name; one size per set."""

    def batches(self, seed: int, steps: int, size: int = RECIPE.batch) -> Iterator[Batch]:
        """Seeded training batches, each valid until the next is asked for.

        Raises
        ------
        InputError
            If no picture is large enough for a crop.
        """
        job = Job(
            files=tuple(str(file) for file in self.files),
            seed=seed,
            batch=size,
            crop=RECIPE.crop,
            candidates=RECIPE.candidates,
            error_floor=RECIPE.error_floor,
            slots=min(SLOTS, steps * size),
            last=steps,
        )
        with Feed(job) as feed:
            yield from feed

    def gains(self, model: Any) -> Gains:
        """PSNR of a Keras network on the validation pictures."""
        return {
            f"{name} {protocol} q{quality}": values
            for name, pictures in self.sets.items()
            for quality in QUALITIES
            for protocol, values in psnr_gains(model, pictures, quality).items()
        }


def read_pictures(data: Path, model: Any) -> TuningPictures:
    """Find pictures in a folder: in the sub-folder that recipes train on, or else all in it.

    Parameters
    ----------
    data : Path
    model : keras.Model
        Network that they are for.

    Raises
    ------
    InputError
        If the network is not native to 4:2:0 or serves other codecs than JPEG, or there are no
        pictures.
    """
    if zoo.network(model.name).planes != "420-space-to-depth":
        raise InputError(
            f"'{model.name}' has no training data here, which is 4:2:0 planes for edgeqe's own "
            "networks: leave --data out and fine-tune the result elsewhere."
        )
    if zoo.codecs_of(model) != zoo.JPEG_ALONE:
        raise InputError(
            f"'{model.name}' serves {', '.join(zoo.codecs_of(model))}, fine-tuning here is of JPEG "
            "alone: leave --data out and train the result by a recipe of those codecs."
        )
    if not data.is_dir():
        raise MissingFileError(f"no folder '{data}': give one with pictures by --data.")
    folder = training_folder(data, RECIPE.data)
    training, _ = split(list_pictures(folder))
    return TuningPictures(tuple(training), validation_sets(data, folder, EVERY))
