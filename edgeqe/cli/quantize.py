"""``edgeqe quantize``: post-training quantization to INT8."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from edgeqe.converters.sources import Source
    from edgeqe.quantization.int8.sensitivity import QuantizationLoss
    from edgeqe.quantization.int8.workflow import PhaseCallback

#: Ratio of speeds from which on INT8 is worth its drop.
PAYS = 1.1
#: Side of the picture that both are timed on, and rounds.
SIDE, ROUNDS = 512, 7


@click.command("quantize")
@click.argument("model")
@click.option("-o", "--out", "destination", type=click.Path(path_type=Path), metavar="OUT",
              help="Model file to write, .onnx or .tflite; not needed for --report.")  # fmt: skip
@click.option("--calibration", type=click.Path(path_type=Path), required=True, metavar="DIR",
              help="Folder of reference pictures, at least 8.")  # fmt: skip
@click.option("--drawn", type=float, default=0.0, show_default=True, metavar="SHARE",
              help="Share of the calibration that is drawn in code, text, line art and screens: 0 to "
                   "less than 1.")  # fmt: skip
@click.option("--statistic", type=click.Choice(["percentile", "mse", "minmax"]), default="percentile",
              show_default=True, help="How the range of an activation is found.")  # fmt: skip
@click.option("--percentile", type=float, default=99.99, show_default=True, metavar="PCT",
              help="Percent of the values that 'percentile' keeps within a range at either end: 99.999 "
                   "clips less line art and rounds photographs more coarsely.")  # fmt: skip
@click.option("--trt", is_flag=True,
              help="Symmetric quantization, zero point 0, as TensorRT wants it (.onnx only).")  # fmt: skip
@click.option(
    "--report", is_flag=True, help="Rank the layers by the dB that quantizing each alone costs."
)
@click.option("--max-drop", type=click.FloatRange(min=0.0), metavar="DB",
              help="Keep the layers that cost most in float until the whole costs no more than this "
                   "at any quality.")  # fmt: skip
@click.option("--keep-float", multiple=True, metavar="NAME",
              help="Convolution that is kept in float, by its name in --report; repeatable.")  # fmt: skip
@click.option("--seed", type=int, metavar="N",
              help="Of the random weights of a network of the zoo.  [default: 1]")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    model: str,
    destination: Path | None,
    calibration: Path,
    drawn: float,
    statistic: str,
    percentile: float,
    trt: bool,
    report: bool,
    max_drop: float | None,
    keep_float: tuple[str, ...],
    seed: int | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Quantize MODEL to INT8, for every strength.

    MODEL is what 'edgeqe convert' takes. Weights are quantized once, the ranges of the activations
    are calibrated on pictures of DIR, compressed at qualities 5 to 95; the file is checked against
    exact integer arithmetic before it is written. The ranges of a 'train --quantized' are those
    that it froze. Exit status 1 if --max-drop is not met: the
    best network found is written all the same.
    """
    from edgeqe.cli.progress import phases
    from edgeqe.errors import CheckError
    from edgeqe.quantization import quantize

    with phases(hide=as_json) as progress:
        result = quantize(
            model,
            destination,
            calibration=calibration,
            drawn=drawn,
            statistic=statistic,
            percentile=percentile,
            trt=trt,
            report=report,
            max_drop=max_drop,
            keep_float=keep_float,
            seed=seed,
            overwrite=overwrite,
            progress=progress,
        )
        speed = {}
        if result.exported is not None:
            speed = _speed(result.source, result.exported.path, progress)
    for warning in result.warnings:
        click.echo(f"edgeqe: {warning}", err=True)
    found: dict[str, Any] = {"schema_version": 1}
    found["layers"] = [{"layer": loss.name, "drop_db": loss.drop_db} for loss in result.layers]
    found |= {"drop_db": result.loss.drop_db, "real": list(result.kept_float), "met": result.met}
    lines = _table([*result.layers, result.loss]) if result.layers else []
    if result.exported is not None:
        exported = result.exported
        found |= {"output": str(destination), "bytes": exported.file_bytes}
        found |= {
            "constant_bytes": exported.constant_bytes,
            "unshared_bytes": exported.unshared_bytes,
            "parity": exported.parity,
            "card": exported.card.to_dict(),
            "speed": speed,
        }
        lines += [
            f"{destination}: {exported.card.name}, int8, {exported.file_bytes} bytes, constants "
            f"{exported.constant_bytes} ({exported.unshared_bytes} with kernels stored once per use)",
            "  drop on the calibration pictures, dB: " + _drops(result.loss),
        ]
        if result.kept_float:
            lines.append(f"  kept in float: {', '.join(result.kept_float)}")
        where = f"on {speed['runtime']}, {speed['provider']}"
        lines.append(
            f"  {where}: {speed['ratio']:.2f} times as fast as float32"
            if speed["ratio"] > PAYS
            else f"  {where} INT8 does not pay: {speed['ratio']:.2f} times as fast as float32"
        )
        lines.append("  other targets: measure there, by edgeqe bench --model of both")
    click.echo(json.dumps(found) if as_json else "\n".join(lines))
    if not result.met:
        raise CheckError(
            f"the best network drops {result.loss.worst_db:.3f} dB, more than {max_drop:g}: it was "
            "written; fine-tune with 'edgeqe train --quantized', or allow more."
        )


def _table(losses: list[QuantizationLoss]) -> list[str]:
    """One line per layer, and one for all."""
    width = max(len(loss.name) for loss in losses) + 2
    qualities = list(losses[0].drop_db)
    head = f"{'drop, dB':{width}}" + "".join(f"{f'q{q}':>9}" for q in qualities)
    return [head] + [
        f"{loss.name or 'all':{width}}" + "".join(f"{d:>9.4f}" for d in loss.drop_db.values())
        for loss in losses
    ]


def _drops(loss: QuantizationLoss) -> str:
    return ", ".join(f"q{quality} {drop:.4f}" for quality, drop in loss.drop_db.items())


def _speed(source: Source, path: Path, progress: PhaseCallback) -> dict[str, Any]:
    """Speed of the INT8 network alone relative to float32, timed in turns on this machine."""
    import tempfile

    from edgeqe import Enhancer
    from edgeqe.bench.intervals import median
    from edgeqe.bench.race import UNSTEADY, Race, spread_of
    from edgeqe.converters.export import export

    with tempfile.TemporaryDirectory(prefix="edgeqe-") as folder:
        plain = export(source, Path(folder) / f"float32{path.suffix}").path
        limit = "1GiB"
        with (
            Enhancer(plain, memory_limit=limit) as plain_enhancer,
            Enhancer(path, memory_limit=limit) as ours,
        ):
            step = ours.info.card.default_step
            race = Race([partial(_pass, enhancer, step) for enhancer in (plain_enhancer, ours)])
            race.warm_up()
            for done in range(ROUNDS):
                progress("time both", done, ROUNDS)
                race.run_round()
            return {
                "ratio": median([first / second for first, second in race.seconds]).value,
                "runtime": ours.info.runtime,
                "provider": ours.info.provider,
                "unsteady": spread_of([second for _, second in race.seconds]) >= UNSTEADY,
            }


def _pass(enhancer: Any, step: float, _: int) -> None:
    enhancer.network_pass(SIDE, SIDE, step=step)
