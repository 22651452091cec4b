"""``edgeqe train``: run a recipe."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edgeqe.zoo.training.loop import Training

#: Seconds between two lines where there is no terminal for a progress bar.
LINE_EVERY = 60.0


@click.command("train")
@click.argument("recipe")
@click.option("--data", type=click.Path(path_type=Path), required=True,
              help="Folder of pictures, or data folder of which the recipe names a sub-folder.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True,
              help="Folder of the trainings; this one gets a sub-folder.")  # fmt: skip
@click.option("--precision", type=click.Choice(["auto", "float32", "bfloat16"]), default="auto",
              show_default=True,
              help="What convolutions are computed in; auto is bfloat16 where the processor has it.")  # fmt: skip
@click.option("--quantized", is_flag=True,
              help="Fine-tune the model that the recipe starts from with the rounding of INT8, "
                   "for 'edgeqe quantize'.")  # fmt: skip
@click.option("--profile", "profiled", is_flag=True,
              help="Time data, arithmetic and both, and stop; nothing is saved.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on from the checkpoint.")
@click.option("--json", "as_json", is_flag=True, help="Print the last validation as JSON.")
def command(
    recipe: str,
    data: Path,
    out: Path,
    precision: str,
    quantized: bool,
    profiled: bool,
    resume: bool,
    as_json: bool,
) -> None:
    """Train a network by RECIPE, a shipped recipe's name or a TOML file.

    Ctrl-C saves a checkpoint; --resume goes on from it. Export the result with
    `edgeqe convert`, that of --quantized with `edgeqe quantize`.
    """
    from edgeqe.cli.host import needs_packages, quiet_start
    from edgeqe.errors import InputError, MissingFileError
    from edgeqe.zoo.training.files import CHECKPOINT, LOG, RANGES
    from edgeqe.zoo.training.recipe import read_recipe

    chosen = read_recipe(recipe)
    folder = out / chosen.name
    if not resume and not profiled and (folder / CHECKPOINT).is_file():
        raise InputError(
            f"'{folder}' holds a training: go on with --resume, or give another --out."
        )
    if not data.is_dir():
        raise MissingFileError(f"no folder '{data}': give the data folder by --data.")
    if quantized and precision == "bfloat16":
        raise InputError("--quantized trains in float32: leave --precision out.")
    if resume and (folder / CHECKPOINT).is_file() and (folder / RANGES).is_file() != quantized:
        was, wanted = ("without", "leave it out") if quantized else ("with", "give it")
        raise InputError(
            f"'{folder}' holds a training {was} --quantized: {wanted} to go on with it."
        )
    extras = "host,ort,files" if quantized else "host,files"
    with needs_packages("training", extras):
        with quiet_start():
            from edgeqe.zoo.training.loop import Training
            from edgeqe.zoo.training.precision import Precision

            if quantized:
                from edgeqe.quantization.qat.training import QuantizedTraining

                training: Training = QuantizedTraining(chosen, data, folder)
            else:
                training = Training(chosen, data, folder, Precision(precision))
    if profiled:
        _profile(training, as_json)
        return
    if resume:
        training.resume()
    try:
        _run(training, lambda line: click.echo(line, err=as_json))
    except KeyboardInterrupt:
        held = f"'{folder}' holds a checkpoint of step {training.step} of {chosen.steps}"
        after = f"{held}; go on with --resume." if training.step else "nothing was trained."
        click.echo(f"stopped: {after}", err=True)
        raise
    if as_json:
        lines = (folder / LOG).read_text(encoding="utf-8").splitlines()
        click.echo(json.dumps({"schema_version": 1, **json.loads(lines[-1])}))


def _run(training: Training, log: Callable[[str], None]) -> None:
    """Train with a bar on a terminal, and with a line a minute elsewhere."""
    steps, told = training.recipe.steps, time.monotonic()
    log(f"{training.recipe.name}: step {training.step} of {steps}, {training.precision.value}")
    if sys.stderr.isatty():
        with click.progressbar(
            length=steps,
            label=training.recipe.name,
            file=sys.stderr,
            item_show_func=lambda item: item,
        ) as bar:
            bar.update(training.step)
            training.run(lambda step, loss, _: bar.update(1, f"loss {loss:.4f}"), log=log)
        return

    def line(step: int, loss: float, seconds: float) -> None:
        nonlocal told
        if time.monotonic() - told >= LINE_EVERY:
            told = time.monotonic()
            log(f"step {step} of {steps}, {seconds / 60:.1f} min, loss {loss:.4f}")

    training.run(line, log=log)


def _profile(training: Training, as_json: bool) -> None:
    """Print where the training's time goes."""
    import dataclasses

    from edgeqe.converters.graph import analysis
    from edgeqe.converters.sources import from_keras
    from edgeqe.model.card import pixels_per_sample
    from edgeqe.zoo import build
    from edgeqe.zoo.training.profile import profile

    recipe = training.recipe
    source = from_keras(build(recipe.network, strength=recipe.strength, widths=recipe.widths))
    kmac = analysis.macs(source.graph) / pixels_per_sample(source.planes) ** 2 / 1000
    click.echo("a minute; several if a teacher fills the pool of pictures", err=True)
    found = profile(training, kmac)
    if as_json:
        click.echo(json.dumps({"schema_version": 1, **dataclasses.asdict(found)}))
        return
    for text in found.lines():
        click.echo(text)
