"""Command lines that are killed, get signals, or find the disk full, at random moments.

Each is a fork of a process that has imported everything, so that the moments lie in the work.
"""

from __future__ import annotations

import io
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import numpy as np
import onnxruntime  # noqa: F401  # before the fork, once for all
from PIL import Image

import edgeqe.cli.enhance
import edgeqe.enhancer
import edgeqe.files.enhance  # noqa: F401
from edgeqe.cli import main

_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
_INTERRUPTED = 130


@contextmanager
def attempts(part: str, _model: str, seed: int) -> Iterator[Callable[[int], str]]:
    """Give the function that ends one command line."""
    with tempfile.TemporaryDirectory(prefix="edgeqe-attack-") as name:
        folder = Path(name)
        given, made = folder / "in.jpg", folder / "out.png"
        samples = np.random.default_rng(3).integers(60, 180, (90, 120, 3)).astype(np.uint8)
        Image.fromarray(samples).save(given, "JPEG", quality=40)
        before, seconds, old = given.read_bytes(), [], io.BytesIO()
        Image.fromarray(samples).save(old, "PNG")
        for _ in range(3):
            started = time.monotonic()
            if _wait(_start(given, made)) != 0:
                raise AssertionError("the command line fails by itself")
            seconds.append(time.monotonic() - started)
        new = made.read_bytes()

        def attempt(index: int) -> str:
            random = Random(f"{seed}/{part}/{index}")
            replacing = random.random() < 0.5
            made.write_bytes(old.getvalue()) if replacing else made.unlink(missing_ok=True)
            limit = random.randrange(len(new)) if part == "fulldisk" else None
            process = _start(given, made, limit)
            sent = signal.SIGKILL if part == "kills" else random.choice(_SIGNALS)
            if part != "fulldisk":
                time.sleep(random.random() * 1.1 * min(seconds))
                os.kill(process, sent)
            ended = _wait(process)
            found = made.read_bytes() if made.exists() else None
            if given.read_bytes() != before or (found is None and replacing):
                return "lost"
            if found not in (None, new) and not (replacing and found == old.getvalue()):
                return "wrong"
            left = [path for path in folder.iterdir() if path not in (given, made)]
            for path in left:
                path.unlink()
            if left and part != "kills":  # nobody can clean up behind a kill but a later run
                return "leftover"
            if part == "fulldisk":
                return "refused" if ended == 2 and found != new else "foreign exit"
            if ended == 0:
                return "finished" if found == new else "lost"
            if ended in (-sent, _INTERRUPTED):
                return "ended"
            print(f"{part} {index}: signal {sent} ended it with {ended}", file=sys.stderr)
            return "foreign exit"

        yield attempt


def _start(given: Path, made: Path, largest: int | None = None) -> int:
    """Fork a command line, whose files may have so many bytes; its process."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        code = _ended(given, made, largest)
    except KeyboardInterrupt:  # before the command line began, or behind its end
        code = _INTERRUPTED
    finally:
        os._exit(code)


def _ended(given: Path, made: Path, largest: int | None) -> int:
    """Exit code of the command line, run here with nothing on its standard streams."""
    for number in (signal.SIGTERM, signal.SIGHUP):  # which who started us may ignore
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    if largest is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    words = ["enhance", str(given), "-o", str(made), "-m", "edgeqe-nano", "--threads", "1"]
    try:
        main([*words, "--overwrite"])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 1


def _wait(process: int) -> int:
    """Exit code of a process, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
