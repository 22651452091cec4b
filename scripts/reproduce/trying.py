"""The first steps of the published trainings, to show that they start: nothing is saved or validated."""

from __future__ import annotations

import dataclasses
import math
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from edgeqe.errors import InputError
from edgeqe.zoo.training.feed import Feed
from edgeqe.zoo.training.kinds import training_of
from edgeqe.zoo.training.recipe import read_recipe

#: Coded pictures in the pool: enough for crops of every strength.
SLOTS = 16


def try_out(recipes: Sequence[str], data: Path, steps: int) -> None:
    """Run so many steps of each recipe, and print what they took.

    Raises
    ------
    InputError
        If a recipe does not start, or its loss is not finite.
    """
    for name in recipes:
        recipe = read_recipe(name)
        if recipe.start:  # what it starts from is not trained yet
            recipe = dataclasses.replace(recipe, start="")
        with tempfile.TemporaryDirectory() as folder:
            training = training_of(recipe)(recipe, data, Path(folder) / name)
            job = dataclasses.replace(training.job(), last=steps, slots=SLOTS)
            loss, started = math.nan, time.monotonic()
            with Feed(job) as feed:
                for batch in feed:
                    loss = training.train_step(batch)
        if not math.isfinite(loss):
            raise InputError(f"recipe '{name}': the loss is {loss} after {steps} steps.")
        seconds = time.monotonic() - started
        print(f"{name}: {steps} steps in {seconds:.0f} s, loss {loss:.5g}", flush=True)
