"""``edgeqe verify``: proofs about a model file."""

from __future__ import annotations

import json

import click


@click.command("verify")
@click.argument("model")
@click.option("--trust", metavar="KEY.pub",
              help="Public key that must have signed MODEL; EDGEQE_TRUST if left out.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
def command(model: str, trust: str | None, as_json: bool) -> None:
    """Prove that MODEL's tiles equal the whole, and that card, hash and self-test hold.

    With a trusted key, a model that it did not sign is refused before anything of it runs.

    MODEL is a shipped model's name, a file, or the name of a network of the zoo. Exit status 1 if a check fails.
    """
    import dataclasses

    from edgeqe.cli.networks import model_file
    from edgeqe.errors import CheckError
    from edgeqe.runtimes.selection import chosen_file
    from edgeqe.trust.trust import trust_of
    from edgeqe.verify.checks import verify

    path = chosen_file(model_file(model))
    checks = verify(path, trust_of(trust))
    if as_json:
        report = {"schema_version": 1, "model": str(path)}
        click.echo(json.dumps({**report, "checks": [dataclasses.asdict(c) for c in checks]}))
    else:
        for check in checks:
            click.echo(f"{'ok  ' if check.passed else 'FAIL'}  {check.name:10} {check.detail}")
    failed = [check.name for check in checks if not check.passed]
    if failed:
        raise CheckError(f"'{path}' failed: {', '.join(failed)}.")
