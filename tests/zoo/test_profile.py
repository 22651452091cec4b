"""The profile: figures by hand from clocks that tick as told."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgeqe.zoo.training import profile as module
from edgeqe.zoo.training.feed import Job
from edgeqe.zoo.training.profile import WARM_STEPS, profile
from edgeqe.zoo.training.precision import Precision
from edgeqe.zoo.training.recipe import Recipe
from tests.reference import photograph


class Trained:
    """Counts steps, and the batches that were not the one before."""

    recipe = Recipe("test", "edgeqe-tiny", steps=3, batch=4, crop=32)
    precision = Precision.BFLOAT16

    def __init__(self, file: Path) -> None:
        self.file, self.steps, self.fresh, self.last = file, 0, 0, np.zeros(1)

    def job(self) -> Job:
        return Job((str(self.file),), seed=1, batch=4, crop=32, candidates=2,
                   error_floor=1.5, slots=2)  # fmt: skip

    def train_step(self, batch: Any) -> float:
        self.steps += 1
        self.fresh += not np.array_equal(batch[0], self.last)
        self.last = batch[0].copy()
        return 0.0


def test_throughput_is_pixels_over_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(photograph("coffee", 20, 40, 70, 90)).save(tmp_path / "a.png")
    # one tick a look: a quarter of a second of the processor, half a second of the wall's
    processor, wall = itertools.count(0.0, 0.25), itertools.count(0.0, 0.5)
    monkeypatch.setattr(module.time, "process_time", lambda: next(processor))
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(wall))
    trained = Trained(tmp_path / "a.png")
    found = profile(trained, kmac_per_pixel=5.0, seconds=2.0)  # type: ignore[arg-type]
    pixels = 4 * 32**2 / 1e6
    # looks at 0, then before each of 7 steps, then the one that ends it, then the result's
    assert found.data == pytest.approx(7 * pixels / (9 * 0.25))
    assert found.arithmetic == pytest.approx(3 * pixels / (5 * 0.5))
    # here each step looks behind itself: 5 until 2.5 s are over, and the result's
    assert found.both == pytest.approx(5 * pixels / (6 * 0.5))
    assert found.steps_per_minute == pytest.approx(60 * 5 / 3.0)
    # 5,000 multiply-accumulates a pixel, six operations each, forward and backward
    assert found.gflops == pytest.approx(found.both * 1e6 * 5000 * 6 / 1e9)
    assert trained.steps == WARM_STEPS + 3 + WARM_STEPS + 5
    # one and the same, then that of each step, of which the first is the same again
    assert trained.fresh == 1 + WARM_STEPS + 5 - 1
    assert found.precision == "bfloat16" and "bfloat16" in found.lines()[1]
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
