"""``edgeqe archive`` as it is typed: options, report, exit codes, the page's commands."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edgeqe.archive import processes
from edgeqe.archive.report import ArchiveReport
from edgeqe.cli import main
from edgeqe.cli.archive import progress_words
from tests.archive.conftest import InlineWorkers
from tests.archive.made import files_of, lines_of, make_archive
from tests.test_your_network import commands

MIB = 1 << 20


@pytest.fixture(autouse=True)
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of six pictures, the fourth damaged; workers run in this process."""
    monkeypatch.setattr(processes, "WorkerProcesses", InlineWorkers)
    monkeypatch.chdir(tmp_path)
    make_archive(Path("photos"), 6)


def run(*words: str, model: str = "edgeqe-nano") -> Result:
    return CliRunner().invoke(main, ["archive", "photos", "better", "-m", model, *words])


def test_what_failed_is_named_and_the_exit_code_is_1() -> None:
    result = run("--workers", "2", "--threads", "2")
    assert result.exit_code == 1
    assert result.stdout.startswith("5 done, 0 done before, 1 failed, 0 neither")
    assert "2 workers with 1 thread each, 128 MiB for the enhancement in all" in result.stdout
    assert result.stdout.endswith("failed: a/003.jpg\n")
    told, last = result.stderr.splitlines()
    assert told.startswith("edgeqe: ") and "photos/a/003.jpg" in told
    assert last == "edgeqe: 1 of 6 files failed, see above; --retry-failed tries them again."
    Path("photos/a/003.jpg").unlink()
    again = run()
    assert (again.exit_code, again.stderr) == (0, "")
    assert again.stdout.startswith("0 done, 5 done before, 0 failed")


def test_the_report_for_programs() -> None:
    result = run("--json", "--workers", "3", "--memory-limit", "96MiB", "--threads", "6")
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (report["done"], report["done_before"], report["failed"], report["files"]) == (
        5,
        0,
        1,
        6,
    )
    assert (report["workers"], report["threads"], report["memory_limit"]) == (3, 2, 96 * MIB)
    ((path, error),) = [(one["path"], one["error"]) for one in report["errors"]]
    assert path == "a/003.jpg" and path in error
    assert Path(report["manifest"]).is_file() and report["model"] == "edgeqe-nano"


def test_a_limit_that_is_too_small_is_named_with_one_that_works_for_all_workers() -> None:
    Path("photos/a/003.jpg").unlink()
    small = run("--workers", "2", "--threads", "2", "--memory-limit", "1MiB")
    assert (small.exit_code, small.stdout) == (2, ""), small.output
    (line,) = small.stderr.splitlines()
    found = re.search(r"of each of 2 workers: give --memory-limit (\d+KiB), or fewer", line)
    assert found, line
    works = run("--workers", "2", "--threads", "2", "--memory-limit", found[1])
    assert works.exit_code == 0, works.stderr


def test_a_dry_run_lists_and_writes_nothing() -> None:
    Path("photos/a/003.jpg").unlink()
    result = run("--dry-run")
    assert result.exit_code == 0, result.stderr
    (line,) = (line for line in result.stdout.splitlines() if "005.jpg" in line)
    assert line.startswith("photos/c/deep/005.jpg -> better/c/deep/005.png  ")
    assert line.endswith("jpeg quality 20  would be done")
    assert "5 would be done, 0 done before, 0 would fail" in result.stdout
    assert not Path("better").exists()


def test_a_dry_run_says_what_would_fail() -> None:
    result = run("--dry-run")
    assert result.exit_code == 1 and "5 would be done, 0 done before, 1 would fail" in result.stdout
    told, last = result.stderr.splitlines()  # it is cut in its head
    assert told.startswith("edgeqe: photos/a/003.jpg")
    assert last == "edgeqe: 1 of 6 files would fail, see above."


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--amount", "2"], "amount 2.0 is not a number from 0 to 1."),
        (["--suffix", ".gif"], "suffix '.gif' is none of"),
        (["--quality", "20", "--qp", "30"], "give"),
        (["--quality", "auto", "--qp", "30"], "give one of them"),
        (["--memory-limit", "lots"], "memory limit 'lots' is no size"),
        (["--memory-limit", "10"], "memory limit"),
        (["--ray", "auto"], "--ray needs --workers N"),
        (["--encoder", "xvid"], "encoder 'xvid' is none of"),
        (["--workers", "0"], "--workers"),
        (["--max-megapixels", "0"], "--max-megapixels 0"),
        (["--output-quality", "80"], "PNG"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(words: list[str], why: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert why in line
    assert files_of(Path(".")).keys() == {f"photos/{name}" for name in names_of_photos()}


def names_of_photos() -> list[str]:
    return [path.relative_to("photos").as_posix() for path in Path("photos").rglob("*.jpg")]


def test_options_reach_the_pictures() -> None:
    assert run("--suffix", ".jpg", "--output-quality", "90", "--quality", "10").exit_code == 1
    assert sorted(files_of(Path("better"))) == sorted(set(names_of_photos()) - {"a/003.jpg"})
    with Image.open("better/b/001.jpg") as opened:
        assert opened.format == "JPEG"
    assert {line["number"] for line in lines_of("better") if line["state"] == "done"} == {10}


def test_a_name_that_does_not_print_spoils_no_report() -> None:
    odd = os.fsdecode(b"photos/bad\n\xff.jpg")
    Path(odd).write_bytes(b"")
    result = run()
    assert result.exit_code == 1
    assert "failed: bad??.jpg" in result.stdout.splitlines()
    assert len(result.stderr.splitlines()) == 3


def test_clips_are_done_beside_pictures() -> None:
    av = pytest.importorskip("av", reason="clips need PyAV")
    with av.open("photos/clip.avi.mkv", "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for level in (60, 90):
            picture = np.full((48, 64, 3), level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode())
    Path("photos/cut.mkv").write_bytes(Path("photos/clip.avi.mkv").read_bytes()[:300])
    result = run("--quality", "30")
    assert result.exit_code == 1
    assert "6 done, 0 done before, 2 failed" in result.stdout and "failed: cut.mkv" in result.stdout
    with av.open("better/clip.avi.mkv") as container:
        frames = list(container.decode(video=0))
    assert [(frame.width, frame.height) for frame in frames] == [(64, 48)] * 2


def test_every_command_of_the_page_runs() -> None:
    Path("photos/a/003.jpg").unlink()
    found = commands("docs/archive.md")
    assert len(found) == 5 and {words[0] for words in found} == {"archive"}
    for words in found:
        result = CliRunner().invoke(main, [*words, "-m", "edgeqe-nano"])
        assert result.exit_code == 0, (words, result.output, result.exception)
    assert len(files_of(Path("better"))) == len(files_of(Path("small"))) == 5


def test_progress_says_files_rate_and_time_left() -> None:
    report = ArchiveReport("in", "out", "", files=10_000, done=90, done_before=900, failed=10)
    assert (
        progress_words(report, 50.0) == "1000 of 10000 files, 10 failed, 2.0 files/s, 1:15:00 left"
    )
    report.files = None
    assert progress_words(report, 0.0) == "1000 files, 10 failed, 0.0 files/s"
