"""An archive in, a better archive out: every file once, however often the program is ended."""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path

from edgeqe import __version__
from edgeqe.archive.decisions import Decider, Decision
from edgeqe.archive.listing import ListedFile, count_files, list_archive
from edgeqe.archive.lock import FolderLock
from edgeqe.archive.manifest import DONE, FAILED, Manifest, ManifestEntry
from edgeqe.archive.report import ArchiveReport
from edgeqe.archive.settings import (
    ArchiveSettings,
    WorkerOptions,
    differences,
    identity_key,
    identity_of,
)
from edgeqe.archive.staging import StagingFolder, finish_earlier, name_result
from edgeqe.archive.work import ArchiveJob, FileWorker, JobOutcome, WorkerPool
from edgeqe.errors import EdgeqeError, InputError

__all__ = ["enhance_archive"]

#: Folder in the output that holds manifest, lock and results to come.
STATE = ".edgeqe-archive"
MANIFEST = "manifest.jsonl"

Told = Callable[[str, str], None]
"""Called with a state (``done``, ``failed``, ``planned`` or ``note``) and a line."""


def enhance_archive(
    source: str | os.PathLike[str],
    destination: str | os.PathLike[str],
    *,
    settings: ArchiveSettings | None = None,
    options: WorkerOptions | None = None,
    workers: int = 1,
    ray: str | None = None,
    overwrite: bool = False,
    retry_failed: bool = False,
    dry_run: bool = False,
    report: ArchiveReport | None = None,
    told: Told = lambda state, line: None,
) -> ArchiveReport:
    """Enhance all pictures and clips of a folder and its sub-folders into another.

    What is done is not done again; a file that fails stops no other. The output's folder keeps the
    same sub-folders, and a manifest in ``.edgeqe-archive``.

    Parameters
    ----------
    source, destination : path
        Folders; the second is made if it is not there.
    settings : ArchiveSettings, optional
        What the results depend on.
    options : WorkerOptions, optional
        What each worker opens.
    workers : int
        Processes that do a file each, or actors on a cluster.
    ray : str, optional
        Address of a Ray cluster to work on.
    overwrite : bool
        Replace what is in the way: files of others, changed results, results of other settings.
    retry_failed : bool
        Try files again that failed and have not changed.
    dry_run : bool
        Say what would be done, and write nothing.
    report : ArchiveReport, optional
        Filled while the archive is done; a new one if left out.
    told : callable
        Called with ``done``, ``failed``, ``planned`` or ``note``, and a line.

    Returns
    -------
    ArchiveReport

    Raises
    ------
    InputError
        If a folder cannot be used, another program writes into it, its files were made by other
        settings, or the disk is full.
    EdgeqeError
        As of `Enhancer`, whose errors about the model come before any file is begun.
    """
    folder, output = Path(source), Path(destination)
    _check_folders(folder, output)
    archive = _Archive(
        folder,
        output,
        settings or ArchiveSettings(),
        options or WorkerOptions(),
        ArchiveReport(str(folder), str(output), "") if report is None else report,
        told,
        overwrite=overwrite,
        retry_failed=retry_failed,
    )
    begun = time.monotonic()
    try:
        if dry_run:
            archive.plan()
        else:
            archive.run(workers, ray)
    except OSError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"'{output}' cannot be written ({error.strerror or error}): check its permissions and "
            "free space, and start again; what is done stays done."
        ) from error
    finally:
        archive.report.seconds = time.monotonic() - begun
    return archive.report


def _check_folders(folder: Path, output: Path) -> None:
    """Refuse folders that cannot be an archive and its output."""
    if not folder.is_dir():
        raise InputError(f"'{folder}' is no folder: name the one that holds the archive.")
    if os.path.lexists(output) and not output.is_dir():
        raise InputError(f"'{output}' is no folder: name another, which need not be there.")
    inside = folder.resolve(), *folder.resolve().parents
    if output.resolve() in inside:
        raise InputError(
            f"'{folder}' lies in '{output}', whose files it would mix with: name another folder."
        )


class _Archive:
    """One run over an archive."""

    def __init__(
        self,
        folder: Path,
        output: Path,
        settings: ArchiveSettings,
        options: WorkerOptions,
        report: ArchiveReport,
        told: Told,
        *,
        overwrite: bool,
        retry_failed: bool,
    ) -> None:
        self.folder, self.output, self.report, self.told = folder, output, report, told
        self.settings, self.options = settings, options
        self._overwrite, self._retry_failed = overwrite, retry_failed
        self._state = output / STATE
        self._pending: dict[str, tuple[ManifestEntry | None, Decision]] = {}
        """Of the files that are begun: earlier entry, and what was decided."""
        report.manifest = str(self._state / MANIFEST)

    def plan(self) -> None:
        """Say what `run` would do, by each file's headers; the model is opened here."""
        with ExitStack() as stack:
            worker = stack.enter_context(FileWorker(self.options, self.settings))
            self._take_opened(worker)
            self._manifest = Manifest(self._state / MANIFEST)
            stack.callback(self._manifest.close)
            self._check_identity()
            for file, _, decision in self._undone():
                source, target = self.folder / file.path, self.output / decision.destination
                try:
                    words = worker.tried(source, target, is_clip=file.is_clip)
                except (EdgeqeError, OSError) as error:
                    self._fail(file.path, str(error))
                    continue
                self.report.done += 1
                self.told("planned", f"{source} -> {target}  {words}")
            self.report.files = self.report.settled

    def run(self, count: int, ray: str | None) -> None:
        """Do what is not done."""
        if ray is not None:
            from edgeqe.archive.ray_data import check_installed

            check_installed()  # before the output's folder is made
        self._state.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            stack.enter_context(FolderLock(self._state / "lock"))
            self._manifest = Manifest(self._state / MANIFEST)
            stack.callback(self._manifest.close)
            self._manifest.start_writing()
            finish_earlier(self._state, self.output, self._manifest)
            if self._manifest.damaged:
                self.told("note", f"{self._manifest.damaged} lines of the manifest are damaged: "
                          "their files are done again")  # fmt: skip
            staging = stack.enter_context(StagingFolder(self._state))
            workers = self._hire(count, ray)
            stack.callback(workers.close)  # before the folder goes
            self._take_opened(workers)
            self.report.workers, self.report.threads = count, self.options.threads
            self.report.memory_limit = count * self.options.memory_limit
            identity = self._check_identity()
            self._manifest.add_run(
                identity,
                edgeqe=__version__,
                started=_now(),
                host=platform.node(),
                process=os.getpid(),
                runtime=self.report.runtime,
                provider=self.report.provider,
            )
            counter = threading.Thread(target=self._count, daemon=True)
            counter.start()
            # Signals raise in the main thread alone, and this one ends what it has begun.
            recorder = stack.enter_context(ThreadPoolExecutor(1))
            for outcomes in workers.outcomes(self._jobs(staging)):
                recorder.submit(self._take, outcomes).result()
            counter.join()
            if not self.report.settled:
                raise InputError(
                    f"no pictures or clips in '{self.folder}' and its sub-folders: name another."
                )

    def _hire(self, count: int, ray: str | None) -> WorkerPool:
        if ray is None:
            from edgeqe.archive.processes import WorkerProcesses

            return WorkerProcesses(count, self.options, self.settings)
        from edgeqe.archive.ray_data import RayWorkers

        return RayWorkers(ray, count, self.options, self.settings)

    def _take_opened(self, workers: WorkerPool | FileWorker) -> None:
        opened = workers.opened
        self.report.model, self.report.runtime = opened.name, opened.runtime
        self.report.provider, self.report.fallback = opened.provider, opened.fallback
        self._identity = identity_of(opened, self.settings)

    def _check_identity(self) -> dict[str, object]:
        """Refuse to mix results of several models or settings, unless they may be replaced."""
        before = self._manifest.last_identity
        if before is not None and before != self._identity and not self._overwrite:
            raise InputError(
                f"'{self.output}' was made otherwise ({differences(before, self._identity)}): name "
                "another folder, or give --overwrite to do all its files again."
            )
        self._key = identity_key(self._identity)
        return self._identity

    def _count(self) -> None:
        self.report.files = count_files(self.folder, self.output)

    def _undone(self) -> Iterator[tuple[ListedFile, ManifestEntry | None, Decision]]:
        """Files that are to be done; all others are accounted for."""
        decider = Decider(self.folder, self.output, self._key, self._overwrite, self._retry_failed)
        for file in list_archive(self.folder, self.settings.suffix, self.output):
            if file.error:
                self._fail(file.path, file.error)
                continue
            if not file.destination:
                self.report.left_out += 1
                continue
            entry = self._manifest.entry(file.path)
            decision = decider.decide(file, entry)
            if decision.error:
                self._fail(file.path, decision.error)
            elif decision.destination:
                yield file, entry, decision
            else:
                self.report.done_before += 1
                if decision.fresh is not None and self.report.workers:
                    self._manifest.add([decision.fresh])

    def _jobs(self, staging: StagingFolder) -> Iterator[ArchiveJob]:
        for file, entry, decision in self._undone():
            self._pending[file.path] = (entry, decision)
            yield ArchiveJob(
                file.path,
                os.path.abspath(self.folder / file.path),
                staging.name(file.path),
                os.path.splitext(decision.destination)[1],
                file.is_clip,
            )

    def _take(self, outcomes: list[JobOutcome]) -> None:
        """Record what is done and give it its names; in this order, see `staging`."""
        stopping = next((outcome for outcome in outcomes if outcome.stops), None)
        entries = [self._entry(outcome) for outcome in outcomes if not outcome.stops]
        self._manifest.add(entries)
        staged = {outcome.path: Path(outcome.staged) for outcome in outcomes}
        for entry in entries:
            if entry.state == FAILED:
                self._fail(entry.path, entry.error)
                continue
            target = self.output / entry.destination
            try:
                name_result(staged[entry.path], self.output, entry)
            except (FileExistsError, NotADirectoryError, IsADirectoryError):
                self._fail(entry.path, f"'{target}' is in the way: move it and start again.")
                continue
            self.report.done += 1
            self.report.noted += bool(entry.notes)
            self.told("done", f"{self.folder / entry.path} -> {target}")
        if stopping is not None:
            raise InputError(
                f"nothing more can be done: {stopping.error} Put that right and start again; what "
                "is done stays done."
            )

    def _entry(self, outcome: JobOutcome) -> ManifestEntry:
        earlier, decision = self._pending.pop(outcome.path)
        entry = ManifestEntry(
            path=outcome.path,
            state=FAILED if outcome.error else DONE,
            size=outcome.size,
            mtime_ns=outcome.mtime_ns,
            sha256=outcome.sha256,
            settings=self._key,
            finished=_now(),
            seconds=outcome.seconds,
            error=outcome.error,
        )
        if outcome.error:
            if earlier is None:
                return entry
            kept = ("destination", "destination_bytes", "destination_sha256")
            return replace(entry, **{name: asdict(earlier)[name] for name in kept})
        return replace(
            entry,
            destination=decision.destination,
            destination_bytes=outcome.staged_bytes,
            destination_sha256=outcome.staged_sha256,
            replaces=decision.replaces,
            codec=outcome.codec,
            scale=outcome.scale,
            number=outcome.number,
            notes=outcome.notes,
        )

    def _fail(self, path: str, error: str) -> None:
        self.report.fail(path, error)
        self.told("failed", error if Path(path).name in error else f"{path}: {error}")


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
