"""Archives of small pictures, some damaged, and what must be true of their outputs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from edgeqe import Enhancer

ROOT = Path(__file__).parent.parent.parent
#: Damaged files of `make_archive`: cut in the head or in the data, empty, of other bytes.
BAD = ("a/003.jpg", "b/010.jpg", "c/deep/017.jpg", "a/024.jpg", "b/031.jpg")
#: Every this many pictures the outputs are compared with what an `Enhancer` writes.
COMPARED = 50


def picture(seed: int) -> Any:
    """A gray picture with structure, another for each seed."""
    base = np.add.outer(np.arange(40), 2 * np.arange(50))
    noise = np.random.default_rng(seed).integers(0, 60, base.shape)
    return (base + noise).astype(np.uint8)


def make_archive(folder: Path, count: int) -> None:
    """Write JPEGs in three sub-folders, those of `BAD` damaged as far as they are among them."""
    for number in range(count):
        path = folder / ("a", "b", "c/deep")[number % 3] / f"{number:03}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(number)).save(path, quality=20)
    damages: tuple[Callable[[bytes], bytes], ...] = (
        lambda data: data[:40],
        lambda data: data[:-90],
        lambda data: b"",
        lambda data: b"no picture",
        lambda data: data[:-60],
    )
    for name, damage in zip(BAD, damages, strict=True):
        path = folder / name
        if path.exists():
            path.write_bytes(damage(path.read_bytes()))


def lines_of(output: str | Path) -> list[dict[str, Any]]:
    """Whole lines of the manifest about files; none if it is not there yet."""
    path = Path(output, ".edgeqe-archive", "manifest.jsonl")
    if not path.exists():
        return []
    whole = path.read_bytes().rpartition(b"\n")[0]
    return [line for line in map(json.loads, whole.splitlines()) if line["kind"] == "file"]


def files_of(output: Path) -> dict[str, tuple[int, int]]:
    """Results with inode and time, which a file that is written again would change."""
    found = {}
    for path in output.rglob("*"):
        if path.is_file() and ".edgeqe-archive" not in path.parts:
            found[path.relative_to(output).as_posix()] = (
                path.stat().st_ino,
                path.stat().st_mtime_ns,
            )
    return found


def check_archive(folder: Path, output: Path, count: int) -> None:
    """Every good file done once, the damaged ones failed, nothing else there, bytes as alone."""
    sources = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg"))
    assert len(sources) == count
    good = [name for name in sources if name not in BAD]
    lines = lines_of(output)
    done = Counter(line["path"] for line in lines if line["state"] == "done")
    assert done == dict.fromkeys(good, 1)
    assert {line["path"] for line in lines if line["state"] == "failed"} == set(BAD)
    assert sorted(files_of(output)) == sorted(name.replace(".jpg", ".png") for name in good)
    assert sorted(path.name for path in (output / ".edgeqe-archive").iterdir()) == [
        "lock",
        "manifest.jsonl",
    ]
    with Enhancer("edgeqe-nano", threads=1) as enhancer:
        for name in good[::COMPARED]:
            alone = output.parent / "alone.png"
            enhancer.enhance_file(folder / name, alone, overwrite=True)
            made = output / name.replace(".jpg", ".png")
            assert made.read_bytes() == alone.read_bytes()
