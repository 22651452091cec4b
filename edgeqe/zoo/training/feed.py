"""Batches made by processes in the background, which leave the arithmetic its cores.

Each maker is ``python -m edgeqe.zoo.training.feed``: it reads its job as one line of JSON
from standard input, writes batches into shared memory, and says with a byte each that one
is ready; the trainer answers with a byte each that a place is free again. So a maker ends
when the trainer does, however that ends. Maker m of n makes the steps that leave m when
divided by n, from a pool of its own, and what a step's batch holds does not depend on when
it is made.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from edgeqe.errors import InputError
from edgeqe.zoo.training.pictures import LOSSLESS, load_all
from edgeqe.zoo.training.pool import SLOTS, Batch, Float, Pool, Reference

#: Batches of a maker that may be ready before they are used.
PLACES = 6
READY, FAILED = b"r", b"f"


@dataclass(frozen=True)
class Job:
    """What a maker makes."""

    files: tuple[str, ...]
    """Pictures to train on."""
    seed: int
    batch: int
    """Crops a batch."""
    crop: int
    """Side of a crop, pixels."""
    candidates: int
    error_floor: float
    slots: int = SLOTS
    teacher: str = ""
    """Model file whose residual takes a share of the target's place; empty: none."""
    teacher_share: float = 0.5
    first: int = 0
    """First step."""
    last: int = 0
    """Behind the last step."""
    maker: int = 0
    makers: int = 1

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of a batch's arrays."""
        side = self.crop // 2
        return (self.batch, side, side, 6), (self.batch, 1), (self.batch, side, side, 12)

    @property
    def floats(self) -> int:
        """Numbers in a batch."""
        return sum(int(np.prod(shape)) for shape in self.shapes)

    def pool(self) -> Pool:
        """Read the pictures and make the pool."""
        files = [Path(file) for file in self.files]
        references = [
            Reference(rgb, file.suffix.lower() in LOSSLESS)
            for rgb, file in zip(load_all(files), files, strict=True)
        ]
        teach = None
        if self.teacher:
            from edgeqe.zoo.training.teacher import FileTeacher

            teach = FileTeacher(self.teacher)
        return Pool(
            references,
            [self.seed, self.maker] if self.maker else self.seed,
            batch=self.batch,
            crop=self.crop,
            candidates=self.candidates,
            error_floor=self.error_floor,
            slots=self.slots,
            teacher=teach,
            teacher_share=self.teacher_share,
        )


class Feed:
    """Batches of a job in order, as an iterator and a context manager.

    The arrays of a batch are valid until the next is asked for.

    Parameters
    ----------
    job : Job
        Its `maker` is not used.

    Raises
    ------
    InputError
        When iterating, if a maker fails: with its message.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self._makers = [_Maker(job, index) for index in range(job.makers)]

    def __iter__(self) -> Iterator[Batch]:
        for step in range(self.job.first, self.job.last):
            maker = self._makers[step % self.job.makers]
            yield maker.take()
            maker.free()

    def __enter__(self) -> Feed:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the makers."""
        for maker in self._makers:
            maker.close()


class _Maker:
    """A maker's process, seen from the trainer."""

    def __init__(self, job: Job, index: int) -> None:
        self._shapes = job.shapes
        self._memory = _shared(PLACES * job.floats * 4)
        self._places = np.frombuffer(
            mmap.mmap(self._memory.fileno(), PLACES * job.floats * 4), np.float32
        ).reshape(PLACES, job.floats)
        self._next = 0
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        environment["OPENBLAS_NUM_THREADS"] = "1"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "edgeqe.zoo.training.feed", str(self._memory.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[self._memory.fileno()],
            env=environment,
        )
        line = json.dumps({**asdict(job), "maker": index}) + "\n"
        self._stdin.write(line.encode() + READY * PLACES)
        self._stdin.flush()

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    def take(self) -> Batch:
        """Wait for the next batch."""
        assert self._process.stdout is not None
        said = self._process.stdout.read(1)
        if said != READY:
            reason = self._process.stdout.read().decode(errors="replace").strip()
            raise InputError(reason or f"making batches ended by itself ({self._process.wait()}).")
        planes, log2_step, targets = _arrays(self._places[self._next], self._shapes)
        return planes, log2_step, targets

    def free(self) -> None:
        """Give the place of the batch last taken back."""
        self._next = (self._next + 1) % PLACES
        try:
            self._stdin.write(READY)
            self._stdin.flush()
        except BrokenPipeError:
            pass  # it has made its last batch, or `take` will say why not

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    pass
        self._memory.close()


def _arrays(place: Float, shapes: tuple[tuple[int, ...], ...]) -> list[Float]:
    """Arrays of these shapes, one behind the other in a place."""
    found, used = [], 0
    for shape in shapes:
        size = int(np.prod(shape))
        found.append(place[used : used + size].reshape(shape))
        used += size
    return found


def _shared(size: int) -> Any:
    """File without a name that two processes map, in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        file: Any = os.fdopen(os.memfd_create("edgeqe-batches"), "r+b")
    else:
        file = tempfile.TemporaryFile()
    file.truncate(size)
    return file


def make(job: Job, places: Float, given: IO[bytes], said: IO[bytes]) -> None:
    """Make a maker's batches until there are no more or nobody takes them.

    Parameters
    ----------
    job : Job
    places : ndarray of float32, shape (places, job.floats)
    given, said : binary files
        A byte a place that is free, and a byte a batch that is ready.
    """
    pool = job.pool()
    steps = range(job.first + (job.maker - job.first) % job.makers, job.last, job.makers)
    for index, step in enumerate(steps):
        if not given.read(1):
            return
        parts = _arrays(places[index % len(places)], job.shapes)
        for part, made in zip(parts, pool.batch(step), strict=True):
            part[:] = made
        said.write(READY)
        said.flush()


def main() -> None:
    """Be a maker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the trainer's Ctrl-C reaches it as the end
    values = json.loads(sys.stdin.buffer.readline())
    job = Job(**{**values, "files": tuple(values["files"])})
    memory = mmap.mmap(int(sys.argv[1]), PLACES * job.floats * 4)
    places = np.frombuffer(memory, np.float32).reshape(PLACES, job.floats)
    try:
        make(job, places, sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:
        os._exit(0)
    except Exception as error:  # told to the trainer, which raises it
        text = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        sys.stdout.buffer.write(FAILED + text.encode())


if __name__ == "__main__":
    main()
