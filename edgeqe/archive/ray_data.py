"""Workers of an archive on a cluster: actors of Ray Data, each with an `Enhancer` of its own.

Every node reads the archive and writes the output by the same paths, on a file system that they
share. A file whose actor died comes back in the next round; actors themselves are made anew by Ray,
where the cluster still has room for them.
"""

from __future__ import annotations

import logging
import pickle
import signal
import socket
import threading
from collections.abc import Iterator
from itertools import islice
from typing import Any

from edgeqe.archive.settings import ArchiveSettings, OpenedModel, WorkerOptions
from edgeqe.archive.work import ATTEMPTS, ArchiveJob, FileWorker, JobOutcome, dead
from edgeqe.errors import EdgeqeError, InputError, MissingPackageError

__all__ = ["RayWorkers"]

#: Files of one dataset: so many are held at once, whatever the archive's size.
SLICE = 2000
#: How long the cluster's machine may take to answer.
ANSWER_SECONDS = 20.0


def check_installed() -> None:
    """Refuse to work on a cluster without Ray Data.

    Raises
    ------
    MissingPackageError
        If it is not installed.
    """
    try:
        import ray.data  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(
            f"--ray needs Ray Data ({error}): run pip install 'edgeqe[ray]'."
        ) from error


class RayWorkers:
    """Actors that do files.

    Parameters
    ----------
    address : str
        Of the cluster: ``auto``, or host and port.
    count : int
        Actors at most; fewer run where the cluster has no room.
    options : WorkerOptions
        Of each.
    settings : ArchiveSettings

    Raises
    ------
    InputError
        If there is no such cluster, or no worker of it has edgeqe.
    MissingPackageError
        If Ray is not installed.
    EdgeqeError
        As of `Enhancer`.
    """

    def __init__(
        self, address: str, count: int, options: WorkerOptions, settings: ArchiveSettings
    ) -> None:
        check_installed()
        import ray
        import ray.data

        self._count, self._options, self._settings = count, options, settings
        if address != "auto":
            _check_address(address)
        for name in ("ray", "ray.data"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        on_term = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, on_term)  # Ray's own would end with another code
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise InputError(
                f"no Ray cluster answers at '{address}' ({' '.join(str(error).split())[:200]}): "
                "start one by 'ray start --head', or check the address."
            ) from error
        try:
            context = ray.data.DataContext.get_current()
            context.max_errored_blocks = -1  # what is missing comes in the next round
            context.enable_progress_bars = False
            self.opened = self._open_one(ray)
        except BaseException:
            self.close()
            raise

    def _open_one(self, ray: Any) -> OpenedModel:
        """Open the model on one node, whose error is ours.

        Raises
        ------
        EdgeqeError
            As of `Enhancer`, or if the node has no edgeqe.
        """
        task = ray.remote(num_cpus=self._options.threads, max_calls=1)(_opened)
        try:
            said = pickle.loads(ray.get(task.remote(self._options, self._settings)))
        except ray.exceptions.RayError as error:
            raise InputError(
                f"a worker of the Ray cluster cannot run edgeqe ({' '.join(str(error).split())[-300:]}): "
                "install the same edgeqe on every node."
            ) from error
        if isinstance(said, Exception):
            raise said
        assert isinstance(said, OpenedModel)
        return said

    def outcomes(self, jobs: Iterator[ArchiveJob]) -> Iterator[list[JobOutcome]]:
        """See `work.WorkerPool`."""
        while slice_ := list(islice(jobs, SLICE)):
            missing = {job.path: job for job in slice_}
            for attempt in range(ATTEMPTS):
                if not missing:
                    break
                for outcome in self._round(list(missing.values()), alone=attempt > 0):
                    del missing[outcome.path]
                    yield [outcome]
            if missing:
                yield [dead(job, "actors of Ray") for job in missing.values()]

    def _round(self, jobs: list[ArchiveJob], *, alone: bool) -> Iterator[JobOutcome]:
        """Do jobs once; those whose actor dies are missing.

        Parameters
        ----------
        jobs : list of ArchiveJob
        alone : bool
            Let no file wait at an actor that another may end.
        """
        import ray.data

        rows = [{"job": pickle.dumps(job)} for job in jobs]
        actors = ray.data.ActorPoolStrategy(
            min_size=1, max_size=self._count, max_tasks_in_flight_per_actor=1 if alone else 2
        )
        done = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
            _FileActor,
            fn_constructor_args=(self._options, self._settings, self.opened),
            compute=actors,
            num_cpus=self._options.threads,
            max_restarts=-1,
            max_task_retries=0,
        )
        seen = set()
        for row in done.iter_rows():
            outcome = pickle.loads(row["outcome"])
            if outcome.path not in seen:
                seen.add(outcome.path)
                yield outcome

    def close(self) -> None:
        """See `work.WorkerPool`."""
        import ray

        ray.shutdown()


def _check_address(address: str) -> None:
    """Refuse an address where nobody answers, which Ray itself tries for minutes.

    Raises
    ------
    InputError
        If it is no address, or nobody answers.
    """
    host, _, port = address.rpartition(":")
    if "/" in address or not host or not port.isdecimal() or int(port) > 65535:
        raise InputError(f"'{address}' is no address of a Ray cluster: give HOST:PORT, or auto.")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_SECONDS).close()
    except OSError as error:
        raise InputError(
            f"no Ray cluster answers at '{address}' ({error.strerror or error}): start one by "
            "'ray start --head', or check the address."
        ) from error


class _FileActor:
    """A worker as Ray Data calls it, row by row."""

    def __init__(
        self, options: WorkerOptions, settings: ArchiveSettings, expected: OpenedModel
    ) -> None:
        self._worker = FileWorker(options, settings)
        self._expected = expected

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        job = pickle.loads(row["job"])
        opened = self._worker.opened
        if opened.sha256 != self._expected.sha256:
            why = (
                f"nodes of the cluster open different models ({opened.file}, {self._expected.file}): "
                "name one by --model FILE or --target."
            )
            outcome = JobOutcome(job.path, error=why, stops=True)
        else:
            outcome = self._worker.do(job)
        return {"outcome": pickle.dumps(outcome)}


def _opened(options: WorkerOptions, settings: ArchiveSettings) -> bytes:
    """The model that a node opens, or why not; pickled, because Ray changes errors' classes."""
    try:
        return pickle.dumps(FileWorker(options, settings).opened)
    except (EdgeqeError, ModuleNotFoundError) as error:
        return pickle.dumps(error)
