"""The command lines that make a model file again, in its card: those of its source, then its own."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeqe.reports.tables import printable

if TYPE_CHECKING:
    from edgeqe.converters.sources import Source

#: Key of the provenance.
COMMANDS = "commands"


def with_command(source: Source, line: str) -> Source:
    """Source whose card will say that a command line made the file of it.

    Parameters
    ----------
    source : Source
        Of a file that was made by commands, which stay in front.
    line : str
        Of `command_line`.
    """
    before = list(source.provenance.get(COMMANDS, ()))
    return replace(source, provenance={**source.provenance, COMMANDS: [*before, line]})


def command_line(
    verb: str,
    model: str | os.PathLike[str],
    output: str | os.PathLike[str],
    **options: Any,
) -> str:
    """Command line of a verb, as a shell takes it.

    Parameters
    ----------
    verb : str
    model : str or path
        As it was given.
    output : str or path
        Its name alone is said, wherever it lies.
    **options
        By their names with underscores. None and False are left out, True is a flag, each value of
        a sequence an option of its own.
    """
    words = ["edgeqe", verb, os.fspath(model), "-o", Path(output).name]
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(flag)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            words += [word for one in value for word in (flag, str(one))]
        elif value is not None and value is not False:
            words += [flag, f"{value:g}" if isinstance(value, float) else str(value)]
    return printable(shlex.join(words))
