"""Archives without worker processes, so that a test sees and changes what a worker does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeqe.archive import processes
from edgeqe.archive.settings import ArchiveSettings, WorkerOptions
from edgeqe.archive.work import ArchiveJob, FileWorker, JobOutcome


class InlineWorkers:
    """One worker in this process."""

    def __init__(self, count: int, options: WorkerOptions, settings: ArchiveSettings) -> None:
        self._worker = FileWorker(options, settings)
        self.opened = self._worker.opened

    def outcomes(self, jobs: Iterator[ArchiveJob]) -> Iterator[list[JobOutcome]]:
        for job in jobs:
            yield [self._worker.do(job)]

    def close(self) -> None:
        self._worker.__exit__()


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "WorkerProcesses", InlineWorkers)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path
