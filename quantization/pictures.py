"""Pictures for networks native to 4:2:0: batches to train on, others to validate on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe import zoo
from edgeqe.errors import InputError
from edgeqe.zoo.training.data import Batch, Crops, batches, load_all, picture_files, split
from edgeqe.zoo.training.recipe import Recipe
from edgeqe.zoo.training.validate import psnr_gains, validation_sets

#: Crops and the weights of samples are those of training from scratch.
RECIPE = Recipe(name="pictures", network="", steps=1)
#: Qualities that are validated, and every which picture of BSDS.
QUALITIES, EVERY = (10, 20, 40, 80), 2

#: Mean PSNR, dB, of the JPEG and enhanced, by set, protocol and quality.
Gains = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Pictures:
    """Pictures to train on, and others to validate on."""

    crops: Crops
    sets: dict[str, list[npt.NDArray[np.uint8]]]
    """By name; of one size a set."""

    def batches(self, seed: int, steps: int, size: int = RECIPE.batch) -> Iterator[Batch]:
        """Seeded training batches."""
        return batches(self.crops, seed, 0, steps, size, RECIPE.error_floor)

    def gains(self, model: Any) -> Gains:
        """What a Keras network gains on the pictures to validate on."""
        return {
            f"{name} {protocol} q{quality}": values
            for name, pictures in self.sets.items()
            for quality in QUALITIES
            for protocol, values in psnr_gains(model, pictures, quality).items()
        }


def read_pictures(data: Path, model: Any) -> Pictures:
    """Pictures of a folder: of the sub-folder that recipes train on, or else all in it.

    Parameters
    ----------
    data : Path
    model : keras.Model
        Network that they are for.

    Raises
    ------
    InputError
        If the network is not native to 4:2:0, there are no pictures, or none is large enough
        for a crop.
    """
    if zoo.network(model.name).planes != "420-space-to-depth":
        raise InputError(
            f"'{model.name}' has no training data here, which is 4:2:0 planes for edgeqe's own "
            "networks: leave --data out and fine-tune the result elsewhere."
        )
    if not data.is_dir():
        raise InputError(f"no folder '{data}': give one with pictures by --data.")
    folder = RECIPE.data if (data / RECIPE.data).is_dir() else "."
    training, _ = split(picture_files(data / folder))
    crops = Crops(load_all(training), RECIPE.crop, RECIPE.candidates)
    return Pictures(crops, validation_sets(data, folder, EVERY))
