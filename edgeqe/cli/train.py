"""``edgeqe train``: run a recipe."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
              help="Data type of the convolutions; auto is bfloat16 where the processor has it.")  # fmt: skip
@click.option("--quantized", is_flag=True,
              help="Fine-tune the model that the recipe starts from with fake quantization, "
                   "for 'edgeqe quantize'.")  # fmt: skip
@click.option("--profile", "profiled", is_flag=True,
              help="Time data loading, computation and both, and stop; nothing is saved.")  # fmt: skip
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
    from edgeqe.errors import InputError
    from edgeqe.zoo.training import TrainingInterrupted, workflow
    from edgeqe.zoo.training.recipe import read_recipe

    chosen = read_recipe(recipe)
    if quantized and precision == "bfloat16":
        raise InputError("--quantized trains in float32: leave --precision out.")
    if quantized:
        from edgeqe.quantization.qat import workflow as quantized_workflow

        training = quantized_workflow.open_training(
            chosen, data=data, out=out, resume=resume and not profiled, profiled=profiled
        )
    else:
        training = workflow.open_training(
            chosen,
            data=data,
            out=out,
            precision=precision,
            resume=resume and not profiled,
            profiled=profiled,
        )
    if profiled:
        _profile(training, as_json)
        return
    try:
        with _shown(chosen.steps, chosen.name, training.step, err=as_json) as (progress, log):
            last = workflow.run(training, progress, log)
    except TrainingInterrupted as stopped:
        click.echo(f"stopped: {stopped}", err=True)
        raise
    if as_json:
        click.echo(json.dumps({"schema_version": 1, **last}))


@contextmanager
def _shown(
    steps: int, name: str, first: int, *, err: bool
) -> Iterator[tuple[Callable[[int, float, float], None], Callable[[str], None]]]:
    """Callbacks that show a bar on a terminal, and a line a minute elsewhere; and for lines."""
    bar: Any = None
    told = time.monotonic()
    with ExitStack() as stack:

        def log(line: str) -> None:
            click.echo(line, err=err)

        def progress(step: int, loss: float, seconds: float) -> None:
            nonlocal bar, told
            if sys.stderr.isatty():
                if bar is None:
                    bar = stack.enter_context(
                        click.progressbar(
                            length=steps,
                            label=name,
                            file=sys.stderr,
                            item_show_func=lambda item: item,
                        )
                    )
                    bar.update(first)
                bar.update(step - bar.pos, f"loss {loss:.4f}")
            elif time.monotonic() - told >= LINE_EVERY:
                told = time.monotonic()
                log(f"step {step} of {steps}, {seconds / 60:.1f} min, loss {loss:.4f}")

        yield progress, log


def _profile(training: Training, as_json: bool) -> None:
    """Print the throughput of the training's parts."""
    import dataclasses

    from edgeqe.converters.graph import analysis
    from edgeqe.converters.sources import from_keras
    from edgeqe.model.card import pixels_per_sample
    from edgeqe.zoo import built_by
    from edgeqe.zoo.training.profile import profile

    recipe = training.recipe
    source = from_keras(built_by(dataclasses.asdict(recipe)))
    kmac = analysis.macs(source.graph) / pixels_per_sample(source.planes) ** 2 / 1000
    click.echo("a minute; several if a teacher fills the pool of pictures", err=True)
    found = profile(training, kmac)
    if as_json:
        click.echo(json.dumps({"schema_version": 1, **dataclasses.asdict(found)}))
        return
    for text in found.lines():
        click.echo(text)
