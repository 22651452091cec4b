"""``edgeqe convert``: export a network as a model file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


@click.command("convert")
@click.argument("model")
@click.option("-o", "--out", "destination", type=click.Path(path_type=Path), required=True,
              metavar="OUT", help="Model file to write, .onnx or .tflite.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@click.option("--float16", is_flag=True, help="Store the weights in float16, half the bytes.")
@click.option("--unshare", is_flag=True,
              help="Store a shared kernel once per use, with its scale folded in.")  # fmt: skip
@click.option("--freeze-gates", is_flag=True,
              help="Replace channel attention with global pooling by its means over --data, so that "
                   "tiles equal the whole.")  # fmt: skip
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR",
              help="Folder of reference pictures for --freeze-gates.")  # fmt: skip
@click.option("--seed", type=int, metavar="N",
              help="Of the random weights of a network of the zoo.  [default: 1]")  # fmt: skip
@click.option("--planes", type=click.Choice(["y", "rgb"]),
              help="What the channels of another tool's network are; by their number if left "
                   "out.")  # fmt: skip
@click.option("--range", "value_range", metavar="LOW,HIGH",
              help="What the 8-bit sample values 0 and 255 are to another tool's network.  "
                   "[default: as the factor and shift that it begins with say, else 0,1]")  # fmt: skip
@click.option("--gives", type=click.Choice(["picture", "residual", "noise"]),
              help="What another tool's network outputs: the picture, what to add to it, or what "
                   "to subtract; tried out if left out.")  # fmt: skip
@click.option("--codec", "codecs", multiple=True,
              type=click.Choice(["jpeg", "jpeg2000", "heif", "bpg", "h264", "hevc", "vvc", "av1",
                                 "avif", "webp"]),
              help="Codec whose pictures another tool's network was trained on; repeatable.  "
                   "[default: jpeg]")  # fmt: skip
@click.option("--for", "runner", type=click.Choice(["ffmpeg"]),
              help="Write what another program runs: FFmpeg's dnn_processing, one .onnx at one "
                   "strength; --planes y or rgb is what it enhances then.")  # fmt: skip
@click.option("--quality", type=int, help="Strength of --for: JPEG quality, 1 to 100.")
@click.option("--qp", type=float, help="Strength of --for: QP of HEVC, or of the --codec.")
@click.option("--step", type=float, help="Strength of --for: quantization step.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    model: str,
    destination: Path,
    overwrite: bool,
    float16: bool,
    unshare: bool,
    freeze_gates: bool,
    data: Path | None,
    seed: int | None,
    planes: str | None,
    value_range: str | None,
    gives: str | None,
    codecs: tuple[str, ...],
    runner: str | None,
    quality: int | None,
    qp: float | None,
    step: float | None,
    as_json: bool,
) -> None:
    """Turn MODEL into a model file with its card.

    MODEL is a file of any tool (.onnx, .keras, .tflite), the folder of a SavedModel or a
    training, a shipped model's name, or the name of a network of the zoo, which then has
    random weights. The file is compared with MODEL before it is written.
    """
    strength = {"quality": quality, "qp": qp, "step": step}
    if runner is not None:
        flags = (float16, unshare, freeze_gates, data, seed, value_range, gives)
        if any(flag not in (None, False) for flag in flags) or len(codecs) > 1:
            raise click.UsageError(
                "--for takes --planes, one --codec and a strength alone: convert first."
            )
        codec = codecs[0] if codecs else None
        _for_ffmpeg(model, destination, as_json, planes=planes, codec=codec, overwrite=overwrite,
                    **strength)  # fmt: skip
        return
    if any(value is not None for value in strength.values()):
        raise click.UsageError("a model file serves every strength: one is for --for alone.")
    from edgeqe.cli.progress import waiting
    from edgeqe.converters import convert
    from edgeqe.converters.graph.convention import parse_range

    with waiting(f"converting {model}", hide=as_json):
        converted = convert(
            model,
            destination,
            overwrite=overwrite,
            float16=float16,
            unshare=unshare,
            freeze_gates=freeze_gates,
            data=data,
            seed=seed,
            planes=planes,
            value_range=None if value_range is None else parse_range(value_range),
            gives=gives,
            codecs=codecs,
        )
    from edgeqe.converters.sources import NOT_MEASURED

    exported, card = converted.exported, converted.exported.card
    for note in converted.notes:
        click.echo(note, err=True)
    if card.provenance.get("validation") == NOT_MEASURED:
        click.echo(
            f"{model}: not validated yet, as it is after {card.provenance['steps']} steps; its "
            "card says that nothing was measured",
            err=True,
        )
    if as_json:
        report = {"schema_version": 1, "output": str(destination), "bytes": exported.file_bytes}
        report |= {
            "constant_bytes": exported.constant_bytes,
            "shared_bytes": converted.shared_bytes,
            "unshared_bytes": exported.unshared_bytes,
            "parity": exported.parity,
        }
        click.echo(json.dumps({**report, "card": card.to_dict()}))
        return
    click.echo(
        f"{destination}: {card.name}, {card.precision}, {card.kmac_per_pixel:g} kMAC/px, "
        f"{_tiles(card)}, {exported.file_bytes} bytes"
    )
    click.echo(
        f"  constants {exported.constant_bytes} bytes ({converted.shared_bytes} with shared kernels stored "
        f"once, {exported.unshared_bytes} once per use); differs from its source by "
        f"{exported.parity:.1e} of the residual's range"
    )
    click.echo(f"  {card.description}")


def _for_ffmpeg(model: str, destination: Path, as_json: bool, **how: Any) -> None:
    """Write the form for FFmpeg, and print the command that runs it."""
    from edgeqe.converters.ffmpeg import convert_for_ffmpeg

    made = convert_for_ffmpeg(model, destination, **how)
    size = destination.stat().st_size
    if as_json:
        report = {"schema_version": 1, "output": str(destination), "bytes": size}
        report |= {"planes": made.planes, "step": made.strength.step, "codec": made.strength.codec}
        report |= {"command": made.command, "largest_difference": made.largest_difference}
        click.echo(json.dumps(report))
        return
    what = {"y": "luma; chroma is copied", "rgb": "R, G and B"}[made.planes]
    click.echo(
        f"{destination}: {what}, at step {made.strength.step:.4g} alone, {size} bytes; differs from its "
        f"model by at most {made.largest_difference} grey levels"
    )
    click.echo(f"  {made.command}")


def _tiles(card: Any) -> str:
    if card.tiling == "blocks":
        return f"blocks of {card.block}"
    if card.tiling == "whole":
        return "whole pictures only"
    return f"halo {card.halo}"
