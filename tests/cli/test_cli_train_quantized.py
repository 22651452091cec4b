"""``edgeqe train --quantized`` and ``edgeqe quantize`` of its result, by the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edgeqe.cli import main
from edgeqe.codecs.strength import step_key
from edgeqe.model.file import ModelFile
from edgeqe.zoo.training import validate
from edgeqe.zoo.training.files import CHECKPOINT, RANGES
from tests.quantization.photographs import folder_of
from tests.reference import photograph


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def refused(result: Result, *parts: str) -> None:
    """Exit status 2 and one line that holds the parts."""
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    assert len(result.stderr.splitlines()) == 1, result.stderr
    for part in parts:
        assert part in result.stderr


def test_from_a_trained_network_to_a_file_of_integers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validate, "HOLDOUT_SIZE", (96, 64))
    (tmp_path / "data" / "free").mkdir(parents=True)
    for name in ("coffee", "chelsea"):
        picture = Image.fromarray(photograph(name, 20, 40, 112, 128))
        picture.save(tmp_path / "data" / "free" / f"{name}.png")
    text = 'network = "edgeqe-tiny"\nsteps = 2\nbatch = 1\ncrop = 48\n'
    (tmp_path / "plain.toml").write_text(text)
    recipe = tmp_path / "short.toml"
    recipe.write_text(text + 'start = "edgeqe-tiny:float32"\n')
    words = ("--data", tmp_path / "data", "--out", tmp_path / "runs", "--quantized")
    refused(run("train", tmp_path / "plain.toml", *words), "'plain'", "name a model by start")

    result = run("train", recipe, *words, "--json")
    assert result.exit_code == 0, result.output
    folder = tmp_path / "runs" / "short"
    assert json.loads(result.stdout)["step"] == 2 and (folder / CHECKPOINT).is_file()
    refused(run("train", recipe, *words[:-1], "--resume"), "with --quantized", "give it")
    (folder / RANGES).rename(tmp_path / RANGES)
    refused(run("train", recipe, *words, "--resume"), "without --quantized", "leave it out")
    (tmp_path / RANGES).rename(folder / RANGES)

    out = tmp_path / "tiny.onnx"
    pictures = folder_of(tmp_path / "pictures")
    result = run("quantize", folder, "-o", out, "--calibration", pictures, "--json")
    assert result.exit_code == 0, result.output
    # two steps from a trained network: rounding to the nearest costs some of its 1 dB
    assert max(json.loads(result.stdout)["drop_db"].values()) < 0.3
    file = ModelFile(out)
    assert file.card.provenance["calibration"]["frozen in training"] is True
    # by hand: a frozen high end, linear between keys, is 255 steps of the file after a ReLU
    key = step_key(file.card.default_step)
    with np.load(folder / RANGES) as frozen:
        values = [name for name in frozen.files if name.endswith("relu.out") and "high" in name]
        expected = [np.interp(key, frozen["keys"], frozen[name]) / 255 for name in values]
    spans = [span for name, span in file.outline.initializers.items() if name.endswith(".scale")]
    scales = [np.frombuffer(file.data[span.start : span.stop], "<f4") for span in spans]
    alone = np.array([scale[0] for scale in scales if len(scale) == 1])
    assert len(expected) == 4
    for scale in expected:  # float32, and the table of strengths rounded when it was packed
        assert np.abs(alone / scale - 1).min() < 2e-3
