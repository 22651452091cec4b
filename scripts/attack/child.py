"""The process that is attacked: ``python scripts/attack child ...``.

Before each attempt it writes its number to standard output, and behind it what came of it, so that who
started it knows which one ended it. Its memory and the time of an attempt are bounded.
"""

from __future__ import annotations

import importlib
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edgeqe.errors import EdgeqeError

#: Address space, bytes, and seconds that one attempt may take.
MEMORY, SECONDS = 6 << 30, 20
#: Module and function of each part; the function makes the one that tries a number.
PARTS = {
    "bytes": "model_files",
    "card": "model_files",
    "structure": "model_files",
    "pictures": "pictures",
    "kills": "ended_processes",
    "signals": "ended_processes",
    "fulldisk": "ended_processes",
    "forks": "running",
    "interrupts": "running",
    "frames": "running",
    "sizes": "running",
}

Attempt = Callable[[int], str]


def work(part: str, model: str, seed: int, first: int, last: int) -> None:
    """Make the attempts of a range, and print what comes of each."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    module = importlib.import_module(PARTS[part])
    with module.attempts(part, model, seed) as attempt:
        for index in range(first, last):
            print(index, flush=True)
            with _bounded(part):
                outcome = _outcome(attempt, index, f"{model} {part} {index}")
            print(index, outcome, flush=True)


@contextmanager
def _bounded(part: str) -> Iterator[None]:
    """End the process if an attempt hangs."""
    if part == "interrupts":  # which need the timer themselves
        faulthandler = importlib.import_module("faulthandler")
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        yield
        faulthandler.cancel_dump_traceback_later()
        return
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)


def _outcome(attempt: Attempt, index: int, name: str) -> str:
    try:
        return attempt(index)
    except EdgeqeError:
        return "refused"
    except Exception:
        print(f"{name}:\n{traceback.format_exc()}", file=sys.stderr)
        return "foreign exception"
