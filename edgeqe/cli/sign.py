"""``edgeqe sign``: a model file that says who made it."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("sign")
@click.argument("model")
@click.option("--key", type=click.Path(path_type=Path), required=True, metavar="KEY.pem",
              help="Private Ed25519 key ('openssl genpkey -algorithm ed25519 -out KEY.pem').")  # fmt: skip
@click.option("--counter", type=int, default=0, show_default=True, metavar="N",
              help="Number of this release: a device refuses a lower one than it has run.")  # fmt: skip
@click.option("-o", "--out", "destination", type=click.Path(path_type=Path), metavar="OUT",
              help="File to write; MODEL itself is signed if left out.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace an existing OUT.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    model: str, key: Path, counter: int, destination: Path | None, overwrite: bool, as_json: bool
) -> None:
    """Sign MODEL, so that devices which trust your public key run it, and no other.

    Everything else in the file stays as it is, byte for byte, and other tools open it as before. A file that
    is signed already gets the new signature instead. To convert, quantize or prune it makes a new file,
    which is not signed.
    """
    from edgeqe.cli.networks import model_file
    from edgeqe.errors import InputError
    from edgeqe.reports.output_file import check_destination
    from edgeqe.runtimes.selection import chosen_file
    from edgeqe.trust.signing import sign

    path = Path(model)
    if destination is None:
        if not path.is_file():
            raise InputError(
                f"'{model}' is no file to sign in its place: name a new one by -o OUT."
            )
        destination = path
    else:
        check_destination(destination, overwrite=overwrite)
        path = chosen_file(model_file(model))
    signature = sign(path, key, destination, counter)
    if as_json:
        report = {"schema_version": 1, "model": str(destination)}
        click.echo(json.dumps({**report, "key": signature.key, "counter": counter}))
        return
    click.echo(
        f"{destination}: signed by the key {signature.key}, counter {counter}. Devices open it with "
        "its public part: Enhancer(..., trust=...) or EDGEQE_TRUST."
    )
