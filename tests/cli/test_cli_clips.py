"""``edgeqe enhance`` of clips: arguments, pipes, reports."""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgeqe import Enhancer
from edgeqe.cli import main
from edgeqe.cli.clips import progress_line
from tests import small_models
from tests.source_tree import ROOT
from tests.video import made_clips
from tests.video.made_clips import COUNT, av

PAGE = ROOT / "docs" / "video.md"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    small_models.write(small_models.strong_graph(), tmp_path / "codecs.onnx", codecs=("h264",))
    made_clips.write(tmp_path / "source.mkv", "ffv1", {})
    made_clips.write(tmp_path / "in.mp4", sound="aac")
    return tmp_path


def run(*words: str, given: bytes | None = None) -> Result:
    start = ["enhance", "-m", "codecs.onnx", "--threads", "1"]
    return CliRunner().invoke(main, [*start, *words], input=given)


def lumas(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray()[: made_clips.HEIGHT] for frame in container.decode(video=0)]


def mean_psnr(one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> float:
    errors = [np.mean((a.astype(float) - b) ** 2) for a, b in zip(one, other, strict=True)]
    return float(np.mean(10 * np.log10(255**2 / np.array(errors))))


def test_the_report_has_frames_qps_and_the_gain(folder: Path) -> None:
    done = run("in.mp4", "-o", "out.mkv", "--reference", "source.mkv", "--json")
    assert done.exit_code == 0, done.output
    (clip,) = json.loads(done.stdout)["clips"]
    assert clip["frames"] == clip["compared"] == COUNT
    assert clip["codec"] == "h264" and clip["scale"] == "qp" and clip["encoder"] == "ffv1"
    assert clip["numbers"]["least"] == 29 and clip["numbers"]["largest"] == 34
    assert sum(clip["numbers"]["frames"].values()) == COUNT
    assert clip["frames_per_second"] == pytest.approx(COUNT / clip["seconds"], rel=0.01)
    source = lumas(folder / "source.mkv")
    before = mean_psnr(source, lumas(folder / "in.mp4"))
    after = mean_psnr(source, lumas(folder / "out.mkv"))
    assert clip["psnr_y_before"] == pytest.approx(before, abs=1e-3)  # float32 differences
    assert clip["psnr_y_after"] == pytest.approx(after, abs=1e-3)
    assert clip["gain"] == pytest.approx(after - before, abs=2e-3)


def test_a_named_pipe_is_read_as_a_file_of_its_bytes(folder: Path) -> None:
    frames = b"".join(
        b"FRAME\n" + b"".join(map(np.ndarray.tobytes, made_clips.planes(index)))
        for index in range(3)
    )
    film = b"YUV4MPEG2 W160 H96 F25:1 C420\n" + frames
    (folder / "file.y4m").write_bytes(film)
    os.mkfifo(folder / "pipe.y4m")
    writer = threading.Thread(target=(folder / "pipe.y4m").write_bytes, args=(film,), daemon=True)
    writer.start()
    stated = ("--qp", "30", "--codec", "h264", "--json")
    told = run("pipe.y4m", "-o", "of-pipe.y4m", *stated)
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["clips"][0]["source"] == "pipe.y4m"
    assert run("file.y4m", "-o", "of-file.y4m", *stated).exit_code == 0
    writer.join(timeout=60)
    assert (folder / "of-pipe.y4m").read_bytes() == (folder / "of-file.y4m").read_bytes()


def test_what_is_reused_is_told(folder: Path) -> None:
    frames = b"FRAME\n" + b"".join(map(np.ndarray.tobytes, made_clips.planes(0)))
    (folder / "still.y4m").write_bytes(b"YUV4MPEG2 W160 H96 F25:1 C420\n" + frames * 4)
    stated = ("still.y4m", "--qp", "30", "--codec", "h264")
    for words, reuse, share in (((), "exact", 0.75), (("--reuse", "off"), "off", 0.0)):
        done = run(*stated, "-o", f"{reuse}.y4m", "--json", *words)
        assert done.exit_code == 0, done.output
        (clip,) = json.loads(done.stdout)["clips"]
        assert (clip["reuse"], clip["reused"], clip["frames_without_memory"]) == (reuse, share, 0)
    assert (folder / "exact.y4m").read_bytes() == (folder / "off.y4m").read_bytes()
    assert run(*stated, "-o", "line.y4m").stdout.endswith(" fps  75% reused\n")
    refused = run("picture.png", "-o", "out.png", "--quality", "30", "--reuse", "off")
    assert refused.exit_code == 2 and "--reuse: for clips" in refused.output


def test_the_line(folder: Path) -> None:
    done = run("in.mp4", "-o", "out.mkv")
    assert done.exit_code == 0, done.output
    said = r"in.mp4 -> out.mkv  160x96 yuv420p  H.264 QP [\d.]+ \(29 to 34\)  ffv1  20 frames  .* fps\n"
    assert re.fullmatch(said, done.stdout)
    done = run("in.mp4", "-o", "out.y4m", "--qp", "30", "--codec", "h264")
    assert "H.264 as stated  y4m  20 frames" in done.stdout
    assert "no place for: audio aac" in done.stderr


def test_standard_output_of_a_process_takes_frames(folder: Path) -> None:
    """Its file is called ``<stdout>``, as that of click's runner is not."""
    words = ("-m", "edgeqe", "enhance", "-m", "codecs.onnx", "--threads", "1", "in.mp4", "-o", "-")
    done = subprocess.run([sys.executable, *words], capture_output=True, check=True)
    assert done.stdout.startswith(b"YUV4MPEG2 W160 H96 ")
    assert done.stdout.count(b"FRAME\n") == COUNT


def test_pipes_of_frames(folder: Path) -> None:
    done = run("in.mp4", "-o", "-")
    assert done.exit_code == 0, done.stderr
    size = made_clips.WIDTH * made_clips.HEIGHT * 3 // 2
    head, _, body = done.stdout_bytes.partition(b"\n")
    assert head == b"YUV4MPEG2 W160 H96 F25:1 Ip A0:0 C420jpeg XCOLORRANGE=LIMITED"
    assert len(body) == COUNT * (size + len(b"FRAME\n"))
    run("in.mp4", "-o", "out.mkv")
    wanted = lumas(folder / "out.mkv")
    for index, luma in enumerate(wanted):
        start = index * (size + 6) + 6
        piped = np.frombuffer(body, np.uint8, luma.size, start).reshape(luma.shape)
        np.testing.assert_array_equal(piped, luma)
    again = run("-", "-o", "-", "--qp", "30", "--codec", "h264", given=done.stdout_bytes)
    assert again.exit_code == 0, again.stderr
    assert len(again.stdout_bytes) == len(done.stdout_bytes)
    with Enhancer("codecs.onnx", threads=1) as enhancer:
        first = enhancer.enhance_planes(
            wanted[0],
            *np.frombuffer(body, np.uint8, size // 3, 6 + wanted[0].size).reshape(2, 48, 80),
            qp=30,
            codec="h264",
        )[0]
    start = again.stdout_bytes.index(b"\n") + 1 + 6
    piped = np.frombuffer(again.stdout_bytes, np.uint8, first.size, start).reshape(first.shape)
    np.testing.assert_array_equal(piped, first)


def test_a_folder_as_out(folder: Path) -> None:
    (folder / "sub").mkdir()
    done = run("source.mkv", "-o", "sub", "--qp", "30", "--codec", "h264")
    assert done.exit_code == 0, done.output
    assert (folder / "sub" / "source.mkv").is_file()
    done = run("in.mp4", "-o", "sub", "--suffix", ".mkv", "--json")
    assert done.exit_code == 0, done.output
    (clip,) = json.loads(done.stdout)["clips"]
    assert (clip["destination"], clip["encoder"]) == ("sub/in.mkv", "ffv1")
    content = (folder / "source.mkv").read_bytes()
    stated = ("-", "-o", "sub", "--qp", "30", "--codec", "h264", "--suffix", ".y4m")
    done = run(*stated, given=content)
    assert done.exit_code == 0, done.output
    assert len(lumas(folder / "sub" / "stdin.y4m")) == COUNT


def test_a_film_that_is_cut_in_a_pipe(folder: Path) -> None:
    film = run("source.mkv", "-o", "-", "--qp", "30", "--codec", "h264").stdout_bytes
    done = run("-", "-o", "out.mkv", "--qp", "30", "--codec", "h264", given=film[:-1])
    assert done.exit_code == 2 and "'-' is cut short" in done.stderr
    assert len(lumas(folder / "out.partial.mkv")) == COUNT - 1
    done = run("-", "-o", "-", "--qp", "30", "--codec", "h264", given=film[:-1])
    assert done.exit_code == 2 and len(done.stdout_bytes) == len(film) * (COUNT - 1) // COUNT + 4


def test_mp4_in_a_pipe_needs_its_index_in_front(folder: Path) -> None:
    done = run("-", "-o", "out.mkv", given=(folder / "in.mp4").read_bytes())
    assert done.exit_code == 2 and done.stderr.count("\n") == 1
    assert (
        "mp4 and mov need their index in front" in done.stderr and not (folder / "out.mkv").exists()
    )
    made_clips.write(folder / "front.mp4", muxer={"movflags": "faststart"})
    done = run("-", "-o", "out.mkv", given=(folder / "front.mp4").read_bytes())
    assert done.exit_code == 0 and len(lumas(folder / "out.mkv")) == COUNT


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["in.mp4"], "-o OUT is missing"),
        (["in.mp4", "source.mkv", "-o", "out"], "one clip alone"),
        (["in.mp4", "-o", "out.png"], "name a clip as the output"),
        (["in.mp4", "-o", "out.266"], "no encoder of VVC"),
        (["in.mp4", "-o", "out.mp4", "--encoder", "libx999"], "'libx999' is none of"),
        (["in.mp4", "-o", "out.webm", "--encoder", "libx264"], "does not take libx264"),
        (["in.mp4", "-o", "out.mkv", "--crf", "20"], "lossless and takes no crf"),
        (["in.mp4", "-o", "out.mp4", "--crf", "63"], "not from 0 to 51"),
        (["in.mp4", "-o", "out.mp4", "--preset", "12"], "preset '12' of libx264 is none of"),
        (["in.mp4", "-o", "out.mkv", "-q", "auto"], "are for pictures"),
        (["in.mp4", "-o", "out.mkv", "--suffix", ".mp4"], "--suffix is of files in a folder"),
        (["in.mp4", "-o", "./", "--suffix", ".avi"], "no container of clips"),
        (["in.mp4", "-o", "out.mkv", "--accept-truncated"], "is for pictures: leave it out"),
        (["in.mp4", "-o", "out.mp4", "--output-quality", "9"], "is for pictures: leave it out"),
        (["in.mp4", "-o", "out.mkv", "-q", "50"], "serves h264 and not jpeg"),
        (["in.mp4", "-o", "-", "--json"], "drop one"),
        (["source.mkv", "-o", "out.mkv"], "does not say how strongly"),
        (["nothing.mp4", "-o", "out.mkv"], "is not there"),
        (["in.mp4", "-o", "no/out.mkv"], "a folder that exists"),
        (["in.mp4", "-o", "out.mkv", "--reference", "none.mkv"], "is not there"),
        (["in.png", "-o", "out.png", "--crf", "20"], "--crf: for clips"),
    ],
)
def test_wrong_use_is_one_line(folder: Path, words: list[str], said: str) -> None:
    before = sorted(folder.iterdir())
    done = run(*words)
    assert done.exit_code == 2
    assert said in done.stderr and done.stderr.startswith("edgeqe: ")
    assert done.stderr.count("\n") == 1
    assert sorted(folder.iterdir()) == before


def test_a_reference_of_another_size_is_refused(folder: Path) -> None:
    made_clips.write(folder / "small.mkv", "ffv1", {}, size=(128, 96), count=2)
    done = run("in.mp4", "-o", "out.mkv", "--reference", "small.mkv")
    assert done.exit_code == 2 and "has frames of 128x96, the clip of 160x96" in done.stderr
    assert not (folder / "out.mkv").exists()


def test_progress() -> None:
    assert progress_line(30, 120, 10.0) == "frame 30 of 120, 3.0 fps, 0:30 left"
    assert progress_line(60, 4000, 1.0) == "frame 60 of 4000, 60.0 fps, 1:06 left"
    assert progress_line(30, 0, 10.0) == "frame 30, 3.0 fps"


def test_the_examples_of_the_page_run_as_written(folder: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    lines = [
        line for block in re.findall(r"```sh\n(.*?)```", text, re.S) for line in block.splitlines()
    ]
    assert len(lines) == 5
    for line in lines:
        given: bytes | None = None
        for command in line.split("|"):
            name, *words = shlex.split(command, comments=True)
            assert name == "edgeqe"
            done = CliRunner().invoke(main, words, input=given)
            assert done.exit_code == 0, (line, done.stderr)
            given = done.stdout_bytes
    for name in ("out.mkv", "out.mp4", "smaller.mp4", "again.mkv", "compared.mkv"):
        assert len(lumas(folder / name)) == COUNT
    (script,) = re.findall(r"```python\n(.*?)```", text, re.S)
    (folder / "example.py").write_text(script, encoding="utf-8")
    names = runpy.run_path(str(folder / "example.py"))
    assert names["last"].shape == (made_clips.HEIGHT, made_clips.WIDTH, 3)


def test_a_dry_run_refuses_what_the_run_would(folder: Path) -> None:
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "cut.mp4").write_bytes((folder / "in.mp4").read_bytes()[:300])
    made_clips.write(folder / "mpeg4.mkv", "mpeg4", {})
    (folder / "there.mkv").write_bytes(b"another file")
    before = sorted(folder.iterdir())
    for words in (
        ("empty.mp4", "-o", "out.mkv"),
        ("cut.mp4", "-o", "out.mkv"),
        ("mpeg4.mkv", "-o", "out.mkv"),
        ("in.mp4", "-o", "out.avi"),
        ("in.mp4", "-o", "there.mkv"),
        ("in.mp4", "-o", "out.mp4", "--crf", "63"),
        ("in.mp4", "-o", "out.mkv", "-m", "edgeqe-nano"),
    ):
        dry, real = run(*words, "--dry-run"), run(*words)
        assert (dry.exit_code, real.exit_code) == (2, 2), words
        assert dry.stderr.count("\n") == 1
    done = run("in.mp4", "-o", "out.mkv", "--dry-run")
    assert done.exit_code == 0 and "would be enhanced" in done.stdout
    assert sorted(folder.iterdir()) == before
