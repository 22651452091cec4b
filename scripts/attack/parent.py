"""Sending attempts to child processes, and counting what came of them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

#: Folder of the script that is the child.
HERE = Path(__file__).resolve().parent
#: Attempts of one child, where it is not all of a part, and seconds that it may take.
BATCH, SECONDS = {"frames": 1 << 20, "sizes": 1 << 20}, 1800.0
_BATCH = 500
#: Seconds that a child has at least, because it must import everything first.
LEAST = 30.0


def attack(
    part: str, model: str, seed: int, first: int, last: int, deadline: float
) -> tuple[Counter[str], int]:
    """Send a range of attempts to children.

    Returns
    -------
    Counter of str
        What came of them.
    int
        Number of the attempt to go on with.
    """
    outcomes = Counter[str]()
    while first < last and time.monotonic() < deadline:
        until = min(first + BATCH.get(part, _BATCH), last)
        numbers = [str(number) for number in (seed, first, until)]
        command = [sys.executable, str(HERE), "child", part, model, *numbers]
        limit = max(LEAST, deadline - time.monotonic())
        code: int | None
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=min(SECONDS, limit), check=False
            )
            code, output, errors = done.returncode, done.stdout, done.stderr
        except subprocess.TimeoutExpired as stopped:
            code, output, errors = None, stopped.stdout or b"", stopped.stderr or b""
        begun, finished = _count(output.decode(), first, outcomes)
        if code or b"Traceback" in errors:
            sys.stderr.write(errors.decode(errors="replace")[-4000:])
        if code or (code is None and limit > SECONDS):
            outcomes["hung" if code in (-14, None) else "crashed"] += 1
            outcomes["tried"] += 1
            print(
                f"{Path(model).name} {part} {begun}: the child ended with {code}", file=sys.stderr
            )
            finished = max(begun, finished) + 1
        first = finished
        if code is None:
            break
    return outcomes, first


def _count(output: str, first: int, outcomes: Counter[str]) -> tuple[int, int]:
    """Add a child's lines to the outcomes; the last attempt begun, and the one after the last ended."""
    begun = finished = first
    for line in output.split("\n")[:-1]:  # behind the last end of line nothing is whole
        number, _, outcome = line.partition(" ")
        if number == "grown":
            outcomes["KiB grown at most"] = max(outcomes["KiB grown at most"], int(outcome))
        elif outcome:
            outcomes[outcome] += 1
            outcomes["tried"] += 1
            finished = int(number) + 1
        else:
            begun = int(number)
    return begun, finished
