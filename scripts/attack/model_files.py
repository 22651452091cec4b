"""Mutants of a model file: read, and run at three strengths if they are accepted."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from mutants import mutant

from edgeqe.model.file import ModelFile
from edgeqe.runtimes import open_session


@contextmanager
def attempts(part: str, model: str, seed: int) -> Iterator[Callable[[int], str]]:
    """Give the function that tries the mutant of a number."""
    source = Path(model)
    data = source.read_bytes()
    with tempfile.TemporaryDirectory(prefix="edgeqe-attack-") as folder:
        path = Path(folder) / f"mutant{source.suffix}"

        def attempt(index: int) -> str:
            path.write_bytes(mutant(data, part, f"{seed}/{source.name}/{part}/{index}"))
            file = ModelFile(path)
            return "accepted" if part == "bytes" else _run(file)

        yield attempt


def _run(file: ModelFile) -> str:
    card = file.card
    unit = card.alignment // card.pixels_per_sample
    count = sum(card.input_channels.values())
    planes = np.full((count, 16 * unit, 24 * unit), 3.0, np.float32)
    for key in {file.key(card.default_step), file.first_key, file.first_key + file.keys - 1}:
        session = open_session(file, key)
        result = session.run(planes)
        if result.shape != (card.channels, *planes.shape[1:]) or result.dtype != np.float32:
            return "wrong"
        session.run(planes[:, :unit, :unit].copy())
        session.shrink()
    return "ran"
