"""How a clip may end: cut, damaged, of two sizes, interrupted, on a full disk, killed."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from edgeqe import Enhancer
from edgeqe.codecs.strength import Strength
from edgeqe.errors import ImageError, InputError
from edgeqe.video.clip import ClipOptions, enhance_clip
from edgeqe.video.encoders import Encoding
from edgeqe.video.pipe import PipeReader
from tests.source_tree import ROOT
from tests.video import made_clips
from tests.video.made_clips import COUNT, av


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) - before == set()


def run(enhancer: Enhancer, source: Path, destination: Path, **more: Any) -> tuple[Any, list[str]]:
    told: list[str] = []
    try:
        return (
            enhance_clip(
                str(source), str(destination), enhancer, ClipOptions(), told=told.append, **more
            ),
            told,
        )
    except BaseException as error:
        return error, told


def frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", ["in.mkv", "in.mp4"])
def test_a_clip_that_is_cut_leaves_a_partial_one(
    enhancer: Enhancer, tmp_path: Path, name: str
) -> None:
    # the index in front, as of files that are meant to be streamed
    tenths, muxer = 6, {}
    if name.endswith("mp4"):  # its first frames are most of it
        tenths, muxer = 9, {"movflags": "faststart"}
    source = made_clips.write(tmp_path / name, muxer=muxer)
    content = source.read_bytes()
    source.write_bytes(content[: len(content) * tenths // 10])
    error, told = run(enhancer, source, tmp_path / "out.mkv")
    assert isinstance(error, ImageError) and "cut short" in str(error)
    assert names(tmp_path) == [name, "out.partial.mkv"]
    kept = frames(tmp_path / "out.partial.mkv")
    assert 4 <= kept < COUNT
    assert told == [f"kept the {kept} frames until there as {tmp_path / 'out.partial.mkv'}"]


#: Frames of a y4m film, with a parameter each, as the format allows.
FILM = [b"FRAME Ip\n" + bytes([index]) * (32 * 16 * 3 // 2) for index in range(4)]


@pytest.mark.parametrize("from_pipe", [False, True])
@pytest.mark.parametrize(
    ("tail", "why"),
    [
        (FILM[0][:-1], "776 bytes behind frame 4 are no frame"),
        (b"FRA", "3 bytes behind frame 4 are no frame"),
        (b"FRAMING\n" * 200, "what follows frame 4 is no frame"),
        (bytes(5000), "what follows frame 4 is no frame"),
        (b"", ""),
    ],
)
def test_a_y4m_film_that_does_not_end_with_a_frame_leaves_a_partial_clip(
    enhancer: Enhancer, tmp_path: Path, from_pipe: bool, tail: bytes, why: str
) -> None:
    film = b"YUV4MPEG2 W32 H16 F25:1 C420\n" + b"".join(FILM) + tail
    (tmp_path / "in.y4m").write_bytes(film)
    wanted, told = ClipOptions(Strength(20.0, "h264")), list[str]()
    out = tmp_path / "out.mkv"
    with ExitStack() as stack:
        source: Any = str(tmp_path / "in.y4m")
        if from_pipe:
            below, above = os.pipe()
            os.write(above, film)
            os.close(above)
            source = PipeReader(stack.enter_context(open(below, "rb")))
        if not why:
            assert enhance_clip(source, str(out), enhancer, wanted).frames == 4
            return
        with pytest.raises(ImageError) as caught:
            enhance_clip(source, str(out), enhancer, wanted, told=told.append)
    assert f"is cut short ({why})." in str(caught.value)
    assert names(tmp_path) == ["in.y4m", "out.partial.mkv"] and len(told) == 1
    assert frames(tmp_path / "out.partial.mkv") == 4


def test_a_clip_without_its_index_leaves_nothing(enhancer: Enhancer, tmp_path: Path) -> None:
    source = made_clips.write(tmp_path / "in.mp4")
    source.write_bytes(source.read_bytes()[:3000])  # the index is at the end
    error, told = run(enhancer, source, tmp_path / "out.mkv")
    assert isinstance(error, ImageError) and "damaged or cut short" in str(error)
    assert names(tmp_path) == ["in.mp4"] and not told


def test_a_size_that_changes_leaves_what_came_before(enhancer: Enhancer, tmp_path: Path) -> None:
    parts = [
        made_clips.write(tmp_path / f"{width}.h264", count=8, size=(width, 96))
        for width in (160, 128)
    ]
    source = tmp_path / "in.h264"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    error, _ = run(enhancer, source, tmp_path / "out.mkv")
    assert isinstance(error, ImageError)
    assert "change from 160x96 yuv420p to 128x96 yuv420p at frame 8" in str(error)
    assert "out.mkv" not in names(tmp_path)
    assert frames(tmp_path / "out.partial.mkv") == 8


def test_damaged_frames_are_counted_and_the_rest_is_done(
    enhancer: Enhancer, tmp_path: Path
) -> None:
    source = made_clips.write(tmp_path / "in.ts")
    content = bytearray(source.read_bytes())
    for place in range(len(content) // 2, len(content) // 2 + 600):
        content[place] ^= 0x5A
    source.write_bytes(content)
    report, told = run(enhancer, source, tmp_path / "out.mkv")
    assert report.damaged > 0 and not told
    assert COUNT - 10 <= report.frames <= COUNT
    assert frames(tmp_path / "out.mkv") == report.frames


def test_frames_that_never_come_are_counted_though_no_one_complains(
    enhancer: Enhancer, tmp_path: Path
) -> None:
    source = made_clips.write(tmp_path / "in.mp4")
    with made_clips.av.open(str(source)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    content = bytearray(source.read_bytes())
    for place, size in packets[-3:]:  # their NAL units become filler, which decoders pass over
        content[place : place + size] = (size - 4).to_bytes(4, "big") + b"\x0c" + bytes(size - 5)
    source.write_bytes(content)
    report, told = run(enhancer, source, tmp_path / "out.mkv")
    assert report.frames == COUNT - 3 and not told
    assert report.damaged == 3


def test_a_full_disk_leaves_nothing(enhancer: Enhancer, tmp_path: Path) -> None:
    source = made_clips.write(tmp_path / "in.mkv")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (2_000, 40_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            error, told = run(enhancer, source, tmp_path / "out.mkv")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert isinstance(error, InputError) and "cannot be written" in str(error)
        assert names(tmp_path) == ["in.mkv"] and not told


def test_an_interrupt_leaves_a_partial_clip_and_a_second_one_another(
    enhancer: Enhancer, tmp_path: Path
) -> None:
    source = made_clips.write(tmp_path / "in.mkv", sound="libopus")

    def interrupt(done: int, expected: int) -> None:
        assert expected == COUNT
        if done == 9:
            raise KeyboardInterrupt

    for name in ("out.partial.mkv", "out.partial-2.mkv"):
        error, told = run(enhancer, source, tmp_path / "out.mkv", progress=interrupt)
        assert isinstance(error, KeyboardInterrupt)
        assert told == [f"kept the 8 frames until there as {tmp_path / name}"]
        assert frames(tmp_path / name) == 8
    assert names(tmp_path) == ["in.mkv", "out.partial-2.mkv", "out.partial.mkv"]


def test_an_encoder_that_refuses_leaves_nothing(enhancer: Enhancer, tmp_path: Path) -> None:
    source = made_clips.write(tmp_path / "in.mkv", "ffv1", {}, size=(16, 8), count=3)
    wanted = ClipOptions(Strength(20.0, "h264"), encoding=Encoding("libx265"))
    with pytest.raises(InputError, match="libx265 takes such frames"):
        enhance_clip(str(source), str(tmp_path / "out.mkv"), enhancer, wanted)
    assert names(tmp_path) == ["in.mkv"]


@pytest.mark.parametrize(
    ("encoder", "form", "takes"),
    [
        ("libx264", "yuv420p", False),
        ("libx265", "yuv420p10le", False),
        ("libx264", "gray", True),
        ("libsvtav1", "yuv420p", True),
        (None, "yuv420p", True),
    ],
)
def test_odd_sizes_go_to_encoders_that_take_them(
    enhancer: Enhancer, tmp_path: Path, encoder: str | None, form: str, takes: bool
) -> None:
    source = made_clips.write(tmp_path / "in.mkv", "ffv1", {}, size=(161, 97), count=2, form=form)
    wanted = ClipOptions(Strength(20.0, "h264"), encoding=Encoding(encoder))
    out = tmp_path / "out.mkv"
    if takes:
        enhance_clip(str(source), str(out), enhancer, wanted)
        with av.open(str(out)) as container:
            sizes = [(frame.width, frame.height) for frame in container.decode(video=0)]
        assert sizes == [(161, 97)] * 2
        return
    with pytest.raises(InputError, match=f"{encoder} takes .* even .* of 161x97: choose ffv1"):
        enhance_clip(str(source), str(out), enhancer, wanted)
    assert names(tmp_path) == ["in.mkv"]


def test_an_existing_file_is_kept_unless_it_may_go(enhancer: Enhancer, tmp_path: Path) -> None:
    source = made_clips.write(tmp_path / "in.mkv", count=3)
    out = tmp_path / "out.mkv"
    out.write_bytes(b"mine")
    error, _ = run(enhancer, source, out)
    assert isinstance(error, InputError) and "exists" in str(error)
    assert out.read_bytes() == b"mine"
    enhance_clip(str(source), str(out), enhancer, ClipOptions(overwrite=True))
    assert frames(out) == 3
    # the source itself may be replaced: it is read to its end first
    enhance_clip(str(source), str(source), enhancer, ClipOptions(overwrite=True))
    assert frames(source) == 3


#: Runs the command line, and sends itself a signal when eight frames are done.
SIGNALLED = """
import os, signal, sys
from edgeqe.cli import clips, main
def at_frame(self, done, expected):
    if done == 8:
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))
clips._Progress.__call__ = at_frame
main(sys.argv[2:])
"""


@pytest.mark.parametrize(
    ("name", "code", "partial"),
    [
        ("SIGTERM", -signal.SIGTERM, True),
        ("SIGINT", 130, True),
        ("SIGKILL", -signal.SIGKILL, False),
    ],
)
def test_signals(model: Path, tmp_path: Path, name: str, code: int, partial: bool) -> None:
    source = made_clips.write(tmp_path / "in.mkv")
    content = source.read_bytes()
    words = ["enhance", str(source), "-o", str(tmp_path / "out.mkv"), "-m", str(model)]
    command = [sys.executable, "-c", SIGNALLED, name, *words, "--threads", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert source.read_bytes() == content
    found = names(tmp_path)
    if partial:
        assert found == ["in.mkv", "out.partial.mkv"]
        assert 1 <= frames(tmp_path / "out.partial.mkv") <= 8
        assert "kept the" in done.stderr
    else:  # what is hidden goes with a later run, when it is old
        assert [one for one in found if not one.startswith(".edgeqe-")] == ["in.mkv"]
        assert os.listdir(tmp_path) != []
