"""``edgeqe archive``: a folder of any number of pictures and clips, resumed where it ended."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click

from edgeqe.cli.enhance import QualityOrAuto
from edgeqe.reports.tables import printable

if TYPE_CHECKING:
    from edgeqe.archive.report import ArchiveReport

#: Failed files that the last lines name.
NAMED = 20
#: Workers where nobody says how many, at most: further ones find disk and memory busy.
MOST = 8
MIB = 1 << 20


@click.command("archive")
@click.argument("source", metavar="IN")
@click.argument("output", metavar="OUT")
@click.option("-m", "--model", default="edgeqe-small", show_default=True, metavar="M",
              help="Shipped name, file, or network of the zoo.")  # fmt: skip
@click.option("--workers", type=click.IntRange(1, 1024), metavar="N",
              help="Files at once; as many as processors, 8 at most, if left out.")  # fmt: skip
@click.option("--ray", metavar="ADDRESS",
              help="Work on a Ray cluster: HOST:PORT, or auto; all nodes see IN and OUT. Needs --workers.")  # fmt: skip
@click.option("--target", default="auto", show_default=True, help="Where to run.")
@click.option("--memory-limit", metavar="SIZE",
              help="Most that the enhancement takes in all workers together; 64 MiB for each if "
                   "left out.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1, 1024), metavar="N",
              help="Of all workers together; all processors if left out, on a cluster one a worker.")  # fmt: skip
@click.option("-q", "--quality", type=QualityOrAuto(), metavar="Q|auto",
              help="JPEG quality that was used; each file's own strength if left out; auto: as the "
                   "pixels of a picture show.")  # fmt: skip
@click.option("--qp", type=float, metavar="QP", help="QP that was used, 0 to 63.")
@click.option("--rate", type=float, metavar="BPP",
              help="Rate of JPEG 2000 that was used, bits per pixel.")  # fmt: skip
@click.option("--codec", metavar="CODEC", help="What --qp or --quality is of, as of 'enhance'.")
@click.option("--amount", type=float, default=1.0, show_default=True, metavar="A",
              help="How much of the change is made, 0 to 1.")  # fmt: skip
@click.option("--ensemble", type=int, default=1, show_default=True, metavar="[1|8]",
              help="8: the mean over the eight flips and rotations.")  # fmt: skip
@click.option("--suffix", default=".png", show_default=True, metavar=".SUFFIX",
              help="Format of the pictures that are written.")  # fmt: skip
@click.option("--output-quality", type=click.IntRange(1, 100), metavar="Q",
              help="Of JPEG or WebP output.")  # fmt: skip
@click.option("--encoder", metavar="E",
              help="Of clips: libx264, libx265, libsvtav1 or ffv1; the container's if left out.")  # fmt: skip
@click.option("--crf", type=float, metavar="N", help="Of clips: the encoder's rate factor.")
@click.option("--preset", metavar="P", help="Of clips: the encoder's preset.")
@click.option("--max-megapixels", type=float, default=256.0, show_default=True, metavar="MP",
              help="Largest picture or frame that is decoded.")  # fmt: skip
@click.option("--accept-truncated", is_flag=True,
              help="Take what is there of a JPEG or PNG that is cut short.")  # fmt: skip
@click.option("--retry-failed", is_flag=True, help="Try files again that failed before.")
@click.option("--overwrite", is_flag=True,
              help="Replace what is in the way, and results of another model or other options.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would be done, and write nothing.")
@click.option("--allow-fallback", is_flag=True, help="Run on the CPU where the target is absent.")
@click.option("--trust", metavar="KEY.pub",
              help="Public key that must have signed the model; EDGEQE_TRUST if left out.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print a report as JSON.")
def command(source: str, output: str, **words: Any) -> None:
    """Enhance all pictures and clips of a folder into another, by several workers.

    IN is a folder, OUT gets the same sub-folders. A manifest in OUT (.edgeqe-archive/) says of each
    file its hash, strength, time and error. Started again, after an interrupt or with more files in
    IN, the same command does what is missing: done files are not done again, and files that failed
    are named again. A file that fails stops no other; the exit code is then 1.
    """
    from edgeqe.archive.report import ArchiveReport
    from edgeqe.archive.run import enhance_archive
    from edgeqe.archive.settings import ArchiveSettings
    from edgeqe.cli.progress import waiting
    from edgeqe.errors import CheckError, MemoryLimitError
    from edgeqe.reports.tables import counted

    as_json, dry_run = words["as_json"], words["dry_run"]
    names = [field.name for field in fields(ArchiveSettings)]
    settings = ArchiveSettings(**{name: words[name] for name in names})
    count, options = _shares(words)
    report = ArchiveReport(source, output, "")
    begun = time.monotonic()
    label = f"edgeqe archive {source}"
    with waiting(label, hide=as_json) as show:

        def told(state: str, line: str) -> None:
            if state in ("failed", "note") and not as_json:
                click.echo(f"{_clear()}edgeqe: {printable(' '.join(line.split()))}", err=True)
            elif state == "planned" and not as_json:
                click.echo(f"{_clear()}{printable(line)}  would be done")
            show(progress_words(report, time.monotonic() - begun))

        try:
            enhance_archive(
                source,
                output,
                settings=settings,
                options=options,
                workers=count,
                ray=words["ray"],
                overwrite=words["overwrite"],
                retry_failed=words["retry_failed"],
                dry_run=dry_run,
                report=report,
                told=told,
            )
        except MemoryLimitError as error:
            least = error.required_bytes * count
            raise MemoryLimitError(
                f"{str(error).rstrip('.')} of each of {counted(count, 'worker')}: give --memory-limit "
                f"{-(-least // 1024)}KiB, or fewer --workers.",
                least,
            ) from error
        finally:  # an interrupt too leaves what was done
            if report.model and (report.settled or sys.exc_info()[0] is None):
                _show(report, as_json=as_json, dry_run=dry_run)
    if report.failed and dry_run:
        raise CheckError(f"{report.failed} of {report.settled} files would fail, see above.")
    if report.failed:
        again = "" if words["retry_failed"] else "; --retry-failed tries them again"
        raise CheckError(f"{report.failed} of {report.settled} files failed, see above{again}.")


def _shares(words: dict[str, Any]) -> tuple[int, Any]:
    """Number of workers, and what each gets of memory and threads.

    Raises
    ------
    InputError
        If the memory limit is no size, the megapixels are out of range, or a cluster's workers are
        not counted.
    """
    from edgeqe.archive.settings import WORKER_LIMIT, WorkerOptions
    from edgeqe.cli.networks import model_file
    from edgeqe.engine.memory import parse_size
    from edgeqe.errors import InputError
    from edgeqe.hardware.machine import usable_cpus

    if not 0.0 < words["max_megapixels"] <= 1e6:
        raise InputError(
            f"--max-megapixels {words['max_megapixels']:g} is not above 0 and up to 1000000."
        )
    if words["ray"] and not words["workers"]:
        raise InputError("--ray needs --workers N: how many actors, of --threads processors each.")
    processors = usable_cpus()
    count = words["workers"] or min(processors, MOST)
    threads = words["threads"] or (count if words["ray"] else processors)
    limit = words["memory_limit"]
    return count, WorkerOptions(
        model_file(words["model"]),
        words["target"],
        WORKER_LIMIT if limit is None else max(1, parse_size(limit) // count),
        max(1, threads // count),
        words["allow_fallback"],
        words["trust"],
        round(words["max_megapixels"] * 1e6),
    )


def progress_words(report: ArchiveReport, seconds: float) -> str:
    """Files settled, of how many, their rate in this run, and the time left."""
    worked = report.done + report.failed
    rate = worked / seconds if seconds > 0 else 0.0
    of = f" of {report.files}" if report.files is not None else ""
    text = f"{report.settled}{of} files, {report.failed} failed, {rate:.1f} files/s"
    if report.files is not None and rate:
        minutes, rest = divmod(round(max(0, report.files - report.settled) / rate), 60)
        text += f", {minutes // 60}:{minutes % 60:02d}:{rest:02d} left"
    return text


def _clear() -> str:
    """What takes the progress line away before another is printed."""
    import sys

    return "\r\x1b[K" if sys.stderr.isatty() else ""


def _show(report: ArchiveReport, *, as_json: bool, dry_run: bool) -> None:
    from edgeqe.reports.tables import counted

    if as_json:
        click.echo(
            json.dumps({"schema_version": 1, "dry_run": dry_run, **report.to_dict()}, indent=2)
        )
        return
    if report.fallback:
        click.echo(f"fallback: {report.fallback}", err=True)
    counts = [
        f"{report.done} {'would be done' if dry_run else 'done'}",
        f"{report.done_before} done before",
        f"{report.failed} {'would fail' if dry_run else 'failed'}",
        f"{report.left_out} neither pictures nor clips",
    ]
    unsettled = (report.files or report.settled) - report.settled
    if unsettled > 0:
        counts.append(f"{unsettled} to come: start again")
    click.echo(f"{_clear()}{', '.join(counts)}; {report.seconds:.1f} s")
    if not dry_run:
        click.echo(
            f"{report.model}, {counted(report.workers, 'worker')} with "
            f"{counted(report.threads, 'thread')} each, "
            f"{report.memory_limit / MIB:g} MiB for the enhancement in all; {report.manifest}"
        )
    for path, _ in report.errors[:NAMED]:
        click.echo(f"failed: {printable(path)}")
    if report.failed > NAMED:
        click.echo(f"failed: {report.failed - NAMED} more, named in {report.manifest}")
