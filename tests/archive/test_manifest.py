"""The manifest: what was written is found again, whatever its end looks like."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgeqe.archive import index, manifest
from edgeqe.archive.manifest import DONE, FAILED, Manifest, ManifestEntry
from edgeqe.errors import InputError

ENTRY = ManifestEntry(
    "a/b.jpg", DONE, 100, 5, "ab", "key", "now", destination="a/b.png", number=20.0
)


def written(path: Path, *entries: ManifestEntry) -> Manifest:
    made = Manifest(path)
    made.start_writing()
    for entry in entries:
        made.add([entry])
    made.close()
    return Manifest(path)


def test_the_newest_line_about_a_file_counts(tmp_path: Path) -> None:
    newer = replace(ENTRY, state=FAILED, error="why", notes=("one", "two"))
    other = replace(ENTRY, path="c.jpg")
    found = written(tmp_path / "m", ENTRY, other, newer)
    assert found.entry("a/b.jpg") == newer
    assert found.entry("c.jpg") == other
    assert found.entry("d.jpg") is None
    found.close()


def test_names_that_are_no_utf_8_and_long_lines_come_back(tmp_path: Path) -> None:
    odd = os.fsdecode(b"caf\xe9/" + 5000 * b"x" + b"\n.jpg")
    entry = replace(ENTRY, path=odd, error="é")
    found = written(tmp_path / "m", ENTRY, entry, ENTRY)
    assert found.entry(odd) == entry
    found.close()


def test_paths_of_one_key_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (index, manifest):
        monkeypatch.setattr(module, "path_key", lambda path: 7)
    other = replace(ENTRY, path="c.jpg", number=30.0)
    found = written(tmp_path / "m", ENTRY, other, replace(ENTRY, number=10.0))
    assert found.entry("c.jpg") == other
    assert found.entry("a/b.jpg") == replace(ENTRY, number=10.0)
    found.close()


@pytest.mark.parametrize("kept", [1, 30, 150])
def test_a_line_that_is_cut_short_costs_its_file_alone(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "m"
    written(path, ENTRY, replace(ENTRY, path="c.jpg")).close()
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second[:kept])
    found = written(path, replace(ENTRY, path="d.jpg"))
    assert found.damaged == 0  # it was removed before the next was written
    assert [bool(found.entry(name)) for name in ("a/b.jpg", "c.jpg", "d.jpg")] == [
        True,
        False,
        True,
    ]
    found.close()


@pytest.mark.parametrize(
    "line", [b"\0\0\0", b"[1]", b"{}", b'{"kind": "file", "path": "x"}', b"\xff"]
)
def test_damaged_lines_are_counted_and_left_out(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "m"
    written(path, ENTRY).close()
    path.write_bytes(line + b"\n" + path.read_bytes())
    found = Manifest(path)
    assert found.damaged == 1
    assert found.entry("a/b.jpg") == ENTRY
    found.close()


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m"
    made = Manifest(path)
    made.start_writing()
    made.add([ENTRY])
    before = path.read_bytes()
    write = os.write

    def full(file: int, data: Any) -> int:
        if len(data) > 20:
            return write(file, data[:20])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", lambda file, data: full(file, data[: len(data) // 2]))
    with pytest.raises(OSError, match="No space"):
        made.add([replace(ENTRY, path="c.jpg")])
    assert path.read_bytes() == before
    made.close()


def test_a_newer_version_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_text(json.dumps({"kind": "run", "version": 2, "identity": {}}) + "\n")
    with pytest.raises(InputError, match="has version 2, this edgeqe reads 1"):
        Manifest(path)
