"""The report as text and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from edgeqe.bench.console import format_report
from edgeqe.bench.entries import DataEntry, EncoderEntry, ModelEntry, SetupEntry, StampEntry
from edgeqe.bench.latency import Timing
from edgeqe.bench.quality import QualityRow, Score
from edgeqe.bench.report import SCHEMA_VERSION, BenchReport, write_json
from edgeqe.bench.tradeoff import Requirement
from edgeqe.coding import RatePoint
from edgeqe.errors import InputError
from edgeqe.protocols import CodingProtocol

NAME = "edgeqe-tiny:int8"
MODEL: dict[str, Any] = {
    "name": NAME,
    "sha256": "cd" * 32,
    "memory_limit_bytes": 64 << 20,
    "planned_bytes": 30 << 20,
    "target": "x86-cpu",
    "placement": {},
    "model": "edgeqe-tiny",
    "file": "edgeqe-tiny.int8.onnx",
    "file_bytes": 2048,
    "precision": "int8",
    "parameters": 1234,
    "kmac_per_pixel": 5.832,
    "window": [606, 432],
    "halo": 12,
    "runtime": "onnxruntime",
    "runtime_version": "1.31.1",
    "provider": "CPUExecutionProvider",
    "fallback": "",
    "threads": 2,
}
STAMP: dict[str, Any] = {
    "edgeqe": "0.1.0",
    "python": "3.11.7",
    "numpy": "2.4.6",
    "system": "Linux x86_64",
    "cpu": "Some CPU",
    "cpu_count": 2,
    "cpu_features": ["avx2"],
    "jpeg": "some decoder",
    "reference": "reference.onnx 0123456789abcdef",
    "conditions": {},
}


def report() -> BenchReport:
    scores = (
        Score("a", (30.0, 31.0), (32.0, 33.5), (0.75, 0.875), (29.0, 31.0), 0.5, 10.0),
        Score("b", (28.0, 28.5), (30.0, 31.0), (0.25, 0.375), (27.0, 28.0), 1.5, 10.0),
    )
    made = BenchReport(
        stamp=StampEntry(**STAMP),
        setup=SetupEntry(
            target="x86-cpu",
            full=False,
            codec="jpeg",
            coding="all intra",
            encoder=EncoderEntry("libjpeg-turbo", "3.1", "4:2:0"),
            unit="quality",
            values=[10],
            protocols=["gray", "rgb"],
            sizes=["720p"],
            threads=2,
            memory_limit_bytes=64 << 20,
        ),
        models=[ModelEntry(**MODEL)],
        data=DataEntry("set", False, 2, 1.0),
        requirement=Requirement(fps=20.0),
    )
    made.quality = [
        QualityRow(CodingProtocol.GRAY, NAME, RatePoint("jpeg", 10), scores),
        QualityRow(CodingProtocol.RGB, NAME, RatePoint("jpeg", 10), scores),
    ]
    made.latency_quality = 10
    made.latency = [
        Timing("DnCNN3", "gray", "720p", 720, 1280, (2.0, 1.0, 4.0), (200.0, 100.0, 400.0)),
        Timing(NAME, "rgb", "720p", 720, 1280, (0.04,) * 6, (4.0,) * 6),
    ]
    made.reference_seconds = [0.01, 0.01, 0.02]
    made.notes = ["something was left out"]
    return made


def test_the_whole_text() -> None:
    expected = """\
        2 pictures of set; target x86-cpu

        model             kMAC/px  parameters  KiB  precision   window  halo
        edgeqe-tiny:int8     5.83        1234    2       int8  606x432    12

        Quality, protocol gray: studio-range luma (gray pictures as they are), coded without chroma

        model              q  n  bit/px  JPEG dB  after dB    gain   worst  SSIM JPEG   after  PSNR-B JPEG   after  worst picture
        edgeqe-tiny:int8  10  2   1.000   29.000    29.750  +0.750  +0.500     0.5000  0.6250       28.000  29.500              b

        Quality, protocol rgb: RGB of the decoder, coded as 4:2:0; PSNR in RGB
        Y: full-range luma; SSIM and PSNR-B are of it.

        model              q  n  bit/px  bit/ch  JPEG dB  after dB    gain   worst  Y JPEG  Y after  SSIM JPEG   after  PSNR-B JPEG   after  worst picture
        edgeqe-tiny:int8  10  2   1.000   0.333   29.000    29.750  +0.750  +0.500  31.000   32.250     0.5000  0.6250       28.000  29.500              b

        Latency, one picture after another, JPEG quality 10; lanes in turns, the reference network
        between them (10.00 ms)

        model             what                    size   p50 ms       95 % interval      p90  p99   fps  Mpx/s  to reference  rounds
        DnCNN3            whole path, gray array  720p  2000.00  250.00 to 16000.00  4000.00        0.5   0.46       200.000       3
        edgeqe-tiny:int8  whole path, RGB array   720p    40.00      40.00 to 40.00    40.00       25.0  23.04         4.000       6
        Unsteady, rounds differ by 10 % or more: DnCNN3 (whole path, gray array, 720p). Close other programs, or run again with a larger --repeats.

        Trade-off: gain at quality 10 (rgb) against latency at 720p (whole path, RGB array)

        model             gain dB  p50 ms  p90 ms   fps  kMAC/px  parameters  KiB  MiB  frontier
        edgeqe-tiny:int8   +0.750    40.0    40.0  25.0      5.8        1234    2            yes

        Best that holds 20 frames per second at 720p (rgb array, 90th percentile): edgeqe-tiny:int8, +0.750 dB at quality 10, 40.0 ms, 25.0 frames per second.

        edgeqe 0.1.0, Python 3.11.7, numpy 2.4.6
        onnxruntime 1.31.1, CPUExecutionProvider, 2 threads
        Linux x86_64, Some CPU (avx2), 2 processors
        JPEG: some decoder
        note: something was left out"""  # noqa: E501  # a table's lines are as long as they are
    assert format_report(report().to_dict()) == dedent(expected)


def test_memory_and_bd_rate_as_text() -> None:
    values = report().to_dict()
    values["memory"] = [
        {"name": NAME, "size": "720p", "shape": [720, 1280, 3], "peak_bytes": 30 << 20,
         "planned_bytes": 40 << 20, "limit_bytes": 64 << 20, "codec_bytes": 5 << 20,
         "planner_off": -0.25, "planner_wrong": True},
        {"name": NAME, "size": "12MP", "shape": [3000, 4000, 3], "peak_bytes": None,
         "planned_bytes": 40 << 20, "limit_bytes": 64 << 20, "codec_bytes": None,
         "planner_off": None, "planner_wrong": False},
    ]  # fmt: skip
    values["bd"] = [
        {"protocol": "gray", "model": NAME, "measure": "psnr", "codec": "jpeg", "values": [10, 20, 40, 70],
         "bd_rate_percent": -18.6, "bd_psnr_db": 1.387, "pictures": 1, "worst_picture": "a",
         "worst_bd_rate_percent": -18.6, "left_out": ["b"]},
        {"protocol": "rgb", "model": NAME, "measure": "y_psnr", "codec": "jpeg",
         "values": [10, 20, 40, 70], "worst_picture": None, "worst_bd_rate_percent": None,
         "bd_rate_percent": None, "bd_psnr_db": None, "pictures": 0, "left_out": ["a", "b"]},
    ]  # fmt: skip
    text = format_report(values)
    for line in """\
        edgeqe-tiny:int8  720p      30.0     40.0  -25%   64.0      5.0
        edgeqe-tiny:int8  12MP   unknown     40.0         64.0  unknown
        The planner is wrong, by more than 20 %: edgeqe-tiny:int8 (720p).
        edgeqe-tiny:int8  gray      PSNR    -18.60 %  +1.387 dB  1  -18.60 %  a
        edgeqe-tiny:int8  rgb       Y PSNR                       0
        Left out somewhere, since their curves cannot be compared: b, a.
        edgeqe-tiny:int8   +0.750    40.0    40.0  25.0      5.8        1234    2  30.0       yes\
        """.splitlines():
        assert line.strip() in [found.strip() for found in text.splitlines()]


def test_an_interrupt_and_a_fallback_are_said() -> None:
    made = report()
    made.interrupted = True
    made.models = [ModelEntry(**{**MODEL, "fallback": "cpu"})]
    lines = format_report(made.to_dict()).splitlines()
    assert lines[-1] == "Interrupted: only what is shown was measured."
    assert "fallback: cpu (edgeqe-tiny:int8: the asked target cannot run here)" in lines


def test_json_holds_the_figures_and_a_version(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("an earlier report", encoding="utf-8")
    write_json(report().to_dict(), path)
    read = json.loads(path.read_text(encoding="utf-8"))
    assert read["schema_version"] == SCHEMA_VERSION
    assert read["interrupted"] is False
    assert read["quality"][0]["gains_db"] == {"a": 1.0, "b": 0.5}
    assert read["latency"]["reference_ms"] == 10.0
    assert read["latency"]["lanes"][1]["p50_ms"] == 40.0
    assert read["pareto"]["points"][0]["frontier"] is True
    assert read["advice"]["model"] == NAME
    assert read["bd"] == []  # two qualities fewer than it needs
    assert "baseline" not in read
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]


def test_a_report_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    made = report()
    made.reference_balance = float("nan")  # not JSON
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(made.to_dict(), tmp_path / "report.json")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="cannot be written"):
        write_json(report().to_dict(), tmp_path / "absent" / "report.json")
