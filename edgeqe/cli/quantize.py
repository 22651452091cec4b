"""``edgeqe quantize``: a network to one of 8-bit integers."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from edgeqe.converters.sources import Source
    from edgeqe.quantization.sensitivity import Loss

#: Ratio of speeds from which on INT8 is worth its drop.
PAYS = 1.1
#: Side of the picture that both are timed on, and rounds.
SIDE, ROUNDS = 512, 7


@click.command("quantize")
@click.argument("model")
@click.option("-o", "--output", "destination", type=click.Path(path_type=Path), metavar="OUT",
              help="Model file to write, .onnx or .tflite; not needed for --report.")  # fmt: skip
@click.option("--calibration", type=click.Path(path_type=Path), required=True, metavar="DIR",
              help="Folder of undamaged pictures, at least 8.")  # fmt: skip
@click.option("--drawn", type=float, default=0.0, show_default=True, metavar="SHARE",
              help="Share of the calibration that is drawn in code, text, line art and screens: 0 to "
                   "less than 1.")  # fmt: skip
@click.option("--statistic", type=click.Choice(["percentile", "mse", "minmax"]), default="percentile",
              show_default=True, help="How the range of a value is found.")  # fmt: skip
@click.option("--trt", is_flag=True,
              help="Symmetric integers, zero at 0, as TensorRT wants them (.onnx only).")  # fmt: skip
@click.option("--report", is_flag=True, help="Rank the layers by the dB that each costs alone.")
@click.option("--max-drop", type=click.FloatRange(min=0.0), metavar="DB",
              help="Keep the layers that cost most real until the whole costs no more than this "
                   "at any quality.")  # fmt: skip
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
    trt: bool,
    report: bool,
    max_drop: float | None,
    seed: int | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Round MODEL to 8-bit integers that serve every strength.

    MODEL is what 'edgeqe convert' takes. Kernels are rounded once, the ranges of the values are
    found on pictures of DIR, coded at qualities 5 to 95; the file is checked against exact
    integer arithmetic before it is written. The ranges of a 'train --quantized' are those that
    it froze. Exit status 1 if --max-drop is not met: the
    best network found is written all the same.
    """
    from edgeqe.cli.host import quiet_start
    from edgeqe.cli.networks import check_output
    from edgeqe.cli.progress import phases
    from edgeqe.errors import CheckError, InputError

    if destination is not None:
        check_output(destination, overwrite=overwrite)
        if trt and destination.suffix != ".onnx":
            raise InputError("--trt is a form of ONNX: give an OUT that ends in .onnx.")
    elif not report:
        raise InputError("nothing to do: give an OUT by -o, or --report.")
    try:
        with quiet_start():
            from edgeqe.cli.networks import source_of
            from edgeqe.converters.export import export
            from edgeqe.quantization import sensitivity
            from edgeqe.quantization.frozen import read_frozen
            from edgeqe.quantization.quantize import Quantizer

            source = source_of(model, seed)
    except ImportError as error:
        raise InputError(
            f"quantizing needs the host's packages ({error}): run pip install "
            "'edgeqe[host,ort,tflite,files]'."
        ) from error
    frozen = read_frozen(Path(model))
    litert = destination is not None and destination.suffix == ".tflite"
    found: dict[str, Any] = {"schema_version": 1}
    ranked: list[Loss] = []
    with phases(hide=as_json) as progress:
        quantizer = Quantizer(
            source,
            calibration,
            statistic=statistic,
            drawn=drawn,
            frozen=frozen,
            progress=progress,
        )

        def make(real: Any = ()) -> Any:
            return quantizer.make(real, symmetric=trt, litert=litert)

        judge = quantizer.judge()
        if report or max_drop is not None:
            names = sensitivity.convolutions(source.graph)
            ranked = sensitivity.rank(
                names, judge, make, lambda done, all_: progress("try layers", done, all_)
            )
        best = sensitivity.search(ranked if max_drop is not None else [], judge, make, max_drop)
    for warning in quantizer.warnings:
        click.echo(f"edgeqe: {warning}", err=True)
    found["layers"] = [{"layer": loss.name, "drop_db": loss.drop_db} for loss in ranked]
    found |= {"drop_db": best.loss.drop_db, "real": list(best.real), "met": best.met}
    lines = _table([*ranked, best.loss]) if ranked else []
    if destination is not None:
        exported = export(quantizer.as_source(best.integer, best.loss.drop_db), destination)
        found |= {"output": str(destination), "bytes": exported.file_bytes}
        found |= {
            "constant_bytes": exported.constant_bytes,
            "unshared_bytes": exported.unshared_bytes,
            "parity": exported.parity,
            "card": exported.card.to_dict(),
        }
        lines += [
            f"{destination}: {exported.card.name}, int8, {exported.file_bytes} bytes, constants "
            f"{exported.constant_bytes} ({exported.unshared_bytes} with kernels stored once a use)",
            "  drop on the calibration pictures, dB: " + _drops(best.loss),
        ]
        if best.real:
            lines.append(f"  real: {', '.join(best.real)}")
        speed = _speed(source, destination)
        found["speed"] = speed
        where = f"on {speed['runtime']}, {speed['provider']}"
        lines.append(
            f"  {where}: {speed['ratio']:.2f} times as fast as float32"
            if speed["ratio"] > PAYS
            else f"  {where} INT8 does not pay: {speed['ratio']:.2f} times as fast as float32"
        )
        lines.append("  other targets: measure there, by edgeqe bench --model of both")
    click.echo(json.dumps(found) if as_json else "\n".join(lines))
    if not best.met:
        raise CheckError(
            f"the best network drops {best.loss.worst_db:.3f} dB, more than {max_drop:g}: it was "
            "written; fine-tune with 'edgeqe train --quantized', or allow more."
        )


def _table(losses: list[Loss]) -> list[str]:
    """A line a layer, and one for all."""
    width = max(len(loss.name) for loss in losses) + 2
    qualities = list(losses[0].drop_db)
    head = f"{'drop, dB':{width}}" + "".join(f"{f'q{q}':>9}" for q in qualities)
    return [head] + [
        f"{loss.name or 'all':{width}}" + "".join(f"{d:>9.4f}" for d in loss.drop_db.values())
        for loss in losses
    ]


def _drops(loss: Loss) -> str:
    return ", ".join(f"q{quality} {drop:.4f}" for quality, drop in loss.drop_db.items())


def _speed(source: Source, path: Path) -> dict[str, Any]:
    """How many times as fast as float32 the network alone is, in turns on this machine."""
    import tempfile

    from edgeqe import Enhancer
    from edgeqe.bench.intervals import median
    from edgeqe.bench.race import UNSTEADY, Race, spread_of
    from edgeqe.converters.export import export

    with tempfile.TemporaryDirectory(prefix="edgeqe-") as folder:
        plain = export(source, Path(folder) / f"float32{path.suffix}").path
        limit = "1GiB"
        with (
            Enhancer(plain, memory_limit=limit) as real,
            Enhancer(path, memory_limit=limit) as ours,
        ):
            step = ours.info.card.default_step
            race = Race([partial(_pass, enhancer, step) for enhancer in (real, ours)])
            race.warm_up()
            for _ in range(ROUNDS):
                race.run_round()
            return {
                "ratio": median([first / second for first, second in race.seconds]).value,
                "runtime": ours.info.runtime,
                "provider": ours.info.provider,
                "unsteady": spread_of([second for _, second in race.seconds]) >= UNSTEADY,
            }


def _pass(enhancer: Any, step: float, _: int) -> None:
    enhancer.network_pass(SIDE, SIDE, step=step)
