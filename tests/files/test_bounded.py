"""Inputs without an end, or that say nothing: bounded by size and by silence."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import pytest
from PIL import Image

from edgeqe.errors import ImageError, InputTypeError
from edgeqe.files import bounded
from edgeqe.files.reading import read_picture

posix = pytest.mark.skipif(os.name != "posix", reason="devices and named pipes of POSIX")


def jpeg() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (60, 40), (90, 120, 150)).save(stream, "JPEG", quality=30)
    return stream.getvalue()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that a test reaches at once."""
    monkeypatch.setattr(bounded, "LONGEST_SILENCE", 0.05)
    monkeypatch.setattr(bounded, "LARGEST_FILE", 1 << 20)


@posix
def test_an_endless_device_is_read_no_further_than_it_takes_to_see_that_it_is_no_picture() -> None:
    for source in ("/dev/zero", open("/dev/zero", "rb")):
        with pytest.raises(ImageError, match="/dev/zero is no picture"):
            read_picture(source)
        if not isinstance(source, str):
            source.close()


@posix
@pytest.mark.usefixtures("short")
def test_a_pipe_without_a_writer_is_refused_after_its_silence(tmp_path: Path) -> None:
    path = tmp_path / "pipe.jpg"
    os.mkfifo(path)
    with pytest.raises(ImageError, match=r"pipe\.jpg gave nothing for 0.05 seconds"):
        read_picture(path)
    reading, writing = os.pipe()
    os.write(writing, jpeg()[:100])
    with open(reading, "rb") as stream, pytest.raises(ImageError, match="gave nothing for"):
        read_picture(stream)
    os.close(writing)


@posix
@pytest.mark.usefixtures("short")
def test_an_endless_picture_is_refused_at_the_limit() -> None:
    reading, writing = os.pipe()

    def endless() -> None:
        try:
            while True:
                os.write(writing, jpeg())
        except BrokenPipeError:
            os.close(writing)

    thread = threading.Thread(target=endless)
    thread.start()
    with open(reading, "rb") as stream, pytest.raises(ImageError, match="the most that is read"):
        read_picture(stream)
    thread.join()


@posix
def test_a_pipe_with_a_writer_that_comes_later_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "pipe.jpg"
    os.mkfifo(path)

    def write() -> None:
        with open(path, "wb", buffering=0) as stream:  # waits for the reader
            for place in range(0, len(jpeg()), 97):
                stream.write(jpeg()[place : place + 97])

    thread = threading.Thread(target=write)
    thread.start()
    assert (read_picture(path).width, read_picture(io.BytesIO(jpeg())).width) == (60, 60)
    thread.join()


@pytest.mark.usefixtures("short")
def test_large_files_and_streams_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    with path.open("wb") as file:
        file.write(jpeg())
        file.truncate((1 << 20) + 1)
    for source in (path, io.BytesIO(path.read_bytes()), path.open("rb")):
        with pytest.raises(ImageError, match="the most that is read"):
            read_picture(source)
        if isinstance(source, io.BufferedReader):
            source.close()
    path.write_bytes(jpeg() + bytes((1 << 20) - len(jpeg())))
    assert read_picture(path).width == 60


def test_a_stream_of_text_is_a_wrong_type() -> None:
    with pytest.raises(InputTypeError, match="binary"):
        read_picture(io.StringIO("P6 1 1 255 abc"))  # type: ignore[arg-type]
