"""Names of an archive's files and of what they become."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgeqe.archive.listing import ListedFile, count_files, destinations, list_archive


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.jpg", "b.JPEG", "c.webp"], ["a.png", "b.png", "c.png"]),
        (["a.jpg", "a.png"], ["a.jpg.png", "a.png.png"]),
        (["a.jpg", "a.png", "a.jpg.png"], ["a.jpg.png", "a.png.png", "a.jpg.png.png"]),
        (["a.mp4", "b.MOV", "c.266", "c.mkv"], ["a.mp4", "b.MOV", "c.266.mkv", "c.mkv.mkv"]),
        (["a.jpg", "a.mp4"], ["a.png", "a.mp4"]),
    ],
)
def test_no_two_files_become_one(names: list[str], expected: list[str]) -> None:
    assert destinations(names, ".png") == dict(zip(names, expected, strict=True))


def test_other_files_become_nothing() -> None:
    assert destinations(["a.txt", "jpg", ".jpg", "b.jpg.part"], ".png") == {}


def test_the_structure_is_kept_and_what_is_no_plain_file_is_left_out(here: Path) -> None:
    for name in (
        "in/b/2.jpg",
        "in/b/1.jpg",
        "in/a.mp4",
        "in/notes.txt",
        "in/out/x.png",
        "far/y.png",
    ):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    os.symlink("../far", "in/link")  # to a folder: not followed
    os.symlink("../far/y.png", "in/to-a-file.png")
    os.symlink("nowhere.png", "in/to-nothing.png")
    os.mkfifo("in/pipe.jpg")  # opening it would wait for ever
    found = list(list_archive(Path("in"), ".tif", Path("in/out")))
    assert found == [
        ListedFile("a.mp4", "a.mp4", is_clip=True),
        ListedFile("notes.txt", ""),
        ListedFile("pipe.jpg", ""),
        ListedFile("to-a-file.png", "to-a-file.tif"),
        ListedFile("to-nothing.png", ""),
        ListedFile("b/1.jpg", "b/1.tif"),
        ListedFile("b/2.jpg", "b/2.tif"),
    ]
    assert count_files(Path("in"), Path("in/out")) == 4


def test_a_folder_that_cannot_be_read_stops_no_other(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("in/a/1.jpg", "in/b/1.jpg"):
        Path(name).parent.mkdir(parents=True)
        Path(name).touch()
    scandir = os.scandir

    def refusing(path: str) -> object:
        if path == os.path.join("in", "a"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    unread, read = list_archive(Path("in"), ".png", Path("out"))
    assert unread.path == "a" and "Permission denied" in unread.error
    assert read == ListedFile("b/1.jpg", "b/1.png")


def test_one_folder_is_read_at_a_time(here: Path) -> None:
    for number in range(50):
        Path(f"in/{number:02}").mkdir(parents=True)
        Path(f"in/{number:02}/1.jpg").touch()
    listing = list_archive(Path("in"), ".png", Path("out"))
    assert next(listing).path == "00/1.jpg"
    Path("in/49/2.jpg").touch()  # not yet read
    assert [file.path for file in listing][-1] == "49/2.jpg"
