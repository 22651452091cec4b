"""What the numbers and the name of a recipe may be."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgeqe.errors import InputError
from edgeqe.zoo import network

if TYPE_CHECKING:
    from edgeqe.zoo.training.recipe import Recipe

#: Least and most of the numbers of a recipe, both allowed.
LIMITS: Mapping[str, tuple[float, float]] = {
    "steps": (1, 10**9),
    "seed": (0, 2**32 - 1),
    "batch": (1, 4096),
    "crop": (16, 4096),
    "candidates": (1, 256),
    "learning_rate": (1e-12, 1.0),
    "warmup": (0, 10**9),
    "ema": (0.0, 0.9999999),
    "error_floor": (1e-3, 1e3),
    "validate_every": (1, 10**9),
    "start_share": (0.0, 1.0),
    "teacher_share": (0.0, 1.0),
    "fine_share": (0.0, 1.0),
    "drawn_share": (0.0, 0.9),
    "percentile": (50.0, 100.0),
    "pixel_weight": (0.0, 1e6),
    "feature_weight": (0.0, 1e6),
    "adversarial_weight": (0.0, 1e6),
    "l2": (0.0, 1e3),
    "decay_steps": (0, 10**9),
    "decay_rate": (1e-6, 1.0),
    "alignment": (1, 4096),
}
#: Keys that count for networks of the papers alone.
OF_PAPERS = ("values", "loss", "feature_weight", "adversarial_weight", "l2", "loop_filters", "side")
#: What a recipe may be called: a folder of its own in that of the trainings.
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")


def check_limits(recipe: Recipe) -> None:
    """Check a recipe's name and numbers; whole numbers that stand for real ones become those.

    Raises
    ------
    InputError
        If one is out of its limits.
    """
    if not NAME.fullmatch(recipe.name):
        raise InputError(
            f"recipe '{recipe.name}': its name is no plain name of a folder: use letters, digits, "
            "'-', '_', '+' and '.'."
        )
    for key, (least, most) in LIMITS.items():
        value = getattr(recipe, key)
        if not least <= value <= most:  # nan is not
            raise InputError(
                f"recipe '{recipe.name}': {key} {value!r} is not from {least:.12g} to {most:.12g}."
            )
        if isinstance(least, float):
            object.__setattr__(recipe, key, float(value))


def check_own_network(recipe: Recipe) -> None:
    """Check a recipe of one of edgeqe's own networks, which are trained on 4:2:0 planes.

    Raises
    ------
    InputError
        If its network is another, or a key counts for those of the papers alone.
    """
    if not network(recipe.network).gives_residual:
        raise InputError(
            f"recipe '{recipe.name}': '{recipe.network}' has no training data here, which is "
            "4:2:0 planes: name one of edgeqe's own networks."
        )
    default = {field.name: field.default for field in dataclasses.fields(recipe)}
    default["values"] = []
    for key in OF_PAPERS:
        if getattr(recipe, key) != default[key]:
            raise InputError(
                f"recipe '{recipe.name}': {key} is of networks of the papers, and "
                f"'{recipe.network}' is trained without: leave it out."
            )
