"""What a worker does with one file: read, enhance, write beside, and say what became of it."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from edgeqe.archive.settings import ArchiveSettings, OpenedModel, WorkerOptions
from edgeqe.archive.trial import tried_clip, tried_picture
from edgeqe.enhancer import Enhancer
from edgeqe.errors import EdgeqeError, ImageError
from edgeqe.reports.tables import counted
from edgeqe.runtimes.quiet import quiet_start

__all__ = ["ATTEMPTS", "ArchiveJob", "FileWorker", "JobOutcome", "WorkerPool", "dead", "sha256_of"]

#: How often a file is begun whose worker dies; it may be the file that ends it.
ATTEMPTS = 3
#: What is the fault of the output's disk and of no file.
OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
BLOCK = 1 << 20


@dataclass(frozen=True)
class ArchiveJob:
    """A file to be done."""

    path: str
    """Below the archive's folder."""
    source: str
    staged: str
    """Beginning of the name that the result is written under, in the folder for results to come."""
    suffix: str
    """Of the result."""
    is_clip: bool


class WorkerPool(Protocol):
    """Workers on this machine or on several."""

    opened: OpenedModel
    """What the first of them opened."""

    def outcomes(self, jobs: Iterator[ArchiveJob]) -> Iterator[list[JobOutcome]]:
        """Do the jobs, which are asked for as workers get free; yield what is done, some at a time."""

    def close(self) -> None:
        """End the workers, also in the midst of a file."""


@dataclass(frozen=True)
class JobOutcome:
    """What became of an `ArchiveJob`."""

    path: str
    error: str = ""
    """Why it failed; empty if it is done."""
    stops: bool = False
    """Whether no other file would fare better, because nothing can be written."""
    size: int = -1
    mtime_ns: int = 0
    sha256: str = ""
    """Of the source, with size and time of its last change."""
    staged: str = ""
    """The result."""
    staged_bytes: int = 0
    staged_sha256: str = ""
    codec: str = ""
    scale: str = ""
    number: float | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()


class FileWorker:
    """Holds one `Enhancer` and does file after file with it.

    Raises
    ------
    EdgeqeError
        As of `Enhancer`.
    """

    def __init__(self, options: WorkerOptions, settings: ArchiveSettings) -> None:
        self._options, self._settings = options, settings
        with quiet_start():
            self._enhancer = Enhancer(
                options.model,
                target=options.target,
                memory_limit=options.memory_limit,
                threads=options.threads,
                allow_fallback=options.allow_fallback,
                trust=options.trust,
            )
        info = self._enhancer.info
        self.opened = OpenedModel(
            name=info.model,
            sha256=sha256_of(info.path),
            file=Path(info.path).name,
            runtime=f"{info.runtime} {info.runtime_version}",
            provider=info.provider,
            fallback=info.fallback,
        )

    def __enter__(self) -> FileWorker:
        return self

    def __exit__(self, *_: object) -> None:
        self._enhancer.close()

    def tried(self, source: Path, target: Path, *, is_clip: bool) -> str:
        """What a file's headers say of it, which is not enhanced.

        Raises
        ------
        EdgeqeError
            If `do` would fail for them.
        """
        how = self._enhancer, self._settings, self._options
        return tried_clip(source, target, *how) if is_clip else tried_picture(source, *how)

    def do(self, job: ArchiveJob) -> JobOutcome:
        """Enhance a file; whatever is wrong with it is in the outcome."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, about damaged metadata
            return self._do(job)

    def _do(self, job: ArchiveJob) -> JobOutcome:
        begun = time.monotonic()
        outcome = JobOutcome(job.path)
        staged = f"{job.staged}-{secrets.token_hex(4)}{job.suffix}"
        try:
            before = os.stat(job.source)
            outcome = replace(outcome, size=before.st_size, mtime_ns=before.st_mtime_ns)
            outcome = replace(outcome, sha256=sha256_of(job.source))
            done = self._clip(job, staged) if job.is_clip else self._picture(job, staged)
            after = os.stat(job.source)
            if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
                raise ImageError(f"'{job.source}' changed while it was read: start again later.")
            codec, scale, number, notes = done
            outcome = replace(
                outcome,
                staged=staged,
                staged_bytes=os.path.getsize(staged),
                staged_sha256=sha256_of(staged),
                codec=codec,
                scale=scale,
                number=number,
                notes=notes,
            )
        except Exception as error:  # a fault of ours with one file does not stop the others either
            known = isinstance(error, (EdgeqeError, OSError))
            why = str(error) if known else f"{job.source}: {type(error).__name__}: {error}"
            why = " ".join(why.replace(staged, job.source).split())
            outcome = replace(outcome, error=why, stops=_of_the_disk(error))
            Path(staged).unlink(missing_ok=True)
        return replace(outcome, seconds=round(time.monotonic() - begun, 3))

    def _picture(
        self, job: ArchiveJob, staged: str
    ) -> tuple[str, str, float | None, tuple[str, ...]]:
        settings = self._settings
        report = self._enhancer.enhance_file(
            job.source,
            staged,
            quality=settings.quality,
            qp=settings.qp,
            rate=settings.rate,
            codec=settings.codec,
            amount=settings.amount,
            ensemble=settings.ensemble,
            output_quality=settings.output_quality,
            pixel_limit=self._options.pixel_limit,
            accept_truncated=settings.accept_truncated,
        )
        notes = [f"not kept: {name}" for name in report.not_kept]
        if report.present is not None:
            notes.append(f"cut short: {int(100 * report.present)} % of the picture was there")
        return report.codec, report.scale, report.number, tuple(notes)

    def _clip(self, job: ArchiveJob, staged: str) -> tuple[str, str, float | None, tuple[str, ...]]:
        from edgeqe.video.clip import ClipOptions, enhance_clip

        settings = self._settings
        wanted = ClipOptions(
            settings.given(),
            settings.amount,
            settings.ensemble,
            settings.encoding(),
            pixel_limit=self._options.pixel_limit,
        )
        report = enhance_clip(job.source, staged, self._enhancer, wanted)
        notes = [f"no place for: {name}" for name in report.left_out]
        if report.damaged:
            notes.append(counted(report.damaged, "damaged packet"))
        return report.codec, report.scale, report.mean_number, tuple(notes)


def dead(job: ArchiveJob, how: str) -> JobOutcome:
    """Outcome of a file whose workers died one after another."""
    try:
        found = os.stat(job.source)
        size, mtime_ns = found.st_size, found.st_mtime_ns
    except OSError:
        size, mtime_ns = -1, 0
    why = (
        f"{job.source}: {ATTEMPTS} workers died on it, one after another ({how}): it may need more "
        "memory than there is, or harm a decoder. Try it alone by 'edgeqe enhance'."
    )
    return JobOutcome(job.path, error=why, size=size, mtime_ns=mtime_ns)


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Hexadecimal digits of a file's SHA-256; OSError if it cannot be read."""
    found = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while block := file.read(BLOCK):
            found.update(block)
    return found.hexdigest()


def _of_the_disk(error: BaseException | None) -> bool:
    """Whether an error, or what it came from, says that the disk takes nothing more."""
    while error is not None:
        if getattr(error, "errno", None) in OF_THE_DISK:
            return True
        error = error.__cause__ or error.__context__
    return False
