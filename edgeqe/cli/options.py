"""Options that several verbs have with the same words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def coding_options(protocols: str, qualities: str) -> Callable[[Command], Command]:
    """``--protocol`` and ``--quality``, repeatable.

    Parameters
    ----------
    protocols, qualities : str
        What is measured if they are left out, in words.
    """

    def decorate(command: Command) -> Command:
        command = click.option(
            "--quality", "-q", "qualities", multiple=True, type=int, metavar="Q",
            help=f"JPEG quality, 1 to 100; repeatable; {qualities} if left out.",
        )(command)  # fmt: skip
        return click.option(
            "--protocol", "protocols", multiple=True, metavar="[gray|planes|rgb]",
            help="Luma coded as grayscale; RGB coded as 4:2:0 and enhanced as its planes, or as the "
                 f"decoder's RGB; repeatable; {protocols} if left out.",
        )(command)  # fmt: skip

    return decorate


def two_models(command: Command) -> Command:
    """REFERENCE and CANDIDATE, ``--threads`` and ``--json``, of the verbs that compare two models."""
    for decorate in (
        click.option("--json", "as_json", is_flag=True, help="Print the report as JSON."),
        click.option("--threads", type=int, metavar="N", help="All processors if left out."),
        click.argument("candidate"),
        click.argument("reference"),
    ):
        command = decorate(command)
    return command
