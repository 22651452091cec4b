"""``edgeqe enhance`` as a user calls it, with the shipped network."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edgeqe import Enhancer
from edgeqe.cli import main
from edgeqe.codecs.strength import step_from_quality

RAMP = np.add.outer(np.arange(40), 2 * np.arange(50)).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Image.fromarray(np.dstack([RAMP] * 3)).save("in/a.jpg", quality=20)
    Image.fromarray(RAMP).save("in/b.jpeg", quality=35)
    Path("in/notes.txt").write_text("no picture")
    return tmp_path


def run(*words: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(
        main, ["enhance", "-m", "edgeqe-tiny", "--threads", "1", *words], input=stdin
    )


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def failed(result: Result, exit_code: int = 2) -> str:
    """Give the one line of a failure."""
    assert result.exit_code == exit_code, result.output
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("edgeqe: "), result.stderr
    return lines[0]


def test_one_file(folder: Path) -> None:
    result = run("in/a.jpg", "-o", "out.png")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("in/a.jpg -> out.png  50x40  4:2:0 planes  JPEG quality 20  ")
    with Enhancer("edgeqe-tiny", threads=1) as enhancer:
        enhancer.enhance_file("in/a.jpg", "expected.png")
    assert Path("out.png").read_bytes() == Path("expected.png").read_bytes()


@pytest.mark.parametrize("output", ["there", "new/", "new/deeper/"])
def test_one_file_into_a_folder(folder: Path, output: str) -> None:
    Path("there").mkdir()
    result = run("in/a.jpg", "-o", output, "--suffix", ".tif")
    assert result.exit_code == 0, result.output
    assert os.listdir(output) == ["a.tif"]


def test_a_folder_and_its_sub_folders(folder: Path) -> None:
    Path("in/deeper").mkdir()
    Image.fromarray(RAMP).save("in/deeper/a.jpg")  # of another's name
    result = run("in", "-o", "out")
    assert result.exit_code == 0, result.output
    assert tree(folder / "out") == ["a.png", "b.png", "deeper", "deeper/a.png"]
    assert [line.split("  ")[0] for line in result.stdout.splitlines() if " -> " in line] == [
        "in/a.jpg -> out/a.png",
        "in/b.jpeg -> out/b.png",
        "in/deeper/a.jpg -> out/deeper/a.png",
    ]
    assert result.stderr == ""  # no progress bar where there is no terminal


def test_what_an_earlier_run_wrote_is_no_input(folder: Path) -> None:
    for _ in range(2):
        result = run("in", "-o", "in/out", "--overwrite")
        assert result.exit_code == 0, result.output
        assert result.stdout.count(" -> ") == 2
    assert tree(folder / "in/out") == ["a.png", "b.png"]


def test_given_strengths_override_the_files(folder: Path) -> None:
    result = run("in/a.jpg", "-o", "out.png", "--quality", "35", "--json")
    report = json.loads(result.stdout)
    assert report["schema_version"] == 1
    assert (report["model"], report["threads"], report["failed"]) == ("edgeqe-tiny", 1, [])
    (picture,) = report["pictures"]
    assert (picture["step"], picture["quality"]) == (step_from_quality(35), 35)
    assert (picture["codec"], picture["strength_from"]) == ("jpeg", "argument")
    assert (picture["source"], picture["destination"]) == ("in/a.jpg", "out.png")


def test_amount_and_ensemble(folder: Path) -> None:
    words = ("--amount", "0.5", "--ensemble", "8")
    result = run("in/b.jpeg", "-o", "out.png", *words)
    assert "JPEG quality 35, amount 0.5, ensemble of 8  " in result.stdout
    with Enhancer("edgeqe-tiny", threads=1) as enhancer:
        enhancer.enhance_file("in/b.jpeg", "expected.png", amount=0.5, ensemble=8)
    assert Path("out.png").read_bytes() == Path("expected.png").read_bytes()
    (picture,) = json.loads(run("in/b.jpeg", "-o", "b.png", *words, "--json").stdout)["pictures"]
    assert (picture["amount"], picture["ensemble"]) == (0.5, 8)

    assert run("in/a.jpg", "-o", "none.png", "--amount", "0").exit_code == 0
    with Image.open("none.png") as made, Image.open("in/a.jpg") as given:
        np.testing.assert_array_equal(np.asarray(made), np.asarray(given))


def test_one_bad_file_does_not_stop_the_others(folder: Path) -> None:
    Path("in/aa.jpg").write_bytes(Path("in/a.jpg").read_bytes()[:-40])
    result = run("in", "missing.jpg", "-o", "out")
    assert result.exit_code == 2
    assert tree(folder / "out") == ["a.png", "b.png"]
    first, second, last = result.stderr.splitlines()
    assert first.startswith("edgeqe: in/aa.jpg is damaged or cut short")
    assert second == "edgeqe: missing.jpg: no such file. Check the path."
    assert last == "edgeqe: 2 of 4 pictures failed, see above."

    report = json.loads(run("in", "-o", "again", "--json").stdout)
    assert len(report["pictures"]) == 2
    (failure,) = report["failed"]
    assert failure["source"] == "in/aa.jpg"
    assert "damaged or cut short" in failure["error"]


def test_files_cut_short_are_taken_if_asked_for(folder: Path) -> None:
    whole = Path("in/a.jpg").read_bytes()
    Path("in/c.jpg").write_bytes(whole[: len(whole) - 60])
    Path("in/d.jpg").write_bytes(whole[:-2])  # without its end marker it is whole
    result = run("in", "-o", "out")
    assert result.exit_code == 2
    assert tree(folder / "out") == ["a.png", "b.png", "d.png"]
    lines = result.stderr.splitlines()
    assert "in/c.jpg is damaged or cut short (of 50x40 pixels at most " in lines[0]
    assert "--accept-truncated" in lines[0]
    result = run("in", "-o", "all", "--accept-truncated", "--json")
    assert result.exit_code == 0, result.output
    present = {p["source"]: p["present"] for p in json.loads(result.stdout)["pictures"]}
    assert 0.0 < present.pop("in/c.jpg") < 1.0
    assert present == {"in/a.jpg": None, "in/b.jpeg": None, "in/d.jpg": None}
    result = run("in/c.jpg", "-o", "c.png", "--accept-truncated")
    assert "  cut short: " in result.stdout and " % of the picture was there" in result.stdout


def test_what_a_format_cannot_hold_is_named(folder: Path) -> None:
    Image.open("in/a.jpg").save("note.jpg", quality=30, comment=b"a note", dpi=(300, 300))
    result = run("note.jpg", "-o", "out.webp")
    assert result.stdout.rstrip().endswith("  not kept: comment, resolution")
    result = run("note.jpg", "-o", "out.png", "--json")
    assert json.loads(result.stdout)["pictures"][0]["not_kept"] == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "nothing to enhance"),
        (("in/a.jpg",), "-o OUT is missing"),
        (("in/a.jpg", "-o", "out.gif"), "suffix '.gif' is none"),
        (("in/a.jpg", "-o", "out"), "suffix '' is none"),
        (("in", "-o", "out", "--suffix", ".gif"), "--suffix '.gif' is none"),
        (("in/a.jpg", "-o", "taken.png"), "taken.png exists: give --overwrite"),
        (("in", "-o", "taken.png"), "names a file|is a file, not a folder"),
        (("in", "-o", "taken.png/x"), "taken.png is a file, not a folder"),
        (("in", "-o", "out.png"), "several inputs need a folder"),
        (("in/a.jpg", "-o", "none/out.png"), "folder none does not exist"),
        (("in/a.jpg", "in/../in/a.jpg", "-o", "out"), "would both become out/a.png"),
        (("full", "in/a.jpg", "-o", "out", "--quality", "0"), "quality 0 is not"),
        (("in/a.jpg", "-o", "out.png", "--quality", "101"), "quality 101 is not"),
        (("in/a.jpg", "-o", "out.png", "--quality", "10", "--qp", "20"), "give one of them"),
        (("in/a.jpg", "-o", "out.png", "--qp", "64"), "0 to 63"),
        (("in/a.jpg", "-o", "out.png", "--qp", "nan"), "0 to 63"),
        (
            ("in/a.jpg", "-o", "o.png", "--qp", "32", "-m", "edgeqe-nano"),
            "serves jpeg and not hevc",
        ),
        (("in/a.jpg", "-o", "out.png", "--qp", "32", "--codec", "jpeg"), "quality= goes with jpeg"),
        (("in/a.jpg", "-o", "out.png", "--codec", "vvc"), "give qp= (--qp) with it"),
        (("in", "-o", "out", "--amount", "1.5"), "amount 1.5 is not a number from 0 to 1"),
        (("in", "-o", "out", "--ensemble", "4"), "ensemble 4 is neither 1 nor 8"),
        (("in", "-o", "out", "--memory-limit", "1KiB"), "smallest that works is"),
        (("in", "-o", "out", "--memory-limit", "much"), "memory limit 'much' is no size"),
        (("in", "-o", "out", "-m", "nothing"), "nothing"),
        (("in", "-o", "out", "-m", "in/a.jpg"), "in/a.jpg"),
        (("in", "-o", "out", "--threads", "0"), "threads 0 is not"),
        (("in", "-o", "out", "--target", "moon"), "no target 'moon'"),
        (("in", "-o", "out", "--max-megapixels", "-1"), "--max-megapixels -1 is not"),
        (("in/a.jpg", "-o", "out.png", "--max-megapixels", "0.001"), "50x40, more than"),
        (("in", "-", "-o", "out"), "stands for one picture"),
        (("in", "-o", "-"), "stands for one picture"),
        (("in/a.jpg", "-o", "-", "--json"), "both write to standard output"),
        (("empty", "-o", "out"), "no pictures in 'empty'"),
        (("in/a.jpg", "-o", "out.png", "--speed"), "no such option"),
    ],
)
def test_wrong_use_is_one_line_and_writes_nothing(
    folder: Path, words: tuple[str, ...], message: str
) -> None:
    Path("empty").mkdir()
    Path("full").mkdir()
    for name in ("taken.png", "full/b.png"):
        Path(name).write_bytes(b"mine")
    before = tree(folder)
    line = failed(run(*words))
    assert any(part in line for part in message.split("|")), line
    assert tree(folder) == before
    assert Path("full/b.png").read_bytes() == Path("taken.png").read_bytes() == b"mine"


def test_an_absent_target_is_exit_3_unless_falling_back_is_allowed(folder: Path) -> None:
    line = failed(run("in/a.jpg", "-o", "out.png", "--target", "jetson"), exit_code=3)
    assert "jetson" in line
    result = run("in/a.jpg", "-o", "out.png", "--target", "jetson", "--allow-fallback")
    assert result.exit_code == 0, result.output
    assert result.stderr == "fallback: cpu (target 'jetson' cannot run here)\n"


def test_overwrite_replaces(folder: Path) -> None:
    Path("out.png").write_bytes(b"old")
    assert run("in/a.jpg", "-o", "out.png", "--overwrite").exit_code == 0
    assert Path("out.png").read_bytes().startswith(b"\x89PNG")


def test_pipes(folder: Path) -> None:
    coded = Path("in/b.jpeg").read_bytes()
    result = run("-", "-o", "-", stdin=coded)
    assert result.exit_code == 0, result.stderr
    with Image.open(io.BytesIO(result.stdout_bytes)) as picture:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "L", (50, 40))
    assert "JPEG quality 35" in result.stderr
    assert run("-", "-o", "piped/", stdin=coded).exit_code == 0
    assert Path("piped/stdin.png").read_bytes() == result.stdout_bytes
    assert "is empty (0 bytes)" in failed(run("-", "-o", "-"))


def test_interrupted_between_pictures(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Enhancer.enhance_rows

    def interrupted(self: Enhancer, planes: Any, take: Any, **more: Any) -> Any:
        if len(planes) == 1:  # b.jpeg, gray, comes second
            raise KeyboardInterrupt
        return real(self, planes, take, **more)

    monkeypatch.setattr(Enhancer, "enhance_rows", interrupted)
    result = run("in", "-o", "out")
    assert result.exit_code == 130
    assert result.stderr == "edgeqe: interrupted.\n"
    assert tree(folder / "out") == ["a.png"]
    with Image.open("out/a.png") as picture:
        picture.load()
        assert picture.size == (50, 40)


def test_a_damaged_tiff_is_one_line_in_a_fresh_process(folder: Path) -> None:
    stream = io.BytesIO()
    Image.fromarray(RAMP).save(stream, "TIFF")
    Path("cut.tif").write_bytes(stream.getvalue()[:-20])
    words = ["enhance", "cut.tif", "-o", "out.png", "-q", "20", "-m", "edgeqe-tiny"]
    root = Path(__file__).parents[2]
    process = subprocess.run(
        [sys.executable, "-m", "edgeqe", *words, "--threads", "1"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert (process.returncode, process.stdout) == (2, "")
    assert len(process.stderr.splitlines()) == 1, process.stderr
    assert process.stderr.startswith("edgeqe: cut.tif is damaged or cut short")
    assert not Path("out.png").exists()


def test_an_interrupt_leaves_the_report_of_what_was_done(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = Enhancer.enhance_file, []

    def interrupted(self: Enhancer, *given: Any, **options: Any) -> Any:
        calls.append(given)
        if len(calls) % 2 == 0:
            raise KeyboardInterrupt
        return real(self, *given, **options)

    monkeypatch.setattr(Enhancer, "enhance_file", interrupted)
    told = run("in", "-o", "out")
    assert told.exit_code != 0
    assert told.stdout.count(" -> ") == 1 and "a.jpg" in told.stdout
    told = run("in", "-o", "again", "--json")
    assert [Path(p["source"]).name for p in json.loads(told.stdout)["pictures"]] == ["a.jpg"]
