"""Knowledge distillation: fine-tuning a pruned network with the unpruned one as teacher.

The loss is that of `zoo.training.loop` with a term for the teacher's result, both in units of
the step and of the sample's own error::

    weight * ((1 - s) * (target - x)^2 + s * (teacher - x)^2)

Its gradient is that of the first form with the target ``(1 - s) * target + s * teacher``,
which is what is trained on. The teacher gives what can be known of the target from the
compressed picture alone, so the gradient has less noise than the target's.
"""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeqe.errors import InputError
from edgeqe.quantization.pruning.pictures import TuningPictures
from edgeqe.zoo.training.loop import weighted_error

#: Share of the teacher's term.
TEACHER_SHARE = 0.5
#: Peak of the learning rate, and the share of the budget over which it rises.
PEAK, WARMUP = 1e-3, 0.02
#: Decay per training step of the averaged weights (EMA).
AVERAGING = 0.999
SEED = 1
#: Called with the share of the budget that is spent, the step and the running mean of the loss.
TuningCallback = Callable[[float, int, float], None]


@dataclass(frozen=True)
class Tuned:
    """Result of a fine-tuning."""

    steps: int
    seconds: float
    loss: float
    """Running mean at the end."""
    interrupted: bool
    """By the user, before its budget was spent."""


def fine_tune(
    student: Any,
    teacher: Any,
    pictures: TuningPictures,
    *,
    minutes: float = math.inf,
    steps: int = sys.maxsize,
    progress: TuningCallback | None = None,
) -> Tuned:
    """Train a network towards its teacher's output and the reference pictures.

    The learning rate rises, then falls as a cosine to 0 at the end of the budget. The
    network ends with the mean of its weights over the last steps. An interrupt by the
    user ends it early.

    Parameters
    ----------
    student, teacher : keras.Model
        Both native to 4:2:0; the teacher does not change.
    pictures : Pictures
    minutes : float
    steps : int
        Budget: whichever is spent first.
    progress : callable, optional

    Raises
    ------
    InputError
        If the loss is not finite.
    """
    import keras

    optimizer = keras.optimizers.Adam(PEAK)
    student.compile(optimizer=optimizer, loss=weighted_error)
    average = [np.array(value) for value in student.get_weights()]
    step, mean_loss, done, start = 0, 0.0, 0.0, time.monotonic()
    with contextlib.suppress(KeyboardInterrupt):
        for planes, log2_step, targets in pictures.batches(SEED, steps):
            given = [planes, log2_step]
            known = np.asarray(teacher.predict_on_batch(given))
            targets[..., :6] += TEACHER_SHARE * (known - targets[..., :6])
            optimizer.learning_rate = rate(done)
            loss = float(student.train_on_batch(given, targets))
            if not np.isfinite(loss):
                raise InputError(f"the loss is {loss} at step {step}: give other pictures.")
            step += 1
            mean_loss += (loss - mean_loss) * max(0.002, 1.0 / step)
            decay = min(AVERAGING, (1 + step) / (10 + step))
            for mean, weight in zip(average, student.get_weights(), strict=True):
                mean += (weight - mean) * np.float32(1.0 - decay)
            done = max(step / steps, (time.monotonic() - start) / 60 / minutes)
            if progress is not None:
                progress(min(done, 1.0), step, mean_loss)
            if done >= 1.0:
                break
    student.set_weights(average)
    return Tuned(step, time.monotonic() - start, mean_loss, done < 1.0)


def rate(done: float) -> float:
    """Learning rate at a share of the training budget."""
    if done < WARMUP:
        return PEAK * (0.01 + 0.99 * done / WARMUP)
    share = min(1.0, (done - WARMUP) / (1.0 - WARMUP))
    return PEAK * 0.5 * (1.0 + math.cos(math.pi * share))
