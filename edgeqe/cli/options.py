"""Options that several verbs have with the same words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


class Numbers(click.ParamType[tuple[float, ...]]):
    """Numbers between commas; whole ones stay whole."""

    name = "numbers"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Tuple of the numbers."""
        found: list[float] = []
        for text in str(value).split(","):
            try:
                number = float(text)
            except ValueError:
                self.fail(f"{text!r} is no number", param, ctx)
            found.append(int(number) if number.is_integer() else number)
        return tuple(found)


def _joined(
    _context: click.Context, _parameter: click.Parameter, given: tuple[tuple[float, ...], ...]
) -> tuple[float, ...]:
    """Numbers of all uses of an option."""
    return tuple(number for numbers in given for number in numbers)


def codec_options(command: Command) -> Command:
    """``--codec``, ``--qp`` and ``--rate``, beside the ``--quality`` of `coding_options`."""
    for decorate in (
        click.option(
            "--rate", "rates", multiple=True, type=Numbers(), callback=_joined, metavar="R,R,...",
            help="Rates of JPEG 2000, bits per pixel.",
        ),
        click.option(
            "--qp", "qps", multiple=True, type=Numbers(), callback=_joined, metavar="Q,Q,...",
            help="QPs of HEVC, or of the --codec.",
        ),
        click.option(
            "--codec", metavar="[jpeg|jpeg2000|webp|h264|hevc|bpg|vvc|av1|avif]",
            help="What codes the pictures: jpeg, or what --qp (hevc) or --rate (jpeg2000) means, if "
                 "left out.",
        ),
    ):  # fmt: skip
        command = decorate(command)
    return command


def coding_options(protocols: str, qualities: str) -> Callable[[Command], Command]:
    """``--protocol`` and ``--quality``, repeatable.

    Parameters
    ----------
    protocols, qualities : str
        What is measured if they are left out, in words.
    """

    def decorate(command: Command) -> Command:
        command = click.option(
            "--quality", "-q", "qualities", multiple=True, type=Numbers(), callback=_joined,
            metavar="Q,Q,...",
            help=f"JPEG qualities, 1 to 100; {qualities} if left out.",
        )(command)  # fmt: skip
        return click.option(
            "--protocol", "protocols", multiple=True, metavar="[gray|planes|rgb]",
            help="Luma coded without chroma; RGB coded as 4:2:0 and enhanced as its planes, or as the "
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
