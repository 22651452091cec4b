"""``edgeqe enhance`` of a clip: in, enhanced, out, with progress and a report."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from edgeqe.reports.tables import counted

if TYPE_CHECKING:
    from edgeqe.codecs.strength import Strength
    from edgeqe.video.report import ClipReport

Command = Callable[..., None]

#: Seconds between two lines of progress.
REFRESH = 0.5


@dataclass(frozen=True)
class ClipJob:
    """One clip, and where it goes; pipes as they are read and written."""

    source: str | IO[bytes]
    destination: str | IO[bytes]


def options(command: Command) -> Command:
    """Add the options of clips to a command, which gets them as keywords."""
    for add in (
        click.option("--reuse", type=click.Choice(["exact", "off"]),
                     help="Of clips: exact, where left out, computes only what changed from frame to "
                     "frame."),
        click.option("--reference", metavar="CLIP",
                     help="Of clips: the one that was coded, to measure the gain."),
        click.option("--preset", metavar="P", help="Of clips: the encoder's preset."),
        click.option("--crf", type=float, metavar="N",
                     help="Of clips: the encoder's rate factor; so fine that the gain stays if "
                     "left out."),
        click.option("--encoder", metavar="E",
                     help="Of clips: libx264, libx265, libsvtav1, or ffv1, which loses nothing."),
    ):  # fmt: skip
        command = add(command)
    return command


def clip_job(
    inputs: Sequence[str], output: str | None, suffix: str | None, of_clips: Mapping[str, Any]
) -> ClipJob | None:
    """The clip that is asked for; None where pictures are.

    A clip is told by the suffix of IN or OUT; of standard input by its first bytes. `suffix` is of the
    name in an output folder; None for that of IN.

    Raises
    ------
    InputError
        If several are named, OUT is missing or a file although `suffix` is given, or there is none
        but options of clips are given.
    """
    from edgeqe.errors import InputError

    job = _find(inputs, output, suffix)
    stray = [f"--{name}" for name, value in of_clips.items() if value is not None]
    if job is None and stray:
        raise InputError(f"{' and '.join(stray)}: for clips, and IN is none. Leave them out.")
    return job


def _find(inputs: Sequence[str], output: str | None, suffix: str | None) -> ClipJob | None:
    from edgeqe.errors import InputError
    from edgeqe.files.writing import FORMATS
    from edgeqe.reports.process import standard_stream
    from edgeqe.video.containers import Y4M_MAGIC, is_clip_name
    from edgeqe.video.pipe import PipeReader

    named = [name for name in inputs if is_clip_name(name) and not Path(name).is_dir()]
    if not named and not (len(inputs) == 1 and inputs[0] == "-") and not _is_file(output):
        return None
    if len(inputs) > 1 and named:
        raise InputError(f"'{named[0]}' is a clip: give one clip alone, with one OUT.")
    into = output is not None and (output.endswith("/") or Path(output).is_dir())
    becomes = (suffix or "") if into else Path(output or "").suffix
    if len(inputs) != 1 or becomes.lower() in FORMATS:
        return None  # a picture, perhaps the only one of a stream
    source: str | IO[bytes] = inputs[0]
    if inputs[0] == "-":
        stdin: Any = standard_stream("stdin")
        if not hasattr(stdin, "peek"):
            head = stdin.read(len(Y4M_MAGIC))
            stdin.seek(-len(head), 1)
        else:
            head = stdin.peek(len(Y4M_MAGIC))
        if not head.startswith(Y4M_MAGIC) and not is_clip_name(f"stdin{becomes}"):
            return None  # a picture
        source = PipeReader(stdin)  # type: ignore[assignment]  # all of a file that is used
    elif Path(inputs[0]).is_fifo():
        opened = click.get_current_context().with_resource(open(inputs[0], "rb", buffering=0))
        source = PipeReader(opened, inputs[0])  # type: ignore[assignment]
    if output is None:
        raise InputError("-o OUT is missing: name a file or a folder, or - for a y4m pipe.")
    if into:
        name = Path("stdin.y4m" if inputs[0] == "-" else inputs[0]).name
        name = name if suffix is None else Path(name).stem + suffix
        return ClipJob(source, str(Path(output) / name))
    if suffix is not None:
        raise InputError(
            f"--suffix is of files in a folder, and -o {output} is none: leave it out."
        )
    return ClipJob(source, standard_stream("stdout") if output == "-" else output)


def _is_file(output: str | None) -> bool:
    from edgeqe.video.containers import is_clip_name

    return output is not None and is_clip_name(output) and not Path(output).is_dir()


def enhance(
    job: ClipJob,
    model: str,
    stated: Mapping[str, Any],
    given: Strength | None,
    of_clips: Mapping[str, Any],
    words: Mapping[str, Any],
) -> None:
    """Enhance a clip and print what was done.

    Parameters
    ----------
    job : ClipJob
    model : str
    stated : mapping
        The options that state a strength, by their names.
    given : Strength or None
        What they state.
    of_clips, words : mapping
        Values of `options`, and of all options of ``edgeqe enhance``.

    Raises
    ------
    EdgeqeError
        As of `edgeqe.video.clip.enhance_clip`, and of `Enhancer`.
    """
    from edgeqe import Enhancer
    from edgeqe.cli.networks import model_file
    from edgeqe.errors import InputError
    from edgeqe.model.catalogue import find_model
    from edgeqe.model.serving import check_serves
    from edgeqe.reports.output_file import check_destination
    from edgeqe.runtimes.quiet import quiet_start
    from edgeqe.trust.trust import open_model, trust_of
    from edgeqe.video.clip import ClipOptions, check_clip, enhance_clip
    from edgeqe.video.encoders import Encoding

    if stated["--quality"] == "auto" or stated["--rate"] is not None:
        raise InputError("--quality auto and --rate are for pictures: leave them out.")
    if words["accept_truncated"]:
        raise InputError(
            "--accept-truncated is for pictures: leave it out. The frames of a clip that is cut short "
            "are kept, as OUT with .partial before its suffix."
        )
    if words["output_quality"] is not None:
        raise InputError("--output-quality is for pictures: leave it out, or give --crf.")
    wanted = ClipOptions(
        given,
        words["amount"],
        words["ensemble"],
        Encoding(of_clips["encoder"], of_clips["crf"], of_clips["preset"]),
        of_clips["reference"],
        words["overwrite"],
        round(words["max_megapixels"] * 1e6),
        of_clips["reuse"] or "exact",
    )
    as_json = words["as_json"]
    to_stdout = not isinstance(job.destination, str)
    if as_json and to_stdout:
        raise InputError("--json and -o - both write to standard output: drop one.")
    path = model_file(model)
    if given is not None:
        check_serves([open_model(find_model(path), trust_of(words["trust"])).card], given)
    opening = {
        name: words[name]
        for name in ("target", "memory_limit", "threads", "allow_fallback", "trust")
    }
    there = isinstance(job.destination, str) and os.path.lexists(job.destination)
    if there and words["skip_existing"]:
        click.echo(f"{job.destination} exists: skipped")
        return
    with quiet_start():
        opened = Enhancer(path, **opening)
    if words["dry_run"]:
        if isinstance(job.destination, str):
            check_destination(Path(job.destination), overwrite=wanted.overwrite)
        with opened as enhancer:
            check_clip(job.source, job.destination, enhancer, wanted)
        click.echo(f"{job.source} -> {job.destination}  would be enhanced as a clip")
        return
    shown = _Progress(hide=as_json)
    with opened as enhancer, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        info = enhancer.info
        if info.fallback and not as_json:
            target = opening["target"]
            click.echo(f"fallback: {info.fallback} (target '{target}' cannot run here)", err=True)
        try:
            report = enhance_clip(
                job.source, job.destination, enhancer, wanted, progress=shown, told=shown.tell
            )
        finally:
            shown.clear()
    if as_json:
        click.echo(_json(info, report))
        return
    click.echo(line(report), err=to_stdout)
    for note in notes(report):
        click.echo(f"edgeqe: {note}", err=True)


class _Progress:
    """Frames, their rate and the time left, in one line on a terminal's standard error."""

    def __init__(self, *, hide: bool) -> None:
        self._hidden = hide or not sys.stderr.isatty()
        self._begun = self._shown = time.monotonic()

    def __call__(self, done: int, expected: int) -> None:
        now = time.monotonic()
        if self._hidden or now - self._shown < REFRESH:
            return
        self._shown = now
        click.echo(
            f"\r{progress_line(done, expected, now - self._begun)}\x1b[K", err=True, nl=False
        )

    def clear(self) -> None:
        """Remove the line."""
        if not self._hidden:
            click.echo("\r\x1b[K", err=True, nl=False)

    def tell(self, what: str) -> None:
        """Say something that stays."""
        self.clear()
        click.echo(f"edgeqe: {what}.", err=True)


def progress_line(done: int, expected: int, seconds: float) -> str:
    """Frames done, frames a second, and the time left where the number of frames is known."""
    rate = done / seconds if seconds else 0.0
    of = f" of {expected}" if expected >= done else ""
    left = ""
    if expected >= done and rate:
        minutes, rest = divmod(round((expected - done) / rate), 60)
        left = f", {minutes}:{rest:02d} left"
    return f"frame {done}{of}, {rate:.1f} fps{left}"


def line(report: ClipReport) -> str:
    """One line about a clip."""
    from edgeqe.cli.account import CODEC_NAMES, SCALE_NAMES

    codec = CODEC_NAMES.get(report.codec, report.codec)
    strength = f"{codec} as stated".lstrip()
    mean = report.mean_number
    if mean is not None:
        least, largest = report.numbers[0][0], report.numbers[-1][0]
        spread = "" if least == largest else f" ({least:g} to {largest:g})"
        strength = f"{codec} {SCALE_NAMES[report.scale].format(f'{mean:.4g}')}{spread}"
    text = (
        f"{report.source} -> {report.destination}  {report.width}x{report.height} "
        f"{report.pixel_format}  {strength}  {report.encoder}  {counted(report.frames, 'frame')}  "
        f"{report.seconds:.2f} s  {report.frames_per_second:.1f} fps"
    )
    if report.reused >= 0.005:
        text += f"  {report.reused:.0%} reused"
    if report.gain is not None:
        text += f"  PSNR-Y {report.psnr_y_before:.2f} {report.gain:+.2f} dB"
    return text


def notes(report: ClipReport) -> list[str]:
    """What of a clip did not go as it should."""
    found = []
    if report.damaged:
        found.append(f"{counted(report.damaged, 'damaged packet')} in '{report.source}'.")
    if report.frames_without_memory:
        whole = counted(report.frames_without_memory, "frame")
        found.append(f"{whole} computed whole: what is reused does not fit in the memory limit.")
    if report.left_out:
        found.append(f"'{report.destination}' has no place for: {', '.join(report.left_out)}.")
    if report.gain is not None and report.compared < report.frames:
        found.append(f"the reference ends after {report.compared} of {report.frames} frames.")
    return found


def _json(info: Any, report: ClipReport) -> str:
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
            "clips": [report.to_dict()],
        },
        indent=2,
    )
