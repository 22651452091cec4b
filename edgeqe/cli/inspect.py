"""``edgeqe inspect``: what a model file says about itself."""

from __future__ import annotations

import json

import click


@click.command("inspect")
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="Print the card as JSON.")
def command(model: str, as_json: bool) -> None:
    """Print MODEL's card, weights and strengths.

    MODEL is a shipped model's name, a file, or the name of a network of the zoo.
    """
    from collections import Counter

    from edgeqe.cli.networks import model_file
    from edgeqe.codecs.strength import KEYS_PER_OCTAVE
    from edgeqe.model.file import ModelFile
    from edgeqe.runtimes.selection import chosen_file
    from edgeqe.trust.signature import signature_of

    path = chosen_file(model_file(model))
    file = ModelFile(path)
    signed = signature_of(file.data)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "schema_version": 1,
                    "path": str(path),
                    "card": file.card.to_dict(),
                    "signature": signed and {"key": signed.key, "counter": signed.counter},
                }
            )
        )
        return
    click.echo(f"{path}  ({len(file.data)} bytes)")
    if signed is not None:
        click.echo(
            f"  {'signature':24}of the key {signed.key}, counter {signed.counter}, not checked: see "
            "'edgeqe verify --trust'"
        )
    for key, value in file.card.to_dict().items():
        if key in ("vectors", "folded", "provenance", "quality"):
            continue
        click.echo(f"  {key:24}{', '.join(value) if isinstance(value, tuple) else value}")
    for key in ("provenance", "quality"):
        click.echo(f"  {key}")
        for name, value in getattr(file.card, key).items():
            click.echo(f"    {name:30}{value}")
    if file.strengths is not None:
        first, rows = file.strengths.first_key, file.strengths.keys
        low, high = (2.0 ** (k / KEYS_PER_OCTAVE) for k in (first, first + rows - 1))
        click.echo(
            f"  strengths               steps {low:.2f} to {high:.2f} by 1/{KEYS_PER_OCTAVE} octave, "
            f"table of rank {file.strengths.curve.shape[1]}"
            f"{', of each codec' if file.strengths.blocks > 1 else ''}"
        )
    operators = Counter(file.outline.op_types)
    click.echo(f"  {'operators':24}{', '.join(f'{n} {op}' for op, n in operators.items())}")
    for name, tensor in file.outline.initializers.items():
        mark = "  follows the strength" if name in file.card.vectors else ""
        click.echo(f"    {name:30}{'x'.join(map(str, tensor.dims)):>14}{mark}")
