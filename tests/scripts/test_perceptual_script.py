"""scripts/perceptual: its figures are those of the pictures, before and after."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgeqe import Enhancer
from edgeqe.bench.data import folder
from edgeqe.metrics import psnr
from tests.reference import photograph
from tests.source_tree import ROOT

SCRIPT = ROOT / "scripts" / "perceptual"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    pytest.importorskip("keras")
    return runpy.run_path(str(SCRIPT / "__main__.py"))


def test_the_distance_is_the_mean_difference_of_the_features() -> None:
    pytest.importorskip("keras")
    from edgeqe.zoo.training.features import feature_distance

    first = np.full((16, 16, 3), 100, np.uint8)
    second = first.copy()
    second[:8] += 10  # half of the samples by 10
    # features that are the network's own unit, (v - 128) / 255, times 255
    assert feature_distance(lambda x: x * 255, first, second) == pytest.approx(5.0, rel=1e-5)
    assert feature_distance(lambda x: x * 255, first, first) == 0.0


def test_figures_are_of_what_was_decoded_and_of_what_a_network_makes_of_it(
    script: dict[str, Any], tmp_path: Path
) -> None:
    picture = Image.fromarray(photograph("chelsea", 60, 120, 96, 96))
    picture.save(tmp_path / "a.png")
    with Enhancer("edgeqe-nano:float32") as network:
        rows = list(script["figures"]([network], folder(tmp_path), "jpeg", 20, np.asarray))
        ((before, after),) = rows
        picture.save(tmp_path / "a.jpg", quality=20)
        decoded = np.asarray(Image.open(tmp_path / "a.jpg").convert("RGB"))
        enhanced = network.enhance(decoded, quality=20)
    reference = np.asarray(picture)
    assert before[0] == pytest.approx(psnr(reference, decoded), abs=0.001)
    assert after[0] == pytest.approx(psnr(reference, enhanced), abs=0.001)
    assert after[0] > before[0] and after[3] < before[3]  # nearer by both


def test_an_unknown_model_is_named(tmp_path: Path) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")
    command = [sys.executable, str(SCRIPT), "edgeqe-nanu", "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    # without the package of the features that is what is said
    assert "edgeqe-nanu" in done.stderr or "efficientnet" in done.stderr
