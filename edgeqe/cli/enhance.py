"""``edgeqe enhance``: picture files in, better picture files out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from edgeqe.cli import clips

if TYPE_CHECKING:
    from edgeqe.files.enhance import FileReport

#: Codecs, and what they count their strength in, as people write them.
CODEC_NAMES = {
    "jpeg": "JPEG",
    "jpeg2000": "JPEG 2000",
    "heif": "HEIC",
    "bpg": "BPG",
    "h264": "H.264",
    "hevc": "HEVC",
    "vvc": "VVC",
    "av1": "AV1",
    "avif": "AVIF",
    "webp": "WebP",
}
SCALE_NAMES = {
    "quality": "quality {}",
    "qp": "QP {}",
    "index": "index {}",
    "rate": "at {} bits per pixel",
}
#: One input and where its output goes; "-" is standard input or output.
Job = tuple[str, str]


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
              help="Format of the files in an output folder.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
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
    overwrite: bool,
    max_megapixels: float,
    accept_truncated: bool,
    allow_fallback: bool,
    trust: str | None,
    as_json: bool,
    **of_clips: Any,
) -> None:
    """Enhance picture files, or a clip.

    IN is one or more files, or folders, of which all pictures are taken, those of their
    sub-folders too, or - for standard input. Several inputs need a folder as OUT, which gets
    the same sub-folders. JPEG, JPEG 2000, HEIC, AVIF, WebP and BPG files say by themselves how
    strongly they were compressed; for other files give --quality, --qp or --rate. A model refuses
    pictures of a codec that its card does not name; one with a prediction residual takes it from
    HEIC, BPG and HEVC of one picture.

    A clip (.mp4, .mov, .mkv, .webm, .ts, .y4m, .h264, .hevc, .266; y4m on -) becomes another,
    each frame at its own strength; sound, subtitles, chapters, times and colours come along.
    """
    import warnings

    from edgeqe import Enhancer
    from edgeqe.cli.networks import model_file
    from edgeqe.codecs.strength import resolve_if_given
    from edgeqe.errors import EdgeqeError, InputError
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
    job = clips.clip_job(inputs, output, of_clips)
    if job is not None:
        clips.enhance(job, model, stated, given, of_clips, click.get_current_context().params)
        return
    jobs = plan(inputs, output, suffix=suffix, overwrite=overwrite)
    to_stdout = jobs[0][1] == "-"
    if as_json and to_stdout:
        raise InputError("--json and -o - both write to standard output: drop one.")
    path = model_file(model)
    if given is not None:  # refused before a session is made
        check_serves([open_model(find_model(path), trust_of(trust)).card], given)
    if to_stdout:
        standard_stream("stdout")  # refused before the work if it is closed
    reports: list[FileReport] = []
    failures: list[tuple[str, EdgeqeError]] = []
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
        if info.fallback and not as_json:
            click.echo(f"fallback: {info.fallback} (target '{target}' cannot run here)", err=True)
        if not to_stdout:
            for folder in dict.fromkeys(Path(destination).parent for _, destination in jobs):
                _make_folder(folder)
        try:
            for source, destination in jobs:
                try:
                    report = _enhance(
                        enhancer,
                        source,
                        destination,
                        quality=quality,
                        qp=qp,
                        rate=rate,
                        codec=codec,
                        amount=amount,
                        ensemble=ensemble,
                        overwrite=overwrite,
                        pixel_limit=round(max_megapixels * 1e6),
                        accept_truncated=accept_truncated,
                    )
                except EdgeqeError as error:
                    if len(jobs) == 1:
                        raise
                    failures.append((source, error))
                    if not as_json:
                        click.echo(f"edgeqe: {' '.join(str(error).split())}", err=True)
                else:
                    reports.append(report)
                    if not as_json:
                        click.echo(line(report), err=to_stdout)
        finally:  # an interrupt too leaves the report of what was done
            if as_json and (reports or failures):
                click.echo(_json(info, reports, failures))
    if failures:
        raise InputError(f"{len(failures)} of {len(jobs)} pictures failed, see above.")


def plan(inputs: tuple[str, ...], output: str | None, *, suffix: str, overwrite: bool) -> list[Job]:
    """List what is to be done; raise InputError for whatever can be known to fail.

    Missing and damaged inputs are not among that: they are found one by one.
    """
    from edgeqe.errors import InputError
    from edgeqe.files.writing import FORMATS, check_path

    if not inputs:
        raise InputError("nothing to enhance: name files or folders, or - for standard input.")
    if output is None:
        raise InputError("-o OUT is missing: name a file or a folder, or - for standard output.")
    if suffix.lower() not in FORMATS:
        raise InputError(f"--suffix '{suffix}' is none of {', '.join(FORMATS)}: use one of them.")
    several = len(inputs) > 1 or Path(inputs[0]).is_dir()
    if several and "-" in (output, *inputs):
        raise InputError("- stands for one picture: name single files, or a folder as -o.")
    into = output != "-" and (several or output.endswith("/") or Path(output).is_dir())
    if not into:
        if output != "-":
            check_path(output, overwrite=overwrite)
        return [(inputs[0], output)]
    folder = Path(output)
    if not folder.is_dir() and folder.suffix.lower() in FORMATS and several:
        raise InputError(f"-o {output} names a file, but several inputs need a folder.")
    _check_folder(folder)
    jobs: dict[str, str] = {}
    for source, below in _sources(inputs, folder):
        stem = "stdin" if source == "-" else Path(source).stem
        destination = str(folder / below / f"{stem}{suffix}")
        if destination in jobs:
            raise InputError(
                f"{jobs[destination]} and {source} would both become {destination}: enhance "
                "them into different folders."
            )
        jobs[destination] = source
        if (folder / below).is_dir():
            check_path(destination, overwrite=overwrite)
    return [(source, destination) for destination, source in jobs.items()]


def _sources(inputs: tuple[str, ...], output: Path) -> Iterator[tuple[str, Path]]:
    """Give the files, and the pictures of the folders, each with its sub-folder.

    What an earlier run wrote is left out where the output folder lies in an input.
    """
    from edgeqe.files.folders import list_pictures

    for name in inputs:
        folder = Path(name)
        if not folder.is_dir():
            yield name, Path()
            continue
        inside = folder.resolve() in output.resolve().parents
        for file in list_pictures(folder):
            if not (inside and file.resolve().is_relative_to(output.resolve())):
                yield str(file), file.parent.relative_to(folder)


def _check_folder(folder: Path) -> None:
    """Refuse an output folder that is there but cannot be used, or cannot be made."""
    import os

    from edgeqe.errors import InputError

    nearest = next(p for p in (folder, *folder.absolute().parents) if os.path.lexists(p))
    if not nearest.is_dir():
        raise InputError(f"-o {folder}: {nearest} is a file, not a folder. Name a folder.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(f"-o {folder}: {nearest} cannot be written. Check its permissions.")


def _make_folder(folder: Path) -> None:
    from edgeqe.errors import InputError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"the folder {folder} cannot be made ({error.strerror}): name another as -o."
        ) from error


def _enhance(enhancer: Any, source: str, destination: str, **options: Any) -> FileReport:
    from edgeqe.reports.process import standard_stream

    report: FileReport = enhancer.enhance_file(
        standard_stream("stdin") if source == "-" else source,
        standard_stream("stdout") if destination == "-" else destination,
        **options,
    )
    return report


def line(report: FileReport) -> str:
    """One line about a picture."""
    codec, scale = CODEC_NAMES.get(report.codec, report.codec), SCALE_NAMES.get(report.scale)
    if report.number is None or scale is None:
        strength = f"{codec} step {report.step:.2f}".lstrip()
    else:
        sign = "about " if report.quality_exact is False else ""
        strength = f"{codec} {scale.format(f'{sign}{report.number:.4g}')}"
    if report.confidence is not None:
        table = (
            "" if report.stated_quality is None else f", its table says {report.stated_quality:g}"
        )
        strength += f" by its pixels (confidence {report.confidence:.2f}{table})"
    if report.drawn is not None and report.drawn >= 0.5:
        strength += f", {report.drawn:.0%} drawn"
    if report.residual_from:
        strength += f", prediction residual from the {report.residual_from}"
    if report.amount != 1.0:
        strength += f", amount {report.amount:g}"
    if report.ensemble != 1:
        strength += f", ensemble of {report.ensemble}"
    note = "" if report.exact else "  not exact: smaller than the target's window"
    if report.not_kept:
        note += f"  not kept: {', '.join(report.not_kept)}"
    if report.present is not None:
        note += f"  cut short: {int(100 * report.present)} % of the picture was there"
    return (
        f"{report.source} -> {report.destination}  {report.width}x{report.height}  {report.kind}  "
        f"{strength}  {report.seconds:.2f} s  {report.megapixels_per_second:.1f} MP/s"
        f"{note}"
    )


def _json(info: Any, reports: list[FileReport], failures: list[tuple[str, Any]]) -> str:
    import json

    return json.dumps(
        {
            "schema_version": 1,
            "model": info.model,
            "runtime": info.runtime,
            "runtime_version": info.runtime_version,
            "target": info.target,
            "provider": info.provider,
            "fallback": info.fallback,
            "threads": info.threads,
            "memory_limit": info.memory_limit,
            "pictures": [report.to_dict() for report in reports],
            "failed": [{"source": source, "error": str(error)} for source, error in failures],
        },
        indent=2,
    )
