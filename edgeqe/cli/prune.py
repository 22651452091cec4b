"""``edgeqe prune``: a network to one with fewer channels."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

#: Minutes of fine-tuning if nothing is said.
MINUTES = 30.0


@click.command("prune")
@click.argument("model")
@click.option("-o", "--output", "destination", type=click.Path(path_type=Path), required=True,
              metavar="OUT", help="Model file to write, .onnx or .tflite.")  # fmt: skip
@click.option("--ratio", type=click.FloatRange(0.0, 1.0, min_open=True, max_open=True),
              required=True, metavar="R",
              help="Share of the multiply-accumulates to take away, 0.5 for half.")  # fmt: skip
@click.option("--importance", type=click.Choice(["l1", "batch-norm", "taylor"]),
              help="What says which channels matter: the weights, what scales them (batch norm or "
                   "the strength), or the loss on --data.  [default: taylor with --data, else "
                   "l1]")  # fmt: skip
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR",
              help="Folder of undamaged pictures, or one that 'edgeqe train' takes: fine-tune on "
                   "them after pruning.")  # fmt: skip
@click.option("--minutes", type=click.FloatRange(0.0, min_open=True), metavar="M",
              help=f"Fine-tune at most so long.  [default: {MINUTES:g}, unless --steps is "
                   "given]")  # fmt: skip
@click.option("--steps", type=click.IntRange(1), metavar="N",
              help="Fine-tune at most so many batches.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    model: str,
    destination: Path,
    ratio: float,
    importance: str | None,
    data: Path | None,
    minutes: float | None,
    steps: int | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Take channels out of MODEL until a share of its arithmetic is gone.

    MODEL is a shipped model's name, a float32 .onnx file of an edgeqe network, the folder of
    a training, or the name of a network of the zoo, which then has random weights. With
    --data the smaller network is trained to the results of the one it was cut from; Ctrl-C
    ends that early and keeps what was reached.
    """
    from edgeqe.cli.host import needs_packages, quiet_start
    from edgeqe.cli.networks import check_output
    from edgeqe.errors import InputError

    check_output(destination, overwrite=overwrite)
    if data is None and (minutes or steps or importance == "taylor"):
        raise InputError("fine-tuning and --importance taylor need pictures: give --data.")
    with needs_packages("pruning", "host,ort,tflite,files"):
        with quiet_start():
            from edgeqe.converters.export import export
            from edgeqe.converters.sources import from_keras
            from edgeqe.quantization.pruning.distillation import fine_tune
            from edgeqe.quantization.pruning.importance import ranking
            from edgeqe.quantization.pruning.pictures import read_pictures
            from edgeqe.quantization.pruning.pruning import prune
            from edgeqe.quantization.pruning.report import pruned_lines, pruned_report, tuned_lines

            whole, origin = _network(model)
            pictures = read_pictures(data, whole) if data else None
    importance = importance or ("taylor" if pictures else "l1")
    pruned = prune(whole, ratio, ranking(importance, whole, pictures))
    found: dict[str, Any] = pruned_report(pruned)
    origin |= {"ratio": ratio, "importance": importance}
    card: dict[str, Any] = {"pruned": origin}
    lines = pruned_lines(whole.name, pruned)
    interrupted = False
    if pictures is not None:
        gains = {"unpruned": pictures.gains(whole), "pruned": pictures.gains(pruned.model)}
        if not as_json:
            click.echo("\n".join(lines))
        minutes = minutes or (math.inf if steps else MINUTES)
        with _bar(hide=as_json) as told:
            tuned = fine_tune(
                pruned.model,
                whole,
                pictures,
                minutes=minutes,
                steps=steps or sys.maxsize,
                progress=told,
            )
        gains["tuned"] = pictures.gains(pruned.model)
        lines, interrupted = tuned_lines(tuned, gains), tuned.interrupted
        card["fine-tuned"] = {"steps": tuned.steps, "minutes": round(tuned.seconds / 60, 1)}
        found |= {"fine_tuned": {**card["fine-tuned"], "interrupted": interrupted}}
        found["psnr_db"] = {
            name: {key: [round(value, 3) for value in pair] for key, pair in values.items()}
            for name, values in gains.items()
        }
    else:
        lines.append("  not fine-tuned: give --data to win back what pruning costs")
    quality = {"validation PSNR, dB, JPEG and enhanced": found["psnr_db"]["tuned"]} if data else {}
    kept = found["kmac_per_pixel"][1]
    description = f"{whole.name} pruned to {kept:.1f} kMAC per picture pixel."
    if "weights" in origin:
        description += " Random weights: for timing and tests, it enhances nothing."
    source = from_keras(pruned.model, description=description, provenance=card, quality=quality)
    exported = export(source, destination)
    if as_json:
        found = {"schema_version": 1, "output": str(destination), **origin, **found}
        found |= {"bytes": exported.file_bytes, "card": exported.card.to_dict()}
        click.echo(json.dumps(found))
    else:
        click.echo("\n".join([*lines, f"{destination}: {exported.file_bytes} bytes"]))
    if interrupted:
        raise KeyboardInterrupt


def _network(model: str) -> tuple[Any, dict[str, Any]]:
    """Keras network of whatever MODEL is, and where its weights come from."""
    from edgeqe import zoo
    from edgeqe.model.catalogue import shipped_models

    path, shipped = Path(model), model.partition(":")[0] in shipped_models()
    if path.is_dir():
        return zoo.load_training(path), {"from": path.name}
    if model in zoo.NETWORKS and not shipped and not path.exists():
        from edgeqe.zoo.weights import randomised

        return randomised(model), {"from": model, "weights": "random", "seed": 1}
    return zoo.load(model), {"from": model if shipped else path.name}


@contextmanager
def _bar(*, hide: bool) -> Iterator[Callable[[float, int, float], None]]:
    """Show the share of a budget that is spent, on a terminal."""
    with click.progressbar(
        length=1000,
        label="fine-tune",
        file=sys.stderr,
        item_show_func=lambda item: item,
        hidden=hide or not sys.stderr.isatty(),
    ) as bar:
        yield lambda done, step, loss: bar.update(
            int(1000 * done) - bar.pos, f"step {step}, loss {loss:.4f}"
        )
