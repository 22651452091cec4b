"""Workers of an archive on this machine: processes, so that a file that ends one ends no other.

A worker that is gone is replaced, and its file begun again. One whose master is gone ends at once,
in the midst of a file: it would write into a folder that another run has taken over.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from queue import SimpleQueue

from edgeqe.archive.settings import ArchiveSettings, OpenedModel, WorkerOptions
from edgeqe.archive.work import ATTEMPTS, ArchiveJob, FileWorker, JobOutcome, dead
from edgeqe.errors import EdgeqeError, InputError

__all__ = ["WorkerProcesses"]


@dataclass(eq=False)
class _Worker:
    """A process, the pipe to it, and what it does."""

    process: SpawnProcess
    pipe: Connection
    ready: bool = False
    job: ArchiveJob | None = None


class WorkerProcesses:
    """Processes that do files, each with an `Enhancer` of its own.

    Parameters
    ----------
    count : int
    options : WorkerOptions
        Of each.
    settings : ArchiveSettings

    Raises
    ------
    EdgeqeError
        As of `Enhancer`.
    """

    def __init__(self, count: int, options: WorkerOptions, settings: ArchiveSettings) -> None:
        self._options, self._settings = options, settings
        self._workers: list[_Worker] = []
        self._unready = 0
        """Workers one after another that died before they were ready."""
        try:
            self._start()
            while not self._workers[0].ready:
                self._hear(self._workers[0])
            for _ in range(count - 1):
                self._start()
        except BaseException:
            self.close()
            raise

    def outcomes(self, jobs: Iterator[ArchiveJob]) -> Iterator[list[JobOutcome]]:
        """See `work.WorkerPool`."""
        again: deque[ArchiveJob] = deque()
        begun: dict[str, int] = {}
        more = True
        while True:
            for worker in self._workers:
                if worker.ready and worker.job is None:
                    job = again.popleft() if again else next(jobs, None)
                    if job is None:
                        more = False
                        break
                    begun[job.path] = begun.get(job.path, 0) + 1
                    self._give(worker, job)
            if not more and not again and all(worker.job is None for worker in self._workers):
                return
            heard = wait([worker.pipe for worker in self._workers])
            done = []
            for worker in [one for one in self._workers if one.pipe in heard]:
                held = worker.job
                outcome = self._hear(worker)
                if outcome is None and held is not None:  # it died
                    if begun[held.path] < ATTEMPTS:
                        again.append(held)
                        continue
                    outcome = dead(held, _how_it_ended(worker.process))
                if outcome is not None:
                    del begun[outcome.path]
                    done.append(outcome)
            if done:
                yield done

    def close(self) -> None:
        """See `work.WorkerPool`."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.pipe.close()
        self._workers.clear()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_serve, args=(theirs, self._options, self._settings), daemon=True
        )
        # A terminal's Ctrl-C reaches all processes, and the master alone decides. The tracker's start
        # would take the mask away again.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()  # the end of the process is then the end of the pipe
        self._workers.append(_Worker(process, ours))

    def _give(self, worker: _Worker, job: ArchiveJob) -> None:
        worker.job = job
        try:
            worker.pipe.send(job)
        except OSError:  # it is gone: the end of its pipe is heard next
            pass

    def _hear(self, worker: _Worker) -> JobOutcome | None:
        """Take what a worker says; one that is gone is replaced.

        Raises
        ------
        EdgeqeError
            If it cannot open the model.
        """
        try:
            said = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join()
            worker.pipe.close()
            self._workers.remove(worker)
            self._unready = 0 if worker.ready else self._unready + 1
            if self._unready == ATTEMPTS:
                raise InputError(
                    f"{ATTEMPTS} workers died before they were ready "
                    f"({_how_it_ended(worker.process)}): take fewer --workers, or see 'edgeqe doctor'."
                ) from None
            self._start()
            return None
        if isinstance(said, Exception):
            raise said
        if isinstance(said, OpenedModel):
            self.opened, worker.ready, self._unready = said, True, 0
            return None
        assert isinstance(said, JobOutcome)
        worker.job = None
        return said


def _how_it_ended(process: SpawnProcess) -> str:
    code = process.exitcode or 0
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _serve(pipe: Connection, options: WorkerOptions, settings: ArchiveSettings) -> None:
    """Do what comes through a pipe, until it ends; run in the worker's process."""
    jobs: SimpleQueue[ArchiveJob] = SimpleQueue()

    def receive() -> None:
        while True:
            try:
                jobs.put(pipe.recv())
            except (EOFError, OSError):
                os._exit(0)

    threading.Thread(target=receive, daemon=True).start()
    try:
        worker = FileWorker(options, settings)
    except (EdgeqeError, ModuleNotFoundError) as error:
        pipe.send(error)
        return
    pipe.send(worker.opened)
    while True:
        pipe.send(worker.do(jobs.get()))
