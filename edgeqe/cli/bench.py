"""``edgeqe bench``: quality per strength, speed and memory."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("bench")
@click.option("--model", "-m", "models", multiple=True, metavar="M",
              help="Shipped name, file, or network of the zoo; repeatable. All shipped models if "
                   "left out.")  # fmt: skip
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR",
              help="Folder of undamaged pictures; scikit-image's photographs if left out.")  # fmt: skip
@click.option("--scale", type=float, default=1.0, show_default=True,
              help="Downscale the pictures first, above 0 to 1.")  # fmt: skip
@click.option("--protocol", "protocols", multiple=True, metavar="gray|colour|rgb",
              help="Repeatable; gray and colour if left out.")  # fmt: skip
@click.option("--quality", "-q", "qualities", multiple=True, type=int, metavar="Q",
              help="JPEG quality, 1 to 100; repeatable; 10, 20 and 40 if left out.")  # fmt: skip
@click.option("--target", default="auto", show_default=True, help="Where to run.")
@click.option("--threads", type=int, metavar="N", help="All processors if left out.")
@click.option("--memory-limit", default="64MiB", show_default=True)
@click.option("--allow-fallback", is_flag=True, help="Run on the CPU where the target is absent.")
@click.option("--peer", "peers", multiple=True, type=click.Path(path_type=Path), metavar="ONNX",
              help="Gray ONNX network, float 0 to 1, to time beside; repeatable.")  # fmt: skip
@click.option("--repeats", type=int, default=5, show_default=True, help="Rounds of the timing.")
@click.option("--speed-pictures", type=int, default=6, show_default=True,
              help="Pictures that are timed, spread over the set.")  # fmt: skip
@click.option("--no-quality", is_flag=True, help="Leave quality out.")
@click.option("--no-speed", is_flag=True, help="Leave speed and memory out.")
@click.option("--estimate", "estimated", is_flag=True,
              help="Measure nothing: estimate the target's speed from its profile's peaks, on any "
                   "machine. --threads is its number of processors.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--out", "-o", type=click.Path(path_type=Path), metavar="DIR",
              help="Write report.json there.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace an existing report.json.")
def command(
    models: tuple[str, ...],
    data: Path | None,
    scale: float,
    protocols: tuple[str, ...],
    qualities: tuple[int, ...],
    target: str,
    threads: int | None,
    memory_limit: str,
    allow_fallback: bool,
    peers: tuple[Path, ...],
    repeats: int,
    speed_pictures: int,
    no_quality: bool,
    no_speed: bool,
    estimated: bool,
    as_json: bool,
    out: Path | None,
    overwrite: bool,
) -> None:
    """Measure quality per strength, speed and memory of models."""
    import sys
    from contextlib import ExitStack

    from edgeqe import Enhancer
    from edgeqe.bench import data as pictures
    from edgeqe.bench.report import REPORT_NAME, format_report, write_report
    from edgeqe.bench.run import Plan, fill, new_report
    from edgeqe.catalogue import shipped_models
    from edgeqe.cli.networks import model_file
    from edgeqe.errors import InputError

    if estimated:
        if data or protocols or qualities or peers or out or no_quality or no_speed:
            raise InputError(
                "--estimate measures nothing: leave out --data, --protocol, --quality, --peer, "
                "--no-quality, --no-speed and --out (--json prints it all)."
            )
        click.echo(_estimated(models, target, threads, as_json=as_json))
        return
    if no_quality and no_speed:
        raise InputError("--no-quality and --no-speed leave nothing to measure: drop one.")
    plan = Plan(
        pictures=pictures.packaged(scale) if data is None else pictures.folder(data, scale),
        protocols=tuple(dict.fromkeys(protocols)) or ("gray", "colour"),
        qualities=tuple(dict.fromkeys(qualities)) or (10, 20, 40),
        with_quality=not no_quality,
        with_speed=not no_speed,
        repeats=repeats,
        speed_pictures=speed_pictures,
    )
    if peers and (no_speed or "gray" not in plan.protocols):
        raise InputError("--peer is timed on gray pictures: give --protocol gray and speed.")
    if out is not None and (out / REPORT_NAME).exists() and not overwrite:
        raise InputError(f"{out / REPORT_NAME} exists: give --overwrite, or another --out.")
    names = tuple(dict.fromkeys(models)) or tuple(shipped_models())
    if not names:
        raise InputError("no model is shipped with this copy: give --model FILE.")

    progress = not as_json and sys.stderr.isatty()

    def tell(text: str) -> None:
        if progress:
            click.echo(f"\r\x1b[K{text}", err=True, nl=False)

    with ExitStack() as stack:
        enhancers: dict[str, Enhancer] = {}
        for name in names:
            enhancer = stack.enter_context(
                Enhancer(
                    model_file(name),
                    target=target,
                    memory_limit=memory_limit,
                    threads=threads,
                    fallback=allow_fallback,
                )
            )
            enhancers[name if enhancer.info.model in enhancers else enhancer.info.model] = enhancer
        if out is not None:
            try:
                out.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(
                    f"the folder {out} cannot be made ({error.strerror}): give another --out."
                ) from error
        report = new_report(enhancers, plan.pictures)
        try:
            fill(report, plan, enhancers, peers, tell)
        except KeyboardInterrupt:
            report.interrupted = True
        tell("")
        if out is not None:
            write_report(report, out / REPORT_NAME)
        click.echo(report.to_json() if as_json else format_report(report), nl=not as_json)
        if report.interrupted:
            raise KeyboardInterrupt


def _estimated(models: tuple[str, ...], target: str, threads: int | None, *, as_json: bool) -> str:
    """Text or JSON of the estimates of models on a target that need not be here.

    A network's name alone, and no name at all, is every precision that the target runs.
    """
    import json

    from edgeqe.bench.estimate import estimate, format_estimates, forms_on
    from edgeqe.catalogue import find_model, shipped_models
    from edgeqe.cli.networks import model_file
    from edgeqe.engine import available_threads
    from edgeqe.hardware import read_hardware
    from edgeqe.model_file import ModelFile
    from edgeqe.placing import profile_for

    profile, shipped = profile_for(target), shipped_models()
    names: list[str] = []
    for name in dict.fromkeys(models or shipped):
        forms = forms_on(profile, name) if name in shipped else []
        names += [f"{name}:{form}" for form in forms] or [name]
    files = [ModelFile(find_model(model_file(name))) for name in names]
    found = estimate(files, profile, read_hardware().cpu_features, threads or available_threads())
    return json.dumps(found.to_dict(), indent=2) if as_json else format_estimates(found)
