"""``edgeqe inspect``: what a model file says about itself."""

from __future__ import annotations

import json

import click


@click.command("inspect")
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="Print the card as JSON.")
def command(model: str, as_json: bool) -> None:
    """Print MODEL's card, weights and strengths.

    MODEL is a shipped model's name, a file, or the name of a network of the zoo, of which the
    network's own facts are printed.
    """
    from edgeqe.cli.card_text import card_lines, facts_lines
    from edgeqe.cli.networks import is_of_zoo, model_file
    from edgeqe.errors import ProviderError
    from edgeqe.model.catalogue import find_model
    from edgeqe.model.file import ModelFile
    from edgeqe.runtimes.selection import chosen_file
    from edgeqe.trust.signature import signature_of

    if is_of_zoo(model):
        from edgeqe.zoo.facts import network_facts

        facts = network_facts()[model]
        report = {"schema_version": 1, "network": facts}
        click.echo(json.dumps(report) if as_json else "\n".join(facts_lines(facts)))
        return
    named = model_file(model)
    try:
        path = chosen_file(named)
    except ProviderError:  # no runtime is here, and none is needed to read a card
        path = find_model(named)
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
    click.echo("\n".join(card_lines(path, file, signed)))
