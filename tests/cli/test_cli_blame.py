"""``edgeqe blame`` by the command line: it names what was swapped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgeqe.cli import main
from tests.drift_models import TINY, doubled, photographs


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["blame", *map(str, words)])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return photographs(tmp_path / "pictures")


def test_a_doubled_scale_is_quantization(data: Path, tmp_path: Path) -> None:
    broken = doubled(tmp_path / "broken.onnx")
    result = run(TINY, broken, "--data", data, "-q", 10)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1].startswith("largest: quantization (")
    assert "decoder    islow, not swapped" in result.stdout


def test_another_dct_is_the_decoder(data: Path) -> None:
    words = ("--data", data, "-q", 90, "--protocol", "gray", "--json", "--threads", 1)
    result = run(TINY, TINY, *words, "--decoder", "ifast")
    assert (result.exit_code, result.stderr) == (0, "")
    report = json.loads(result.stdout)
    assert (report["largest"], report["decoder"]) == ("decoder", "ifast")
    (row,) = report["rows"]
    assert (row["protocol"], row["quality"], row["pictures"]) == ("gray", 90, 2)
    assert row["drift_db"] == pytest.approx(sum(row["losses_db"].values()), abs=1e-12)
    assert report["candidate"]["threads"] == 1
    assert json.loads(run(TINY, TINY, *words).stdout)["largest"] == "none"


def test_the_default_qualities(data: Path) -> None:
    result = run(TINY, TINY, "--data", data, "--protocol", "gray")
    assert result.exit_code == 0
    rows = [line.split()[0] for line in result.stdout.splitlines() if line.startswith("  ")]
    assert rows == ["10", "40", "90"]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ((TINY, TINY), "missing option '--data'"),
        ((TINY, TINY, "--data", "none"), "'none' is no folder"),
        ((TINY, "none.onnx", "--data", "pictures"), "no model 'none.onnx'"),
        ((TINY, TINY, "--data", "pictures", "-q", "101"), "quality 101 is not"),
        ((TINY, TINY, "--data", "pictures", "--decoder", "float"), "--decoder"),
    ],
)
def test_wrong_use(
    words: tuple[str, ...], part: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data.parent)
    result = run(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("edgeqe: ") and part in line
