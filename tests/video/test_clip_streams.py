"""What a clip carries beside its pictures, before and after."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeqe import Enhancer
from edgeqe.errors import InputError
from edgeqe.video.clip import ClipOptions, enhance_clip
from edgeqe.video.encoders import Encoding
from edgeqe.video.hdr import hdr_of
from edgeqe.video.report import ClipReport
from tests.video import made_clips
from tests.video.made_clips import HDR_COLOURS, X264, X265, av, listing

USUAL = Encoding()
FAST = Encoding(preset="ultrafast")
#: Milliseconds of AAC's first packet, which lies before 0 and which Matroska cannot hold there.
AAC_DELAY = round(1000 * 1024 / made_clips.SOUND_RATE)


def run(
    enhancer: Enhancer, source: Path, destination: Path, encoding: Encoding = USUAL
) -> ClipReport:
    wanted = ClipOptions(encoding=encoding)
    return enhance_clip(str(source), str(destination), enhancer, wanted)


def moved(listed: dict[str, Any], milliseconds: int) -> dict[str, Any]:
    """A listing with all of its times later."""
    for stream in listed["streams"]:
        if "times" in stream:
            stream["duration"] = None
            stream["times"] = [time + milliseconds for time in stream["times"]]
        else:
            stream["packets"] = [(time + milliseconds, kept) for time, kept in stream["packets"]]
    return listed


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_h264_with_sound_subtitles_chapters_and_rotation(
    enhancer: Enhancer, tmp_path: Path, suffix: str
) -> None:
    source = made_clips.write(
        tmp_path / f"in{suffix}", sound="aac", subtitles="mov_text", chapters=True, rotation=90,
        aspect=Fraction(4, 3),
    )  # fmt: skip
    before = listing(source)
    assert before["streams"][0]["rotation"] == 90 and before["chapters"]
    report = run(enhancer, source, tmp_path / f"out{suffix}", FAST)
    assert listing(tmp_path / f"out{suffix}") == before
    assert (report.encoder, report.frames, report.left_out) == ("libx264", made_clips.COUNT, ())
    assert report.codec == "h264" and report.scale == "qp"
    # I, P and B of x264 at QP 32 with its factors 1.4 and 1.3; each frame counts once
    assert {number for number, _ in report.numbers} == {29.0, 32.0, 33.0, 34.0}
    assert sum(count for _, count in report.numbers) == made_clips.COUNT


def test_full_range_stays_full_range_and_turned(enhancer: Enhancer, tmp_path: Path) -> None:
    source = made_clips.write(tmp_path / "in.mp4", full_range=True, rotation=270)
    run(enhancer, source, tmp_path / "out.mp4", FAST)
    before = listing(source)
    assert before["streams"][0]["range"] == 2
    assert listing(tmp_path / "out.mp4") == before


def test_matroska_keeps_everything_without_loss(enhancer: Enhancer, tmp_path: Path) -> None:
    source = made_clips.write(
        tmp_path / "in.mkv", sound="libopus", subtitles="subrip", chapters=True, rotation=180
    )
    report = run(enhancer, source, tmp_path / "out.mkv")
    assert listing(tmp_path / "out.mkv") == listing(source)
    assert report.encoder == "ffv1" and not report.left_out


def test_mp4_into_matroska_is_later_by_the_delay_of_its_sound(
    enhancer: Enhancer, tmp_path: Path
) -> None:
    source = made_clips.write(tmp_path / "in.mp4", sound="aac", chapters=True)
    run(enhancer, source, tmp_path / "out.mkv")
    found, wanted = listing(tmp_path / "out.mkv"), moved(listing(source), AAC_DELAY)
    for one, other in zip(found["streams"], wanted["streams"], strict=True):
        if "packets" in one:  # milliseconds, rounded once more
            times = np.array(
                [[a[0], b[0]] for a, b in zip(one.pop("packets"), other["packets"], strict=True)]
            )
            assert np.abs(np.diff(times)).max() <= 1
            other.pop("packets")
    assert found == wanted


def test_webm_from_matroska(enhancer: Enhancer, tmp_path: Path) -> None:
    source = made_clips.write(tmp_path / "in.mkv", sound="libopus")
    report = run(enhancer, source, tmp_path / "out.webm", Encoding(preset="12"))
    assert listing(tmp_path / "out.webm") == listing(source)
    assert report.encoder == "libsvtav1"


def test_transport_streams(enhancer: Enhancer, tmp_path: Path) -> None:
    source = made_clips.write(tmp_path / "in.ts", sound="aac")
    run(enhancer, source, tmp_path / "out.ts", FAST)
    assert listing(tmp_path / "out.ts") == listing(source)


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("out.mp4", FAST),
        ("out.mkv", Encoding()),
        ("out.mp4", Encoding("libx264", preset="ultrafast")),
        ("out.mp4", Encoding("libsvtav1", preset="12")),
    ],
)
def test_ten_bits_with_hdr10(
    enhancer: Enhancer, tmp_path: Path, name: str, encoding: Encoding
) -> None:
    source = made_clips.write(
        tmp_path / "in.mp4", "libx265", X265, form="yuv420p10le", colours=HDR_COLOURS
    )
    report = run(enhancer, source, tmp_path / name, encoding)
    assert report.encoder == (encoding.encoder or ("ffv1" if name.endswith("mkv") else "libx265"))
    metadata = []
    for path in (source, tmp_path / name):
        with av.open(str(path)) as container:
            metadata.append(hdr_of(next(container.decode(video=0))))
    # as X265 states it; SVT-AV1 keeps fixed points of 16 and 14 bits
    primaries = (0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
    for found in metadata:
        np.testing.assert_allclose(found.primaries, primaries, atol=2**-16)
        np.testing.assert_allclose(found.white, (0.3127, 0.329), atol=2**-16)
        np.testing.assert_allclose(found.luminance, (0.005, 1000.0), atol=2**-14)
        assert found.light_level == (1000, 400)
    before, after = listing(source), listing(tmp_path / name)
    for listed in (before, after):
        (stream,) = listed["streams"]
        stream.pop("side data")
        if name.endswith("mkv"):
            stream["duration"] = None
    assert before["streams"][0]["colours"] == HDR_COLOURS and before["streams"][0]["bits"] == 10
    assert after == before


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_times_that_vary(enhancer: Enhancer, tmp_path: Path, name: str) -> None:
    times = np.cumsum([5, 10, 25, 65, 40, 40, 40, 80, 10, 40] * 2).tolist()
    source = made_clips.write(tmp_path / "in.mp4", times=times)
    run(enhancer, source, tmp_path / name, FAST if name.endswith("mp4") else Encoding())
    (stream,) = listing(tmp_path / name)["streams"]
    assert stream["times"] == times


def test_a_last_frame_that_stays_long_does(enhancer: Enhancer, tmp_path: Path) -> None:
    coded = made_clips.write(
        tmp_path / "coded.mp4", options={**X264, "x264-params": "bframes=0:threads=1"}
    )
    source = tmp_path / "in.mp4"
    with av.open(str(coded)) as given, av.open(str(source), "w") as output:
        stream = output.add_stream_from_template(given.streams.video[0])
        packets = [packet for packet in given.demux(video=0) if packet.size]
        packets[-1].duration = round(2 / packets[-1].time_base)
        for packet in packets:
            packet.stream = stream
            output.mux(packet)
    run(enhancer, source, tmp_path / "out.mkv")
    with av.open(str(source)) as before, av.open(str(tmp_path / "out.mkv")) as after:
        assert before.duration == after.duration == (made_clips.COUNT - 1) * 40_000 + 2_000_000


def test_a_duration_of_frames_that_are_coded_in_another_order(
    enhancer: Enhancer, tmp_path: Path
) -> None:
    times = np.cumsum([5, 10, 25, 65, 40, 40, 40, 80, 10, 40] * 2).tolist()
    source = made_clips.write(tmp_path / "in.mp4", times=times)
    run(enhancer, source, tmp_path / "out.mp4", FAST)
    (stream,) = listing(tmp_path / "out.mp4")["streams"]
    assert stream["duration"] == listing(source)["streams"][0]["duration"]


def test_full_range_in_matroska_keeps_its_aspect(enhancer: Enhancer, tmp_path: Path) -> None:
    ffmpeg = pytest.importorskip(
        "imageio_ffmpeg", reason="FFV1 has it in frames, where PyAV is blind"
    )
    source = made_clips.write(tmp_path / "in.mp4", full_range=True, aspect=Fraction(4, 3))
    report = run(enhancer, source, tmp_path / "out.mkv")
    command = [ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(tmp_path / "out.mkv")]
    film = subprocess.run(
        [*command, "-f", "yuv4mpegpipe", "-"], capture_output=True, check=True
    ).stdout
    header = film.partition(b"\n")[0].split()
    assert b"A4:3" in header and b"XCOLORRANGE=FULL" in header
    assert not report.left_out


def test_raw_streams_in_and_out(enhancer: Enhancer, tmp_path: Path) -> None:
    source = made_clips.write(tmp_path / "in.h264")
    report = run(enhancer, source, tmp_path / "out.hevc", FAST)
    assert (report.encoder, report.frames) == ("libx265", made_clips.COUNT)
    run(enhancer, tmp_path / "out.hevc", tmp_path / "again.mp4", FAST)
    (stream,) = listing(tmp_path / "again.mp4")["streams"]
    assert stream["times"] == [40 * index for index in range(made_clips.COUNT)]


def test_what_a_container_has_no_place_for_is_named(enhancer: Enhancer, tmp_path: Path) -> None:
    source = made_clips.write(tmp_path / "in.mp4", sound="aac", chapters=True, rotation=90)
    report = run(enhancer, source, tmp_path / "out.ts", FAST)
    assert set(report.left_out) == {"2 chapters", "tags title", "rotation by 90 degrees"}
    report = run(enhancer, source, tmp_path / "out.h264", FAST)
    assert "audio aac" in report.left_out


def test_sound_that_does_not_fit_is_refused_and_nothing_is_written(
    enhancer: Enhancer, tmp_path: Path
) -> None:
    source = made_clips.write(tmp_path / "in.mp4", sound="aac")
    with pytest.raises(InputError, match="audio aac of .* does not fit"):
        run(enhancer, source, tmp_path / "out.webm", Encoding(preset="12"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4"]


@pytest.mark.parametrize(
    ("form", "encoder", "options", "said"),
    [
        ("yuv422p", "libx264", X264, "yuv422p"),
        ("yuv444p10le", "libx264", X264, "yuv444p10le"),
        ("yuv420p", "libx264", {**X264, "flags": "+ildct"}, "interlaced"),
    ],
)
def test_other_frames_are_refused_by_name(
    enhancer: Enhancer,
    tmp_path: Path,
    form: str,
    encoder: str,
    options: dict[str, str],
    said: str,
) -> None:
    if said == "interlaced":
        words = options["x264-params"] + ":interlaced=1"
        options = {"qp": "32", "x264-params": words}
    source = made_clips.write(tmp_path / "in.mkv", encoder, options, form=form)
    with pytest.raises(InputError, match=said):
        run(enhancer, source, tmp_path / "out.mkv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv"]
