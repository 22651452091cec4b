"""``edgeqe bench`` from end to end on a small picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edgeqe.bench import memory, quality
from edgeqe.bench.data import packaged_file
from edgeqe.cli import main

Bench = Callable[..., Result]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with one small crop of a photograph."""
    pytest.importorskip("skimage")
    folder = tmp_path / "pictures"
    folder.mkdir()
    with Image.open(packaged_file("astronaut.png")) as opened:
        opened.crop((160, 40, 304, 168)).save(folder / "face.png")
    return folder


@pytest.fixture
def bench(pictures: Path) -> Bench:
    """Run ``edgeqe bench`` with the tiny model on that folder."""

    def run(*arguments: str) -> Result:
        start = ["bench", "--model", "edgeqe-tiny", "--data", str(pictures)]
        return CliRunner().invoke(main, [*start, *arguments])

    return run


def test_quality_of_all_protocols_as_json(bench: Bench) -> None:
    each = [word for name in ("gray", "colour", "rgb") for word in ("--protocol", name)]
    result = bench(*each, "--quality", "10", "--no-speed", "--threads", "1", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.output)
    assert [row["protocol"] for row in report["quality"]] == ["gray", "colour", "rgb"]
    for row in report["quality"]:
        # The probes that the recipe started from gave 0.65 dB and more at quality 10.
        assert row["gain_db"] > 0.3
        assert row["worst_picture"] == "face"
        assert row["psnr_b_db_after"] > row["psnr_b_db_before"]
    (model,) = report["models"]
    assert model["provider"] == "CPUExecutionProvider"
    assert model["threads"] == 1
    assert report["memory"] == []


def test_speed_and_memory(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[Any] = []
    measure = memory.measure

    def small(name: str, model: str, limit: int, threads: int, shape: Any, target: str) -> Any:
        shapes.append(shape)
        assert target.endswith(".toml")  # the same target in the fresh process
        return measure(name, model, limit, threads, (64, 64, 3), target)

    monkeypatch.setattr(memory, "measure", small)
    result = bench("-q", "20", "--no-quality", "--repeats", "2", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.output)
    assert report["quality"] == []
    assert [lane["what"] for lane in report["speed"]["lanes"]] == [
        "gray",
        "planes",
        "rgb",
        "network",
    ]
    assert all(lane["megapixels_per_second"] > 0 for lane in report["speed"]["lanes"])
    assert all(lane["rounds"] == 2 for lane in report["speed"]["lanes"])
    assert shapes == [(3000, 4000, 3)]
    assert report["memory"][0]["shape"] == [64, 64, 3]


def test_an_interrupt_keeps_what_was_measured(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = quality.measure

    def interrupted(networks: Any, pictures: Any, protocol: str, value: int, tell: Any) -> Any:
        if value == 20:
            raise KeyboardInterrupt
        return measure(networks, pictures, protocol, value, tell)

    monkeypatch.setattr(quality, "measure", interrupted)
    out = tmp_path / "made" / "out"
    result = bench("--protocol", "gray", "-q", "10", "-q", "20", "--no-speed", "-o", str(out))
    assert result.exit_code == 130
    assert "Interrupted: only what is shown was measured." in result.output
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["interrupted"] is True
    assert [row["quality"] for row in report["quality"]] == [10]


def test_an_existing_report_is_kept(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("mine", encoding="utf-8")
    arguments = ["--protocol", "gray", "-q", "10", "--no-speed", "-o", str(tmp_path)]
    result = bench(*arguments)
    assert (result.exit_code, path.read_text(encoding="utf-8")) == (2, "mine")
    assert "--overwrite" in result.output
    assert bench(*arguments, "--overwrite").exit_code == 0
    assert json.loads(path.read_text(encoding="utf-8"))["schema_version"] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--quality", "0"], "quality 0 is not a whole number from 1 to 100"),
        (["--quality", "101"], "quality 101 is not"),
        (["--protocol", "grey"], "protocol 'grey' is not known"),
        (["--repeats", "0"], "repeats 0"),
        (["--scale", "0"], "scale 0.0 is not above 0"),
        (["--no-quality", "--no-speed"], "leave nothing to measure"),
        (["--peer", "absent.onnx"], "there is no peer absent.onnx"),
        (["--peer", "absent.onnx", "--protocol", "rgb"], "give --protocol gray"),
        (["--data", "absent"], "absent is not a folder"),
    ],
)
def test_wrong_use_is_one_line(bench: Bench, arguments: list[str], words: str) -> None:
    result = bench(*arguments)
    assert result.exit_code == 2
    assert words in result.output
    assert result.output.startswith("edgeqe: ")
    assert result.output.count("\n") == 1


def test_gray_pictures_alone_have_no_colour_figures(pictures: Path, bench: Bench) -> None:
    (pictures / "face.png").unlink()
    Image.fromarray(np.full((32, 32), 90, np.uint8)).save(pictures / "gray.png")
    result = bench("--protocol", "colour", "--no-quality")
    assert result.exit_code == 2
    assert "no colour picture to time" in result.output
