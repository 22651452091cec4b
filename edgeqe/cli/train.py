"""``edgeqe train``: run a recipe."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("train")
@click.argument("recipe")
@click.option("--data", type=click.Path(path_type=Path), required=True,
              help="Data folder; the recipe names its sub-folder.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True,
              help="Folder of the trainings; this one gets a sub-folder.")  # fmt: skip
@click.option("--quantized", is_flag=True,
              help="Fine-tune the model that the recipe starts from with the rounding of INT8, "
                   "for 'edgeqe quantize'.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on from the checkpoint.")
@click.option("--json", "as_json", is_flag=True, help="Print the last validation as JSON.")
def command(
    recipe: str, data: Path, out: Path, quantized: bool, resume: bool, as_json: bool
) -> None:
    """Train a network by RECIPE, a shipped recipe's name or a TOML file.

    Ctrl-C saves a checkpoint; --resume goes on from it. Export the result with
    `edgeqe convert`, that of --quantized with `edgeqe quantize`.
    """
    import sys

    from edgeqe.cli.host import quiet_start
    from edgeqe.errors import InputError
    from edgeqe.zoo.training.recipe import read_recipe

    chosen = read_recipe(recipe)
    folder = out / chosen.name
    if not resume and folder.is_dir() and any(folder.iterdir()):
        raise InputError(
            f"'{folder}' holds a training: go on with --resume, or give another --out."
        )
    if not data.is_dir():
        raise InputError(f"no folder '{data}': give the data folder by --data.")
    try:
        from edgeqe.zoo.training.files import LOG, RANGES

        if resume and (folder / RANGES).is_file() != quantized:
            was, wanted = ("without", "leave it out") if quantized else ("with", "give it")
            raise InputError(
                f"'{folder}' holds a training {was} --quantized: {wanted} to go on with it."
            )
        with quiet_start():
            from edgeqe.zoo.training.loop import Training

            if quantized:
                from edgeqe.quantization.aware import QuantizedTraining

                training: Training = QuantizedTraining(chosen, data, folder)
            else:
                training = Training(chosen, data, folder)
    except ImportError as error:
        extras = "host,ort,files" if quantized else "host,files"
        raise InputError(
            f"training needs the host's packages ({error}): run pip install 'edgeqe[{extras}]'."
        ) from error
    if resume:
        training.resume()
    with click.progressbar(
        length=chosen.steps,
        label=chosen.name,
        file=sys.stderr,
        item_show_func=lambda item: item,
        hidden=not sys.stderr.isatty(),
    ) as bar:
        bar.update(training.step)
        training.run(
            lambda step, loss, _: bar.update(1, f"loss {loss:.4f}"),
            log=lambda line: click.echo(line, err=as_json),
        )
    if as_json:
        lines = (folder / LOG).read_text(encoding="utf-8").splitlines()
        click.echo(json.dumps({"schema_version": 1, **json.loads(lines[-1])}))
