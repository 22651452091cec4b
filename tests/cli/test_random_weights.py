"""A network that nobody trained, or that was pruned and left so, says so wherever it is used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edgeqe import Enhancer
from edgeqe.cli import main
from tests.cli.conftest import Bench

pytest.importorskip("keras")
WORDS = "random weights, for timing and tests alone"


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the smallest network with random weights."""
    from edgeqe.converters.export import export
    from edgeqe.converters.sources import from_zoo

    path = tmp_path_factory.mktemp("random") / "untrained.onnx"
    export(from_zoo("edgeqe-nano"), path)
    return path


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest network, pruned and not fine-tuned."""
    path = tmp_path_factory.mktemp("pruned") / "cut.onnx"
    result = run("prune", "edgeqe-nano", "-o", path, "--ratio", 0.3)
    assert result.exit_code == 0, result.output
    return path


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_enhance(untrained: Path, tmp_path: Path) -> None:
    given = tmp_path / "in.jpg"
    Image.fromarray(np.full((40, 50), 90, np.uint8)).save(given, quality=20)
    result = run("enhance", given, "-o", tmp_path / "out.png", "-m", untrained, "--json")
    assert result.exit_code == 0
    assert result.stderr == f"{untrained}: {WORDS}\n"
    assert json.loads(result.stdout)["random_weights"] is True
    result = run("enhance", given, "-o", tmp_path / "2.png", "-m", "edgeqe-nano", "--json")
    assert result.stderr == ""
    assert json.loads(result.stdout)["random_weights"] is False


def test_info(untrained: Path) -> None:
    with Enhancer(untrained, threads=1) as enhancer:
        assert enhancer.info.random_weights
        lines = str(enhancer.info).splitlines()
    assert lines[0].split() == [
        "model",
        "edgeqe-nano,",
        "float32,",
        *WORDS.replace(",", ":").split(),
    ]
    facts = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines}
    assert facts["threads"] == "1" and facts["memory"].endswith(" of 64 MiB at most")
    assert facts["windows"].endswith("a halo of 8 among them")


def test_drift(untrained: Path, pictures: Path) -> None:
    words = ("drift", untrained, untrained, "--data", pictures, "-q", 20, "--protocol", "gray")
    result = run(*words)
    assert result.stdout.splitlines()[0].endswith(f"; {WORDS}")
    assert result.stdout.splitlines()[1].endswith(f"; {WORDS}")
    report = json.loads(run(*words, "--json").stdout)
    assert report["candidate"]["random_weights"] is True


def test_bench(untrained: Path, bench: Bench) -> None:
    words = ("--no-speed", "-q", "20", "--protocol", "gray")
    assert "float32, random weights" in bench(*words, model=str(untrained)).stdout
    (entry,) = json.loads(bench(*words, "--json", model=str(untrained)).stdout)["models"]
    assert entry["random_weights"] is True


def test_a_pruned_network_that_was_not_fine_tuned(
    cut: Path, pictures: Path, bench: Bench, tmp_path: Path
) -> None:
    given, words = tmp_path / "in.jpg", "pruned and not fine-tuned"
    Image.fromarray(np.full((40, 50), 90, np.uint8)).save(given, quality=20)
    result = run("enhance", given, "-o", tmp_path / "out.png", "-m", cut, "--json")
    assert (result.exit_code, result.stderr) == (0, f"{cut}: {words}\n")
    assert json.loads(result.stdout)["not_fine_tuned"] is True
    with Enhancer(cut, threads=1) as enhancer:
        assert str(enhancer.info).splitlines()[0].endswith(f"float32, {words}")
    result = run("drift", cut, cut, "--data", pictures, "-q", 20, "--protocol", "gray")
    assert result.stdout.splitlines()[0].endswith(f"; {words}")
    measured = bench("--no-speed", "-q", "20", "--protocol", "gray", model=str(cut))
    assert "float32, not fine-tuned" in measured.stdout


def test_fine_tuning_takes_the_mark_away(cut: Path) -> None:
    from dataclasses import replace

    from edgeqe.model.file import ModelFile

    card = ModelFile(cut).card
    assert card.caveat == "pruned and not fine-tuned"
    tuned = replace(card, provenance={**card.provenance, "fine-tuned": {"steps": 9}})
    assert tuned.caveat == "" and not tuned.not_fine_tuned
