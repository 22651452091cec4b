"""The first steps of the published trainings, to show that they start: no weights are saved or validated."""

from __future__ import annotations

import dataclasses
import math
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tried import TRIED, crops_of, keep, outcome

from edgeqe.bench.stamp import machine_stamp
from edgeqe.errors import InputError
from edgeqe.zoo.training.feed import Feed
from edgeqe.zoo.training.kinds import training_of
from edgeqe.zoo.training.recipe import read_recipe

#: Coded pictures in the pool: enough for crops of every strength.
SLOTS = 16


def try_out(
    recipes: Sequence[str],
    data: Path,
    steps: int,
    batch: int | None = None,
    results: Path = TRIED,
) -> None:
    """Run so many steps of each recipe, print what they took, and keep it.

    Parameters
    ----------
    recipes : sequence of str
    data : Path
        As of ``edgeqe train``.
    steps : int
    batch : int, optional
        Crops a step, at most, in place of the recipe's: memory and time follow it, and nothing else does.
    results : Path
        File that gets a row a recipe, at once when it is done.

    Raises
    ------
    InputError
        If a recipe does not start, or its loss is not finite.
    """
    for name in recipes:
        recipe = published = read_recipe(name)
        if recipe.start:  # what it starts from is not trained yet
            recipe = dataclasses.replace(recipe, start="")
        if batch is not None:
            recipe = dataclasses.replace(recipe, batch=min(batch, recipe.batch))
        with tempfile.TemporaryDirectory() as folder:
            training = training_of(recipe)(recipe, data, Path(folder) / name)
            job = dataclasses.replace(training.job(), last=steps, slots=SLOTS)
            loss, started = math.nan, time.process_time()
            with Feed(job) as feed:
                for crops in feed:
                    loss = training.train_step(crops)
        if not math.isfinite(loss):
            raise InputError(f"recipe '{name}': the loss is {loss} after {steps} steps.")
        row = {
            "steps": steps,
            "batch": recipe.batch,
            "published_batch": published.batch,
            "crop": recipe.crop,
            "processor_seconds": round(time.process_time() - started, 1),
            "loss": float(f"{loss:.4g}"),
            "machine": machine_stamp()["cpu"],
        }
        keep(name, row, results)
        print(f"{name}: {steps} steps of {crops_of(row)}, {outcome(row)}", flush=True)
