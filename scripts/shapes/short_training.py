"""Several networks trained side by side on the same batches."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeqe.zoo.training.feed import Feed
from edgeqe.zoo.training.loop import Training
from edgeqe.zoo.training.recipe import Recipe
from edgeqe.zoo.training.validate import psnr_gains, validation_sets

#: Network of the recipe that all share; what is trained is each candidate's own.
STANDS_FOR = "edgeqe-small"
LINE_EVERY = 60.0


@dataclass(frozen=True)
class Trained:
    """A candidate after its training."""

    model: Any
    """Keras network with the averaged weights."""
    gains: dict[str, float]
    """Gain in dB by protocol and quality, on the first validation set."""


def train_together(
    models: dict[str, Any],
    data: Path,
    folder: Path,
    steps: int,
    batch: int,
    crop: int,
    qualities: tuple[int, ...],
) -> dict[str, Trained]:
    """Train networks by one recipe, a batch after the other.

    Parameters
    ----------
    models : dict of str to keras.Model
    data, folder : Path
        As of `Training`; nothing is saved.
    steps, batch, crop : int
        As of `Recipe`.
    qualities : tuple of int
        That are validated.
    """
    recipe = Recipe("shapes", STANDS_FOR, steps=steps, batch=batch, crop=crop)
    trainings = {name: Training(recipe, data, folder) for name in models}
    for name, training in trainings.items():
        training.adopt(models[name])
    some = next(iter(trainings.values()))
    told = time.monotonic()
    with Feed(some.job()) as feed:
        for step, made in enumerate(feed, 1):
            for training in trainings.values():
                training.train_step(made)
            if time.monotonic() - told > LINE_EVERY:
                told = time.monotonic()
                print(f"step {step} of {steps}", flush=True)
    pictures = next(iter(validation_sets(data, some.pictures).values()))
    result = {}
    for name, training in trainings.items():
        training.model.set_weights(training.average)
        gains = {
            f"{protocol} q{quality}": after - before
            for quality in qualities
            for protocol, (before, after) in psnr_gains(training.model, pictures, quality).items()
        }
        print(name, {what: round(gain, 3) for what, gain in gains.items()}, flush=True)
        result[name] = Trained(training.model, gains)
    return result
