"""Training profile: throughput of data loading alone, computation alone, and both."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass

from edgeqe.zoo.training.feed import Feed
from edgeqe.zoo.training.loop import Training

#: Steps before the clock starts: TensorFlow traces, caches warm.
WARM_STEPS = 5
#: Multiply-accumulates of a training step, forward and backward, of those forward; two
#: floating-point operations each.
FLOP_PER_MAC = 6


@dataclass(frozen=True)
class TrainingProfile:
    """Throughput of a training, megapixels of crops per second."""

    data: float
    """One worker alone: on one core, the first filling of its pool left out."""
    arithmetic: float
    """Steps on one and the same batch."""
    both: float
    """As it trains."""
    gflops: float
    """Floating-point operations of `both`, 1e9 a second; 0 if not counted."""
    steps_per_minute: float
    """Of `both`."""
    precision: str
    """What convolutions are computed in."""

    def lines(self) -> list[str]:
        """The figures as text."""
        return [
            f"data alone        {self.data:7.2f} Mpx/s a core",
            f"arithmetic alone  {self.arithmetic:7.2f} Mpx/s, {self.precision}",
            f"both              {self.both:7.2f} Mpx/s, {self.gflops:.0f} GFLOP/s, "
            f"{self.steps_per_minute:.0f} steps a minute",
        ]


def profile(
    training: Training, kmac_per_pixel: float = 0.0, seconds: float = 10.0
) -> TrainingProfile:
    """Measure the throughput of a training's parts; its weights change, nothing is saved.

    Parameters
    ----------
    training : Training
    kmac_per_pixel : float
        Of its network, forward.
    seconds : float
        Time for each part.
    """
    recipe = training.recipe
    megapixels = recipe.batch * recipe.crop**2 / 1e6
    job = dataclasses.replace(training.job(), first=0, last=10**9)
    pool = job.pool()
    batch = pool.batch(0)

    cpu, steps = time.process_time(), 0
    while time.process_time() - cpu < seconds:
        steps += 1
        pool.batch(steps)
    data = steps * megapixels / (time.process_time() - cpu)
    del pool

    for _ in range(WARM_STEPS):
        training.train_step(batch)
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        steps += 1
        training.train_step(batch)
    arithmetic = steps * megapixels / (time.perf_counter() - start)

    with Feed(job) as feed:
        start = steps = 0
        for made in feed:
            training.train_step(made)
            steps += 1
            if steps == WARM_STEPS:
                start = time.perf_counter()
            elif steps > WARM_STEPS and time.perf_counter() - start > seconds:
                break
        rate = (steps - WARM_STEPS) / (time.perf_counter() - start)
    return TrainingProfile(
        data=data,
        arithmetic=arithmetic,
        both=rate * megapixels,
        gflops=rate * megapixels * kmac_per_pixel * FLOP_PER_MAC,
        steps_per_minute=60 * rate,
        precision=training.precision.value,
    )
