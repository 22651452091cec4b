"""A progress bar on a terminal, and nothing anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def progress(length: int, label: str, *, hide: bool) -> Iterator[Callable[[], None]]:
    """Show a bar on standard error while the context lasts.

    Parameters
    ----------
    length : int
        Steps in all.
    label : str
        What is done.
    hide : bool
        Show nothing, terminal or not.

    Yields
    ------
    callable
        Call it after each step.
    """
    if hide or not sys.stderr.isatty():
        yield lambda: None
        return
    with click.progressbar(length=length, label=label, file=sys.stderr) as bar:
        yield lambda: bar.update(1)
