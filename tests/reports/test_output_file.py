"""A result's file comes into being whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeqe.errors import InputError
from edgeqe.reports.output_file import check_destination, write, written_whole


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.xml"
    check_destination(path, overwrite=False)
    write(b"one", path)
    with pytest.raises(InputError, match="exists: add --overwrite"):
        check_destination(path, overwrite=False)
    check_destination(path, overwrite=True)
    write(b"two", path)
    assert path.read_bytes() == b"two"
    assert [p.name for p in tmp_path.iterdir()] == ["out.xml"]


def test_destinations_that_cannot_be(tmp_path: Path) -> None:
    for path in (tmp_path / "none" / "out.xml", tmp_path):
        with pytest.raises(InputError, match="cannot be written"):
            check_destination(path, overwrite=True)
    (tmp_path / "folder.xml").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        write(b"one", tmp_path / "folder.xml")
    assert [p.name for p in tmp_path.iterdir()] == ["folder.xml"]


def test_what_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "out.npz"
    path.write_bytes(b"before")

    def fails() -> None:
        with written_whole(path) as temporary:
            temporary.write_bytes(b"half")
            raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        fails()
    assert [p.name for p in tmp_path.iterdir()] == ["out.npz"]
    assert path.read_bytes() == b"before"
    with written_whole(path) as temporary:
        assert temporary.parent == tmp_path
        temporary.write_bytes(b"after")
        assert path.read_bytes() == b"before"
    assert [p.name for p in tmp_path.iterdir()] == ["out.npz"]
    assert path.read_bytes() == b"after"
