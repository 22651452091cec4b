"""``edgeqe bench --codec``: models that serve a codec, on pictures and clips behind its encoder."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edgeqe.bench.bd import bd_rate
from edgeqe.cli import main
from edgeqe.model.catalogue import find_model
from tests import small_models
from tests.clips import moving, studio_planes, write_y4m
from tests.reference import photograph

pytest.importorskip("av")
Bench = Callable[..., Result]
QPS = [22, 27, 32, 37]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of several codecs, a folder of two pictures, and a clip."""
    folder = tmp_path_factory.mktemp("codecs")
    codecs = ("jpeg", "hevc", "jpeg2000", "webp")
    graph = small_models.strong_graph()
    constants, vectors = dict(graph.constants), dict(graph.vectors)
    for named in (constants, vectors):  # weak, so that its curve is near the codec's
        for kind in ("scale", "bias"):
            named[f"tail.{kind}"] = named[f"tail.{kind}"] * np.float32(0.03)
    graph = replace(graph, constants=constants, vectors=vectors)
    small_models.write(graph, folder / "model.onnx", codecs=codecs)
    (folder / "pictures").mkdir()
    for name, top in (("a", 40), ("b", 140)):
        pixels = photograph("astronaut", top, 90, 64, 80)
        Image.fromarray(pixels).save(folder / "pictures" / f"{name}.png")
    write_y4m(folder / "clip.y4m", [studio_planes(rgb) for rgb in moving()])
    return folder


@pytest.fixture
def bench(folder: Path) -> Bench:
    def run(*arguments: str, data: str = "pictures") -> Result:
        start = ["bench", "--model", str(folder / "model.onnx"), "--threads", "1"]
        return CliRunner().invoke(main, [*start, "--data", str(folder / data), *arguments])

    return run


def report_of(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_the_whole_way_of_hevc(bench: Bench) -> None:
    report = report_of(bench("--codec", "hevc", "--qp", "22,27,32,37", "--json"))
    setup = report["setup"]
    assert (setup["codec"], setup["coding"], setup["unit"]) == ("hevc", "all intra", "qp")
    assert setup["values"] == QPS and setup["encoder"]["encoder"] == "libx265"
    assert setup["encoder"]["version"] and "constant QP" in setup["encoder"]["settings"]
    # speed is that of any codec, so that it is measured with JPEG alone
    assert (setup["sizes"], report["latency"]["lanes"], report["memory"]) == ([], [], [])
    rows = report["quality"]
    assert [(row["protocol"], row["value"]) for row in rows] == [
        (protocol, qp) for protocol in ("gray", "planes") for qp in QPS
    ]
    for row in rows:
        assert (row["codec"], row["unit"]) == ("hevc", "qp")
        assert row["step"] == pytest.approx(2 ** ((row["value"] - 4) / 6))
    first = report["bd"][0]
    assert (first["codec"], first["values"], first["pictures"]) == ("hevc", QPS, 2)
    rates = first["bd_rates_percent"]
    assert set(rates) == {"a", "b"} and first["worst_picture"] in rates
    assert first["worst_bd_rate_percent"] == max(rates.values())
    assert first["bd_rate_percent"] == pytest.approx(sum(rates.values()) / 2)


def test_the_bd_rate_of_one_picture_is_that_of_its_rows(bench: Bench, tmp_path: Path) -> None:
    photo = photograph("astronaut", 40, 90, 64, 80)
    Image.fromarray(photo).save(tmp_path / "one.png")
    qp = ["--qp", "22,27", "--qp", "32,37"]  # --qp alone means HEVC
    report = report_of(bench(*qp, "--protocol", "gray", "--json", data=str(tmp_path)))
    rows = report["quality"]
    bits = [row["bits_per_pixel"] for row in rows]
    curves = ([row[f"psnr_db_{when}"] for row in rows] for when in ("before", "after"))
    before, after = curves
    expected = bd_rate(bits, before, bits, after)
    assert expected != 0.0
    assert report["bd"][0]["bd_rate_percent"] == pytest.approx(expected, abs=1e-9)


def test_jpeg_2000_webp_and_a_clip(bench: Bench) -> None:
    rows = report_of(bench("--rate", "0.5,2", "--json"))["quality"]
    # rates are of gray pictures or of colour: gray alone, unless --protocol rgb is given
    assert [(row["codec"], row["protocol"], row["value"]) for row in rows] == [
        ("jpeg2000", "gray", 0.5), ("jpeg2000", "gray", 2),
    ]  # fmt: skip
    coarse, fine = (row["step"] for row in rows)
    assert coarse > 2 * fine > 0  # a fourth of the rate
    rows = report_of(bench("--codec", "webp", "-q", "50", "--protocol", "rgb", "--json"))["quality"]
    assert [(row["codec"], row["unit"], row["value"]) for row in rows] == [("webp", "quality", 50)]
    clip = report_of(bench("--qp", "32", "--low-delay", "--json", data="clip.y4m"))
    assert clip["data"] == {"name": "clip.y4m", "clips": True, "pictures": 1, "scale": 1.0}
    assert clip["setup"]["coding"] == "low delay"
    assert list(clip["quality"][0]["gains_db"]) == ["clip"]


def test_the_text_and_the_page_name_codec_and_encoder(bench: Bench, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "out"
    qps = ["--qp", "22,27,32,37", "--protocol", "gray", "--out", str(out)]
    text = bench(*qps).stdout
    assert "HEVC, all intra: libx265 (libavcodec" in text
    assert "QP  n  bit/px  HEVC dB" in text and "against HEVC at QPs 22, 27, 32, 37," in text
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Against HEVC at QPs 22, 27, 32, 37" in page and "HEVC QP 37: " in page
    assert "libx265 (libavcodec" in page
    clip = bench(*qps[:4], "--out", str(tmp_path / "clip"), data="clip.y4m")
    assert clip.exit_code == 0, clip.output
    assert "1 clip of clip.y4m" in clip.stdout
    assert "1 clip" in (tmp_path / "clip" / "report.html").read_text(encoding="utf-8")


def test_a_baseline_of_another_codec_or_encoder_is_refused(bench: Bench, tmp_path: Path) -> None:
    what = ["--protocol", "gray", "--qp", "32"]
    report = report_of(bench(*what, "--json"))
    path = tmp_path / "base.json"
    path.write_text(json.dumps(report), encoding="utf-8")
    assert "nothing regresses" in bench(*what, "--baseline", str(path)).stdout
    other = bench("--protocol", "gray", "-q", "40", "--no-speed", "--baseline", str(path))
    assert other.exit_code == 2 and "setup.codec (hevc, now jpeg)" in other.stderr
    report["setup"]["encoder"]["version"] = "libavcodec 1.2.3"
    path.write_text(json.dumps(report), encoding="utf-8")
    older = bench(*what, "--baseline", str(path))
    assert older.exit_code == 2 and "encoder.version (libavcodec 1.2.3, now libavc" in older.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--codec", "mpeg2"], "codec 'mpeg2' is not known: give one of jpeg, jpeg2000"),
        (["--codec", "hevc", "-q", "30"], "--quality does not go with codec hevc: give --qp"),
        (["--qp", "30", "--rate", "1"], "give --qp or --rate, not both"),
        (["--qp", "30,x"], "'x' is no number"),
        (["--qp", "60"], "QP 60 of hevc is not a whole number from 0 to 51"),
        (["--qp", "nan"], "QP nan is not from 0 to 63"),
        (
            ["--codec", "vvc", "--qp", "30"],
            "and not vvc, of which quality is measured: give --codec jpeg",
        ),
        (["--rate", "1", "--protocol", "planes"], "jpeg2000 has no protocol planes"),
        (["--qp", "30", "--size", "720p"], "leave out --size"),
        (["--qp", "30", "--no-quality"], "leave out --qp"),
        (["--qp", "30", "--low-delay"], "--low-delay codes clips"),
    ],
)
def test_wrong_use_is_one_line(bench: Bench, arguments: list[str], message: str) -> None:
    result = bench(*arguments)
    assert result.exit_code == 2, result.output
    assert message in result.output and "Traceback" not in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--codec", "webp", "--low-delay"], "low delay is for h264 and hevc"),
        (["--no-quality"], "clips are not timed: give --data with pictures"),
        (["--compare", "edgeqe-tiny", "edgeqe-nano"], "leave out --model"),
        (["--qp", "32", "--scale", "0.5"], "clips are measured as they are"),
    ],
)
def test_wrong_use_of_clips_is_one_line(bench: Bench, arguments: list[str], message: str) -> None:
    result = bench(*arguments, data="clip.y4m")
    assert result.exit_code == 2, result.output
    assert message in result.output and "Traceback" not in result.output


def test_the_shipped_models_that_serve_the_codec_are_measured(folder: Path) -> None:
    words = ["bench", "--data", str(folder / "pictures"), "--threads", "1", "--no-speed", "--json"]
    result = CliRunner().invoke(main, [*words, "--codec", "hevc", "--qp", "32"])
    report = report_of(result)
    names = {model["name"].partition(":")[0] for model in report["models"]}
    assert names == {"edgeqe-tiny", "edgeqe-small", "edgeqe-base-video"}
    assert any("edgeqe-nano" in note and "hevc" in note for note in report["notes"])


def test_a_file_of_a_shipped_network_stands_beside_the_shipped_one(
    folder: Path, tmp_path: Path
) -> None:
    own = str(tmp_path / "own.onnx")
    shipped = find_model("edgeqe-nano:float32")
    Path(own).write_bytes(shipped.read_bytes())
    words = ["bench", "--data", str(folder / "pictures"), "--threads", "1", "--no-speed", "--json"]
    for named in ([own, "edgeqe-nano:float32"], ["edgeqe-nano:float32", own]):
        models = [word for name in named for word in ("-m", name)]
        report = report_of(CliRunner().invoke(main, [*words, "-q", "20", *models]))
        assert [model["name"] for model in report["models"]] == named
