"""Files that are not whole yet: nobody else's, kept off links, on the disk before they have a name."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgeqe.errors import InputError
from edgeqe.reports import part_files
from edgeqe.reports.output_file import check_destination, write, written_whole
from edgeqe.reports.part_files import CheckedWriter, PartFile

posix = pytest.mark.skipif(os.name != "posix", reason="links and permissions of POSIX")
DEAD_PROCESS = 2**22 + 1
"""No process of Linux has a number above 2 ** 22."""


@posix
def test_a_guessed_name_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "token_hex", lambda _: "0123456789ab")
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    part = PartFile(tmp_path / "out.json", overwrite=True)
    part.path.symlink_to(victim)
    with pytest.raises(InputError, match="File exists"):
        write(b"theirs", tmp_path / "out.json")
    assert victim.read_bytes() == b"mine"


@posix
def test_overwriting_keeps_a_link_and_its_targets_permissions(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "target", tmp_path / "link"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to(Path("there") / "target")
    write(b"new", link)
    assert link.is_symlink() and target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert [p.name for p in (tmp_path / "there").iterdir()] == ["target"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "there"]


@posix
def test_what_is_no_plain_file_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="no plain file"):
        check_destination(tmp_path / "pipe", overwrite=True)
    (tmp_path / "broken").symlink_to(tmp_path / "none")
    with pytest.raises(InputError, match="exists"):
        check_destination(tmp_path / "broken", overwrite=False)


def test_a_name_as_long_as_may_be(tmp_path: Path) -> None:
    write(b"content", tmp_path / ("n" * 245 + ".json"))
    assert (tmp_path / ("n" * 245 + ".json")).read_bytes() == b"content"
    for refused in (check_destination, lambda path, **_: write(b"content", path)):
        with pytest.raises(InputError, match="cannot be written"):
            refused(tmp_path / ("n" * 300), overwrite=True)
    assert len(list(tmp_path.iterdir())) == 1


def test_the_content_is_on_the_disk_before_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[list[str]] = []
    monkeypatch.setattr(os, "fsync", lambda _: flushed.append([p.name for p in tmp_path.iterdir()]))
    for overwrite, name in ((False, "a"), (True, "b")):
        part = PartFile(tmp_path / name, overwrite=overwrite)
        part.create()
        part.publish()
        assert part.path.name in flushed[-1] and name not in flushed[-1]
    assert len(flushed) == 2


@posix
@pytest.mark.parametrize("code", [errno.EACCES, errno.EXDEV, errno.EPERM])
@pytest.mark.parametrize("renames", [True, False])
def test_without_hard_links_nothing_is_replaced_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, renames: bool
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(code, "refused")

    monkeypatch.setattr(os, "link", refuse)
    if not renames:
        monkeypatch.setattr(part_files, "_renamed", lambda *_: False)
    for taken in (False, True):
        part = PartFile(tmp_path / "out", overwrite=False)
        part.create()
        part.path.write_bytes(b"second" if taken else b"first")
        if taken:
            with pytest.raises(FileExistsError):
                part.publish()
            part.discard()
        else:
            part.publish()
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("out", b"first")]


@posix
def test_old_parts_of_dead_processes_go_and_others_stay(tmp_path: Path) -> None:
    host = part_files._host()
    names = {
        "dead": f".edgeqe-{host}-{DEAD_PROCESS}-0123456789ab.part",
        "young": f".edgeqe-{host}-{DEAD_PROCESS}-0123456789ac.part",
        "running": f".edgeqe-{host}-{os.getppid()}-0123456789ad.part",
        "elsewhere": f".edgeqe-ffffffff-{DEAD_PROCESS}-0123456789ae.part",
        "foreign": ".edgeqe-notes.part",
    }
    for kind, name in names.items():
        (tmp_path / name).touch()
        if kind != "young":
            os.utime(tmp_path / name, (0, 0))
    write(b"content", tmp_path / "out")
    left = {p.name for p in tmp_path.iterdir()} - {"out"}
    assert left == set(names.values()) - {names["dead"]}


def test_what_an_ending_process_has_left_is_removed(tmp_path: Path) -> None:
    source = (
        "import sys, pathlib; from edgeqe.reports.part_files import PartFile; "
        "PartFile(pathlib.Path(sys.argv[1]), overwrite=False).create()"
    )
    subprocess.run([sys.executable, "-c", source, str(tmp_path / "out")], check=True)
    assert list(tmp_path.iterdir()) == []


def test_a_librarys_writes_pass_through_python(tmp_path: Path) -> None:
    from PIL import Image

    with CheckedWriter(tmp_path / "a.jpg") as stream:
        with pytest.raises(OSError, match="fileno"):
            stream.fileno()
        Image.new("RGB", (64, 64), (1, 2, 3)).save(stream, "JPEG")
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.size == (64, 64)


def test_an_error_in_the_block_keeps_its_kind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mine"), written_whole(tmp_path / "out"):
        raise ValueError("mine")
    with pytest.raises(InputError, match=r"out' cannot be written \(full\)"):
        with written_whole(tmp_path / "out"):
            raise OSError(errno.ENOSPC, "full")
    assert list(tmp_path.iterdir()) == []
