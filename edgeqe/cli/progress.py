"""How far something is, on standard error: a bar on a terminal, a line a minute in a log."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import click

#: Seconds between two lines where there is no terminal.
EVERY = 60.0


class _Told:
    """What is being done, told every so often by a thread while the context lasts.

    Parameters
    ----------
    text : str
        What is done; may change meanwhile. Nothing is told while it is empty.
    every : float
        Seconds.
    show : callable
        Called with the text and the seconds since the beginning.
    """

    def __init__(self, text: str, every: float, show: Callable[[str, float], None]) -> None:
        self.text = text
        self._every, self._show = every, show
        self._start, self._done = time.monotonic(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> _Told:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(self._every):
            if self.text:
                self._show(self.text, time.monotonic() - self._start)


def _in_log(text: str = "") -> _Told:
    return _Told(text, EVERY, _log_line)


def _log_line(text: str, seconds: float) -> None:
    click.echo(f"{text}, {seconds / 60:.0f} min", err=True)


def _terminal_line(text: str, seconds: float) -> None:
    click.echo(f"\r\x1b[K{text}: {seconds:.0f} s", err=True, nl=False)


@contextmanager
def progress(length: int, label: str, *, hide: bool) -> Iterator[Callable[[], None]]:
    """Show how many steps are done while the context lasts.

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
    with phases(hide=hide) as told:
        done = 0
        told(label, 0, length)

        def advance() -> None:
            nonlocal done
            done += 1
            told(label, done, length)

        yield advance


@contextmanager
def waiting(label: str, *, hide: bool) -> Iterator[Callable[[str], None]]:
    """Show the time that passes while something runs whose length nobody knows.

    Yields
    ------
    callable
        Call it with what is done now.
    """
    if hide:
        yield lambda _: None
        return
    on_terminal = sys.stderr.isatty()
    try:
        with _Told(label, 1.0, _terminal_line) if on_terminal else _in_log(label) as told:

            def change(text: str) -> None:
                told.text = text

            yield change
    finally:
        if on_terminal:
            click.echo("\r\x1b[K", err=True, nl=False)


@contextmanager
def phases(*, hide: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Show how far one thing after another is, whose lengths are not known before.

    Yields
    ------
    callable
        Call it with what is done, how much of it is done, and how much there is.
    """
    if hide:
        yield lambda what, done, length: None
        return
    if not sys.stderr.isatty():
        with _in_log() as line:

            def noted(what: str, done: int, length: int) -> None:
                line.text = f"{what}: {done} of {length}"

            yield noted
        return
    shown = ""
    bar: Any = None
    with ExitStack() as stack:

        def told(what: str, done: int, length: int) -> None:
            nonlocal shown, bar
            if what != shown:
                stack.close()
                shown = what
                bar = stack.enter_context(
                    click.progressbar(length=length, label=what, file=sys.stderr)
                )
            bar.update(done - bar.pos)

        yield told
