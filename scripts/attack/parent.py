"""Sending mutants to child processes, and counting what came of them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

#: Folder of the script that is the child.
HERE = Path(__file__).resolve().parent
#: Mutants of one child, and seconds that it may take.
BATCH, SECONDS = 500, 1800.0


def attack(model: Path, kind: str, seed: int, count: int, deadline: float) -> Counter[str]:
    """Send the mutants of a file and kind to children; what came of them, counted."""
    outcomes, first = Counter[str](), 0
    while first < count and time.monotonic() < deadline:
        last = min(first + BATCH, count)
        command = [
            sys.executable,
            str(HERE),
            "child",
            str(model),
            kind,
            str(seed),
            str(first),
            str(last),
        ]
        limit = max(5.0, min(SECONDS, deadline - time.monotonic()))
        try:
            done = subprocess.run(command, capture_output=True, timeout=limit, check=False)
            code, output, errors = done.returncode, done.stdout, done.stderr
        except subprocess.TimeoutExpired as stopped:
            code, output, errors = 0, stopped.stdout or b"", stopped.stderr or b""
        lines = output.decode().split("\n")
        numbers = [int(line) for line in lines if line.isdigit()]
        outcomes["mutants"] += len(numbers)
        for line in lines:
            name, _, found = line.partition("=")
            if found:
                outcomes[name] += int(found)
        sys.stderr.write(
            errors.decode(errors="replace")[-4000:] if code or b"Traceback" in errors else ""
        )
        if code:
            at = numbers[-1] if numbers else first
            outcomes["hung" if code == -14 else "crashed"] += 1
            print(f"{model.name} {kind} {at}: the child ended with {code}", file=sys.stderr)
            last = at + 1
        first = last
    return outcomes
