"""Training batches and validation pictures for fine-tuning networks native to 4:2:0."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
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
from edgeqe.zoo.training.validate import Compressor, gains_of_sets, validation_sets

#: Crops and the weights of samples are those of training from scratch.
RECIPE = Recipe(name="pictures", network="", steps=1)
#: Qualities that are validated, and every which picture of BSDS.
QUALITIES, EVERY = (10, 20, 40, 80), 2
#: Share of JPEG among the pictures of a network that serves other codecs too, which share the rest.
JPEG_SHARE = 0.5

#: Mean PSNR, dB, of the JPEG and enhanced, by set, protocol and quality.
Gains = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class TuningPictures:
    """Pictures to train on, and others to validate on."""

    files: tuple[Path, ...]
    """Reference pictures that batches are made of."""
    sets: dict[str, list[npt.NDArray[np.uint8]]]
    """Validation pictures by name; one size per set."""
    codecs: tuple[str, ...] = zoo.JPEG_ALONE
    """Those that the network serves, as on its card."""
    compressor: Compressor = field(default_factory=Compressor)
    """Keeps the validation pictures that other codecs than JPEG made."""

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
            codecs=_shares(self.codecs),
        )
        with Feed(job) as feed:
            yield from feed

    def gains(self, model: Any) -> Gains:
        """PSNR of a Keras network on the validation pictures."""
        return gains_of_sets(model, self.sets, self.codecs, QUALITIES, self.compressor)


def _shares(codecs: tuple[str, ...]) -> dict[str, float]:
    """Share of each codec among the pictures."""
    others = [codec for codec in codecs if codec != "jpeg"]
    if not others or "jpeg" not in codecs:
        return dict.fromkeys(codecs, 1.0 / len(codecs))
    rest = (1.0 - JPEG_SHARE) / len(others)
    return {codec: JPEG_SHARE if codec == "jpeg" else rest for codec in codecs}


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
        If the network is not native to 4:2:0, or there are no pictures.
    """
    if zoo.network(model.name).planes != "420-space-to-depth":
        raise InputError(
            f"'{model.name}' has no training data here, which is 4:2:0 planes for edgeqe's own "
            "networks: leave --data out and fine-tune the result elsewhere."
        )
    if not data.is_dir():
        raise MissingFileError(f"no folder '{data}': give one with pictures by --data.")
    folder = training_folder(data, RECIPE.data)
    training, _ = split(list_pictures(folder))
    sets = validation_sets(data, folder, EVERY)
    return TuningPictures(tuple(training), sets, zoo.codecs_of(model))
