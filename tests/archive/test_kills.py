"""An archive whose program, or whose workers, are killed: every file once, nothing half-made."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from edgeqe.archive.processes import WorkerProcesses
from edgeqe.archive.settings import ArchiveSettings, WorkerOptions
from edgeqe.archive.work import ATTEMPTS, ArchiveJob
from edgeqe.errors import ModelError
from tests.archive.made import BAD, ROOT, check_archive, files_of, lines_of, make_archive

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="processes of Linux")

FILES = 300
GUARD_SECONDS = 300
OPTIONS = WorkerOptions("edgeqe-nano")
#: Before the verb runs, when results are recorded and before they have their names.
BEFORE_NAMES = """
import os, signal
from edgeqe.archive import run
from edgeqe.cli import main
if __name__ == "__main__":  # workers load this too
    run.name_result = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    main()
"""


def start(*words: str, program: tuple[str, ...] = ("-m", "edgeqe")) -> subprocess.Popen[str]:
    """The program in a process group of its own, as a shell starts it."""
    command = [sys.executable, *program, "archive", "in", "out", "-m", "edgeqe-nano",
               "--workers", "2", *words]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )


def wait_for_lines(process: subprocess.Popen[str], count: int) -> None:
    """Until the manifest has so many lines about files; the program must not end before."""
    while len(lines_of("out")) < count:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.02)


def group_of(process: subprocess.Popen[str]) -> list[int]:
    """Descriptors of the living processes of the program's group, workers too."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, _, group = (place / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(group) == process.pid and state != "Z":
                found.append(os.pidfd_open(int(place.name)))
    return found


def wait_for_the_end(members: list[int]) -> None:
    """Until none of them runs; a descriptor can be read when its process has ended."""
    while members:
        ended, _, _ = select.select(members, [], [], GUARD_SECONDS)
        assert ended, f"{len(members)} processes still run"
        for member in ended:
            members.remove(member)
            os.close(member)


def test_killed_three_times_every_good_file_is_done_once(here: Path) -> None:
    make_archive(Path("in"), FILES)
    rng = random.Random(2)
    done: dict[str, tuple[int, int]] = {}
    for _ in range(3):
        process = start()
        wait_for_lines(process, len(lines_of("out")) + rng.randint(20, 60))
        members = group_of(process)
        assert len(members) >= 3  # the workers, which end by themselves
        process.kill()
        process.communicate(timeout=GUARD_SECONDS)
        wait_for_the_end(members)
        now = files_of(Path("out"))
        assert done.items() <= now.items()  # none was written again
        done = now
    process = start()
    output, errors = process.communicate(timeout=GUARD_SECONDS)
    assert process.returncode == 1, errors
    assert all(f"failed: {name}\n" in output for name in BAD)
    assert "5 of 300 files failed" in errors
    assert done.items() <= files_of(Path("out")).items()
    check_archive(Path("in"), Path("out"), FILES)


def test_a_result_that_is_recorded_and_has_no_name_gets_it(here: Path) -> None:
    make_archive(Path("in"), 3)
    Path("before.py").write_text(BEFORE_NAMES)
    process = start(program=("before.py",))
    process.communicate(timeout=GUARD_SECONDS)
    assert process.returncode == -signal.SIGKILL
    recorded = [line["path"] for line in lines_of("out")]
    assert recorded and not files_of(Path("out"))
    process = start("--json")
    output, errors = process.communicate(timeout=GUARD_SECONDS)
    assert process.returncode == 0, errors
    assert f'"done_before": {len(recorded)},' in output
    check_archive_of(3)


def check_archive_of(count: int) -> None:
    """All files good and done once."""
    lines = lines_of("out")
    assert sorted(line["path"] for line in lines) == sorted({line["path"] for line in lines})
    assert len(files_of(Path("out"))) == len(lines) == count


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGINT, 130, "edgeqe: interrupted.\n"), (signal.SIGTERM, -signal.SIGTERM, "")],
)
def test_a_signal_ends_all_and_tells_what_is_done(
    here: Path, number: signal.Signals, code: int, said: str
) -> None:
    make_archive(Path("in"), FILES)
    for name in BAD:
        Path("in", name).unlink()
    process = start()
    wait_for_lines(process, 20)
    members = group_of(process)
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    output, errors = process.communicate(timeout=GUARD_SECONDS)
    assert process.returncode == code
    assert errors == said
    assert "to come: start again" in output
    wait_for_the_end(members)
    assert sorted(os.listdir("out/.edgeqe-archive")) == ["lock", "manifest.jsonl"]
    assert {line["destination"] for line in lines_of("out")} == set(files_of(Path("out")))


@pytest.fixture
def workers() -> Iterator[WorkerProcesses]:
    made = WorkerProcesses(1, OPTIONS, ArchiveSettings())
    yield made
    made.close()


def jobs(folder: Path) -> Iterator[ArchiveJob]:
    for path in sorted(Path("in").rglob("*.jpg")):
        yield ArchiveJob(str(path), str(path.absolute()), str(folder / path.stem), ".png", False)


@pytest.mark.parametrize("deaths", [1, ATTEMPTS])
def test_a_worker_that_dies_is_replaced_and_its_file_tried_again(
    here: Path, workers: WorkerProcesses, monkeypatch: pytest.MonkeyPatch, deaths: int
) -> None:
    make_archive(Path("in"), 3)
    give = WorkerProcesses._give
    killed: list[int] = []

    def give_and_kill(self: WorkerProcesses, worker: Any, job: ArchiveJob) -> None:
        if "001" in job.path and len(killed) < deaths:
            os.kill(worker.process.pid, signal.SIGKILL)
            worker.process.join()
            killed.append(worker.process.pid)
        give(self, worker, job)

    monkeypatch.setattr(WorkerProcesses, "_give", give_and_kill)
    outcomes = {one.path: one for some in workers.outcomes(jobs(here)) for one in some}
    assert len(set(killed)) == deaths and len(outcomes) == 3
    failed = {path: one.error for path, one in outcomes.items() if one.error}
    if deaths < ATTEMPTS:
        assert failed == {}
    else:
        ((path, why),) = failed.items()
        assert path == "in/b/001.jpg" and "3 workers died on it" in why and "SIGKILL" in why
        assert outcomes[path].size == os.path.getsize(path)


def test_a_model_that_is_not_there_is_told_before_any_work(here: Path) -> None:
    with pytest.raises(ModelError, match="edgeqe-nanno"):
        WorkerProcesses(2, WorkerOptions("edgeqe-nanno"), ArchiveSettings())
