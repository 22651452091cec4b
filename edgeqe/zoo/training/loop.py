"""The training loop: Keras on any backend, averaged weights, resumable checkpoints."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from edgeqe.errors import InputError, MissingFileError
from edgeqe.files.folders import list_pictures
from edgeqe.zoo import built_by
from edgeqe.zoo.training.feed import Feed, Job
from edgeqe.zoo.training.files import (
    AVERAGED,
    CHECKPOINT,
    LOG,
    RECIPE,
    read_arrays,
    write_arrays,
)
from edgeqe.zoo.training.limits import check_own_network
from edgeqe.zoo.training.pictures import split, training_folder
from edgeqe.zoo.training.pool import SLOTS
from edgeqe.zoo.training.precision import Precision, with_precision
from edgeqe.zoo.training.recipe import Recipe
from edgeqe.zoo.training.start import start_from
from edgeqe.zoo.training.validate import Compressor, gains_of_sets, validation_sets

#: Qualities of the running validation, and of the last one.
RUNNING_QUALITIES = (10, 40, 80)
FINAL_QUALITIES = (10, 20, 40, 60, 80, 90)
#: Seconds between checkpoints, and steps between updates of the averaged weights.
SAVE_EVERY, AVERAGE_EVERY = 120.0, 4

#: Called with the training step, the running mean of the loss and the seconds trained.
TrainingCallback = Callable[[int, float, float], None]


def weighted_error(target_and_weight: Any, residual: Any) -> Any:
    """Mean over the planes of weight times squared error, shape (N, H, W)."""
    target, weight = target_and_weight[..., :6], target_and_weight[..., 6:]
    return ops.mean(weight * ops.square(target - residual), axis=-1)


class Training:
    """Trains one recipe in one folder.

    Parameters
    ----------
    recipe : Recipe
    data : Path
        Data folder, of which the recipe names a sub-folder, or a folder of pictures.
    folder : Path
        Holds checkpoint, averaged weights and log.
    precision : Precision
        What convolutions are computed in.
    workers : int
        Processes that make batches; with another number come other batches.

    Raises
    ------
    InputError
        If the network has no training data here, or does not fit the recipe's start.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: Path,
        folder: Path,
        precision: Precision = Precision.AUTO,
        workers: int = 1,
    ) -> None:
        self.recipe, self.data, self.folder = recipe, data, folder
        self.precision, self.workers = precision.resolved(), workers
        self.pictures = training_folder(data, recipe.data)
        keras.utils.set_random_seed(recipe.seed)
        self.step, self.seconds, self.compressor = 0, 0.0, Compressor()
        model = self.built()
        if recipe.start:
            start_from(model, recipe.start, folder.parent)
        self.adopt(model)

    def built(self) -> Any:
        """Network of the recipe, with random weights.

        Raises
        ------
        InputError
            If it is not native to 4:2:0, or the recipe has keys that are of others alone.
        """
        check_own_network(self.recipe)
        return built_by(dataclasses.asdict(self.recipe))

    @property
    def loss(self) -> Any:
        """What is minimised."""
        return weighted_error

    def adopt(self, model: Any) -> None:
        """Set the network to train, from its weights on."""
        self.model, self.average = model, [np.array(v) for v in model.get_weights()]
        self.beginning = [np.array(v) for v in self.average]
        self.trained = with_precision(model, self.precision)
        self.optimizer = keras.optimizers.Adam(self.recipe.learning_rate)
        # XLA is slower than TensorFlow's own kernels on a processor; without it JAX runs eagerly
        compiled = keras.backend.backend() == "jax"
        self.trained.compile(optimizer=self.optimizer, loss=self.loss, jit_compile=compiled)
        self.optimizer.build(self.trained.trainable_variables)

    def after_step(self) -> None:
        """Hook of subclasses, called after each training step."""

    def resume(self) -> None:
        """Go on from the checkpoint.

        Raises
        ------
        InputError
            If there is none, it is damaged, it belongs to another recipe, or the recipe has fewer steps.
        """
        path = self.folder / CHECKPOINT
        if not path.is_file():
            raise MissingFileError(f"no checkpoint '{path}': train without --resume to start anew.")
        stored = read_arrays(path)
        if str(stored["network"]) != self.recipe.network:
            raise InputError(
                f"checkpoint '{path}' is of '{stored['network']}', the recipe trains "
                f"'{self.recipe.network}': give another --out."
            )
        shapes = [np.shape(stored.get(f"weight_{i}", ())) for i in range(len(self.average))]
        if shapes != [weight.shape for weight in self.average]:
            raise InputError(
                f"checkpoint '{path}' is of another strength or other widths than the recipe's: "
                "give another --out."
            )
        if int(stored["step"]) > self.recipe.steps:
            raise InputError(
                f"checkpoint '{path}' is of step {stored['step']}, the recipe has {self.recipe.steps} "
                "steps: give it as many or more."
            )
        self.step, self.seconds = int(stored["step"]), float(stored["seconds"])
        self.trained.set_weights([stored[f"weight_{i}"] for i in range(len(shapes))])
        self.average = [stored[f"average_{i}"] for i in range(len(shapes))]
        for i, variable in enumerate(self.optimizer.variables):
            variable.assign(stored[f"optimizer_{i}"])
        for i, variable in enumerate(self.further_variables()):
            variable.assign(stored[f"further_{i}"])

    def save(self) -> None:
        """Write the checkpoint, and the averaged weights by layer name."""
        arrays: dict[str, Any] = {"network": self.recipe.network, "step": self.step}
        arrays["seconds"], arrays["precision"] = self.seconds, self.precision.value
        for i, (weight, mean) in enumerate(
            zip(self.trained.get_weights(), self.average, strict=True)
        ):
            arrays[f"weight_{i}"], arrays[f"average_{i}"] = weight, mean
        for i, variable in enumerate(self.optimizer.variables):
            arrays[f"optimizer_{i}"] = variable.numpy()
        for i, variable in enumerate(self.further_variables()):
            arrays[f"further_{i}"] = variable.numpy()
        write_arrays(self.folder / CHECKPOINT, arrays)
        self.write_result()

    def write_result(self) -> None:
        """Write the weights of `result` by layer name."""
        paths = [variable.path for variable in self.model.weights]
        write_arrays(self.folder / AVERAGED, dict(zip(paths, self.result(), strict=True)))

    def job(self) -> Job:
        """Job of the workers of batches, from the current training step on."""
        recipe = self.recipe
        files, _ = split(list_pictures(self.pictures))
        return Job(
            files=tuple(str(file) for file in files),
            seed=recipe.seed,
            batch=recipe.batch,
            crop=recipe.crop,
            candidates=recipe.candidates,
            error_floor=recipe.error_floor,
            slots=min(SLOTS, recipe.steps * recipe.batch),
            teachers=tuple(recipe.teachers),
            teacher_share=recipe.teacher_share,
            codecs=recipe.codecs,
            fine_share=recipe.fine_share,
            drawn_share=recipe.drawn_share,
            first=self.step,
            last=recipe.steps,
            workers=self.workers,
        )

    def inputs(self, planes: Any, strength: Any) -> Any:
        """Inputs of the network, in its order."""
        return [planes, strength]

    def descend(self, planes: Any, strength: Any, targets: Any) -> float:
        """Update the weights on a batch; its loss."""
        return float(self.trained.train_on_batch(self.inputs(planes, strength), targets))

    def further_variables(self) -> list[Any]:
        """Variables that a checkpoint holds beside the network's and its optimizer's."""
        return []

    def train_step(self, batch: tuple[Any, Any, Any]) -> float:
        """Run one training step on a batch; its loss."""
        planes, strength, targets = batch
        self.optimizer.learning_rate = self.recipe.rate(self.step)
        loss = self.descend(planes, strength, targets)
        self.step += 1
        if self.step % AVERAGE_EVERY == 0:
            self._update_average(self.recipe.ema**AVERAGE_EVERY)
        return loss

    def run(
        self,
        progress: TrainingCallback | None = None,
        log: Callable[[str], None] = print,
        seconds: float = float("inf"),
    ) -> None:
        """Train to the recipe's last step, until the user interrupts, or so many seconds.

        A checkpoint is written every two minutes and at the end, whatever ends it, unless
        nothing was trained or the weights are lost.

        Raises
        ------
        InputError
            If there are no pictures to train on, or the loss is not finite.
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
                    if not math.isfinite(loss):
                        raise InputError(
                            f"the loss is {loss} at step {self.step}: lower learning_rate in the "
                            "recipe, and go on from the last checkpoint."
                        )
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
            if self.step > first and math.isfinite(mean_loss):
                self.save()
        if self.step == recipe.steps:
            self.write_result()  # of a training that had ended, whose recipe may have another share now
            sets = validation_sets(self.data, self.pictures)
            self.validate(sets, FINAL_QUALITIES, mean_loss, log)

    def result(self) -> list[Any]:
        """Weights that are validated and exported: the averaged ones, mixed with the start's.

        Statistics and scales, which are no weights to be mixed, stay the training's.

        References
        ----------
        M. Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022, equation 1.
        """
        share = np.float32(self.recipe.start_share)
        if not share:
            return self.average
        both = zip(self.model.weights, self.average, self.beginning, strict=True)
        return [
            mean + share * (before - mean) if variable.trainable else mean
            for variable, mean, before in both
        ]

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Context in which `model`, which may be `trained` itself, has the weights of `result`."""
        current = self.model.get_weights()
        self.model.set_weights(self.result())
        try:
            yield
        finally:
            self.model.set_weights(current)

    def _update_average(self, decay: float) -> None:
        decay = min(decay, (1 + self.step) / (10 + self.step))
        for mean, weight in zip(self.average, self.trained.get_weights(), strict=True):
            mean += (weight - mean) * np.float32(1.0 - decay)

    def gains(
        self, sets: dict[str, list[npt.NDArray[np.uint8]]], qualities: tuple[int, ...]
    ) -> dict[str, tuple[float, float]]:
        """Mean PSNR before and after, dB, by set, protocol and strength; as of `validate`."""
        return gains_of_sets(self.model, sets, self.recipe.codecs, qualities, self.compressor)

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
        entry: dict[str, Any] = {"step": self.step, "minutes": round(self.seconds / 60, 1)}
        entry["loss"] = round(loss, 5)
        entry["precision"] = self.precision.value
        with self.averaged():
            gains = self.gains(sets, qualities)
        entry |= {key: [round(value, 3) for value in pair] for key, pair in gains.items()}
        with (self.folder / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        log(
            f"step {self.step}, {entry['minutes']} min, loss {entry['loss']}: "
            + ", ".join(f"{k} {b:.2f} {a - b:+.3f}" for k, (b, a) in gains.items())
        )
