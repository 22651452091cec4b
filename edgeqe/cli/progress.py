"""A progress bar on a terminal, and nothing anywhere else."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

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


@contextmanager
def waiting(label: str, *, hide: bool) -> Iterator[None]:
    """Show seconds that pass while something runs whose length nobody knows."""
    if hide or not sys.stderr.isatty():
        yield
        return
    done = threading.Event()

    def tick() -> None:
        start = time.monotonic()
        while not done.wait(1.0):
            click.echo(f"\r{label}: {time.monotonic() - start:.0f} s", err=True, nl=False)

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        click.echo("\r\x1b[K", err=True, nl=False)


@contextmanager
def phases(*, hide: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for one thing after another, whose lengths are not known before.

    Yields
    ------
    callable
        Call it with what is done, how much of it is done, and how much there is.
    """
    shown = ""
    bar: Any = None
    with ExitStack() as stack:

        def told(what: str, done: int, length: int) -> None:
            nonlocal shown, bar
            if hide or not sys.stderr.isatty():
                return
            if what != shown:
                stack.close()
                shown = what
                bar = stack.enter_context(
                    click.progressbar(length=length, label=what, file=sys.stderr)
                )
            bar.update(done - bar.pos)

        yield told
