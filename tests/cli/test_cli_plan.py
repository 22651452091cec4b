"""``edgeqe plan``, and ``edgeqe enhance`` of what it wrote."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edgeqe.bench.data import packaged_file
from edgeqe.bench.planning import measuring, plan
from edgeqe.cli import main
from edgeqe.errors import InputError
from edgeqe.metrics import psnr
from edgeqe.model.catalogue import find_model
from edgeqe.planned import MANIFEST_NAME, enhance_planned, read_planned
from edgeqe.reports.part_files import PartFile
from tests.test_readme import ROOT, examples_of
from tests.test_your_network import commands

Run = Callable[..., Result]
PIXELS = 72 * 80 + 65 * 49 + 64 * 64


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three small pictures in ``data``, one in a sub-folder, one of odd sides, one gray."""
    pytest.importorskip("skimage")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "sub").mkdir(parents=True)
    with Image.open(packaged_file("astronaut.png")) as opened:
        opened.crop((180, 60, 260, 132)).save("data/face.png")
        opened.crop((20, 20, 85, 69)).save("data/sub/odd.png")
    with Image.open(packaged_file("camera.png")) as opened:
        opened.crop((200, 100, 264, 164)).save("data/gray.png")
    return tmp_path


@pytest.fixture
def even_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each network takes so many milliseconds on each picture, as many as its place."""

    def times(networks: Any, data: bytes) -> list[int]:
        return [1000 * (place + 1) for place in range(len(networks))]

    monkeypatch.setattr(measuring, "_microseconds", times)


@pytest.fixture
def run(here: Path) -> Run:
    """Run ``edgeqe`` in that folder."""

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(main, list(words))

    return invoke


def jpeg(*more: str, size: str = "1.5bpp", seconds: str = "0.004") -> list[str]:
    """Words of a plan of JPEGs."""
    limits = ["--size-limit", size, "--time-limit", seconds]
    return ["plan", "-d", "data", "--codec", "jpeg", "-q", "10,30,60", *limits,
            "--models", "nano,edgeqe-tiny", "-o", "OUT", *more]  # fmt: skip


def references() -> dict[str, Any]:
    """Pictures by the names of what they become."""
    names = {"face": "face", "odd": "sub/odd", "gray": "gray"}
    return {name: np.asarray(Image.open(f"data/{path}.png")) for name, path in names.items()}


@pytest.mark.usefixtures("even_times")
@pytest.mark.parametrize("codec", ["jpeg", "bpg"])
def test_what_enhance_writes_is_what_was_planned(run: Run, codec: str) -> None:
    words = jpeg("--json")
    if codec == "bpg":
        pytest.importorskip("av")
        words = ["plan", "-d", "data", "--size-limit", "1.5bpp", "--time-limit", "0.004",
                 "--qp", "30,37,43", "-m", "tiny,small", "-o", "OUT", "--json"]  # fmt: skip
    result = run(*words)
    assert result.exit_code == 0, result.output
    report = json.loads(result.output)
    limit = int(1.5 * PIXELS / 8)
    assert report["pixels"] == PIXELS and report["size_limit_bytes"] == limit
    joint = report["joint"]
    assert joint["bytes"] <= limit and joint["seconds"] <= 0.004
    assert joint["psnr_db"] >= max(report["two_step"]["psnr_db"], report["single"]["psnr_db"])
    manifest = json.loads(Path("OUT", MANIFEST_NAME).read_text())
    assert (
        sum(Path("OUT", p["file"]).stat().st_size for p in manifest["pictures"]) == joint["bytes"]
    )

    assert run("enhance", "OUT", "-o", "DIR").exit_code == 0
    measured = []
    for picture in manifest["pictures"]:
        name = Path(picture["file"]).stem
        made = np.asarray(Image.open(Path("DIR", picture["file"]).with_suffix(".png")))
        measured.append(psnr(references()[name], made))
        assert measured[-1] == pytest.approx(picture["psnr_db"])
    assert np.mean(measured) == pytest.approx(joint["psnr_db"])
    tables = report["pictures"]
    assert [p["name"] for p in tables] == ["face", "gray", "sub/odd"]
    assert {len(p["bytes"]) for p in tables} == {3} and tables[0]["seconds"] == [0, 0.001, 0.002]


@pytest.mark.usefixtures("even_times")
def test_the_report_tells_the_three_plans(run: Run) -> None:
    result = run(*jpeg())
    assert result.exit_code == 0, result.output
    for words in ("best single quality and network", "qualities, then networks", "networks at once",
                  "3 pictures of 'data'", "JPEG quality 10, 30, 60", "limits: 1.5bpp",
                  "'edgeqe enhance OUT -o DIR' obeys it"):  # fmt: skip
        assert words in result.output


@pytest.mark.usefixtures("even_times")
def test_without_time_every_picture_stays_as_it_is_decoded(run: Run) -> None:
    assert run(*jpeg(seconds="0")).exit_code == 0
    assert {picture.network for picture in read_planned("OUT").pictures} == {None}
    result = run("enhance", "OUT", "-o", "DIR", "--json")
    report = json.loads(result.output)
    assert report["networks"] == {} and len(report["pictures"]) == 3
    assert {picture["network"] for picture in report["pictures"]} == {"no network"}


@pytest.mark.usefixtures("even_times")
def test_python_does_the_same_in_one_call_each(run: Run) -> None:
    report = plan("data", "OUT", size_limit="1.5bpp", time_limit=0.004, codec="jpeg",
                  qualities=(10, 30, 60), models=["nano", "edgeqe-tiny"])  # fmt: skip
    told = run(*jpeg("--overwrite", "--json"))
    assert json.loads(told.output)["joint"] == report.to_dict()["joint"]
    files = enhance_planned("OUT", "DIR", suffix=".tif")
    assert [Path(file.destination).name for file in files] == ["face.tif", "gray.tif", "odd.tif"]


@pytest.mark.usefixtures("even_times")
def test_a_size_that_is_too_small_is_told_with_the_least_that_works(run: Run) -> None:
    result = run(*jpeg(size="1000"))
    assert result.exit_code == 2 and not Path("OUT").exists()
    assert "the size limit of 1000 bytes is too small, the least that works is" in result.output
    least = int(result.output.split("works is ")[1].split()[0])
    assert run(*jpeg(size=str(least - 1))).exit_code == 2
    assert run(*jpeg(size=str(least))).exit_code == 0
    result = run(*jpeg("--overwrite", size="0.01bpp"))
    rate = result.output.split("works is ")[1].split()[0]
    assert rate.endswith("bpp")
    assert run(*jpeg("--overwrite", size=rate)).exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--codec", "avif"], "'avif' has no file of one picture here"),
        (["--codec", "bpg"], "--quality does not go with codec bpg"),
        (["--models", ","], "no model to choose from"),
        (["--models", "unknown"], "no model 'unknown'"),
        (["--size-limit", "much"], "is no size"),
        (["--time-limit", "-1"], "is not a number of seconds"),
        (["--scale", "2"], "not above 0 and at most 1"),
        (["-o", "data/inside"], "lies in 'data'"),
        (["-o", "data"], "lies in 'data'"),
        (["-o", "data/face.png"], "lies in 'data'"),
        (["-o", "file"], "is a file, not a folder"),
        (["-o", "full"], "is not empty"),
        (["-d", "none"], "is no folder"),
    ],
)
def test_what_cannot_be_planned_is_told_before_the_work(
    run: Run, words: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("measured")

    monkeypatch.setattr("edgeqe.bench.planning.run.measure_tables", never)
    Path("file").touch()
    Path("full").mkdir()
    Path("full/note.txt").touch()
    result = run(*jpeg(*words))
    assert result.exit_code == 2 and message in result.output, result.output
    assert result.output.count("\n") == 1


def test_a_model_that_does_not_serve_the_codec_is_refused_with_those_that_do(run: Run) -> None:
    result = run("plan", "-d", "data", "--size-limit", "1bpp", "--time-limit", "1", "-m", "tiny,base",
                 "-o", "OUT")  # fmt: skip
    assert result.exit_code == 2
    assert "'edgeqe-base' serves jpeg and not bpg: of the shipped models" in result.output


@pytest.mark.usefixtures("even_times")
def test_a_model_file_goes_with_the_pictures(run: Run) -> None:
    shutil.copy(find_model("edgeqe-nano:float32"), "own.onnx")
    assert run(*jpeg("--models", "own.onnx", seconds="1")).exit_code == 0
    Path("own.onnx").unlink()
    Path("OUT").rename("elsewhere")
    result = run("enhance", "elsewhere", "-o", "DIR")
    assert result.exit_code == 0 and "by networks/0-own.onnx" in result.output


@pytest.mark.usefixtures("even_times")
@pytest.mark.parametrize("moment", ["measuring", "writing", "naming"])
def test_an_interrupt_leaves_nothing(
    run: Run, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    if moment == "measuring":
        monkeypatch.setattr(measuring, "encode_picture", stop)
    elif moment == "writing":
        true, seen = shutil.copyfile, []

        def second(*given: Any) -> Any:
            seen.append(given)
            return true(*given) if len(seen) == 1 else stop()

        monkeypatch.setattr(shutil, "copyfile", second)
    else:
        monkeypatch.setattr(PartFile, "publish", stop)
    result = run(*jpeg())
    assert result.exit_code == 130
    assert not Path("OUT").exists()


@pytest.mark.usefixtures("even_times")
def test_overwriting_replaces_the_plan_and_leaves_other_files(run: Run) -> None:
    assert run(*jpeg()).exit_code == 0
    Path("OUT/note.txt").write_text("mine")
    assert run(*jpeg()).exit_code == 2
    before = Path("OUT", MANIFEST_NAME).read_text()
    assert run(*jpeg("--overwrite", size="1.4bpp")).exit_code == 0
    assert Path("OUT", MANIFEST_NAME).read_text() != before
    assert Path("OUT/note.txt").read_text() == "mine"
    assert not [path for path in Path("OUT").rglob(".*")]


@pytest.mark.usefixtures("even_times")
def test_no_reference_picture_is_replaced(run: Run) -> None:
    # the references lie in a sub-folder of OUT that one of them names too
    Path("OUT/data/data").mkdir(parents=True)
    with Image.open("data/face.png") as picture:
        picture.save("OUT/data/face.jpg", quality=99)
        picture.save("OUT/data/data/face.jpg", quality=99)
    before = Path("OUT/data/face.jpg").read_bytes()
    result = run(*jpeg("-d", "OUT/data", "--overwrite", size="5bpp"))
    assert result.exit_code == 2 and "is a reference picture" in result.output
    assert Path("OUT/data/face.jpg").read_bytes() == before
    assert not Path("OUT", MANIFEST_NAME).exists()


@pytest.mark.usefixtures("even_times")
def test_enhance_takes_no_option_that_the_plan_decides(run: Run) -> None:
    assert run(*jpeg()).exit_code == 0
    for words in (["-m", "edgeqe-small"], ["-q", "20"], ["--amount", "1"], ["--ensemble", "8"],
                  ["--no-recursive"]):  # fmt: skip
        result = run("enhance", "OUT", "-o", "DIR", *words)
        assert result.exit_code == 2 and "the plan of 'OUT' says how" in result.output
    for inputs in (["OUT", "data"], ["OU?", "data"]):
        result = run("enhance", *inputs, "-o", "DIR")
        assert result.exit_code == 2 and "enhance it alone" in result.output
    assert not Path("DIR").exists()
    assert run("enhance", "OU?", "-o", "DIR").exit_code == 0  # no shell expanded it


@pytest.mark.usefixtures("even_times")
def test_a_picture_behind_a_link_to_a_folder_is_refused_as_such(run: Run) -> None:
    assert run(*jpeg()).exit_code == 0
    Path("OUT/sub").rename("OUT/real")
    Path("OUT/sub").symlink_to("real")
    result = run("enhance", "OUT", "-o", "DIR")
    assert result.exit_code == 2 and "lies behind a link to a folder" in result.output
    assert run("enhance", "OUT", "-o", "OUT/real").exit_code == 2


@pytest.mark.usefixtures("even_times")
def test_a_planned_folder_has_what_other_folders_have(run: Run) -> None:
    assert run(*jpeg()).exit_code == 0
    Path("OUT/extra.png").write_bytes(Path("data/face.png").read_bytes())
    result = run("enhance", "OUT", "-o", "DIR", "--dry-run")
    assert result.exit_code == 0 and result.output.count("would be enhanced") == 3
    assert not Path("DIR").exists()
    assert run("enhance", "OUT", "-o", "DIR").exit_code == 0
    assert sorted(p.name for p in Path("DIR").rglob("*.png")) == ["face.png", "gray.png", "odd.png"]
    Path("DIR/face.png").unlink()
    result = run("enhance", "OUT", "-o", "DIR", "--json")
    states = [row["state"] for row in json.loads(result.output)["files"]]
    assert sorted(states) == ["enhanced", "skipped", "skipped"]
    # one that is damaged does not stop the others
    Path("OUT/face.jpg").write_bytes(b"\xff\xd8\xff")
    result = run("enhance", "OUT", "-o", "DIR", "--overwrite")
    assert result.exit_code == 2 and "1 of 3 pictures failed" in result.output


def test_a_hostile_plan_is_one_line(run: Run, tmp_path: Path) -> None:
    Path("OUT").mkdir()
    Path("secret.jpg").write_bytes(b"\xff\xd8\xff")
    Path("OUT", MANIFEST_NAME).write_text(
        json.dumps({"kind": "edgeqe-plan", "schema_version": 1, "networks": [],
                    "pictures": [{"file": "../secret.jpg", "network": None}]})
    )  # fmt: skip
    result = run("enhance", "OUT", "-o", "DIR")
    assert result.exit_code == 2 and "lies outside its folder" in result.output
    assert result.output.count("\n") == 1 and not Path("DIR").exists()
    with pytest.raises(InputError, match="lies outside its folder"):
        enhance_planned("OUT", "DIR")


@pytest.mark.usefixtures("even_times")
def test_every_command_of_the_page_runs(run: Run) -> None:
    pytest.importorskip("av")
    Path("photos").mkdir()
    for name in ("a", "b"):  # smooth enough for the page's rate
        with Image.open(packaged_file("astronaut.png")) as opened:
            opened.resize((8, 8)).resize((224, 192), Image.Resampling.BICUBIC).save(
                f"photos/{name}.png"
            )
    found = commands("docs/plan.md")
    assert [words[0] for words in found] == ["plan", "enhance"]
    for words in found:
        result = run(*words)
        assert result.exit_code == 0, (words, result.output, result.exception)
    (example,) = examples_of(ROOT / "docs" / "plan.md")
    shutil.rmtree("OUT")
    shutil.rmtree("DIR")
    exec(example, {})
    assert sorted(path.name for path in Path("DIR").iterdir()) == ["a.png", "b.png"]
