"""``edgeqe bench --baseline``: what holds, what fails, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import Result

from edgeqe.bench import quality

Bench = Callable[..., Result]


def changed(path: Path, change: Callable[[dict[str, Any]], None]) -> str:
    """Path of a copy of a report with a change."""
    report = json.loads(path.read_text(encoding="utf-8"))
    change(report)
    copy = path.with_name("changed.json")
    copy.write_text(json.dumps(report), encoding="utf-8")
    return str(copy)


def test_a_baseline_that_holds_and_one_that_does_not(
    bench: Bench, tmp_path: Path, told_memory: list[tuple[Any, ...]]
) -> None:
    what = ("--protocol", "gray", "-q", "10", "--repeats", "8")
    made = bench(*what, "--json")
    assert made.exit_code == 0, made.output
    report = tmp_path / "report.json"
    report.write_text(made.output, encoding="utf-8")
    # Ten times is beyond what any machine's noise makes of eight rounds.
    result = bench(*what, "--baseline", str(report), "--max-slowdown", "900")
    assert result.exit_code == 0, result.output
    assert f"Compared with {report}" in result.output

    def better(report: dict[str, Any]) -> None:
        report["quality"][0]["gain_db"] += 0.2
        for lane in report["latency"]["lanes"]:
            lane["to_reference"] /= 100
            lane["to_reference_interval"] = [x / 100 for x in lane["to_reference_interval"]]

    junit = tmp_path / "bench.xml"
    baseline = changed(report, better)
    result = bench(*what, "--baseline", baseline, "--max-slowdown", "900", "--junit", str(junit))
    assert result.exit_code == 1
    assert "edgeqe-tiny:float32" in result.output.splitlines()[-1]
    failed = [
        case.attrib["name"]
        for case in ElementTree.parse(junit).iter("testcase")
        if case.find("failure") is not None
    ]
    assert len(failed) == 3  # the gain, the whole path and the network alone
    assert told_memory


def test_an_unlike_baseline_is_refused_before_anything_is_measured(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    what = ("--protocol", "gray", "-q", "10", "--no-speed")
    report = tmp_path / "report.json"
    report.write_text(bench(*what, "--json").output, encoding="utf-8")

    def elsewhere(report: dict[str, Any]) -> None:
        report["stamp"]["cpu"] = "Cortex-A76"
        report["models"][0]["provider"] = "CUDAExecutionProvider"

    def measured(*_: Any) -> Any:
        raise AssertionError("it was measured")

    baseline = changed(report, elsewhere)
    accepted = bench(*what, "--baseline", baseline, "--accept-unlike")
    assert accepted.exit_code == 0, accepted.output
    monkeypatch.setattr(quality, "measure", measured)
    result = bench(*what, "--baseline", baseline)
    assert result.exit_code == 2
    for word in ("Cortex-A76", "CUDAExecutionProvider", "CPUExecutionProvider", "--accept-unlike"):
        assert word in result.output


def test_other_pictures_under_the_same_name_keep_the_report_and_refuse(
    bench: Bench, tmp_path: Path, pictures: Path
) -> None:
    pytest.importorskip("matplotlib")
    what = ("--protocol", "gray", "-q", "10", "--no-speed")
    report = tmp_path / "report.json"
    report.write_text(bench(*what, "--json").output, encoding="utf-8")
    (pictures / "face.png").rename(pictures / "other.png")
    out = tmp_path / "out"
    result = bench(*what, "--baseline", str(report), "-o", str(out))
    assert result.exit_code == 2
    assert "other" in result.output.splitlines()[-1]
    assert (out / "report.json").exists()


def test_what_cannot_be_opened_is_an_error_case(bench: Bench, tmp_path: Path) -> None:
    words = ("-q", "20", "--protocol", "gray", "--no-speed")
    baseline, junit, broken = tmp_path / "b", tmp_path / "bench.xml", tmp_path / "broken.onnx"
    assert bench(*words, "-o", str(baseline)).exit_code == 0
    broken.write_bytes(b"no model")
    gate = (*words, "--baseline", str(baseline / "report.json"), "--junit", str(junit))
    for candidate, told in ((broken, "broken.onnx"), (tmp_path / "none.onnx", "none.onnx")):
        result = bench(*gate, "--overwrite", model=str(candidate))
        assert result.exit_code == 2
        suites = ElementTree.parse(junit).getroot()
        assert suites.attrib["errors"] == "1"
        assert told in next(suites.iter("error")).attrib["message"]
