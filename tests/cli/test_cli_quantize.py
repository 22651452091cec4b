"""``edgeqe quantize`` by the command line."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import onnx
import pytest
from ai_edge_litert.interpreter import Interpreter
from click.testing import CliRunner, Result
from onnx import numpy_helper

from edgeqe import Enhancer
from edgeqe.cli import main
from edgeqe.model.catalogue import find_model
from edgeqe.model.file import ModelFile
from edgeqe.verify.checks import verify
from tests.quantization.photographs import folder_of

MODEL = "edgeqe-nano:float32"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("calibration"))


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["quantize", *map(str, words)])


def refused(result: Result, *parts: str) -> None:
    """Exit status 2 and one line that holds the parts."""
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    assert len(result.stderr.splitlines()) == 1, result.stderr
    for part in parts:
        assert part in result.stderr


def test_a_shipped_model_becomes_integers(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "nano.onnx"
    result = run(MODEL, "-o", out, "--calibration", pictures)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    assert "times as fast as float32" in result.stdout and "q90" in result.stdout
    file = ModelFile(out)
    assert file.card.precision == "int8" and file.card.activations
    calibration = file.card.provenance["calibration"]
    assert (calibration["pictures"], calibration["statistic"]) == (8, "percentile")
    assert len(calibration["sha256"]) == 64
    assert "edgeqe.training" not in file.outline.metadata  # it has no weights to train on
    assert [check.name for check in verify(out) if not check.passed] == []
    # by hand: kernels of a byte, and 12 bytes a channel for scale, bias and the bias's scale, and
    # a scale for the planes and each of five results
    kernels = 6 * 16 * 9 + 2 * 16 * 16 * 9 + 16 * 6 * 9
    assert f"constants {kernels + 12 * (3 * 16 + 6) + 4 * 6} " in result.stdout
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[:96, :128]
    picture = np.clip(120 + rows / 2 + rng.normal(0, 9, rows.shape), 0, 255).astype(np.uint8)
    with Enhancer(out) as ours, Enhancer(MODEL) as real:
        for quality in (10, 90):
            one, other = (e.enhance(picture, quality=quality) for e in (ours, real))
            assert np.abs(one.astype(int) - other).max() <= 3
            assert np.abs(one.astype(int) - other).mean() < 0.5
        assert ours.self_test().passed


def largest_weights(path: Path) -> set[int]:
    """Largest weight of each kernel, read without our own reader."""
    if path.suffix == ".onnx":
        stored = [numpy_helper.to_array(one) for one in onnx.load(path).graph.initializer]
    else:
        interpreter = Interpreter(model_path=str(path))
        stored = [
            interpreter.get_tensor(detail["index"])
            for detail in interpreter.get_tensor_details()
            if detail["name"].endswith(".kernel")
        ]
    kernels = [one for one in stored if one.ndim == 4 and one.dtype == np.int8]
    assert len(kernels) == 4
    return {int(np.abs(kernel.astype(int)).max()) for kernel in kernels}


def test_litert_gets_kernels_of_8_bits_and_onnx_runtime_of_7(
    pictures: Path, tmp_path: Path
) -> None:
    for suffix, largest in ((".onnx", 64), (".tflite", 127)):
        out = tmp_path / f"nano{suffix}"
        result = run(MODEL, "-o", out, "--calibration", pictures)
        assert result.exit_code == 0, result.output
        assert largest_weights(out) == {
            largest
        }  # a channel's largest may be clipped, not a kernel's


def test_a_share_of_the_calibration_is_drawn(pictures: Path, tmp_path: Path) -> None:
    plain, drawn = tmp_path / "plain.onnx", tmp_path / "drawn.onnx"
    for out, words in ((plain, []), (drawn, ["--drawn", 0.2])):
        result = run(MODEL, "-o", out, "--calibration", pictures, *words)
        assert (result.exit_code, result.stderr) == (0, ""), result.output
    found = [ModelFile(out).card.provenance["calibration"] for out in (plain, drawn)]
    assert "drawn share" not in found[0] and found[1]["drawn share"] == 0.2
    windows = [one["windows"] for one in found]
    assert windows[1] == pytest.approx(windows[0] / 0.8, abs=0.5)
    assert found[0]["sha256"] != found[1]["sha256"]


def test_layers_are_ranked_and_the_worst_stay_real(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "nano.onnx"
    words = (MODEL, "--calibration", pictures, "--json")
    free = json.loads(run(*words, "--report").stdout)
    drops = [max(layer["drop_db"].values()) for layer in free["layers"]]
    assert len(drops) == 4 and drops == sorted(drops, reverse=True)
    assert set(free["drop_db"]) == {"10", "40", "60", "80", "90"} and "output" not in free
    limit = 0.6 * max(free["drop_db"].values())
    result = run(*words, "-o", out, "--max-drop", limit)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    ranked = [layer["layer"] for layer in found["layers"]]
    assert (
        found["met"]
        and 0 < len(found["real"]) <= 4
        and found["real"] == ranked[: len(found["real"])]
    )
    assert max(found["drop_db"].values()) <= limit
    assert [check.name for check in verify(out) if not check.passed] == []


def test_named_layers_stay_in_float_and_the_card_makes_the_file_again(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = (MODEL, "-o", "a.onnx", "--calibration", pictures)
    refused(run(*words, "--keep-float", "nothing"), "no convolution 'nothing'", "head", "tail")
    first = run(*words, "--keep-float", "head", "--keep-float", "tail", "--json")
    assert first.exit_code == 0, first.output
    assert json.loads(first.stdout)["real"] == ["head", "tail"]
    made = Path("a.onnx").read_bytes()
    card = ModelFile(Path("a.onnx")).card
    assert card.integer_kmac_per_pixel < card.kmac_per_pixel
    (line,) = card.provenance["commands"]
    Path("a.onnx").unlink()
    program, verb, *again = shlex.split(line)
    assert (program, verb) == ("edgeqe", "quantize")
    assert run(*again).exit_code == 0
    assert Path("a.onnx").read_bytes() == made
    every = ("head", "hidden_1", "hidden_2", "tail")
    kept = [word for name in every for word in ("--keep-float", name)]
    refused(run(*words, "--overwrite", *kept), "leave one to quantize")


def test_symmetric_integers_for_tensorrt(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "trt.onnx"
    assert run(MODEL, "-o", out, "--calibration", pictures, "--trt").exit_code == 0
    file = ModelFile(out)
    zeros = [n for n in file.outline.initializers if n.startswith("zero.")]
    assert zeros == ["zero.0"] and not file.card.biases
    assert [check.name for check in verify(out) if not check.passed] == []


def test_what_is_refused(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.onnx"
    refused(run(MODEL, "--calibration", pictures), "nothing to do", "--report")
    refused(run(MODEL, "-o", out, "--calibration", tmp_path / "no"), "no folder")
    refused(run(MODEL, "-o", out, "--calibration", tmp_path), "no pictures")
    refused(run(MODEL, "-o", tmp_path / "a.bin", "--calibration", pictures), ".onnx or .tflite")
    refused(run(MODEL, "-o", tmp_path / "a.tflite", "--calibration", pictures, "--trt"), "--trt")
    refused(run(MODEL, "-o", out, "--calibration", pictures, "--drawn", 1), "drawn share of 1.0")
    refused(run("nothing", "-o", out, "--calibration", pictures), "no model 'nothing'")
    out.write_bytes(b"")
    refused(run(MODEL, "-o", out, "--calibration", pictures), "exists", "--overwrite")
    assert out.read_bytes() == b""


def test_integers_are_not_rounded_again(pictures: Path, tmp_path: Path) -> None:
    done = find_model("edgeqe-nano:int8")
    refused(run(done, "-o", tmp_path / "a.onnx", "--calibration", pictures), "int8", "float32")


def test_few_pictures_are_refused_with_their_number(pictures: Path, tmp_path: Path) -> None:
    few = folder_of(tmp_path / "few", ("astronaut", "coffee"))
    refused(run(MODEL, "-o", tmp_path / "a.onnx", "--calibration", few), "2 of 2", "at least 8")
