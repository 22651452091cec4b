"""Which training a recipe's network takes."""

from __future__ import annotations

from edgeqe.zoo import network
from edgeqe.zoo.training.loop import Training
from edgeqe.zoo.training.picture_training import PictureTraining
from edgeqe.zoo.training.recipe import Recipe


def training_of(recipe: Recipe) -> type[Training]:
    """Class that trains a recipe's network.

    Raises
    ------
    InputError
        If the zoo has no such network.
    """
    return Training if network(recipe.network).gives_residual else PictureTraining
