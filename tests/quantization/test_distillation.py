"""Fine-tuning: what is trained on, how the weights are averaged, when it ends."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgeqe import zoo
from edgeqe.errors import InputError
from edgeqe.quantization.pruning.distillation import PEAK, TEACHER_SHARE, WARMUP, fine_tune, rate
from edgeqe.quantization.pruning.pictures import TuningPictures, read_pictures
from edgeqe.typing import Float
from edgeqe.zoo.training.feed import Job
from tests.reference import photograph


class Student:
    """Counts: after n batches its one weight is n."""

    def __init__(self, loss: float = 0.5) -> None:
        self.loss = loss
        self.weight = np.zeros(1, np.float32)
        self.seen: list[Float] = []
        self.rates: list[float] = []

    def compile(self, optimizer: Any, loss: Any) -> None:
        self.optimizer = optimizer

    def train_on_batch(self, given: list[Float], targets: Float) -> float:
        self.weight = self.weight + 1
        self.seen.append(targets.copy())
        self.rates.append(float(self.optimizer.learning_rate))
        return self.loss

    def get_weights(self) -> list[Float]:
        return [self.weight]

    def set_weights(self, weights: list[Float]) -> None:
        (self.weight,) = weights


class Teacher:
    def predict_on_batch(self, given: list[Float]) -> Float:
        return 3.0 * given[0]


class Batches:
    """Batches of one sample: planes 2, residual 1, weight 0.25."""

    def batches(self, seed: int, steps: int) -> Any:
        shape = (1, 4, 4, 6)
        for _ in range(steps):
            targets = np.concatenate([np.full(shape, 1.0), np.full(shape, 0.25)], axis=-1)
            yield np.full(shape, 2.0, np.float32), np.ones((1, 1)), targets.astype(np.float32)


def tune(student: Any, **budget: Any) -> Any:
    return fine_tune(student, Teacher(), Batches(), **budget)  # type: ignore[arg-type]


def test_the_target_lies_between_the_picture_and_the_teacher() -> None:
    student = Student()
    tuned = tune(student, steps=3)
    assert (tuned.steps, tuned.interrupted, tuned.loss) == (3, False, 0.5)
    for targets in student.seen:
        # the teacher says 6: the weights of the loss stay
        np.testing.assert_allclose(targets[..., :6], 1.0 + TEACHER_SHARE * 5.0, rtol=1e-6)
        np.testing.assert_array_equal(targets[..., 6:], 0.25)


def test_the_learning_rate_rises_and_falls_to_nothing() -> None:
    assert rate(0.0) == pytest.approx(0.01 * PEAK)
    assert rate(WARMUP) == pytest.approx(PEAK)
    # the cosine is half way down in the middle of what is left
    assert rate((1 + WARMUP) / 2) == pytest.approx(PEAK / 2)
    assert rate(1.0) == pytest.approx(0.0, abs=1e-12)
    student = Student()
    tune(student, steps=4)
    np.testing.assert_allclose(student.rates, [rate(k / 4) for k in range(4)], rtol=1e-6)


def test_the_weights_end_as_a_mean_over_the_steps() -> None:
    student = Student()
    tune(student, steps=5)
    mean = 0.0
    for step in range(1, 6):  # decays 2/11, 3/12, ...: early ones forget the start
        decay = (1 + step) / (10 + step)
        mean = decay * mean + (1 - decay) * step
    assert student.weight[0] == pytest.approx(mean, rel=1e-6)


def test_an_interrupt_keeps_what_was_reached() -> None:
    student = Student()

    def told(done: float, step: int, loss: float) -> None:
        assert done == pytest.approx(step / 10)
        if step == 4:
            raise KeyboardInterrupt

    tuned = tune(student, steps=10, progress=told)
    assert (tuned.steps, tuned.interrupted) == (4, True)
    assert 0 < student.weight[0] < 4


def test_time_ends_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(100.0, 30.0)  # half a minute a look: one look at the start
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    student = Student()
    tuned = tune(student, minutes=2.0)
    assert (tuned.steps, tuned.interrupted) == (4, False)
    np.testing.assert_allclose(student.rates, [rate(k / 4) for k in range(4)], rtol=1e-6)


def test_a_loss_that_is_no_number_is_refused() -> None:
    with pytest.raises(InputError, match="loss is nan"):
        tune(Student(float("nan")), steps=3)


def test_pictures_of_any_folder_are_split(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for index in range(12):
        pixels = rng.integers(0, 256, (200, 200, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"p{index:02}.png")
    pictures = read_pictures(tmp_path, zoo.build("edgeqe-tiny"))
    held = {"p00.png", "p10.png"}
    assert {file.name for file in pictures.files} == {f"p{i:02}.png" for i in range(12)} - held
    assert {name: len(pictures) for name, pictures in pictures.sets.items()} == {"held-out": 2}


def test_batches_are_those_of_a_training_from_scratch(tmp_path: Path) -> None:
    Image.fromarray(photograph("coffee", 20, 40, 200, 240)).save(tmp_path / "a.png")
    files = (tmp_path / "a.png",)
    job = Job((str(files[0]),), seed=5, batch=2, crop=96, candidates=4, error_floor=1.5, slots=6)
    pool, made = job.pool(), 0
    for batch in TuningPictures(files, {}).batches(seed=5, steps=3, size=2):
        for part, same in zip(batch, pool.batch(made), strict=True):
            np.testing.assert_array_equal(part, same)
        made += 1
    assert made == 3
    with pytest.raises(InputError, match="no picture has 192 pixels both ways"):
        small = tmp_path / "small.png"
        Image.fromarray(photograph("coffee", 20, 40, 100, 240)).save(small)
        next(TuningPictures((small,), {}).batches(seed=5, steps=3))


def test_a_network_of_several_codecs_is_tuned_on_pictures_of_all(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="HEVC is coded by PyAV")
    Image.fromarray(photograph("coffee", 20, 40, 200, 240)).save(tmp_path / "a.png")
    files = (tmp_path / "a.png",)
    batches = TuningPictures(files, {}, ("jpeg", "webp", "hevc")).batches(seed=5, steps=1, size=40)
    _, strengths, _ = next(batches)
    assert strengths.shape == (40, 4)  # log2 of the step, then a one-hot of the codec
    jpeg, webp, hevc = strengths[:, 1:].sum(0)
    assert jpeg + webp + hevc == 40
    # a half and two quarters of 40 draws: 20 and 10 within four deviations
    assert abs(jpeg - 20) <= 4 * (40 * 0.25) ** 0.5 and min(webp, hevc) >= 1
    assert read_pictures(tmp_path, zoo.load("edgeqe-tiny")).codecs == (
        "jpeg", "h264", "hevc", "vvc", "av1", "webp", "jpeg2000",
    )  # fmt: skip


def test_only_networks_with_training_data_are_tuned(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'liu' has no training data here.*leave --data out"):
        read_pictures(tmp_path, zoo.build("liu"))
    with pytest.raises(InputError, match="no folder"):
        read_pictures(tmp_path / "none", zoo.build("edgeqe-tiny"))
