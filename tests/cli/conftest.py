"""Fixtures of several files: ``edgeqe bench`` on a small picture and small frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edgeqe.bench import frames, memory
from edgeqe.bench.data import packaged_file
from edgeqe.bench.memory import MemoryUse
from edgeqe.cli import main, progress

Bench = Callable[..., Result]
MIB = 1 << 20


@pytest.fixture(autouse=True)
def no_line_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine changes nothing of what is printed."""
    monkeypatch.setattr(progress, "EVERY", 86400.0)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with one small crop of a photograph."""
    pytest.importorskip("skimage")
    folder = tmp_path / "pictures"
    folder.mkdir()
    with Image.open(packaged_file("astronaut.png")) as opened:
        opened.crop((160, 40, 304, 168)).save(folder / "face.png")
    return folder


@pytest.fixture
def bench(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Run ``edgeqe bench`` with the tiny model on that folder, and small frames."""
    monkeypatch.setitem(cast(dict[str, tuple[int, int]], frames.SIZES), "720p", (96, 128))

    def run(*arguments: str, model: str = "edgeqe-tiny:float32") -> Result:
        start = ["bench", "--model", model, "--data", str(pictures)]
        return CliRunner().invoke(main, [*start, *arguments])

    return run


@pytest.fixture
def told_memory(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What is asked of memory, which a process of its own would measure."""
    asked: list[tuple[Any, ...]] = []

    def measure(
        name: str, model: str, limit: int, threads: int, size: str, shape: Any, target: str
    ) -> MemoryUse:
        asked.append((name, Path(model).name, limit, threads, size, shape, Path(target).suffix))
        return MemoryUse(name, size, shape, 30 * MIB, 32 * MIB, limit, None)

    monkeypatch.setattr(memory, "measure", measure)
    return asked
