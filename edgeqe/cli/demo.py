"""``edgeqe demo``: the main job on a packaged photograph."""

from __future__ import annotations

from pathlib import Path

import click

#: scikit-image's photograph of a cup of coffee, by Rachel Michetti, dedicated to the public (CC0); and
#: a part of it at half size, which is there without scikit-image.
PHOTOGRAPH = "coffee.png"
SMALL_PHOTOGRAPH = Path(__file__).parents[1] / PHOTOGRAPH


@click.command("demo")
@click.option("-o", "--out", "folder", type=click.Path(path_type=Path), default="demo-output",
              show_default=True, metavar="DIR", help="Where the pictures go.")  # fmt: skip
@click.option("--model", "-m", default="edgeqe-small", show_default=True,
              help="Shipped name or file.")  # fmt: skip
@click.option("--target", default="auto", show_default=True, help="Where to run.")
@click.option("--threads", type=int, metavar="N", help="All processors if left out.")
@click.option("--memory-limit", default="64MiB", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(
    folder: Path,
    model: str,
    target: str,
    threads: int | None,
    memory_limit: str,
    as_json: bool,
) -> None:
    """Enhance a photograph and show before, after and what changed."""
    import json

    from edgeqe import Enhancer
    from edgeqe.bench.data import read_picture
    from edgeqe.codecs.strength import resolve_strength
    from edgeqe.demo import QUALITY, format_report, run_demo
    from edgeqe.errors import CheckError
    from edgeqe.model.serving import check_model
    from edgeqe.runtimes.quiet import quiet_start

    check_model(model, resolve_strength(quality=QUALITY))
    picture = read_picture(_photograph())
    with quiet_start():
        opened = Enhancer(model, target=target, memory_limit=memory_limit, threads=threads)
    with opened as enhancer:
        report = run_demo(enhancer, picture.name, picture.pixels, folder)
    click.echo(json.dumps(report.to_dict(), indent=2) if as_json else format_report(report))
    if report.gain_db <= 0:
        raise CheckError(
            f"the enhanced picture is no better than the JPEG ({report.gain_db:+.2f} dB): "
            "run 'edgeqe verify' on the model."
        )


def _photograph() -> Path:
    """The photograph, a small one where scikit-image is not installed."""
    from edgeqe.bench.data import packaged_file
    from edgeqe.errors import InputError

    try:
        return packaged_file(PHOTOGRAPH)
    except InputError:  # absent, or one without its photographs
        return SMALL_PHOTOGRAPH
