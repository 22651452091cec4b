"""Background data loading: worker processes that make batches in shared memory.

Each worker is ``python -m edgeqe.zoo.training.feed``: it reads its job as one line of JSON
from standard input, writes batches into shared memory, and says with a byte each that one
is ready; the trainer answers with a byte each that a place is free again. A worker ends when
its standard input does, so at once when the trainer ends, however that ends; it has a session
of its own, so the Ctrl-C of a terminal reaches the trainer alone. Worker m of n makes the steps
that leave m when divided by n, from a pool of its own, and what a step's batch holds does not
depend on when it is made.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from edgeqe.errors import EdgeqeError, InputError
from edgeqe.model.card import LAYOUTS
from edgeqe.typing import Float
from edgeqe.zoo.training.picture_pool import PicturePool
from edgeqe.zoo.training.pictures import LOSSLESS, load_all
from edgeqe.zoo.training.pool import SLOTS, Batch, Pool, TrainingPicture

#: Batches of a worker that may be ready before they are used.
PLACES = 6
READY, FAILED = b"r", b"f"
#: Layout of the planes of edgeqe's own networks.
NATIVE = "420-space-to-depth"


@dataclass(frozen=True)
class Job:
    """Parameters of the batches that workers make; JSON of it is a worker's input."""

    files: tuple[str, ...]
    """Pictures to train on."""
    seed: int
    batch: int
    """Crops per batch."""
    crop: int
    """Side of a crop, pixels."""
    candidates: int
    error_floor: float
    slots: int = SLOTS
    teachers: tuple[str, ...] = ()
    """As of `Recipe.teachers`."""
    teacher_share: float = 0.5
    codecs: Mapping[str, float] = field(default_factory=lambda: {"jpeg": 1.0})
    """Share of the pictures by codec."""
    fine_share: float = 0.0
    """As of `Recipe.fine_share`."""
    drawn_share: float = 0.1
    """As of `Recipe.drawn_share`."""
    layout: str = NATIVE
    """Layout of the network's planes, one of `card.LAYOUTS`."""
    values: tuple[float, ...] = ()
    """Strengths of pictures of other layouts, as of `Recipe.values`."""
    loss: str = "relative"
    """As of `Recipe.loss`, for other layouts."""
    alignment: int = 2
    """As of `Recipe.alignment`, for other layouts."""
    loop_filters: bool = True
    """As of `Recipe.loop_filters`, for other layouts."""
    side: str = "none"
    """As of `Recipe.side`, for other layouts."""
    first: int = 0
    """First step."""
    last: int = 0
    """Behind the last step."""
    worker: int = 0
    workers: int = 1

    @property
    def steps(self) -> range:
        """Training steps whose batches this worker makes."""
        return range(
            self.first + (self.worker - self.first) % self.workers, self.last, self.workers
        )

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of a batch's arrays."""
        if self.layout != NATIVE:
            count, area = LAYOUTS[self.layout], (self.batch, self.crop, self.crop)
            given = count + (self.side != "none")
            return (*area, given), (self.batch, 1), (*area, count + 1)
        side = self.crop // 2
        strength = 1 + len(self.codecs) * (len(self.codecs) > 1)
        return (self.batch, side, side, 6), (self.batch, strength), (self.batch, side, side, 12)

    @property
    def floats(self) -> int:
        """Floats in a batch."""
        return sum(int(np.prod(shape)) for shape in self.shapes)

    def pool(self) -> Pool:
        """Read the pictures and make the worker's pool, whose steps count the worker's own.

        Raises
        ------
        EdgeqeError
            If a picture cannot be read, none is large enough, or a teacher cannot teach.
        """
        teach = None
        if self.teachers:
            from edgeqe.zoo.training.teacher import FirstTeacher

            teach = FirstTeacher(self.teachers, self.codecs)
        files = [Path(file) for file in self.files]
        references = [
            TrainingPicture(rgb, file.suffix.lower() in LOSSLESS)
            for rgb, file in zip(load_all(files), files, strict=True)
        ]
        common: dict[str, Any] = {
            "batch": self.batch,
            "crop": self.crop,
            "candidates": self.candidates,
            "error_floor": self.error_floor,
            "slots": self.slots,
            "codecs": self.codecs,
        }
        seed = self.seed, self.worker
        if self.layout != NATIVE:
            return PicturePool(
                references,
                seed,
                layout=self.layout,
                values=self.values,
                loss=self.loss,
                alignment=self.alignment,
                loop_filters=self.loop_filters,
                side=self.side,
                **common,
            )
        return Pool(
            references,
            seed,
            teacher=teach,
            teacher_share=self.teacher_share,
            fine_share=self.fine_share,
            drawn_share=self.drawn_share,
            **common,
        )


class Feed:
    """Batches of a job in order, as an iterator and a context manager.

    The arrays of a batch are valid until the next is asked for.

    Parameters
    ----------
    job : Job
        Its `worker` is not used.

    Raises
    ------
    InputError
        When iterating, if a worker fails: with its message.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self._workers = [_Worker(job, index) for index in range(job.workers)]

    def __iter__(self) -> Iterator[Batch]:
        for step in range(self.job.first, self.job.last):
            worker = self._workers[step % self.job.workers]
            yield worker.take()
            worker.free()

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
        """End the workers."""
        for worker in self._workers:
            worker.close()


class _Worker:
    """Trainer's handle of one worker process."""

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
            start_new_session=True,
        )
        line = json.dumps({**asdict(job), "worker": index}) + "\n"
        self._tell(line.encode() + READY * PLACES)

    def _tell(self, words: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(words)
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has made its last batch, or `take` will say why not

    def take(self) -> Batch:
        """Wait for the next batch."""
        assert self._process.stdout is not None
        said = self._process.stdout.read(1)
        if said != READY:
            reason = self._process.stdout.read().decode(errors="replace").strip()
            raise InputError(reason or f"making batches ended by itself ({self._process.wait()}).")
        planes, strength, targets = _arrays(self._places[self._next], self._shapes)
        return planes, strength, targets

    def free(self) -> None:
        """Give the place of the batch last taken back."""
        self._next = (self._next + 1) % PLACES
        self._tell(READY)

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
    """Views of these shapes, consecutive in a buffer."""
    found, used = [], 0
    for shape in shapes:
        size = int(np.prod(shape))
        found.append(place[used : used + size].reshape(shape))
        used += size
    return found


def _shared(size: int) -> Any:
    """Anonymous file that two processes map, in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        file: Any = os.fdopen(os.memfd_create("edgeqe-batches"), "r+b")
    else:
        file = tempfile.TemporaryFile()
    file.truncate(size)
    return file


def make(job: Job, places: Float, free: threading.Semaphore, said: IO[bytes]) -> None:
    """Make all batches of a job.

    Parameters
    ----------
    job : Job
    places : ndarray of float32, shape (places, job.floats)
        Where batches are written, one after another, round and round.
    free : threading.Semaphore
        Counts the places that may be written.
    said : binary file
        Gets a byte a batch that is ready.
    """
    pool = job.pool()
    for index, step in enumerate(job.steps):
        free.acquire()
        parts = _arrays(places[index % len(places)], job.shapes)
        for part, made in zip(parts, pool.batch(step // job.workers), strict=True):
            part[:] = made
        said.write(READY)
        said.flush()


def _count(given: IO[bytes], free: threading.Semaphore) -> None:
    """Count buffers that are free again; end the process when the trainer is gone."""
    while given.read(1):
        free.release()
    os._exit(0)


def main() -> None:
    """Run as a worker process."""
    given, said, free = sys.stdin.buffer, sys.stdout.buffer, threading.Semaphore(0)
    values = json.loads(given.readline())
    job = Job(**{**values, "files": tuple(values["files"]), "values": tuple(values["values"])})
    memory = mmap.mmap(int(sys.argv[1]), PLACES * job.floats * 4)
    places = np.frombuffer(memory, np.float32).reshape(PLACES, job.floats)
    threading.Thread(target=_count, args=(given, free), daemon=True).start()
    try:
        make(job, places, free, said)
    except Exception as error:  # told to the trainer, which raises it
        known = isinstance(error, EdgeqeError)
        text = str(error) if known else f"{type(error).__name__}: {error}"
        with contextlib.suppress(BrokenPipeError):
            said.write(FAILED + text.encode(errors="replace"))
            said.flush()
    os._exit(0)  # the thread holds standard input, which an ordinary end would wait for


if __name__ == "__main__":
    main()
