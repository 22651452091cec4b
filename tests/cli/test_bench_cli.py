"""``edgeqe bench`` from end to end on a small picture."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edgeqe.bench import quality
from edgeqe.cli import main
from edgeqe.model.catalogue import find_model
from tests import small_models

Bench = Callable[..., Result]
MIB = 1 << 20


def test_quality_of_all_protocols_as_json(bench: Bench) -> None:
    each = [word for name in ("gray", "planes", "rgb") for word in ("--protocol", name)]
    result = bench(*each, "--quality", "10", "--no-speed", "--threads", "1", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.output)
    assert [row["protocol"] for row in report["quality"]] == ["gray", "planes", "rgb"]
    for row in report["quality"]:
        # The probes that the recipe started from gave 0.65 dB and more at quality 10.
        assert row["gain_db"] > 0.3
        assert row["worst_picture"] == "face"
        assert row["psnr_b_db_after"] > row["psnr_b_db_before"]
    (model,) = report["models"]
    assert model["name"] == "edgeqe-tiny:float32"
    assert model["provider"] == "CPUExecutionProvider"
    assert model["threads"] == 1
    assert report["memory"] == report["latency"]["lanes"] == []
    assert report["pareto"] is None and report["advice"] is None


def test_latency_memory_and_advice(bench: Bench, told_memory: list[tuple[Any, ...]]) -> None:
    result = bench(
        "--protocol", "planes", "-q", "20", "--repeats", "2", "--threads", "1", "--json",
        "--fps", "0.001", "--memory-limit", "24MiB",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    report = json.loads(result.output)
    lanes = report["latency"]["lanes"]
    assert [(lane["what"], lane["size"], lane["repeats"]) for lane in lanes] == [
        ("rgb", "720p", 2),
        ("network", "720p", 2),
    ]
    assert all(lane["p50_ms"] > 0 and lane["to_reference"] > 0 for lane in lanes)
    assert report["latency"]["reference_ms"] > 0
    assert told_memory == [
        ("edgeqe-tiny:float32", "edgeqe-tiny.float32.onnx", 24 * MIB, 1, "720p", (96, 128, 3),
         ".toml"),
    ]  # fmt: skip
    assert report["memory"][0]["planner_off"] == pytest.approx(-2 / 32)
    assert report["memory"][0]["planner_wrong"] is False
    assert [point["frontier"] for point in report["pareto"]["points"]] == [True]
    assert report["advice"]["model"] == "edgeqe-tiny:float32"
    assert report["advice"]["asked"] == {
        "fps": 0.001, "latency_ms": None, "memory_limit_bytes": 24 * MIB
    }  # fmt: skip
    assert {"before", "after"} == set(report["stamp"]["conditions"])


def test_bd_rate_from_four_qualities_on(bench: Bench) -> None:
    qualities = [word for value in (10, 20, 40, 70) for word in ("-q", str(value))]
    result = bench("--protocol", "gray", *qualities, "--no-speed", "--json")
    assert result.exit_code == 0, result.output
    (entry,) = json.loads(result.output)["bd"]
    assert (entry["protocol"], entry["measure"], entry["pictures"]) == ("gray", "psnr", 1)
    # On LIVE1 it is -17 to -19 %; this crop is another picture, but the sign is sure.
    assert -40 < entry["bd_rate_percent"] < -5
    assert entry["bd_psnr_db"] > 0.3


def test_the_folder_of_a_report(
    bench: Bench, tmp_path: Path, told_memory: list[tuple[Any, ...]]
) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "made" / "out"
    arguments = ("--protocol", "planes", "-q", "10", "--repeats", "1", "-o", str(out))
    result = bench(*arguments)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in out.iterdir()) == [
        "pareto.png",
        "report.html",
        "report.json",
    ]
    with Image.open(out / "pareto.png") as opened:
        assert opened.format == "PNG"
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "edgeqe-tiny:float32" in page and "face" in page
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["models"][0]["name"] == "edgeqe-tiny:float32"
    assert told_memory
    (out / "report.json").write_text("mine", encoding="utf-8")
    result = bench(*arguments)
    assert (result.exit_code, (out / "report.json").read_text(encoding="utf-8")) == (2, "mine")
    assert "--overwrite" in result.output
    assert bench(*arguments, "--overwrite").exit_code == 0
    assert json.loads((out / "report.json").read_text(encoding="utf-8"))["schema_version"] == 4


def test_an_interrupt_keeps_what_was_measured(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    measure = quality.measure

    def interrupted(
        networks: Any, pictures: Any, protocol: Any, point: Any, *rest: Any, **more: Any
    ) -> Any:
        if point.value == 20:
            raise KeyboardInterrupt
        return measure(networks, pictures, protocol, point, *rest, **more)

    monkeypatch.setattr(quality, "measure", interrupted)
    result = bench("--protocol", "gray", "-q", "10", "-q", "20", "-o", str(tmp_path / "out"))
    assert result.exit_code == 130
    assert "Interrupted: only what is shown was measured." in result.output
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["interrupted"] is True
    assert [row["value"] for row in report["quality"]] == [10]
    assert (tmp_path / "out" / "report.html").exists()


def test_comparing_two_models(bench: Bench, pictures: Path) -> None:
    arguments = ["bench", "--data", str(pictures), "--repeats", "2"]
    arguments += ["--compare", "edgeqe-tiny:float32", "edgeqe-small:float32"]
    result = CliRunner().invoke(main, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.output)
    assert [model["name"] for model in report["models"]] == arguments[-2:]
    assert [(duel["what"], duel["rounds"]) for duel in report["duels"]] == [
        ("rgb", 2),
        ("network", 2),
    ]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert result.output.startswith("first   edgeqe-tiny:float32\n")
    assert "\nwhole path, RGB array, 720p: " in result.output
    assert "\nnetwork alone, 720p: " in result.output


def test_labels_of_files(bench: Bench, tmp_path: Path, pictures: Path) -> None:
    mine = tmp_path / "mine.onnx"
    shutil.copy(find_model("edgeqe-tiny:float32"), mine)
    each = ["--protocol", "gray", "-q", "10", "--no-speed", "--json"]
    alone = json.loads(bench(*each, model=str(mine)).output)
    assert [model["name"] for model in alone["models"]] == [str(mine)]
    both = json.loads(bench(*each, "--model", str(mine)).output)
    names = ["edgeqe-tiny:float32", str(mine)]
    assert [model["name"] for model in both["models"]] == names
    assert [row["model"] for row in both["quality"]] == names


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--no-quality", "--no-speed"], "leave nothing to measure"),
        (["--ensemble", "8"], "give --no-speed"),
        (["--ensemble", "4", "--no-speed"], "ensemble 4 is neither 1 nor 8"),
        (["--no-speed", "--fps", "30"], "leave out --fps"),
        (["--no-speed", "--size", "720p"], "leave out --size"),
        (["--no-quality", "--latency", "30"], "leave out --latency"),
        (["--fps", "-1"], "--fps -1 is not a number above 0"),
        (["--latency", "nan"], "--latency nan is not a number above 0"),
        (["--size", "4K"], "give one of 720p, 1080p, 12MP"),
        (["--protocol", "yuv"], "give one of gray, planes, rgb"),
        (["--quality", "0"], "quality"),
        (["--repeats", "0"], "--repeats"),
        (["--junit", "x.xml"], "leave out --junit"),
        (["--max-drop", "0.1"], "leave out --max-drop"),
        (["--baseline", "no.json", "--max-drop", "nan"], "max-drop"),
        (["--baseline", "no.json"], "no.json"),
        (["--estimate", "--quality", "10"], "leave out --data, --quality"),
        (["--compare", "edgeqe-tiny", "edgeqe-small", "--full"], "leave out --model, --full"),
        (["--memory-limit", "lots"], "lots"),
    ],
)
def test_wrong_use_is_one_line(bench: Bench, arguments: list[str], message: str) -> None:
    result = bench(*arguments)
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert result.output.count("\n") == 1


def test_quality_is_not_measured_of_models_of_other_codecs(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "theirs.onnx"
    small_models.write(small_models.strong_graph(), path, codecs=("vvc",))
    result = bench("--model", str(path), "--no-speed")
    assert result.exit_code == 2
    assert result.stderr == (
        f"edgeqe: '{path}' serves vvc and not jpeg, of which quality is measured: give "
        "--codec vvc, or --no-quality to time it alone.\n"
    )


def test_the_quality_of_an_ensemble_is_reported_apart(bench: Bench, tmp_path: Path) -> None:
    arguments = ["--no-speed", "--protocol", "gray", "--quality", "10"]
    result = bench(*arguments, "--json", "--out", str(tmp_path / "plain"))
    plain = json.loads(result.stdout)
    assert result.exit_code == 0 and "ensemble" not in plain["setup"]
    result = bench(*arguments, "--ensemble", "8", "--json")
    slow = json.loads(result.stdout)
    assert slow["setup"]["ensemble"] == 8
    rows = plain["quality"][0], slow["quality"][0]
    assert [row["ensemble"] for row in rows] == [1, 8]
    # a mean of eight estimates errs less than one: by 0.03 dB and more on photographs
    assert rows[1]["gain_db"] > rows[0]["gain_db"] + 0.01
    text = bench(*arguments, "--ensemble", "8").stdout
    assert "Quality, protocol gray, ensemble of 8: studio-range luma" in text

    baseline = ["--baseline", str(tmp_path / "plain" / "report.json")]
    refused = bench(*arguments, "--ensemble", "8", *baseline)
    assert refused.exit_code == 2 and "setup.ensemble (none, now 8)" in refused.stderr
    assert bench(*arguments, *baseline).exit_code == 0


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_network_of_keras_is_converted_for_it(bench: Bench, tmp_path: Path) -> None:
    """Its figures are those of the file that `convert` writes."""
    pytest.importorskip("keras")
    from edgeqe import zoo
    from edgeqe.converters import convert

    zoo.build("edgeqe-nano").save(tmp_path / "mine.keras")
    convert(tmp_path / "mine.keras", tmp_path / "converted.onnx")
    arguments = ["--protocol", "gray", "--quality", "10", "--no-speed", "--json"]
    rows = [
        json.loads(bench(*arguments, model=str(tmp_path / name)).stdout)["quality"][0]
        for name in ("mine.keras", "converted.onnx")
    ]
    assert rows[0]["gains_db"] == rows[1]["gains_db"]
