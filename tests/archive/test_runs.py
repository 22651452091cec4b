"""Runs over an archive, one after another: what is done again, what is refused, what is named."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgeqe.archive import ArchiveReport, ArchiveSettings, enhance_archive, run
from edgeqe.archive.lock import FolderLock
from edgeqe.archive.settings import WorkerOptions
from edgeqe.archive.work import FileWorker
from edgeqe.errors import InputError, MissingPackageError
from tests.archive.made import files_of, lines_of, make_archive, picture

pytestmark = pytest.mark.usefixtures("inline")
OPTIONS = WorkerOptions("edgeqe-nano")


def archive(**words: Any) -> ArchiveReport:
    return enhance_archive("in", "out", options=OPTIONS, **words)


def counts(report: ArchiveReport) -> tuple[int, int, int]:
    return report.done, report.done_before, report.failed


def save(name: str, seed: int, **options: Any) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(seed)).save(name, **{"quality": 20, **options})


@pytest.fixture
def six(here: Path) -> Path:
    """Six pictures, the fourth damaged, and a text."""
    make_archive(Path("in"), 6)
    Path("in/notes.txt").write_text("no picture")
    return here


def test_the_manifest_says_what_became_of_each_file(six: Path) -> None:
    report = archive()
    assert counts(report) == (5, 0, 1) and report.left_out == 1 and report.files == 6
    lines = {line["path"]: line for line in lines_of("out")}
    good = lines["b/001.jpg"]
    assert (good["codec"], good["scale"], good["number"]) == ("jpeg", "quality", 20)
    assert good["size"] == os.path.getsize("in/b/001.jpg") and good["seconds"] > 0
    assert good["destination_bytes"] == os.path.getsize("out/b/001.png")
    bad = lines["a/003.jpg"]
    assert bad["state"] == "failed" and "a/003.jpg" in bad["error"] and not bad["destination"]
    (told,) = report.errors
    assert told == ("a/003.jpg", bad["error"])


def test_nothing_is_done_again_until_it_changes(six: Path) -> None:
    archive()
    before, lines = files_of(Path("out")), len(lines_of("out"))
    os.utime("in/b/001.jpg", ns=(1, 1))  # touched: same bytes
    assert counts(archive()) == (0, 5, 1)
    assert len(lines_of("out")) == lines + 1  # its new time, so that it is not read again
    save("in/b/001.jpg", 99)
    save("in/a/003.jpg", 98)  # the damaged one is put right
    Path("out/a/000.png").unlink()
    assert counts(archive()) == (3, 3, 0)
    after = files_of(Path("out"))
    assert {name for name in after if after[name] != before.get(name)} == {
        "a/000.png", "a/003.png", "b/001.png",
    }  # fmt: skip
    assert counts(archive()) == (0, 6, 0)
    assert len(lines_of("out")) == lines + 4


def test_failed_files_are_tried_again_where_asked(six: Path) -> None:
    archive()
    assert counts(archive(retry_failed=True)) == (0, 5, 1)
    tried = [line for line in lines_of("out") if line["path"] == "a/003.jpg"]
    assert len(tried) == 2
    assert counts(archive()) == (0, 5, 1)
    assert len(lines_of("out")) == 7


def test_a_result_that_somebody_changed_is_kept(six: Path) -> None:
    archive()
    Path("out/b/001.png").write_bytes(b"retouched")
    report = archive()
    assert counts(report) == (0, 4, 2)
    assert "'out/b/001.png' was changed since it was written" in dict(report.errors)["b/001.jpg"]
    assert Path("out/b/001.png").read_bytes() == b"retouched"
    assert counts(archive(overwrite=True)) == (1, 4, 1)
    with Image.open("out/b/001.png") as opened:
        assert opened.size == (50, 40)


def test_a_file_of_others_is_kept(six: Path) -> None:
    Path("out/b").mkdir(parents=True)
    Path("out/b/001.png").write_bytes(b"mine")
    report = archive()
    assert "exists and is not of this archive" in dict(report.errors)["b/001.jpg"]
    assert Path("out/b/001.png").read_bytes() == b"mine"


def test_other_settings_are_refused_by_name_or_done_again(six: Path) -> None:
    archive()
    half = ArchiveSettings(amount=0.5)
    before = files_of(Path("out"))
    with pytest.raises(InputError, match=r"made otherwise \(amount 1.0, now 0.5\)"):
        archive(settings=half)
    tiny = replace(OPTIONS, model="edgeqe-tiny")
    with pytest.raises(InputError, match="model edgeqe-nano, now edgeqe-tiny"):
        enhance_archive("in", "out", options=tiny)
    assert files_of(Path("out")) == before
    assert counts(archive(settings=half, overwrite=True)) == (5, 0, 1)
    assert counts(archive(settings=half)) == (0, 5, 1)
    source, full = np.asarray(Image.open("in/b/001.jpg"), float), archive_alone("in/b/001.jpg")
    made = np.asarray(Image.open("out/b/001.png"), float)
    assert np.abs(made - (source + full) / 2).max() <= 1  # half the change; each is rounded once


def archive_alone(name: str) -> Any:
    """What a picture becomes in an archive of its own."""
    Path("alone").mkdir()
    shutil.copy(name, "alone")
    enhance_archive("alone", "alone-out", options=OPTIONS)
    return np.asarray(Image.open(Path("alone-out", Path(name).stem + ".png")), float)


def test_an_overwrite_that_was_ended_goes_on_without_the_word(
    six: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive()
    half = ArchiveSettings(amount=0.5)
    done: list[str] = []

    def ends(self: FileWorker, job: Any) -> Any:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(job.path)
        return real(self, job)

    real = FileWorker.do
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(FileWorker, "do", ends)
        archive(settings=half, overwrite=True)
    assert done == ["a/000.jpg", "a/003.jpg"]  # of which the second is damaged
    assert counts(archive(settings=half)) == (4, 1, 1)
    assert sorted(os.listdir("out/.edgeqe-archive")) == ["lock", "manifest.jsonl"]


def test_a_name_stays_when_neighbours_come(here: Path) -> None:
    save("in/a.jpg", 1)
    assert counts(archive()) == (1, 0, 0)
    before = files_of(Path("out"))
    save("in/a.jpeg", 2)
    assert counts(archive()) == (1, 1, 0)
    assert sorted(files_of(Path("out"))) == ["a.jpeg.png", "a.png"]
    assert files_of(Path("out"))["a.png"] == before["a.png"]


def test_a_full_disk_stops_the_run_and_loses_nothing(
    six: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = FileWorker._picture

    def full(self: FileWorker, job: Any, staged: str) -> Any:
        if job.path == "b/004.jpg":
            raise InputError("cannot be written") from OSError(errno.ENOSPC, "No space left")
        return real(self, job, staged)

    with monkeypatch.context() as patch:
        patch.setattr(FileWorker, "_picture", full)
        with pytest.raises(InputError, match="nothing more can be done: cannot be written"):
            archive()
    assert "b/004.jpg" not in {line["path"] for line in lines_of("out")}  # not its fault
    report = archive()
    assert report.done + report.done_before == 5 and report.done_before > 0


def test_a_fault_of_ours_with_one_file_stops_no_other(
    six: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = FileWorker._picture

    def faulty(self: FileWorker, job: Any, staged: str) -> Any:
        return real(self, job, staged) if job.path != "b/004.jpg" else [][1]

    monkeypatch.setattr(FileWorker, "_picture", faulty)
    report = archive()
    assert counts(report) == (4, 0, 2)
    assert dict(report.errors)["b/004.jpg"].endswith("IndexError: list index out of range")


def test_a_source_that_changes_meanwhile_is_not_taken(
    six: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = FileWorker._picture

    def changing(self: FileWorker, job: Any, staged: str) -> Any:
        made = real(self, job, staged)
        if job.path == "b/004.jpg":
            save("in/b/004.jpg", 77)
        return made

    with monkeypatch.context() as patch:
        patch.setattr(FileWorker, "_picture", changing)
        assert "changed while it was read" in dict(archive().errors)["b/004.jpg"]
    assert counts(archive()) == (1, 4, 1)


def test_two_programs_do_not_write_into_one_folder(six: Path) -> None:
    state = Path("out/.edgeqe-archive")
    state.mkdir(parents=True)
    with FolderLock(state / "lock"), pytest.raises(InputError) as caught:
        archive()
    assert f"'out' is being written by process {os.getpid()} on " in str(caught.value)
    assert counts(archive()) == (5, 0, 1)


@pytest.mark.parametrize(
    ("source", "output", "why"),
    [
        ("in", "in", "lies in 'in'"),
        ("in/a", "in", "lies in 'in'"),
        ("nowhere", "out", "'nowhere' is no folder"),
        ("in", "in/notes.txt", "is no folder"),
    ],
)
def test_folders_that_would_mix_are_refused(six: Path, source: str, output: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        enhance_archive(source, output, options=OPTIONS)
    assert not Path("in/.edgeqe-archive").exists()


def test_an_output_inside_the_archive_is_no_part_of_it(six: Path) -> None:
    for expected in ((5, 0, 1), (0, 5, 1)):
        assert counts(enhance_archive("in", "in/better", options=OPTIONS)) == expected


def test_a_dry_run_opens_each_file_and_writes_nothing(six: Path) -> None:
    Path("in/text.jpg").write_text("no picture")
    lines: list[tuple[str, str]] = []
    report = archive(dry_run=True, told=lambda *line: lines.append(line))
    planned = {line for state, line in lines if state == "planned"}
    with Image.open("in/b/001.jpg") as coded:
        width, height = coded.size
    assert f"in/b/001.jpg -> out/b/001.png  {width}x{height}  jpeg quality 20" in planned
    (failed,) = (line for state, line in lines if state == "failed" and "text.jpg" in line)
    assert "is no picture" in failed
    assert counts(report) == (5, 0, 2)  # the other one is damaged in its head
    assert not Path("out").exists()
    Path("in/text.jpg").unlink()
    archive()
    Path("out/a/000.png").unlink()
    before = files_of(Path("out"))
    assert counts(archive(dry_run=True)) == (1, 4, 1)
    assert files_of(Path("out")) == before


def test_a_dry_run_names_what_the_model_does_not_serve_and_opens_clips(here: Path) -> None:
    save("in/a.webp", 1)
    Path("in/b.mkv").write_bytes(b"no clip")
    report = archive(dry_run=True)
    told = dict(report.errors)
    assert counts(report) == (0, 0, 2)
    assert "serves jpeg: give another model" in told["a.webp"] and "b.mkv" in told["b.mkv"]


def test_a_dry_run_of_a_clip_needs_no_folder_for_its_result(here: Path) -> None:
    pytest.importorskip("av", reason="clips need PyAV")
    from tests.video import made_clips

    Path("in/deep").mkdir(parents=True)
    made_clips.write(Path("in/deep/a.mp4"), "mjpeg", {}, form="yuvj420p", full_range=True, count=2)
    made_clips.write(Path("in/deep/b.mp4"), count=2)
    lines: list[tuple[str, str]] = []
    assert counts(archive(dry_run=True, told=lambda *line: lines.append(line))) == (1, 0, 1)
    told = dict(lines)
    assert told["planned"].startswith("in/deep/a.mp4 -> out/deep/a.mp4  160x96  jpeg")
    assert told["failed"].startswith("deep/b.mp4: 'edgeqe-nano' serves jpeg and not h264")
    assert not Path("out").exists()


def test_ray_that_is_not_installed_leaves_no_folder(
    six: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not there
    monkeypatch.setitem(sys.modules, "ray.data", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'edgeqe\[ray\]'"):
        archive(ray="auto")
    assert not Path("out").exists()


def test_an_archive_without_pictures_is_refused(here: Path) -> None:
    Path("in").mkdir()
    Path("in/notes.txt").touch()
    with pytest.raises(InputError, match="no pictures or clips in 'in'"):
        archive()


def test_the_folder_of_results_to_come_goes_with_the_run(six: Path) -> None:
    left = Path("out/.edgeqe-archive/staging-00000000")
    left.mkdir(parents=True)
    (left / "0123456789abcdef-00.png").write_bytes(b"half")
    (left / "odd").write_bytes(b"half")
    archive()
    assert sorted(os.listdir("out/.edgeqe-archive")) == ["lock", "manifest.jsonl"]
    assert run.STATE == ".edgeqe-archive"
