"""``edgeqe models``: the shipped models, and the networks of the zoo."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from edgeqe.reports.tables import table


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
        click.echo("\n".join(_zoo_lines(networks)))
        if reduced:
            click.echo("\nreproduced at a reduced scale, to compare, not to use")
        for name, file in reduced.items():
            card = file.card
            click.echo(
                f"{name:32}{card.parameters:>11}{card.kmac_per_pixel:>9.1f}  {card.precision}"
            )
        return
    click.echo(f"{'name':32}{'kMAC/px':>9}{'weights':>9}{'halo':>6}{'KiB':>6}  codecs")
    for name, file in files.items():
        card = file.card
        click.echo(
            f"{name + ('  *' if file.path in chosen else ''):32}{card.kmac_per_pixel:>9.1f}"
            f"{card.parameters:>9}{card.halo:>6}{len(file.data) / 1024:>6.0f}  {' '.join(card.codecs)}"
        )
    click.echo(
        "* what the network's name alone means here"
        if chosen
        else "no runtime is installed that runs them: 'edgeqe doctor' has the fix"
    )


def _zoo_lines(networks: Sequence[dict[str, Any]]) -> list[str]:
    """Table of the facts of the zoo's networks."""
    cells = [
        ["name", "parameters", "kMAC/px", "halo", "align", "tiles", "inputs", "weights", "paper"]
    ]
    for facts in networks:
        inputs = f"{facts['planes']}{', residual' if 'residual' in facts['inputs'] else ''}"
        inputs += ", step" if facts["strengths"] else ""
        halo = str(facts["halo"]) if facts["tiling"] == "exact" else "-"
        size = [str(facts["parameters"]), f"{facts['kmac_per_pixel']:.1f}", halo]
        words = [facts["tiling"], inputs, facts["weights"], facts["paper"]]
        cells.append([facts["name"], *size, str(facts["alignment"]), *words])
    return table(cells, left={0, 5, 6, 7, 8})


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
