"""A target of another architecture: it runs, says so, and is estimated as its own board."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edgeqe.cli import main
from edgeqe.targets.detect import architecture_of

OTHER = "x86-cpu" if architecture_of(platform.machine()) == "arm64" else "arm-cpu"
MEANT = {"arm-cpu": "arm64", "x86-cpu": "x86-64"}[OTHER]


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_enhance_says_whose_profile_it_runs_under(tmp_path: Path) -> None:
    given = tmp_path / "in.jpg"
    Image.fromarray(np.full((40, 50), 90, np.uint8)).save(given, quality=20)
    words = ("enhance", given, "-m", "edgeqe-nano:float32", "--target", OTHER)
    result = run(*words, "-o", tmp_path / "out.png")
    assert result.exit_code == 0, result.output
    assert f"target '{OTHER}' is for {MEANT}: its settings run here" in result.stderr
    report = json.loads(run(*words, "-o", tmp_path / "2.png", "--json").stdout)
    assert report["foreign"] == MEANT
    here = run("enhance", given, "-m", "edgeqe-nano", "-o", tmp_path / "3.png")
    assert here.stderr == ""


def test_targets_does_not_call_it_installed() -> None:
    facts = json.loads(run("targets", OTHER, "--json").stdout)["target"]
    assert all(backend["absent"] for backend in facts["backends"])
    assert any(backend["absent"] == f"this machine is no {MEANT}" for backend in facts["backends"])


def test_targets_suggests_no_installation_that_would_not_help() -> None:
    lines = run("targets", OTHER).stdout.splitlines()
    assert not any(line.split()[:1] == ["fix"] for line in lines)


@pytest.mark.skipif(OTHER != "arm-cpu", reason="the board is an ARM board")
def test_an_estimate_has_the_cores_of_the_board() -> None:
    words = ("bench", "--estimate", "--target", "arm-cpu", "-m", "edgeqe-nano:float32", "--json")
    board = json.loads(run(*words).stdout)
    assert board["cores"] == 4  # of a Raspberry Pi 4 and 5
    two = json.loads(run(*words, "--threads", 2).stdout)
    assert two["cores"] == 2
    fast, slow = (report["models"][0]["frames"] for report in (board, two))
    assert all(fast[name]["estimated_seconds"] < slow[name]["estimated_seconds"] for name in fast)
