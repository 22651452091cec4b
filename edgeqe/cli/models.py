"""``edgeqe models``: the shipped models."""

from __future__ import annotations

import json

import click


@click.command("models")
@click.option("--json", "as_json", is_flag=True, help="Print the cards as JSON.")
def command(as_json: bool) -> None:
    """List the shipped models."""
    from edgeqe.catalogue import shipped_models
    from edgeqe.model_file import ModelFile

    files = {name: ModelFile(path) for name, path in shipped_models().items()}
    if as_json:
        models = {name: file.card.to_dict() for name, file in files.items()}
        click.echo(json.dumps({"schema_version": 1, "models": models}))
        return
    click.echo(f"{'name':16}{'kMAC/px':>9}{'weights':>9}{'halo':>6}{'KiB':>6}  description")
    for name, file in files.items():
        card = file.card
        click.echo(
            f"{name:16}{card.kmac_per_pixel:>9.1f}{card.parameters:>9}{card.halo:>6}"
            f"{len(file.data) / 1024:>6.0f}  {card.description}"
        )
