"""Which training a recipe's network takes."""

from __future__ import annotations

from edgeqe.errors import InputError
from edgeqe.zoo import network
from edgeqe.zoo.training.loop import Training
from edgeqe.zoo.training.picture_training import PictureTraining
from edgeqe.zoo.training.recipe import Recipe


def training_of(recipe: Recipe) -> type[Training]:
    """Class that trains a recipe's network.

    Raises
    ------
    InputError
        If the zoo has no such network, or it cannot be trained with the recipe's losses.
    """
    spec = network(recipe.network)
    if spec.gives_residual:
        return Training
    if not (recipe.feature_weight or recipe.adversarial_weight):
        return PictureTraining
    if spec.planes != "rgb":
        raise InputError(
            f"recipe '{recipe.name}': features and discriminators are of RGB, and "
            f"'{recipe.network}' takes {spec.planes}: set feature_weight and adversarial_weight to 0."
        )
    from edgeqe.zoo.training.adversarial import AdversarialTraining

    return AdversarialTraining
