"""The pytest plugin: in a run of its own, with warnings as errors, and in nobody's way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgeqe.quantization.drift import pytest_plugin
from tests.drift_models import TINY, doubled, photographs

ROOT = Path(__file__).resolve().parents[2]
SUITE = """
import pytest

def test_holds(edgeqe_drift):
    report = edgeqe_drift({tiny!r}, {tiny!r}, data="pictures", qualities=(90,), threads=1)
    assert report.failures() == []

def test_drifts(edgeqe_drift):
    edgeqe_drift({tiny!r}, "broken.onnx", data="pictures", qualities=(10,), protocols=("gray",))

def test_limits(edgeqe_drift):
    limits = {{"max_drop": 0.0, "max_gain_loss": 5.0, "max_tile_drop": 0.0}}
    report = edgeqe_drift({tiny!r}, {tiny!r}, data="pictures", qualities=[90], **limits)
    assert report.limits.max_tile_drop == 0.0
    assert report.limits.max_gain_loss == 5.0

def test_wrong_use(edgeqe_drift):
    edgeqe_drift({tiny!r}, {tiny!r}, data="none")
"""


def run(code: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """A process that loads this copy of the plugin by name, whatever is installed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [sys.executable, *code], cwd=folder, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def test_a_team_s_own_run(tmp_path: Path) -> None:
    photographs(tmp_path / "pictures")
    doubled(tmp_path / "broken.onnx")
    (tmp_path / "test_model.py").write_text(SUITE.format(tiny=TINY))
    options = [
        "-p",
        "edgeqe.quantization.drift.pytest_plugin",
        "-p",
        "no:cacheprovider",
        "-W",
        "error",
    ]
    done = run(["-m", "pytest", "-rA", *options], tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    outcomes = dict(
        line.split(" - ")[0].split(" ", 1)[::-1]
        for line in done.stdout.splitlines()
        if line.startswith(("PASSED test_model", "FAILED test_model", "ERROR test_model"))
    )
    assert outcomes == {
        "test_model.py::test_holds": "PASSED",
        "test_model.py::test_limits": "PASSED",
        "test_model.py::test_drifts": "FAILED",
        "test_model.py::test_wrong_use": "FAILED",
    }
    # The failure is the table, without a traceback into edgeqe.
    assert (
        "gray: studio-range luma (gray pictures as they are), coded without chroma" in done.stdout
    )
    assert "DRIFTS" in done.stdout
    assert "gray JPEG quality 10: the mean gain loses" in done.stdout
    assert "gate.py" not in done.stdout.partition("_ test_wrong_use _")[0]
    assert "InputError: 'none' is no folder" in done.stdout


def test_loading_it_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys, pytest\nbefore = set(sys.modules)\n"
        "import edgeqe.quantization.drift.pytest_plugin\n"
        "print(sorted(set(sys.modules) - before))"
    )
    done = run(["-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(
        [
            "edgeqe",
            "edgeqe.errors",
            "edgeqe.quantization",
            "edgeqe.quantization.drift",
            "edgeqe.quantization.drift.pytest_plugin",
        ]
    )


def test_a_run_without_the_fixture_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text(
        "import sys\n\ndef test_other():\n    assert 'numpy' not in sys.modules\n"
    )
    options = [
        "-p",
        "edgeqe.quantization.drift.pytest_plugin",
        "-p",
        "no:cacheprovider",
        "-W",
        "error",
    ]
    done = run(["-m", "pytest", "-q", *options], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_an_entry_point_of_the_package() -> None:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"] == {"pytest11": {"edgeqe": pytest_plugin.__name__}}


def test_an_unknown_limit_is_refused(tmp_path: Path) -> None:
    photographs(tmp_path / "pictures")
    with pytest.raises(TypeError, match="max_drops"):
        pytest_plugin.gate(TINY, TINY, data=tmp_path / "pictures", max_drops=1.0)
