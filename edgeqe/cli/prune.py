"""``edgeqe prune``: structured pruning of a network's channels."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

#: Minutes of fine-tuning if nothing is said.
MINUTES = 30.0


@click.command("prune")
@click.argument("model")
@click.option("-o", "--out", "destination", type=click.Path(path_type=Path), required=True,
              metavar="OUT", help="Model file to write, .onnx or .tflite.")  # fmt: skip
@click.option("--ratio", type=click.FloatRange(0.0, 1.0, min_open=True, max_open=True),
              required=True, metavar="R",
              help="Share of the multiply-accumulates to remove, 0.5 for half.")  # fmt: skip
@click.option("--importance", type=click.Choice(["l1", "batch-norm", "taylor"]),
              help="Importance of channels: L1 norm of the weights, scale of batch norm or the "
                   "strength, or first-order Taylor change of the loss on --data.  [default: taylor with --data, else "
                   "l1]")  # fmt: skip
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR",
              help="Folder of reference pictures, or one that 'edgeqe train' takes: fine-tune on "
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
    """Remove channels of MODEL until a share of its multiply-accumulates is gone.

    MODEL is a shipped model's name, a float32 .onnx file of an edgeqe network, the folder of
    a training, or the name of a network of the zoo, which then has random weights. With
    --data the smaller network is fine-tuned with the unpruned one as teacher; Ctrl-C
    ends that early and keeps what was reached.
    """
    from edgeqe.quantization import prune

    with _shown(hide=as_json) as (progress, log):
        result = prune(
            model,
            destination,
            ratio=ratio,
            importance=importance,
            data=data,
            minutes=minutes,
            steps=steps,
            overwrite=overwrite,
            progress=progress,
            log=log,
        )
    if as_json:
        from edgeqe.quantization.pruning.report import pruning_report

        found = {"schema_version": 1, "output": str(destination), **pruning_report(result)}
        found |= {"bytes": result.exported.file_bytes, "card": result.exported.card.to_dict()}
        click.echo(json.dumps(found))
    else:
        click.echo(f"{destination}: {result.exported.file_bytes} bytes")
    if result.interrupted:
        raise KeyboardInterrupt


@contextmanager
def _shown(
    *, hide: bool
) -> Iterator[tuple[Callable[[float, int, float], None], Callable[[str], None]]]:
    """Callbacks for the share of a budget that is spent, as a bar on a terminal, and for lines."""
    bar: Any = None
    with ExitStack() as stack:

        def progress(done: float, step: int, loss: float) -> None:
            nonlocal bar
            if hide or not sys.stderr.isatty():
                return
            if bar is None:
                bar = stack.enter_context(
                    click.progressbar(
                        length=1000,
                        label="fine-tune",
                        file=sys.stderr,
                        item_show_func=lambda item: item,
                    )
                )
            bar.update(int(1000 * done) - bar.pos, f"step {step}, loss {loss:.4f}")

        def log(line: str) -> None:
            stack.close()  # the bar ends before a line is written
            if not hide:
                click.echo(line)

        yield progress, log
