"""``edgeqe enhance``: picture files in, better picture files out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import click

from edgeqe.cli import clips, planned
from edgeqe.cli.account import FAILED, SKIPPED, Account, Row
from edgeqe.cli.jobs import FileJob, make_folders, plan

if TYPE_CHECKING:
    from edgeqe.cli.whole_process import PeakGuard
    from edgeqe.files.file_report import FileReport


class QualityOrAuto(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on
    """Whole number, or ``auto``."""

    name = "quality"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        """Take the option's text."""
        if value == "auto":
            return "auto"
        try:
            return int(value)
        except ValueError:
            self.fail(f"'{value}' is neither a whole number from 1 to 100 nor 'auto'.", param, ctx)


@click.command("enhance")
@click.argument("inputs", nargs=-1, metavar="IN...")
@click.option("-o", "--out", "output", metavar="OUT",
              help="File (.png, .tif, .webp, .jpg) or folder; - is standard output, as PNG.")  # fmt: skip
@click.option("-m", "--model", default="edgeqe-small", show_default=True, metavar="M",
              help="Shipped name, file, or network of the zoo.")  # fmt: skip
@click.option("--target", default="auto", show_default=True,
              help="Where to run.")  # fmt: skip
@click.option("--memory-limit", default="64MiB", show_default=True, metavar="SIZE",
              help="Most that the enhancement takes beside the picture itself.")  # fmt: skip
@click.option("--threads", type=int, metavar="N", help="All processors if left out.")
@click.option("-q", "--quality", type=QualityOrAuto(), metavar="Q|auto",
              help="JPEG quality that was used, 1 to 100; the file's own strength if left out; auto: as "
                   "the pixels show, for pictures coded before or without a strength.")  # fmt: skip
@click.option("--qp", type=float, metavar="QP",
              help="HEVC quantization parameter that was used, 0 to 63.")  # fmt: skip
@click.option("--rate", type=float, metavar="BPP",
              help="Rate of JPEG 2000 that was used, bits per pixel.")  # fmt: skip
@click.option("--codec", metavar="CODEC",
              help="What --qp is of if not HEVC: vvc, h264, av1, bpg, heif or avif; webp with "
                   "--quality.")  # fmt: skip
@click.option("--amount", type=float, default=1.0, show_default=True, metavar="A",
              help="How much of the change is made, 0 to 1.")  # fmt: skip
@click.option("--ensemble", type=int, default=1, show_default=True, metavar="[1|8]",
              help="8: the mean over the eight flips and rotations, a little better and eight times "
                   "the work.")  # fmt: skip
@click.option("--suffix", default=".png", show_default=True, metavar=".SUFFIX",
              help="Format of the files in an output folder; of a clip IN's if left out.")  # fmt: skip
@click.option("--output-quality", type=click.IntRange(1, 100), metavar="Q",
              help="Of JPEG output, where steps a sixth of the input's are taken if left out, about twice "
                   "its bytes; or of WebP, which is lossless if left out.")  # fmt: skip
@click.option("--recursive/--no-recursive", default=True, show_default=True,
              help="Take the sub-folders of a folder too, into sub-folders of OUT.")  # fmt: skip
@click.option("--skip-existing", is_flag=True,
              help="Leave out one file that has an output already, as those of a folder are.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and write nothing.")
@click.option("--max-megapixels", type=float, default=256.0, show_default=True, metavar="MP",
              help="Largest picture that is decoded.")  # fmt: skip
@click.option("--accept-truncated", is_flag=True,
              help="Take what is there of a JPEG or PNG that is cut short.")  # fmt: skip
@clips.options
@click.option("--allow-fallback", is_flag=True, help="Run on the CPU where the target is absent.")
@click.option("--trust", metavar="KEY.pub",
              help="Public key that must have signed the model; EDGEQE_TRUST if left out.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print a report as JSON.")
def command(
    inputs: tuple[str, ...],
    output: str | None,
    model: str,
    target: str,
    memory_limit: str,
    threads: int | None,
    quality: int | Literal["auto"] | None,
    qp: float | None,
    rate: float | None,
    codec: str | None,
    amount: float,
    ensemble: int,
    suffix: str,
    output_quality: int | None,
    recursive: bool,
    skip_existing: bool,
    overwrite: bool,
    dry_run: bool,
    max_megapixels: float,
    accept_truncated: bool,
    allow_fallback: bool,
    trust: str | None,
    as_json: bool,
    **of_clips: Any,
) -> None:
    """Enhance picture files, or a clip.

    IN is one or more files, patterns such as '*.jpg', or folders, of which all pictures are taken,
    those of their sub-folders too, or - for standard input. Several inputs need a folder as OUT,
    which gets the same sub-folders; what has an output there already is left out unless
    --overwrite is given, and a table accounts for every file. Of one folder a.jpg and
    a.png become a.jpg.png and a.png.png. JPEG, JPEG 2000, HEIC, AVIF, WebP and BPG files say by themselves how
    strongly they were compressed; for other files give --quality, --qp or --rate. A model refuses
    pictures of a codec that its card does not name; one with a prediction residual takes it from
    HEIC, BPG and HEVC of one picture.

    A folder that 'edgeqe plan' wrote is enhanced as its plan says, each picture by its own network.

    A clip (.mp4, .mov, .mkv, .webm, .ts, .y4m, .h264, .hevc, .266; y4m on -) becomes another,
    each frame at its own strength; sound, subtitles, chapters, times and colours come along.
    """
    import warnings

    from edgeqe import Enhancer
    from edgeqe.cli.networks import model_file, tell_target
    from edgeqe.cli.whole_process import PeakGuard
    from edgeqe.codecs.strength import resolve_if_given
    from edgeqe.engine.memory import parse_size
    from edgeqe.errors import InputError
    from edgeqe.files.lossy import check_quality
    from edgeqe.files.writing import format_of
    from edgeqe.model.catalogue import find_model
    from edgeqe.model.serving import check_serves
    from edgeqe.reports.process import standard_stream
    from edgeqe.runtimes.quiet import quiet_start
    from edgeqe.trust.trust import open_model, trust_of
    from edgeqe.views.options import EnhanceOptions

    stated = {"--quality": quality, "--qp": qp, "--rate": rate}
    several = [name for name, value in stated.items() if value is not None]
    if len(several) > 1:
        raise InputError(f"{' and '.join(several)} state the strength: give one of them.")
    asked = None if quality == "auto" else quality
    given = resolve_if_given(quality=asked, qp=qp, rate=rate, codec=codec)
    EnhanceOptions(amount, ensemble)  # refuses what is out of range before anything is opened
    if not 0.0 < max_megapixels <= 1e6:
        raise InputError(f"--max-megapixels {max_megapixels:g} is not above 0 and up to 1000000.")
    pixel_limit = round(max_megapixels * 1e6)
    context = click.get_current_context()
    left_out = context.get_parameter_source("suffix") is click.core.ParameterSource.DEFAULT
    clip = clips.clip_job(inputs, output, None if left_out else suffix, of_clips)
    if clip is not None:
        clips.enhance(clip, model, stated, given, of_clips, context.params)
        return
    folder = planned.asked_folder(inputs)
    if folder is not None:
        planned.enhance(folder, output, context)
        return
    jobs = plan(
        inputs,
        output,
        suffix=suffix,
        overwrite=overwrite,
        skip_existing=skip_existing,
        recursive=recursive,
    )
    first = next((job.destination for job in jobs if not job.skipped), "")
    to_stdout = first == "-"
    if as_json and to_stdout:
        raise InputError("--json and -o - both write to standard output: drop one.")
    if first:
        check_quality(output_quality, "PNG" if to_stdout else format_of(first), first)
    path = model_file(model)
    if given is not None:  # refused before a session is made
        check_serves([open_model(find_model(path), trust_of(trust)).card], given)
    if dry_run:
        limit, litert = parse_size(memory_limit), str(path).endswith(".tflite")
        guard = PeakGuard(limit, pixel_limit=pixel_limit, litert=litert)
        _dry_run(jobs, path, given, guard, by_pixels=quality == "auto", as_json=as_json)
        return
    if to_stdout:
        standard_stream("stdout")  # refused before the work if it is closed
    account = Account(jobs, to_stdout=to_stdout, as_json=as_json)
    with quiet_start():
        opened = Enhancer(
            path,
            target=target,
            memory_limit=memory_limit,
            threads=threads,
            allow_fallback=allow_fallback,
            trust=trust,
        )
    with warnings.catch_warnings(), opened as enhancer:
        warnings.simplefilter("ignore")  # Pillow's, about damaged metadata
        info = enhancer.info
        if not as_json:
            tell_target(info, target)
        if not to_stdout:
            make_folders(jobs)
        litert = info.path.endswith(".tflite")
        guard = PeakGuard(info.memory_limit, pixel_limit=pixel_limit, litert=litert)
        try:
            enhance_jobs(
                enhancer,
                jobs,
                account,
                guard,
                alone=len(jobs) == 1,
                quality=quality,
                qp=qp,
                rate=rate,
                codec=codec,
                amount=amount,
                ensemble=ensemble,
                overwrite=overwrite,
                output_quality=output_quality,
                pixel_limit=pixel_limit,
                accept_truncated=accept_truncated,
            )
        finally:  # an interrupt too leaves the report of what was done
            account.show(info)
    account.check()


def _dry_run(
    jobs: list[FileJob], model: str, given: Any, guard: PeakGuard, *, by_pixels: bool, as_json: bool
) -> None:
    """Tell what would be done."""
    from edgeqe.cli.dry_run import tried

    account = Account(jobs, to_stdout=False, as_json=as_json)
    for job in jobs:
        row, told = tried(job, model, given, guard, by_pixels=by_pixels)
        account.add(row)
        if told and not as_json:
            click.echo(told)
    account.show()
    account.check()


def enhance_jobs(
    enhancer: Any,
    jobs: Sequence[FileJob],
    account: Account,
    guard: PeakGuard,
    *,
    alone: bool,
    **options: Any,
) -> None:
    """Enhance files one after another, and account for each.

    Parameters
    ----------
    enhancer : Enhancer
        Or another with its ``enhance_file``.
    jobs : sequence of FileJob
    account : Account
    guard : PeakGuard
        States the memory of the whole process.
    alone : bool
        Raise what is wrong with a file, and do not go on with the next.
    **options
        As of ``enhance_file``.
    """
    from edgeqe.errors import EdgeqeError

    for job in jobs:
        if job.skipped:
            account.add(Row(job.source, job.destination, SKIPPED, job.skipped))
            continue
        try:
            peak = guard.peak(job.source, job.destination)
            report = _enhance(enhancer, job.source, job.destination, **options)
        except EdgeqeError as error:
            if account.as_json or not alone:
                account.add(Row(job.source, job.destination, FAILED, str(error)))
            if alone:
                raise
        else:
            account.enhanced(report, peak)


def _enhance(enhancer: Any, source: str, destination: str, **options: Any) -> FileReport:
    from edgeqe.reports.process import standard_stream

    report: FileReport = enhancer.enhance_file(
        standard_stream("stdin") if source == "-" else source,
        standard_stream("stdout") if destination == "-" else destination,
        **options,
    )
    return report
