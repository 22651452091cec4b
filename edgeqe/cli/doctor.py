"""``edgeqe doctor``: what is installed, which problems there are, and the fixes."""

from __future__ import annotations

import click


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(as_json: bool) -> None:
    """Examine this installation and this machine, try each provider; change nothing.

    Exit status 1 if a problem makes enhancing impossible.
    """
    import json

    from edgeqe.doctor.examination import examine, format_diagnosis

    diagnosis = examine()
    if as_json:
        click.echo(json.dumps(diagnosis.to_dict(), indent=2))
    else:
        click.echo("\n".join(format_diagnosis(diagnosis)))
    if not diagnosis.usable:
        raise click.exceptions.Exit(1)
