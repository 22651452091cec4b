"""The report as text and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from edgeqe.bench.memory import MemoryUse
from edgeqe.bench.quality import Row, Score
from edgeqe.bench.report import Report, format_report, table, write_report
from edgeqe.bench.speed import Timing
from edgeqe.bench.stamp import cpu_name, machine_stamp
from edgeqe.errors import InputError

MODEL: dict[str, Any] = {
    "name": "edgeqe-tiny",
    "file": "edgeqe-tiny.onnx",
    "file_bytes": 2048,
    "precision": "float32",
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
STAMP = {
    "edgeqe": "0.1.0",
    "python": "3.11.7",
    "numpy": "2.4.6",
    "system": "Linux x86_64",
    "cpu": "Some CPU",
    "cpu_count": 2,
    "jpeg": "some decoder",
}


def report() -> Report:
    scores = (
        Score("a", (30.0, 31.0), (32.0, 33.5), (0.75, 0.875), (29.0, 31.0), 0.5, 10.0),
        Score("b", (28.0, 28.5), (30.0, 31.0), (0.25, 0.375), (27.0, 28.0), 1.5, 10.0),
    )
    made = Report(dict(STAMP), [dict(MODEL)], {"name": "set", "pictures": 2, "scale": 1.0})
    made.quality = [Row("gray", "edgeqe-tiny", 10, scores), Row("rgb", "edgeqe-tiny", 95, scores)]
    made.speed = [
        Timing("DnCNN3", "gray", 0.125, 0.125, 0.25, 3, True, None, None),
        Timing("edgeqe-tiny", "gray", 10.0, 9.5, 10.5, 3, False, 80.0, "DnCNN3"),
    ]
    made.speed_setup = {"pictures": 2, "megapixels": 0.5, "quality": 10}
    made.memory = [MemoryUse("edgeqe-tiny", (3000, 4000, 3), None, 40 << 20, 64 << 20, 95 << 20)]
    return made


def test_the_whole_text() -> None:
    expected = """\
        2 pictures of set

        model        kMAC/px  parameters  KiB  precision   window  halo
        edgeqe-tiny     5.83        1234    2    float32  606x432    12

        Quality, protocol gray: studio-range luma (gray pictures as they are), coded as grayscale JPEG

        model         q  n  bit/px  JPEG dB  after dB    gain   worst  SSIM JPEG   after  PSNR-B JPEG   after  worst picture
        edgeqe-tiny  10  2   1.000   29.000    29.750  +0.750  +0.500     0.5000  0.6250       28.000  29.500              b

        Quality, protocol rgb: RGB of the decoder, 4:2:0 inside; PSNR in RGB
        Y: full-range luma; SSIM and PSNR-B are of it.

        model         q  n  bit/px  JPEG dB  after dB    gain   worst  Y JPEG  Y after  SSIM JPEG   after  PSNR-B JPEG   after  worst picture
        edgeqe-tiny  95  2   1.000   29.000    29.750  +0.750  +0.500  31.000   32.250     0.5000  0.6250       28.000  29.500              b

        Speed: 2 pictures, 0.50 megapixels, JPEG quality 10; lanes in turns, median of rounds

        model        what                     Mpx/s  lowest  highest  rounds           ratio
        DnCNN3       whole path, gray array   0.125   0.125    0.250       3
        edgeqe-tiny  whole path, gray array  10.000   9.500   10.500       3  80.00 x DnCNN3
        Unsteady, rounds differ by 10 % or more: DnCNN3 (whole path, gray array). Close other programs, or run again with a larger --repeats.

        Memory of one call in MiB, input and output not counted; codecs: what decoding,
        conversion to RGB and encoding take beside that from a JPEG file to a PNG file

        model              array  measured  planned  limit  codecs
        edgeqe-tiny  3000x4000x3   unknown     40.0   64.0    95.0

        edgeqe 0.1.0, Python 3.11.7, numpy 2.4.6
        onnxruntime 1.31.1, CPUExecutionProvider, 2 threads
        Linux x86_64, Some CPU, 2 processors
        JPEG: some decoder"""  # noqa: E501  # a table's lines are as long as they are
    assert format_report(report()) == dedent(expected)


def test_an_interrupt_and_a_fallback_are_said() -> None:
    made = report()
    made.interrupted = True
    made.models[0]["fallback"] = "cpu"
    lines = format_report(made).splitlines()
    assert lines[-1] == "Interrupted: only what is shown was measured."
    assert "fallback: cpu (edgeqe-tiny: the asked target cannot run here)" in lines


def test_table_aligns_words_left_and_numbers_right() -> None:
    assert table(["name", "n"], [["a", "100"], ["longer", "2"]]) == [
        "name      n",
        "a       100",
        "longer    2",
    ]


def test_json_holds_the_figures_and_a_version(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("an earlier report", encoding="utf-8")
    write_report(report(), path)
    read = json.loads(path.read_text(encoding="utf-8"))
    assert read["schema_version"] == 1
    assert read["interrupted"] is False
    assert read["quality"][0]["gains_db"] == {"a": 1.0, "b": 0.5}
    assert read["speed"]["lanes"][1]["ratio"] == 80.0
    assert read["memory"][0]["peak_bytes"] is None
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]


def test_a_report_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    made = report()
    made.stamp["cpu"] = float("nan")  # not JSON
    with pytest.raises(ValueError, match="JSON compliant"):
        write_report(made, tmp_path / "report.json")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="cannot be written"):
        write_report(report(), tmp_path / "absent" / "report.json")


def test_cpu_name_is_read_from_the_system(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: A: B\nflags\t: x\n", encoding="utf-8")
    assert cpu_name(cpuinfo) == "A: B"
    assert cpu_name(tmp_path / "absent")
    assert machine_stamp()["jpeg"].endswith("ISLOW DCT, fancy upsampling")
