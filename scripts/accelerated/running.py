"""Runs a packed training inside its seconds, on the backend that Keras was told.

What makes it fast: JAX compiles a whole step into one program, PyTorch runs it layer by layer.
Layers are NHWC, which is what cuDNN's bfloat16 kernels read; on PyTorch they are views of NHWC
memory, so nothing is copied. Worker processes on all cores but one keep batches ready.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from bound import Bound
from contents import DATA, packed_recipe, recipe_file

from edgeqe.errors import InputError
from edgeqe.zoo.training.files import CHECKPOINT, LOG, RECIPE
from edgeqe.zoo.training.recipe import Recipe, read_recipe

#: Seconds between two lines.
LINE_EVERY = 60.0
#: Steps that the rate leaves out: the first ones are compiled.
WARM_STEPS = 10

LineCallback = Callable[[str], None]


class Pace:
    """Told of every step, says a line a minute and knows the rate.

    Parameters
    ----------
    recipe : Recipe
    bound : Bound
    log : callable
        Gets each line.
    """

    def __init__(self, recipe: Recipe, bound: Bound, log: LineCallback) -> None:
        self.recipe, self.bound, self.log = recipe, bound, log
        self.loss, self.taken = 0.0, 0
        self._told, self._begun = bound.left, bound.left

    def __call__(self, step: int, loss: float, seconds: float) -> None:
        """Note a step."""
        self.loss, self.taken, left = loss, self.taken + 1, self.bound.left
        if self.taken == WARM_STEPS:
            self._begun = left
        self._now = left
        if self._told - left >= LINE_EVERY:
            self._told = left
            rate = self.steps_per_second
            pace = f"{rate:.1f} steps/s" if rate else "first steps"
            self.log(
                f"step {step} of {self.recipe.steps}, {pace}, loss {loss:.4f}, {left:.0f} s left"
            )

    @property
    def steps_per_second(self) -> float:
        """Steps a second, without the first ones; 0 if there were no others."""
        seconds = self._begun - self._now if self.taken > WARM_STEPS else 0.0
        return (self.taken - WARM_STEPS) / seconds if seconds > 0.0 else 0.0

    def summary(self, step: int) -> str:
        """What was reached."""
        rate, recipe = self.steps_per_second, self.recipe
        return (
            f"step {step} of {recipe.steps}: {self.taken} steps, {rate:.1f} steps/s, "
            f"{rate * recipe.batch * recipe.crop**2 / 1e6:.1f} Mpx/s, loss {self.loss:.4f}"
        )


def run(folder: Path, out: Path, bound: Bound, workers: int, log: LineCallback) -> None:
    """Run a packed training until it is done or its seconds are over, then validate it.

    It goes on with the checkpoint in its folder, else with the packed one.

    Parameters
    ----------
    folder : Path
        What `pack` wrote.
    out : Path
        Folder of the trainings; this one gets a sub-folder of the recipe's name.
    bound : Bound
    workers : int
        Processes that make batches.
    log : callable
        Told lines of progress.

    Raises
    ------
    InputError
        If the folder is none that was packed, or the training is done already.
    """
    given, recipe = read_recipe(str(recipe_file(folder))), packed_recipe(folder)
    place = out / recipe.name
    place.mkdir(parents=True, exist_ok=True)
    if not (place / CHECKPOINT).is_file():
        for name in (CHECKPOINT, LOG):
            if (folder / name).is_file():
                shutil.copyfile(folder / name, place / name)
    device = _device()
    from edgeqe.zoo.training.kinds import training_of
    from edgeqe.zoo.training.loop import RUNNING_QUALITIES
    from edgeqe.zoo.training.validate import validation_sets

    # validated once, at the end: the seconds are for training
    once = dataclasses.replace(recipe, validate_every=recipe.steps)
    training = training_of(once)(once, folder / DATA, place, workers=workers)
    if (place / CHECKPOINT).is_file():
        training.resume()
    if training.step >= recipe.steps:
        raise InputError(f"'{place}' has reached the last of its {recipe.steps} steps.")
    log(
        f"{recipe.name}: step {training.step} of {recipe.steps}, {device}, "
        f"{training.precision.value}, {workers} workers, {bound.left:.0f} s left"
    )
    pace = Pace(recipe, bound, log)
    try:
        training.run(pace, log, seconds=bound.for_training)
        log(pace.summary(training.step))
        if training.step < recipe.steps:
            sets = validation_sets(training.data, training.pictures)
            training.validate(sets, RUNNING_QUALITIES, pace.loss, log)
    finally:
        text = json.dumps(dataclasses.asdict(given), indent=1)
        (place / RECIPE).write_text(text, encoding="utf-8")


def _device() -> str:
    """What Keras computes on, after the backend was told what pays there."""
    import keras

    backend: str = keras.backend.backend()
    name = "the processor"
    if backend == "jax":
        import jax

        if jax.default_backend() != "cpu":
            name = jax.devices()[0].device_kind
    elif backend == "torch":
        import torch

        if torch.cuda.is_available():
            name = torch.cuda.get_device_name()
            torch.backends.cudnn.benchmark = True  # all crops have one shape
            torch.set_float32_matmul_precision("high")
    else:
        import tensorflow

        if devices := tensorflow.config.list_physical_devices("GPU"):
            name = devices[0].name
    return f"{backend} on {name}"
