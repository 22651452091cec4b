"""``edgeqe bench``: quality, latency and memory of models, and what to ship of them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeqe.cli.options import codec_options, coding_options

if TYPE_CHECKING:
    from edgeqe.bench.request import Request


@click.command("bench")
@click.option("--model", "-m", "models", multiple=True, metavar="MODEL",
              help="Name of a shipped model or a file; repeatable; all shipped networks, as the "
                   "target runs them, if left out.")  # fmt: skip
@click.option("--data", "-d", type=click.Path(path_type=Path), metavar="DIR",
              help="Folder of reference pictures, or of clips (.y4m, .mkv), or a clip; scikit-image's "
                   "photographs if left out.")  # fmt: skip
@click.option("--source", type=click.Choice(["pictures", "video"]), default="pictures", show_default=True,
              help="video: time decoding, enhancement and encoding of a clip (--data), or of made ones, "
                   "apart and overlapped, and nothing else.")  # fmt: skip
@click.option("--scale", type=float, default=1.0, show_default=True,
              help="Downscale the pictures by this factor first.")  # fmt: skip
@codec_options
@coding_options("gray and planes", "10, 20 and 40 (BD-rate needs four)")
@click.option("--low-delay", is_flag=True,
              help="Code clips as one intra picture and P pictures (h264, hevc); each frame by itself if "
                   "left out.")  # fmt: skip
@click.option("--size", "sizes", multiple=True, metavar="[720p|1080p|12MP]",
              help="Picture that is timed; repeatable; 720p if left out.")  # fmt: skip
@click.option("--full", is_flag=True,
              help="Every precision, six qualities, every size, every kind of array.")  # fmt: skip
@click.option("--target", default="auto", show_default=True, help="Where to run.")
@click.option(
    "--threads", type=click.IntRange(min=1), metavar="N", help="All processors if left out."
)
@click.option("--memory-limit", metavar="SIZE", help="64MiB if left out.")
@click.option("--allow-fallback", is_flag=True, help="Run on the CPU where the target is absent.")
@click.option("--fps", type=float, metavar="N",
              help="Advise the best picture that holds so many frames a second.")  # fmt: skip
@click.option("--latency", "latency_ms", type=float, metavar="MS",
              help="Advise the best picture that holds so many milliseconds.")  # fmt: skip
@click.option("--compare", nargs=2, metavar="A B",
              help="Time two models in turns and nothing else: their ratio, and whether it "
                   "counts.")  # fmt: skip
@click.option("--peer", "peers", multiple=True, type=click.Path(path_type=Path), metavar="ONNX",
              help="Gray ONNX network, float 0 to 1, to time beside; repeatable.")  # fmt: skip
@click.option("--repeats", type=click.IntRange(min=1), metavar="N",
              help="Rounds of the timing; as many as the figures need if left out.")  # fmt: skip
@click.option("--no-quality", is_flag=True, help="Leave quality out.")
@click.option("--no-speed", is_flag=True, help="Leave latency and memory out.")
@click.option("--ensemble", type=int, default=1, metavar="[1|8]",
              help="8: the quality of the ensemble, the mean over the eight flips and rotations; with "
                   "--no-speed.")  # fmt: skip
@click.option("--estimate", "estimated", is_flag=True,
              help="Measure nothing: estimate the target's speed from its profile's peaks, on any "
                   "machine. --threads is its number of processors, the board's of the "
                   "profile if left out.")  # fmt: skip
@click.option("--baseline", type=click.Path(path_type=Path), metavar="REPORT.json",
              help="Compare with an earlier report; exit status 1 on a regression.")  # fmt: skip
@click.option("--max-drop", type=float, default=0.05, show_default=True, metavar="DB",
              help="Most that a gain may fall below the baseline's.")  # fmt: skip
@click.option("--max-slowdown", type=float, default=10.0, show_default=True, metavar="PCT",
              help="Most that a latency may rise above the baseline's, both as ratios to the "
                   "reference network.")  # fmt: skip
@click.option("--accept-unlike", is_flag=True,
              help="Compare with a baseline of another machine, runtime or data too.")  # fmt: skip
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE",
              help="Write the comparison with the baseline there as JUnit XML.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--out", "-o", type=click.Path(path_type=Path), metavar="DIR",
              help="Write report.json, report.html and pareto.png there.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace existing reports.")
def command(**given: Any) -> None:
    """Measure quality per strength, latency and memory of models, and the trade-off between them.

    Without --model: the shipped networks in the precisions that the target prefers. Quality is
    that of pictures behind JPEG or another --codec; speed is that of any, and measured with JPEG.
    """
    from edgeqe.bench.request import Request

    request = Request(**given)
    request.check()
    if request.estimated:
        click.echo(_estimated(request))
    elif request.source == "video":
        click.echo(_video(request))
    elif request.compare:
        _compare(request)
    else:
        _judge(request)


def _judge(request: Request) -> None:
    """Measure; what cannot be opened or compared is a case of the JUnit file too."""
    from edgeqe.reports.junit import Case, error_case
    from edgeqe.reports.output_file import check_destination

    if request.junit is not None:
        check_destination(request.junit, overwrite=request.overwrite)
    judged = Case(
        "edgeqe.bench",
        f"{', '.join(request.models) or 'shipped models'} against {request.baseline}",
    )
    with error_case(request.junit, "edgeqe bench", judged):
        _measure(request)


def _measure(request: Request) -> None:
    from edgeqe.bench.baseline_check.baseline import check_like, compare, read_baseline
    from edgeqe.bench.baseline_check.junit import to_junit
    from edgeqe.bench.console import format_report
    from edgeqe.bench.ensembled import networks_of
    from edgeqe.bench.output import check_folder, write_all
    from edgeqe.bench.report import to_json
    from edgeqe.bench.run import fill, new_report
    from edgeqe.cli.networks import model_file
    from edgeqe.cli.progress import phases
    from edgeqe.errors import CheckError, InputError
    from edgeqe.reports.output_file import write

    plan, requirement, unlike = request.plan(), request.requirement(), request.accept_unlike
    earlier = None if request.baseline is None else read_baseline(request.baseline)
    if request.out is not None:
        check_folder(request.out, overwrite=request.overwrite)
    compared, refusal = None, None
    with ExitStack() as stack:
        enhancers, notes = request.open_models(stack, model_file)
        report = new_report(
            enhancers, plan, full=request.full, requirement=requirement, notes=notes
        )
        if earlier is not None:
            check_like(earlier, report.to_dict(), accept_unlike=unlike)
        try:
            with phases(hide=request.as_json) as progress:
                fill(report, plan, enhancers, request.peers, progress)
        except KeyboardInterrupt:
            report.interrupted = True
        values = report.to_dict()
        if earlier is not None and not report.interrupted:
            try:  # now that the pictures are known; what was measured is kept all the same
                check_like(earlier, values, accept_unlike=unlike)
                compared = compare(earlier, values, *request.limits())
                values["baseline"] = compared.to_dict()
            except InputError as error:
                refusal = error
        if request.out is not None:
            networks = networks_of(enhancers, plan.ensemble)
            write_all(values, report.quality, networks, plan.pictures, request.out)
    if compared is not None and request.junit is not None:
        write(to_junit(compared), request.junit)
    click.echo(to_json(values) if request.as_json else format_report(values), nl=False)
    if not request.as_json:
        click.echo("" if compared is None else f"\n\n{compared.to_text()}")
    if report.interrupted:
        raise KeyboardInterrupt
    if refusal is not None:
        raise refusal
    failures = compared.failures() if compared else []
    if failures:
        raise CheckError(
            f"{len(failures)} of the rows regress against '{request.baseline}': {failures[0]}"
        )


def _compare(request: Request) -> None:
    """Time two models in turns."""
    import json
    from contextlib import closing

    from edgeqe.bench.compare import duel, format_duels
    from edgeqe.bench.entries import plain
    from edgeqe.bench.frames import frame_of_size
    from edgeqe.bench.latency import enhancer_lanes
    from edgeqe.bench.run import model_entry
    from edgeqe.bench.stamp import machine_stamp
    from edgeqe.cli.networks import model_file
    from edgeqe.cli.progress import phases

    assert request.compare is not None
    request.refuse(
        "--compare times two models and nothing else", "models", "codec", "qualities", "qps", "rates",
        "low_delay", "fps", "latency_ms",
        "peers", "no_quality", "no_speed", "full", "baseline", "out",
    )  # fmt: skip
    plan, pictures, duels = request.plan(), request.timed_pictures(), []
    with (
        closing(request.open_model(model_file(request.compare[0]))) as first,
        closing(request.open_model(model_file(request.compare[1]))) as second,
        phases(hide=request.as_json) as progress,
    ):
        models = [
            plain(model_entry(name, enhancer))
            for name, enhancer in zip(request.compare, (first, second), strict=True)
        ]
        for size in plan.sizes:
            colour = "rgb" in plan.kinds
            frame = frame_of_size(pictures, size, plan.timed_quality, colour=colour)
            lanes = [enhancer_lanes("", e, frame, plan.kinds) for e in (first, second)]
            for ours, theirs in zip(*lanes, strict=True):
                duels.append(duel(ours, theirs, size, plan.effort, progress))
    if request.as_json:
        report = {
            "schema_version": 1,
            "kind": "edgeqe-compare",
            "stamp": machine_stamp(),
            "models": models,
            "duels": [one.to_dict() for one in duels],
        }
        click.echo(json.dumps(report, indent=2))
    else:
        click.echo(format_duels(request.compare, duels))


def _video(request: Request) -> str:
    """Text or JSON of the stages of clips."""
    import json
    import tempfile
    from contextlib import closing
    from pathlib import Path

    from edgeqe.bench.choices import label_of, shipped_on
    from edgeqe.bench.conditions.snapshot import read_conditions, warnings
    from edgeqe.bench.stamp import machine_stamp
    from edgeqe.bench.video import format_video, measure_video, video_report
    from edgeqe.cli.networks import model_file
    from edgeqe.cli.progress import phases
    from edgeqe.runtimes.selection import profile_for

    request.refuse(
        "--source video times clips and nothing else", "scale", "protocols", "codec", "qualities", "qps",
        "rates", "low_delay", "full", "fps", "latency_ms", "compare", "peers", "repeats", "no_quality", "no_speed",
        "ensemble", "baseline", "out",
    )  # fmt: skip
    before, entries = read_conditions(), []
    with tempfile.TemporaryDirectory(prefix="edgeqe-") as folder:
        clips = request.timed_clips(Path(folder))
        names = dict.fromkeys(request.models or shipped_on(profile_for(request.target), full=False))
        with phases(hide=request.as_json) as progress:
            for name in names:
                with closing(request.open_model(model_file(name))) as enhancer:
                    label = label_of(enhancer, name, {})
                    entries += [
                        measure_video(enhancer, clip, model=label, progress=progress)
                        for clip in clips
                    ]
    notes = warnings(before, read_conditions())
    if request.as_json:
        return json.dumps(video_report(entries, machine_stamp(), notes), indent=2)
    return "\n".join([format_video(entries), *(f"note: {note}" for note in notes)])


def _estimated(request: Request) -> str:
    """Text or JSON of the estimates of models on a target that need not be here.

    A network's name alone, and no name at all, is every precision that the target runs.
    """
    import json

    from edgeqe.bench.estimate import cores_of, estimate, format_estimates, forms_on
    from edgeqe.cli.networks import model_file
    from edgeqe.hardware.machine import read_hardware
    from edgeqe.model.catalogue import find_model, shipped_models
    from edgeqe.model.file import ModelFile
    from edgeqe.runtimes.selection import profile_for
    from edgeqe.targets.detect import foreign

    request.refuse(
        "--estimate measures nothing (--json prints it all)", "source", "data", "protocols", "codec", "qualities",
        "qps", "rates", "low_delay", "sizes", "full", "fps", "latency_ms", "compare", "peers", "repeats", "no_quality",
        "no_speed", "baseline", "out",
    )  # fmt: skip
    profile, shipped = profile_for(request.target), shipped_models()
    names: list[str] = []
    for name in dict.fromkeys(request.models or shipped):
        forms = forms_on(profile, name) if name in shipped else []
        names += [f"{name}:{form}" for form in forms] or [name]
    files = [ModelFile(find_model(model_file(name))) for name in names]
    hardware = read_hardware()
    features = () if foreign(profile, hardware.machine) else hardware.cpu_features
    threads = request.threads or cores_of(profile, features)
    found = estimate(files, profile, features, threads)
    return json.dumps(found.to_dict(), indent=2) if request.as_json else format_estimates(found)
