"""`edgeqe prune` by the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from skimage import data

from edgeqe.cli import main
from edgeqe.model.file import ModelFile
from edgeqe.quantization.pruning import distillation
from edgeqe.quantization.pruning.pictures import TuningPictures
from edgeqe.verify.checks import verify


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def one_line(result: Result, *parts: str) -> None:
    """Exit status 2 and one line on standard error that holds the parts."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("edgeqe: "), lines
    for part in parts:
        assert part in lines[0]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    for name in ("astronaut", "chelsea", "coffee"):
        Image.fromarray(getattr(data, name)()).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory, photographs: Path) -> tuple[Path, Any]:
    """edgeqe-nano with half its arithmetic, fine-tuned for a moment, and the report."""
    path = tmp_path_factory.mktemp("half") / "half.onnx"
    words = ("edgeqe-nano", "-o", path, "--ratio", 0.5, "--data", photographs, "--steps", 20)
    result = run("prune", *words, "--json")
    assert result.exit_code == 0, result.output
    return path, json.loads(result.stdout)


def test_half_the_arithmetic_goes_and_fine_tuning_wins_back(half: tuple[Path, Any]) -> None:
    path, report = half
    before, after = report["kmac_per_pixel"]
    assert before == pytest.approx(1.584) and 0.45 <= after / before <= 0.5
    # by hand: head 6 planes, tail 6 planes, 3x3, at half resolution
    head, *hidden, tail = [width for _, width in report["widths"].values()]
    chain = [6, head, *hidden]
    macs = 9 * (sum(a * b for a, b in zip(chain, chain[1:], strict=False)) + chain[-1] * tail)
    assert after == pytest.approx(macs / 4 / 1000)
    assert all(width % report["multiple"] == 0 for width in (head, *hidden)) and tail == 6
    assert report["importance"] == "taylor" and report["from"] == "edgeqe-nano"
    assert report["fine_tuned"]["steps"] == 20 and not report["fine_tuned"]["interrupted"]
    key = "held-out gray q20"
    jpeg, whole = report["psnr_db"]["unpruned"][key]
    cut, tuned = (report["psnr_db"][name][key][1] for name in ("pruned", "tuned"))
    assert whole > tuned > cut and whole > jpeg
    card = ModelFile(path).card
    assert card.name == "edgeqe-nano" and "pruned to" in card.description
    assert card.provenance["pruned"]["ratio"] == 0.5
    assert card.provenance["fine-tuned"]["steps"] == 20


def test_every_later_stage_takes_it(
    half: tuple[Path, Any], photographs: Path, tmp_path: Path
) -> None:
    path, report = half
    assert [check for check in verify(path) if not check.passed] == []
    assert run("convert", path, "-o", tmp_path / "half.tflite").exit_code == 0
    first, second = ModelFile(path), ModelFile(tmp_path / "half.tflite")
    assert first.card.kmac_per_pixel == second.card.kmac_per_pixel == report["kmac_per_pixel"][1]
    with Image.open(photographs / "coffee.png") as photograph:
        photograph.crop((0, 0, 240, 160)).save(tmp_path / "in.jpg", quality=20)
    words = (tmp_path / "in.jpg", "-o", tmp_path / "out.png", "--model", path)
    assert run("enhance", *words).exit_code == 0
    # and prune itself, which starts from the pruned widths
    again = tmp_path / "quarter.onnx"
    result = run("prune", path, "-o", again, "--ratio", 0.3, "--json")
    assert result.exit_code == 0, result.output
    less = json.loads(result.stdout)
    assert less["kmac_per_pixel"][0] == report["kmac_per_pixel"][1]
    assert less["importance"] == "l1" and "psnr_db" not in less
    assert np.all([new <= old for old, new in less["widths"].values()])


def test_an_interrupt_writes_what_was_reached(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TuningPictures, "gains", lambda *_: {"held-out gray q10": (27.0, 28.0)})
    monkeypatch.setattr(
        distillation, "fine_tune", lambda *_, **__: distillation.Tuned(7, 60.0, 0.5, True)
    )
    words = ("edgeqe-tiny", "-o", tmp_path / "o.onnx", "--ratio", 0.3, "--data", photographs)
    result = run("prune", *words, "--importance", "l1")
    assert result.exit_code == 130
    assert "fine-tuned 7 steps, 1.0 min, interrupted" in result.stdout
    assert ModelFile(tmp_path / "o.onnx").card.provenance["fine-tuned"]["steps"] == 7


def test_a_network_of_the_zoo_prunes_with_random_weights(tmp_path: Path) -> None:
    result = run("prune", "liu", "-o", tmp_path / "l.onnx", "--ratio", 0.4, "--importance",
                 "batch-norm")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("liu: 10.8") and "not fine-tuned" in result.stdout
    card = ModelFile(tmp_path / "l.onnx").card
    assert card.provenance["pruned"]["weights"] == "random"
    assert "Random weights" in card.description
    one_line(run("prune", "liu", "-o", tmp_path / "l.onnx", "--ratio", 0.4), "--overwrite")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("edgeqe-tiny", "--ratio", 1.5), ("--ratio",)),
        (("edgeqe-tiny", "--ratio", 0.5, "--steps", 5), ("need pictures", "--data")),
        (("edgeqe-tiny", "--ratio", 0.5, "--importance", "taylor"), ("need pictures", "--data")),
        (("edgeqe-tiny", "--ratio", 0.99), ("cannot lose 0.99", "smaller --ratio")),
        (("edgeqe-huge", "--ratio", 0.5), ("edgeqe-huge",)),
        (("dcad", "--ratio", 0.5, "--data", "."), ("'dcad' has no training data", "--data")),
        (("vrcnn", "--ratio", 0.5, "--importance", "batch-norm"), ("--importance l1",)),
    ],
)
def test_wrong_use_is_one_line(words: Any, parts: Any, tmp_path: Path) -> None:
    result = run("prune", *words, "-o", tmp_path / "o.onnx")
    one_line(result, *parts)
    assert not list(tmp_path.iterdir())


def test_an_int8_or_tflite_file_is_no_network_to_prune(
    half: tuple[Path, Any], tmp_path: Path
) -> None:
    run("convert", half[0], "-o", tmp_path / "half.tflite")
    result = run("prune", tmp_path / "half.tflite", "-o", tmp_path / "o.onnx", "--ratio", 0.5)
    one_line(result, "give the float32 ONNX file")


def test_another_tools_network_is_told_the_reason_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "theirs.keras").write_bytes(b"PK\x03\x04")
    result = run("prune", tmp_path / "theirs.keras", "-o", tmp_path / "o.onnx", "--ratio", 0.5)
    one_line(result, "prune another tool's network there")
    assert "edgeqe convert" not in result.stderr  # its file would be refused as well
