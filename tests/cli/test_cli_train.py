"""``edgeqe train`` and ``edgeqe convert`` of its result, by the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edgeqe import zoo
from edgeqe.cli import main
from edgeqe.model.file import ModelFile
from edgeqe.zoo.plain import plain
from edgeqe.zoo.training import loop, profile, validate
from edgeqe.zoo.training.files import CHECKPOINT, LOG, RECIPE
from edgeqe.zoo.training.loop import Training
from tests.reference import photograph

ROOT = Path(__file__).resolve().parents[2]
TEXT = 'network = "edgeqe-tiny"\nsteps = {steps}\nbatch = 1\ncrop = 48\n'
#: No wait in these tests is longer, seconds.
BOUND = 240


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of two small photographs."""
    folder = tmp_path_factory.mktemp("pictures")
    for name in ("coffee", "chelsea"):
        Image.fromarray(photograph(name, 20, 40, 112, 128)).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small network in edgeqe-tiny's place, validated on a small picture at one quality."""
    monkeypatch.setattr(validate, "HOLDOUT_SIZE", (96, 64))
    monkeypatch.setattr(loop, "RUNNING_QUALITIES", (10,))
    monkeypatch.setattr(loop, "FINAL_QUALITIES", (10,))

    def small(strength: str = "scale-and-bias", codecs: Sequence[str] = ("jpeg",)) -> Any:
        """Width 8, two hidden convolutions."""
        return plain("edgeqe-tiny", width=8, depth=2, strength=strength, codecs=codecs)

    monkeypatch.setattr(zoo.plain, "edgeqe_tiny", small)


def recipe(folder: Path, steps: int = 3, more: str = "") -> Path:
    path = folder / "short.toml"
    path.write_text(TEXT.format(steps=steps) + more)
    return path


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def refused(result: Result, *parts: str) -> None:
    """Exit status 2 and one line at the end that holds the parts."""
    assert result.exit_code == 2, result.output
    assert len(result.stderr.splitlines()) == 1, result.stderr
    for part in parts:
        assert part in result.stderr


@pytest.mark.usefixtures("short")
def test_a_training_of_a_folder_of_pictures(pictures: Path, tmp_path: Path) -> None:
    words = ("train", recipe(tmp_path), "--data", pictures, "--out", tmp_path / "runs")
    result = run(*words, "--precision", "float32")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "short: step 0 of 3, float32"
    assert lines[1].startswith("step 3, ") and "held-out gray q10 " in lines[1] and len(lines) == 2
    refused(run(*words), "holds a training: go on with --resume, or give another --out")

    # a finished one is validated again, with what computes now
    result = run(*words, "--precision", "bfloat16", "--resume", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["schema_version"], found["step"], found["precision"]) == (1, 3, "bfloat16")

    out = tmp_path / "tiny.onnx"
    result = run("convert", tmp_path / "runs" / "short", "-o", out)
    assert (result.exit_code, result.stderr) == (0, "")
    card = ModelFile(out).card
    # in which it was trained, not in which a training that had ended was resumed
    assert card.provenance["steps"] == 3 and card.provenance["precision"] == "float32"
    assert "validation" not in card.provenance
    (measured,) = card.quality.values()
    assert set(measured) == {"held-out gray q10", "held-out planes q10"}


@pytest.mark.usefixtures("short")
def test_an_interrupted_training_says_where_it_is_and_converts_as_it_is(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupts(training: Training) -> None:
        if training.step == stop:
            raise KeyboardInterrupt

    monkeypatch.setattr(Training, "after_step", interrupts)
    toml, folder = recipe(tmp_path, 8, "validate_every = 3\n"), tmp_path / "runs" / "short"
    words = ("train", toml, "--data", pictures, "--out", folder.parent, "--precision", "float32")
    stop = 2
    result = run(*words)
    assert result.exit_code == 130
    assert result.stderr.splitlines() == [
        f"stopped: '{folder}' holds a checkpoint of step 2 of 8; go on with --resume.",
        "edgeqe: interrupted.",
    ]
    out = tmp_path / "tiny.onnx"
    result = run("convert", folder, "-o", out)
    assert result.exit_code == 0, result.output
    (note,) = result.stderr.splitlines()
    assert "not validated yet" in note and "2 steps" in note
    card = ModelFile(out).card
    expected = {"steps": 2, "precision": "float32", "validation": "none yet"}
    assert {key: card.provenance[key] for key in expected} == expected and card.quality == {}

    stop = 5  # behind a validation, at step 3
    assert run(*words, "--resume").exit_code == 130
    result = run("convert", folder, "-o", out, "--overwrite")
    assert (result.exit_code, result.stderr) == (0, "")
    card = ModelFile(out).card
    assert (card.provenance["steps"], card.provenance["validation"]) == (5, "at step 3")
    assert len(card.quality) == 1

    # what only the log knows: a training whose checkpoint is gone
    (folder / CHECKPOINT).unlink()
    assert run("convert", folder, "-o", out, "--overwrite").exit_code == 0
    assert ModelFile(out).card.provenance["steps"] == 3
    (folder / LOG).unlink()
    refused(run("convert", folder, "-o", out, "--overwrite"), "saved a checkpoint")
    (folder / LOG).write_text("{damaged")
    refused(run("convert", folder, "-o", out, "--overwrite"), "damaged")
    (folder / RECIPE).unlink()
    refused(run("convert", folder, "-o", out, "--overwrite"), "is no training")


@pytest.mark.usefixtures("short")
def test_what_cannot_be_trained_on_is_one_line(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    words = ("train", recipe(tmp_path), "--out", out, "--data")
    refused(run(*words, tmp_path / "none"), "no folder", "give the data folder by --data")
    empty = tmp_path / "empty"
    empty.mkdir()
    refused(run(*words, empty), "no pictures in", "give a folder with some")
    for size in (40, 90):  # the crop is 48
        Image.fromarray(np.zeros((size, size, 3), np.uint8)).save(empty / f"{size}.png")
    refused(run(*words, empty), "no picture has 96 pixels both ways")
    bad = tmp_path / "bad"
    bad.mkdir()
    for name in ("a.png", "b.png"):  # the first is held out, the second trained on
        for copy in ("a.png", "b.png"):
            (bad / copy).write_bytes((pictures / "coffee.png").read_bytes())
        (bad / name).write_bytes(b"no picture")
        refused(run(*words, bad), f"{name} is no picture that edgeqe reads", "give JPEG")
    # none of these is a training to go on with
    assert not list(out.rglob(CHECKPOINT))
    refused(run(*words, pictures, "--resume"), "no checkpoint")
    refused(run(*words, pictures, "--quantized", "--precision", "bfloat16"), "trains in float32")
    refused(
        run("train", recipe(tmp_path), "--data", pictures, "--out", bad / "a.png"), "give another"
    )
    lost = recipe(tmp_path, 3, 'start = "edgeqe-bas"\n')
    refused(
        run("train", lost, "--data", pictures, "--out", out), "give a shipped model (edgeqe-nano"
    )
    taught = recipe(tmp_path, 3, 'teachers = ["nobody"]\n')
    refused(run("train", taught, "--data", pictures, "--out", out), "nobody")


@pytest.mark.usefixtures("short")
def test_a_profile_prints_where_time_goes_and_saves_nothing(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profile.profile, "__defaults__", (0.0, 0.01))  # seconds a part
    out = tmp_path / "runs"
    words = ("train", recipe(tmp_path), "--data", pictures, "--out", out, "--profile")
    result = run(*words, "--json", "--precision", "float32")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["precision"] == "float32" and found["data"] > 0 and found["arithmetic"] > 0
    # multiply-accumulates of a picture's pixel, four of which share a sample of the planes
    kmac = (6 * 8 + 2 * 8 * 8 + 8 * 6) * 9 / 4 / 1000
    assert found["gflops"] == pytest.approx(found["both"] * kmac * 6)
    assert found["both"] == pytest.approx(found["steps_per_minute"] / 60 * 48**2 / 1e6)

    figures = profile.TrainingProfile(12.345, 2.0, 1.5, 52.2, 97.6, "bfloat16")
    monkeypatch.setattr(profile, "profile", lambda training, kmac: figures)
    result = run(*words)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "data alone          12.35 Mpx/s a core",
        "arithmetic alone     2.00 Mpx/s, bfloat16",
        "both                 1.50 Mpx/s, 52 GFLOP/s, 98 steps a minute",
    ]
    assert not out.exists()


def test_ctrl_c_of_a_terminal_stops_it_at_a_checkpoint(pictures: Path, tmp_path: Path) -> None:
    """SIGINT reaches the whole group, as a terminal sends it; nothing is left running."""
    folder = tmp_path / "runs" / "short"
    toml = recipe(tmp_path, 10**6, "validate_every = 1\n")
    # a shell's background job ignores SIGINT, and so would all that it starts
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-m", "edgeqe", "train", str(toml), "--data", str(pictures),
         "--out", str(folder.parent)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=ROOT,
    )  # fmt: skip
    signal.signal(signal.SIGINT, before)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        while line and not line.startswith("step 1, "):  # the first validation
            line = process.stdout.readline()
        assert line
        os.killpg(process.pid, signal.SIGINT)
        # the workers write to the same standard error, so its end is theirs
        _, errors = process.communicate(timeout=BOUND)
    finally:
        process.kill()
    assert process.returncode == 130, errors
    lines = [line for line in errors.splitlines() if line.startswith(("stopped", "edgeqe"))]
    with np.load(folder / CHECKPOINT) as stored:
        step = int(stored["step"])
    assert step >= 1
    assert lines == [
        f"stopped: '{folder}' holds a checkpoint of step {step} of 1000000; go on with --resume.",
        "edgeqe: interrupted.",
    ]
    assert "Traceback" not in errors
