"""Workers: their batches are the pool's, they report what fails, and they end with the trainer."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeqe.errors import InputError
from edgeqe.zoo.training import feed as module
from edgeqe.zoo.training.feed import PLACES, Feed, Job
from edgeqe.zoo.training.pool import REUSE, SIDE
from tests.reference import photograph

#: No wait in these tests is longer, seconds; none is this long unless something is broken.
BOUND = 120


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Two small photographs, and batches of two small crops."""
    folder, files = tmp_path_factory.mktemp("pictures"), []
    for name in ("coffee", "chelsea"):
        Image.fromarray(photograph(name, 20, 40, 70, 90)).save(folder / f"{name}.png")
        files.append(str(folder / f"{name}.png"))
    return Job(tuple(files), seed=3, batch=2, crop=32, candidates=2, error_floor=1.5, slots=3)


@pytest.mark.parametrize(("workers", "first", "last"), [(1, 2, 4 + PLACES), (2, 3, 6 + 2 * PLACES)])
def test_batches_come_in_order_and_are_the_pools(
    workers: int, first: int, last: int, job: Job
) -> None:
    job = dataclasses.replace(job, workers=workers, first=first, last=last)
    pools = [dataclasses.replace(job, worker=worker).pool() for worker in range(workers)]
    seen = first
    with Feed(job) as feed:
        for batch in feed:  # more of each worker than there are places
            expected = pools[seen % workers].batch(seen // workers)
            for part, same in zip(batch, expected, strict=True):
                np.testing.assert_array_equal(part, same)
            seen += 1
    assert seen == last


def test_makers_share_the_steps_and_each_reuses_pixels_as_often(job: Job) -> None:
    workers = [dataclasses.replace(job, first=5, last=12, worker=m, workers=3) for m in range(3)]
    assert sorted(step for worker in workers for step in worker.steps) == list(range(5, 12))
    assert all(step % 3 == worker.worker for worker in workers for step in worker.steps)
    # a pool counts the batches of its own worker, so the lifetime is that of one worker
    pools = [worker.pool() for worker in workers]
    assert {pool.lifetime for pool in pools} == {round(3 * SIDE**2 * REUSE / (2 * 32**2))}
    first = [pool.batch(5)[0] for pool in pools]
    assert not np.array_equal(first[0], first[1]) and not np.array_equal(first[1], first[2])


def test_what_fails_in_a_maker_reaches_the_trainer_as_one_error(job: Job, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    job = dataclasses.replace(job, last=2)
    cases = {
        "bad.png is no picture": dataclasses.replace(job, files=(*job.files, str(bad))),
        "no picture has 128 pixels both ways": dataclasses.replace(job, crop=64),
        "nobody": dataclasses.replace(job, teachers=("nobody",)),
    }
    for message, failing in cases.items():
        with pytest.raises(InputError, match=message) as caught:
            with Feed(failing) as feed:
                next(iter(feed))
        assert "\n" not in str(caught.value) and "Traceback" not in str(caught.value)


def test_an_unexpected_failure_has_its_kind_in_the_message(job: Job) -> None:
    broken = dataclasses.replace(job, last=1, error_floor="much")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="^[A-Za-z]+Error: "), Feed(broken) as feed:
        next(iter(feed))


def test_a_maker_that_is_killed_is_told(job: Job) -> None:
    with Feed(dataclasses.replace(job, last=10**6)) as feed:
        batches = iter(feed)
        next(batches)
        feed._workers[0]._process.kill()
        with pytest.raises(InputError, match=r"ended by itself \(-9\)"):
            for _ in range(2 * PLACES):
                next(batches)


def test_makers_end_with_the_loop_however_it_ends(job: Job) -> None:
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), Feed(dataclasses.replace(job, last=10**6, workers=2)) as feed:
            for _ in feed:
                raise error
        assert [worker._process.returncode for worker in feed._workers] == [-signal.SIGKILL] * 2
        assert all(worker._memory.closed for worker in feed._workers)


TRAINER = """
import json, sys
from edgeqe.zoo.training.feed import Feed, Job
values = json.loads(sys.argv[1])
feed = Feed(Job(**{**values, "files": tuple(values["files"])}))
if sys.argv[2] == "trains":
    next(iter(feed))
print(feed._workers[0]._process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("state", ["fills its pool", "trains"])
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_maker_ends_when_its_trainer_is_killed(state: str, end: signal.Signals, job: Job) -> None:
    # a pool of ten million pictures takes hours to fill
    slots = 3 if state == "trains" else 10**7
    job = dataclasses.replace(job, last=10**6, slots=slots)
    # a shell's background job ignores SIGINT, and so would all that it starts
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    trainer = subprocess.Popen(
        [sys.executable, "-c", TRAINER, json.dumps(dataclasses.asdict(job)), state],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    signal.signal(signal.SIGINT, before)
    try:
        assert trainer.stdout is not None
        worker = int(trainer.stdout.readline())
        # a group of its own: what a terminal sends to the trainer's does not reach it
        assert os.getpgid(worker) == worker != os.getpgid(trainer.pid)
        os.killpg(trainer.pid, end)
        # the worker has the trainer's standard error: it is at its end when both are gone
        _, errors = trainer.communicate(timeout=BOUND)
    finally:
        trainer.kill()
    assert trainer.returncode in (-end, 130)
    assert "feed.py" not in errors  # it goes without a word


def test_a_maker_whose_trainer_is_gone_before_it_starts_says_nothing(job: Job) -> None:
    line = json.dumps({**dataclasses.asdict(job), "last": 5}).encode() + b"\n"
    with module._shared(PLACES * job.floats * 4) as memory:
        done = subprocess.run(
            [sys.executable, "-m", "edgeqe.zoo.training.feed", str(memory.fileno())],
            input=line, capture_output=True, pass_fds=[memory.fileno()], timeout=BOUND, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
