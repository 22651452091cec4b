"""Progress: a line every so often where there is no terminal, and none where it is hidden."""

from __future__ import annotations

import threading
from typing import Any

import click
import pytest

from edgeqe.cli import progress as module
from edgeqe.cli.progress import phases, progress, waiting


class Log:
    """What is printed, and a wait for a line with certain words."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()
        monkeypatch.setattr(click, "echo", self._echo)
        monkeypatch.setattr(module, "EVERY", 0.001)

    def _echo(self, text: str, *, err: bool = False, nl: bool = True) -> None:
        with self._changed:
            assert err and nl
            self.lines.append(text)
            self._changed.notify_all()

    def wait_for(self, words: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: any(words in line for line in self.lines), 30)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    monkeypatch.setattr("sys.stderr.isatty", lambda: False, raising=False)
    return Log(monkeypatch)


def test_steps_in_a_log(log: Log) -> None:
    with progress(3, "Comparing", hide=False) as advance:
        log.wait_for("Comparing: 0 of 3, 0 min")
        advance()
        advance()
        log.wait_for("Comparing: 2 of 3, 0 min")
    running = [thread.name for thread in threading.enumerate()]
    assert not any("_run" in name for name in running)  # nothing is told after the end


def test_phases_and_waiting_in_a_log(log: Log) -> None:
    with phases(hide=False) as told:
        told("calibrate", 1, 8)
        log.wait_for("calibrate: 1 of 8")
        told("try layers", 4, 5)
        log.wait_for("try layers: 4 of 5")
    with waiting("converting x", hide=False) as change:
        log.wait_for("converting x, 0 min")
        change("checking x")
        log.wait_for("checking x, 0 min")


def test_hidden_means_silent(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> None:
        raise AssertionError("a thread for nothing")

    monkeypatch.setattr(threading.Thread, "start", refused)
    with progress(1, "Comparing", hide=True) as advance:
        advance()
    with phases(hide=True) as told:
        told("calibrate", 1, 8)
    with waiting("converting", hide=True) as change:
        change("checking")
    assert log.lines == []
