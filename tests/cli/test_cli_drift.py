"""``edgeqe drift`` by the command line: exit codes, files, and what stops it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edgeqe.cli import main
from edgeqe.cli.progress import progress
from edgeqe.quantization.drift import gate
from tests import onnx_files, small_models
from tests.drift_models import TINY, doubled, photographs, save


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["drift", *map(str, words)])


def one_line(result: Result, *parts: str) -> None:
    """Exit status 2, nothing on standard output, and one line that holds the parts."""
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert result.stderr.startswith("edgeqe: ")
    for part in parts:
        assert part in result.stderr


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return photographs(tmp_path / "pictures")


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return doubled(tmp_path_factory.mktemp("models") / "broken.onnx")


def test_a_candidate_that_holds(data: Path, tmp_path: Path) -> None:
    junit = tmp_path / "drift.xml"
    result = run(TINY, TINY, "--data", data, "-q", 10, "-q", 90, "-q", 10, "--junit", junit)
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[-1] == "the candidate holds"
    rows = [line for line in lines if line.endswith("holds") and not line.startswith("the")]
    # Gray then rgb, each quality once; two pictures, of which one has colour.
    assert [line.split()[:2] for line in rows] == [
        ["10", "2"],
        ["90", "2"],
        ["10", "1"],
        ["90", "1"],
    ]
    suites = ElementTree.parse(junit).getroot()
    assert (suites.attrib["tests"], suites.attrib["failures"]) == ("8", "0")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["drift.xml", "pictures"]


def test_a_doubled_scale_exits_1(data: Path, broken: Path, tmp_path: Path) -> None:
    junit = tmp_path / "drift.xml"
    result = run(TINY, broken, "--data", data, "-q", 10, "--protocol", "gray", "--junit", junit)
    assert result.exit_code == 1
    assert "DRIFTS" in result.stdout
    (line,) = result.stderr.splitlines()
    assert line.startswith(
        f"edgeqe: '{broken}' drifts from '{TINY}' in 1 of 1 rows. pictures, gray JPEG quality 10"
    )
    assert ElementTree.parse(junit).getroot().attrib["failures"] == "2"


def test_json_says_the_same(data: Path, broken: Path) -> None:
    words = ("--data", data, "-q", 40, "--protocol", "rgb", "--json", "--threads", 1)
    result = run(TINY, broken, *words)
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["holds"] is False
    (row,) = report["rows"]
    assert (row["protocol"], row["value"], row["pictures"]) == ("rgb", 40, 1)
    assert row["loss_db"] == pytest.approx(row["reference_gain_db"] - row["candidate_gain_db"])
    assert report["candidate"]["threads"] == 1
    assert json.loads(run(TINY, TINY, *words).stdout)["holds"] is True


def test_stated_limits(data: Path, broken: Path) -> None:
    words = (TINY, broken, "--data", data, "-q", 10, "--protocol", "gray", "--json")
    (row,) = json.loads(run(*words).stdout)["rows"]
    assert row["limit_db"] == pytest.approx(max(0.05, 0.05 * row["reference_gain_db"]))
    more = ("--max-drop", 20, "--max-tile-drop", 40)
    (row,) = json.loads(run(*words, *more).stdout)["rows"]
    assert row["limit_db"] == 20.0
    # What is left is the JPEG, below which no candidate may fall.
    assert all("below the JPEG itself" in failure for failure in row["failures"])
    (row,) = json.loads(run(*words, "--max-gain-loss", 50).stdout)["rows"]
    assert row["limit_db"] == pytest.approx(row["reference_gain_db"] / 2)


def test_several_sets_each_have_their_rows(data: Path, tmp_path: Path) -> None:
    others = tmp_path / "others"
    others.mkdir()
    other = photographs(others / "pictures")
    words = ("--data", data, "--data", "drawn", "--data", other, "-q", 90, "--protocol", "gray")
    result = run(TINY, TINY, *words, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    rows = json.loads(result.stdout)["rows"]
    assert [(row["data"].split()[0], row["pictures"]) for row in rows] == [
        ("pictures", 2), ("drawn", 20), (str(other), 2)
    ]  # fmt: skip
    assert "editor-18.png" in rows[1]["losses_db"]


def test_an_existing_file_is_kept(data: Path, tmp_path: Path) -> None:
    junit = tmp_path / "drift.xml"
    junit.write_text("mine")
    words = (TINY, TINY, "--data", data, "-q", 90, "--protocol", "gray", "--junit", junit)
    one_line(run(*words), "drift.xml' exists: add --overwrite")
    assert junit.read_text() == "mine"
    assert run(*words, "--overwrite").exit_code == 0
    assert junit.read_text().startswith("<?xml")


def test_an_interrupt_leaves_no_file(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(gate, "measure", interrupted)
    result = run(TINY, TINY, "--data", data, "--junit", tmp_path / "drift.xml")
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr == "edgeqe: interrupted.\n"
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


def test_wrong_use(data: Path, tmp_path: Path) -> None:
    one_line(run(TINY, TINY), "missing option '--data'")
    one_line(run(TINY, "--data", data), "missing argument 'CANDIDATE'")
    one_line(run(TINY, TINY, "--data", tmp_path / "none"), "is no folder")
    (tmp_path / "coded.mp4").write_bytes(b"any")
    one_line(run(TINY, TINY, "--data", tmp_path / "coded.mp4"), "a clip without loss (.y4m, .mkv)")
    (tmp_path / "empty").mkdir()
    one_line(run(TINY, TINY, "--data", tmp_path / "empty"), "no pictures in")
    words = (TINY, TINY, "--data", data)
    one_line(run(*words, "-q", 0), "quality 0 is not a whole number from 1 to 100")
    one_line(run(*words, "--protocol", "colour"), "give one of gray, planes, rgb (colour is")
    one_line(run(*words, "--max-drop", -1), "max-drop -1.0 is no number of 0 or more")
    one_line(run(*words, "--threads", 0), "threads 0 is not")
    one_line(run(*words, "--memory-limit", "1KiB"), "memory limit")
    one_line(run(*words, "--junit", tmp_path / "none" / "a.xml"), "cannot be written")
    save(tmp_path / "gray", gray=np.zeros((32, 32), np.uint8))
    one_line(
        run(TINY, TINY, "--data", tmp_path / "gray", "--protocol", "rgb"),
        "all pictures are gray",
    )


def test_wrong_models(data: Path, tmp_path: Path) -> None:
    one_line(run(TINY, "none.onnx", "--data", data), "no model 'none.onnx'")
    one_line(run(tmp_path, TINY, "--data", data), "is a folder")
    foreign = tmp_path / "foreign.onnx"
    node = onnx_files.make("Relu", ["x"], ["y"])
    onnx.save(onnx_files.model([node], {}), foreign)
    one_line(run(TINY, foreign, "--data", data), "it carries no card")
    (tmp_path / "noise.tflite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(40))
    one_line(run(TINY, tmp_path / "noise.tflite", "--data", data), "cannot use the model")
    residual = tmp_path / "residual.onnx"
    small_models.write(small_models.strong_graph(inputs=("planes", "residual")), residual)
    one_line(run(TINY, residual, "--data", data), "takes the decoder's prediction residual")


def test_a_damaged_picture_is_named(data: Path) -> None:
    (data / "zz.png").write_bytes(b"no picture")
    one_line(run(TINY, TINY, "--data", data, "-q", 90), "zz.png is no picture")


def test_jpeg_pictures_are_noted(data: Path) -> None:
    with Image.open(data / "camera.png") as opened:
        opened.save(data / "camera.jpg", quality=95)
    result = run(TINY, TINY, "--data", data, "-q", 10, "--protocol", "gray")
    assert result.exit_code == 0
    assert "note: pictures: 1 of 3 pictures are JPEG files, camera.jpg the first" in result.stdout


def test_progress_is_for_terminals(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with progress(2, "Comparing", hide=False) as advance:
        advance()
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with progress(2, "Comparing", hide=True) as advance:
        advance()
    assert capsys.readouterr().err == ""
    with progress(2, "Comparing", hide=False) as advance:
        advance()
        advance()
    shown = capsys.readouterr()
    assert "Comparing" in shown.err and "100%" in shown.err
    assert shown.out == ""


def test_a_candidate_that_cannot_be_opened_is_an_error_case(data: Path, tmp_path: Path) -> None:
    broken, junit = tmp_path / "broken.onnx", tmp_path / "drift.xml"
    broken.write_bytes(b"no model")
    result = run(TINY, broken, "--data", data, "-q", 90, "--junit", junit)
    assert result.exit_code == 2
    suites = ElementTree.parse(junit).getroot()
    assert (suites.attrib["errors"], suites.attrib["failures"]) == ("1", "0")
    (error,) = suites.iter("error")
    assert "broken.onnx" in error.attrib["message"]
    assert result.stderr == f"edgeqe: {error.attrib['message']}\n"
