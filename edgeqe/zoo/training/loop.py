"""The training loop: Keras on any backend, averaged weights, resumable checkpoints."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from edgeqe.errors import InputError
from edgeqe.zoo import build, load, load_weights_of
from edgeqe.zoo.training.feed import Feed, Job
from edgeqe.zoo.training.files import AVERAGED, CHECKPOINT, LOG, RECIPE
from edgeqe.zoo.training.pictures import picture_files, split, training_folder
from edgeqe.zoo.training.pool import SLOTS
from edgeqe.zoo.training.precision import Precision, with_precision
from edgeqe.zoo.training.recipe import Recipe
from edgeqe.zoo.training.validate import psnr_gains, validation_sets

#: Qualities of the running validation, and of the last one.
RUNNING_QUALITIES = (10, 40, 80)
FINAL_QUALITIES = (10, 20, 40, 60, 80, 90)
#: Seconds between checkpoints, and steps between updates of the averaged weights.
SAVE_EVERY, AVERAGE_EVERY = 120.0, 4

#: Told the step, the running mean of the loss and the seconds trained.
Progress = Callable[[int, float, float], None]


def weighted_error(target_and_weight: Any, residual: Any) -> Any:
    """Mean over the planes of weight times squared error, shape (N, H, W)."""
    target, weight = target_and_weight[..., :6], target_and_weight[..., 6:]
    return ops.mean(weight * ops.square(target - residual), axis=-1)


class Training:
    """One recipe, run in one folder.

    Parameters
    ----------
    recipe : Recipe
    data : Path
        Data folder, of which the recipe names a sub-folder, or a folder of pictures.
    folder : Path
        Where checkpoint, averaged weights and log lie.
    precision : Precision
        What convolutions are computed in.
    makers : int
        Processes that make batches; with another number come other batches.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: Path,
        folder: Path,
        precision: Precision = Precision.AUTO,
        makers: int = 1,
    ) -> None:
        self.recipe, self.data, self.folder = recipe, data, folder
        self.precision, self.makers = precision.resolved(), makers
        self.pictures = training_folder(data, recipe.data)
        keras.utils.set_random_seed(recipe.seed)
        self.step, self.seconds = 0, 0.0
        model = build(recipe.network, strength=recipe.strength, widths=recipe.widths)
        if recipe.start:
            _start_from(model, recipe.start)
        self.adopt(model)

    def adopt(self, model: Any) -> None:
        """Train this network, from its weights."""
        self.model, self.average = model, [np.array(v) for v in model.get_weights()]
        self.trained = with_precision(model, self.precision)
        self.optimizer = keras.optimizers.Adam(self.recipe.learning_rate)
        # XLA is slower than TensorFlow's own kernels on a processor; without it JAX runs eagerly
        compiled = keras.backend.backend() == "jax"
        self.trained.compile(optimizer=self.optimizer, loss=weighted_error, jit_compile=compiled)
        self.optimizer.build(self.trained.trainable_variables)

    def after_step(self) -> None:
        """Hook of trainings that do more; `step` counts the step."""

    def resume(self) -> None:
        """Go on from the checkpoint.

        Raises
        ------
        InputError
            If there is none, or it belongs to another recipe.
        """
        path = self.folder / CHECKPOINT
        if not path.is_file():
            raise InputError(f"no checkpoint '{path}': train without --resume to start anew.")
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["network"]) != self.recipe.network:
                raise InputError(
                    f"checkpoint '{path}' is of '{stored['network']}', the recipe trains "
                    f"'{self.recipe.network}': give another --out."
                )
            self.step, self.seconds = int(stored["step"]), float(stored["seconds"])
            count = len(self.average)
            self.trained.set_weights([stored[f"weight_{i}"] for i in range(count)])
            self.average = [stored[f"average_{i}"] for i in range(count)]
            for i, variable in enumerate(self.optimizer.variables):
                variable.assign(stored[f"optimizer_{i}"])

    def save(self) -> None:
        """Write the checkpoint, and the averaged weights by layer name."""
        arrays: dict[str, Any] = {"network": self.recipe.network, "step": self.step}
        arrays["seconds"] = self.seconds
        for i, (weight, mean) in enumerate(
            zip(self.trained.get_weights(), self.average, strict=True)
        ):
            arrays[f"weight_{i}"], arrays[f"average_{i}"] = weight, mean
        for i, variable in enumerate(self.optimizer.variables):
            arrays[f"optimizer_{i}"] = keras.ops.convert_to_numpy(variable)
        _write(self.folder / CHECKPOINT, arrays)
        paths = [variable.path for variable in self.model.weights]
        _write(self.folder / AVERAGED, dict(zip(paths, self.average, strict=True)))

    def job(self) -> Job:
        """What the makers of batches make from here on."""
        recipe = self.recipe
        files, _ = split(picture_files(self.pictures))
        return Job(
            files=tuple(str(file) for file in files),
            seed=recipe.seed,
            batch=recipe.batch,
            crop=recipe.crop,
            candidates=recipe.candidates,
            error_floor=recipe.error_floor,
            slots=min(SLOTS, recipe.steps * recipe.batch),
            teacher=recipe.teacher,
            teacher_share=recipe.teacher_share,
            first=self.step,
            last=recipe.steps,
            makers=self.makers,
        )

    def train_step(self, batch: tuple[Any, Any, Any]) -> float:
        """Train on a batch; its loss."""
        planes, log2_step, targets = batch
        self.optimizer.learning_rate = self.recipe.rate(self.step)
        loss = float(self.trained.train_on_batch([planes, log2_step], targets))
        if not np.isfinite(loss):
            raise InputError(
                f"the loss is {loss} at step {self.step}: lower learning_rate in the recipe."
            )
        self.step += 1
        if self.step % AVERAGE_EVERY == 0:
            self._update_average(self.recipe.ema**AVERAGE_EVERY)
        return loss

    def run(
        self,
        progress: Progress | None = None,
        log: Callable[[str], None] = print,
        seconds: float = float("inf"),
    ) -> None:
        """Train to the recipe's last step, until the user interrupts, or so many seconds.

        A checkpoint is written every two minutes and at the end, whatever ends it.
        """
        recipe, start = self.recipe, time.monotonic()
        sets = validation_sets(self.data, self.pictures, every=4)
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(dataclasses.asdict(recipe), indent=1)
        (self.folder / RECIPE).write_text(text, encoding="utf-8")
        mean_loss, first = 0.0, self.step
        try:
            with Feed(self.job()) as feed:
                saved, clock = time.monotonic(), 0.0
                for batch in feed:
                    clock = clock or time.monotonic()  # what comes before is reading pictures
                    loss = self.train_step(batch)
                    mean_loss += (loss - mean_loss) * max(0.002, 1.0 / (self.step - first))
                    self.after_step()
                    now = time.monotonic()
                    self.seconds, clock = self.seconds + now - clock, now
                    if progress is not None:
                        progress(self.step, mean_loss, self.seconds)
                    if now - start > seconds:
                        break
                    if now - saved > SAVE_EVERY:
                        self.save()
                        saved = now
                    if self.step % recipe.validate_every == 0 and self.step < recipe.steps:
                        self.validate(sets, RUNNING_QUALITIES, mean_loss, log)
                        clock = time.monotonic()
        finally:
            self.save()
        if self.step == recipe.steps:
            sets = validation_sets(self.data, self.pictures)
            self.validate(sets, FINAL_QUALITIES, mean_loss, log)

    def _update_average(self, decay: float) -> None:
        decay = min(decay, (1 + self.step) / (10 + self.step))
        for mean, weight in zip(self.average, self.trained.get_weights(), strict=True):
            mean += (weight - mean) * np.float32(1.0 - decay)

    def validate(
        self,
        sets: dict[str, list[npt.NDArray[np.uint8]]],
        qualities: tuple[int, ...],
        loss: float,
        log: Callable[[str], None],
    ) -> None:
        """Validate the averaged weights, in float32, and append a line to the log.

        Parameters
        ----------
        sets : dict of str to list of ndarray
            Pictures of one size a set, as of `validation_sets`.
        qualities : tuple of int
            JPEG qualities.
        loss : float
            Running mean of the loss, for the log.
        log : callable
            Told the line.
        """
        current = self.trained.get_weights()
        self.model.set_weights(self.average)
        entry: dict[str, Any] = {"step": self.step, "minutes": round(self.seconds / 60, 1)}
        entry["loss"] = round(loss, 5)
        entry["precision"] = self.precision.value
        for name, pictures in sets.items():
            for quality in qualities:
                for protocol, (before, after) in psnr_gains(self.model, pictures, quality).items():
                    entry[f"{name} {protocol} q{quality}"] = [round(before, 3), round(after, 3)]
        self.trained.set_weights(current)  # which may be the same network's
        with (self.folder / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        gains = {key: value for key, value in entry.items() if isinstance(value, list)}
        log(
            f"step {self.step}, {entry['minutes']} min, loss {entry['loss']}: "
            + ", ".join(f"{k} {b:.2f} {a - b:+.3f}" for k, (b, a) in gains.items())
        )


def _start_from(model: Any, start: str) -> None:
    """Set a network's weights to those that a recipe's `start` names."""
    if start.endswith(".npz"):
        load_weights_of(model, Path(start))
        return
    stored = load(start)
    shapes, own = ({v.path: tuple(v.shape) for v in m.weights} for m in (stored, model))
    if shapes != own:
        raise InputError(
            f"start '{start}' is a '{stored.name}' whose weights do not fit '{model.name}': "
            "name a model of the recipe's network, strength and widths."
        )
    model.set_weights(stored.get_weights())


def _write(path: Path, arrays: dict[str, Any]) -> None:
    """Write arrays under a temporary name, then rename."""
    temporary = path.with_suffix(".partial.npz")
    np.savez(temporary, **{key.replace("/", "."): value for key, value in arrays.items()})
    os.replace(temporary, path)
