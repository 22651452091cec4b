"""``edgeqe tune``: the fastest settings of a target on this device, as a profile."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("tune")
@click.argument("model")
@click.option("--target", default="auto", show_default=True,
              help="Target's name, or the path of a profile, whose settings are the default.")  # fmt: skip
@click.option("--out", "-o", type=click.Path(path_type=Path), metavar="FILE.toml",
              help="Write the profile there.")  # fmt: skip
@click.option("--memory-limit", default="64MiB", show_default=True, metavar="SIZE",
              help="Every setting that is tried keeps it.")  # fmt: skip
@click.option("--max-drop", type=click.FloatRange(min=0), default=0.05, show_default=True,
              metavar="DB", help="Most PSNR that a precision may lose against float32.")  # fmt: skip
@click.option("--size", default="1280x720", show_default=True, metavar="WxH",
              help="Picture that is timed.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(min=1), default=120.0, show_default=True,
              metavar="S", help="Time to spend.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.pass_context
def command(
    context: click.Context,
    model: str,
    target: str,
    out: Path | None,
    memory_limit: str,
    max_drop: float,
    size: str,
    seconds: float,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Measure which runtime, precision, threads and windows run MODEL fastest on this device.

    MODEL is a shipped network's name, or a model file, which then fixes the precision. The
    profile that --out writes extends the target's; use it as --target FILE.toml. Where the
    machine is too noisy to tell, that is said and the profile holds the default's settings.
    """
    import datetime
    import json
    import os
    import tempfile
    import time

    from edgeqe.bench.tuning.candidates import Opener, left_out
    from edgeqe.bench.tuning.report import Tuning, format_tuning
    from edgeqe.bench.tuning.settings import space_of
    from edgeqe.bench.tuning.tune import search
    from edgeqe.bench.tuning.tuned import extended_from, profile_text
    from edgeqe.cli.networks import model_file
    from edgeqe.cli.progress import waiting
    from edgeqe.engine.memory import parse_size
    from edgeqe.engine.workers import available_threads
    from edgeqe.hardware.machine import read_hardware
    from edgeqe.reports.output_file import write
    from edgeqe.runtimes.selection import profile_for

    profile, limit = profile_for(target), parse_size(memory_limit)
    width, height = _size(size)
    if out is not None:
        _check_output(out, overwrite=overwrite)
    extends = extended_from(profile, out or Path("tuned.toml"))
    end = time.perf_counter() + seconds
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    file, processors = model_file(model), available_threads()
    space, absent = space_of(file, profile, read_hardware().cpu_features, processors)
    with (
        waiting(f"tuning {model}", hide=as_json) as progress,
        tempfile.TemporaryDirectory(prefix="edgeqe-") as folder,
    ):
        opener = Opener(file, profile, limit, height, width, Path(folder))
        space, refused = opener.running(space)
        losses = opener.losses(space, progress)
        drifting = left_out(losses, max_drop)
        permitted = space.without(drifting)
        left = end - time.perf_counter()
        outcome = search(permitted, opener, opener.pixels, left, progress=progress)
        versions = ", ".join(opener.versions)
    tuning = Tuning(
        model=model,
        profile=profile,
        limit=limit,
        max_drop=max_drop,
        size=(height, width),
        versions=versions,
        processors=processors,
        load=load,
        outcome=outcome,
        losses=losses,
        left_out=drifting,
        absent=absent | refused,
        command=_words(context),
    )
    if out is not None:
        text = profile_text(
            profile,
            outcome.chosen,
            opener.network,
            extends,
            description=f"{profile.name}, tuned for {Path(model).name}",
            comments=tuning.comments(datetime.datetime.now(datetime.timezone.utc).date()),
        )
        write(text.encode(), out)
    if as_json:
        report = tuning.to_dict() | {"written": None if out is None else str(out)}
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
        return
    click.echo(format_tuning(tuning))
    if out is None:
        click.echo("Give --out FILE.toml to keep it.")
    else:
        click.echo(f"Written: {out}. Use it as --target {out}.")


def _size(text: str) -> tuple[int, int]:
    """Width and height in pixels."""
    import re

    from edgeqe.errors import InputError

    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    if match is None or not 64 <= min(map(int, match.groups())):
        raise InputError(f"--size '{text}' is no size: give such as 1280x720, from 64x64.")
    return int(match[1]), int(match[2])


def _check_output(path: Path, *, overwrite: bool) -> None:
    """Refuse a profile's name before any work."""
    from edgeqe.errors import InputError
    from edgeqe.reports.output_file import check_destination

    if path.suffix != ".toml":
        raise InputError(f"'{path}' must end in .toml, as every profile's path.")
    check_destination(path, overwrite=overwrite)


def _words(context: click.Context) -> str:
    """Command line: what was given, without where the report goes."""
    import shlex

    given = click.core.ParameterSource.COMMANDLINE
    words = ["edgeqe", "tune", str(context.params["model"])]
    for parameter in context.command.params:
        name = parameter.name or ""
        told = context.get_parameter_source(name) is given
        if told and name not in ("model", "out", "overwrite", "as_json"):
            words += [parameter.opts[0], str(context.params[name])]
    return shlex.join(words)
