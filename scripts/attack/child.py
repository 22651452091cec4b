"""The process that reads mutants and runs them: ``python scripts/attack child ...``.

Before each mutant it writes its number to standard output, so that who started it knows which one
ended it. Its memory and the time of a mutant are bounded.
"""

from __future__ import annotations

import resource
import signal
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path

import numpy as np
from mutants import mutant

from edgeqe.errors import EdgeqeError
from edgeqe.model.file import ModelFile
from edgeqe.runtimes import open_session

#: Address space, bytes, and seconds that one mutant may take.
MEMORY, SECONDS = 6 << 30, 20


def work(model: Path, kind: str, seed: int, first: int, last: int, sessions: bool) -> Counter[str]:
    """Read, and run if asked for, the mutants of a range; what came of them, counted."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    data, outcomes = model.read_bytes(), Counter[str]()
    with tempfile.TemporaryDirectory(prefix="edgeqe-attack-") as folder:
        path = Path(folder) / f"mutant{model.suffix}"
        for index in range(first, last):
            print(index, flush=True)
            path.write_bytes(mutant(data, kind, f"{seed}/{model.name}/{kind}/{index}"))
            signal.alarm(SECONDS)
            try:
                outcomes[_outcome(path, sessions)] += 1
            except EdgeqeError:
                outcomes["refused"] += 1
            except Exception:
                outcomes["foreign exception"] += 1
                print(f"{model.name} {kind} {index}:\n{traceback.format_exc()}", file=sys.stderr)
            signal.alarm(0)
    return outcomes


def _outcome(path: Path, sessions: bool) -> str:
    """Read a file, and run it at three strengths if it is accepted."""
    file = ModelFile(path)
    if not sessions:
        return "accepted"
    card, ran = file.card, "ran"
    unit = card.alignment // card.pixels_per_sample
    count = sum(card.input_channels.values())
    planes = np.full((count, 16 * unit, 24 * unit), 3.0, np.float32)
    for key in {file.key(card.default_step), file.first_key, file.first_key + file.keys - 1}:
        session = open_session(file, key)
        result = session.run(planes)
        if result.shape != (card.channels, *planes.shape[1:]) or result.dtype != np.float32:
            raise AssertionError(f"a residual of shape {result.shape}, {result.dtype}")
        session.run(planes[:, :unit, :unit].copy())
        session.shrink()
    return ran
