"""``edgeqe models``: the shipped models, and the networks of the zoo."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click


@click.command("models")
@click.option("--all", "everything", is_flag=True,
              help="List the networks of the zoo too, those without weights included.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def command(everything: bool, as_json: bool) -> None:
    """List the shipped models, or with --all every network that edgeqe can build."""
    from edgeqe.model.catalogue import reproduced_files, shipped_files, shipped_models
    from edgeqe.model.file import ModelFile

    files = {name: ModelFile(path) for name, path in shipped_files().items()}
    chosen = _chosen(shipped_models())
    networks = _zoo(shipped_models()) if everything else []
    reduced = {n: ModelFile(path) for n, path in reproduced_files().items()} if everything else {}
    if as_json:
        report: dict[str, Any] = {"schema_version": 1}
        report["models"] = {name: file.card.to_dict() for name, file in files.items()}
        if everything:
            report["networks"] = {facts["name"]: facts for facts in networks}
            report["reproduced"] = {name: file.card.to_dict() for name, file in reduced.items()}
        click.echo(json.dumps(report))
        return
    if everything:
        click.echo(
            f"{'name':24}{'parameters':>11}{'kMAC/px':>9}{'halo':>6}{'align':>6}  "
            f"{'tiles':10}{'inputs':28}{'weights':9}paper"
        )
        for facts in networks:
            inputs = f"{facts['planes']}{', residual' if 'residual' in facts['inputs'] else ''}"
            inputs += ", step" if facts["strengths"] else ""
            halo = facts["halo"] if facts["tiling"] == "exact" else "-"
            click.echo(
                f"{facts['name']:24}{facts['parameters']:>11}{facts['kmac_per_pixel']:>9.1f}"
                f"{halo:>6}{facts['alignment']:>6}  {facts['tiling']:10}{inputs:28}"
                f"{facts['weights']:9}{facts['paper']}"
            )
        if reduced:
            click.echo("\nreproduced at a reduced scale, to compare, not to use")
        for name, file in reduced.items():
            card = file.card
            click.echo(
                f"{name:24}{card.parameters:>11}{card.kmac_per_pixel:>9.1f}  {card.precision}"
            )
        return
    click.echo(f"{'name':32}{'kMAC/px':>9}{'weights':>9}{'halo':>6}{'KiB':>6}  description")
    for name, file in files.items():
        card = file.card
        click.echo(
            f"{name + ('  *' if file.path in chosen else ''):32}{card.kmac_per_pixel:>9.1f}"
            f"{card.parameters:>9}{card.halo:>6}{len(file.data) / 1024:>6.0f}  {card.description}"
        )
    click.echo(
        "* what the network's name alone means here"
        if chosen
        else "no runtime is installed that runs them: 'edgeqe doctor' has the fix"
    )


def _zoo(shipped: Sequence[str]) -> list[dict[str, Any]]:
    """Facts of every network of the zoo."""
    from edgeqe.zoo.facts import network_facts

    return [
        {**facts, "weights": "shipped" if name in shipped else "random"}
        for name, facts in network_facts().items()
    ]


def _chosen(names: Sequence[str]) -> set[Path]:
    """Files that the networks' names alone mean here; none without a runtime."""
    from edgeqe.errors import ProviderError
    from edgeqe.runtimes.selection import chosen_file

    try:
        return {chosen_file(name) for name in names}
    except ProviderError:
        return set()
