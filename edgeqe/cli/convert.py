"""``edgeqe convert``: a trained network to a model file."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("convert")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True,
              help="Model file to write, .onnx.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(model: Path, output: Path, overwrite: bool, as_json: bool) -> None:
    """Export MODEL, the folder of a training, to an ONNX file with its card.

    The file is compared with Keras before it is written.
    """
    from edgeqe.cli.host import quiet_start
    from edgeqe.errors import InputError, ModelError

    if output.suffix != ".onnx":
        raise InputError(f"'{output}' must end in .onnx.")
    if output.exists() and not overwrite:
        raise InputError(f"'{output}' exists: add --overwrite, or choose another name.")
    if not output.parent.is_dir():
        raise InputError(f"no folder '{output.parent}': make it first.")
    if not model.is_dir():
        raise ModelError(f"no training '{model}': give a folder that 'edgeqe train' wrote.")
    try:
        with quiet_start():
            from edgeqe.converters.export import export_training, write

            exported = export_training(model)
    except ImportError as error:
        raise InputError(
            f"converting needs the host's packages ({error}): run pip install 'edgeqe[host,ort]'."
        ) from error
    write(exported, output)
    card = exported.card
    if as_json:
        report = {"schema_version": 1, "output": str(output), "bytes": len(exported.data)}
        click.echo(json.dumps({**report, "parity": exported.parity, "card": card.to_dict()}))
        return
    click.echo(
        f"{output}: {card.name}, {card.kmac_per_pixel} kMAC/px, halo {card.halo}, "
        f"{len(exported.data)} bytes; differs from Keras by {exported.parity:.1e} of the "
        "residual's range"
    )
