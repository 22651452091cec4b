"""Strengths of pictures, from the packets of clips, matched to frames by the decoder."""

import math
from pathlib import Path
from typing import Any

import pytest

from edgeqe.codecs import av1
from edgeqe.codecs.strength import step_from_qp, step_from_quality
from edgeqe.video.reading import ClipFrame, ClipReader
from tests.video import made_clips
from tests.video.made_clips import X264, X265, av

#: x264 and x265 at QP 32: I pictures a factor of 1.4 finer, B pictures one of 1.3 coarser; B
#: pictures that others refer to lie between.
BY_TYPE = {
    "I": {round(32 - 6 * math.log2(1.4))},
    "P": {32},
    "B": {round(32 + 6 * math.log2(1.3)), 33},
}


def pictures(path: Path) -> list[ClipFrame]:
    clip = ClipReader(str(path), str(path), pixel_limit=2**20)
    try:
        return [item for item in clip.items() if isinstance(item, ClipFrame)]
    finally:
        clip.close()


@pytest.mark.parametrize(
    ("name", "encoder", "options"),
    [
        ("a.mp4", "libx264", X264),
        ("a.ts", "libx264", X264),
        ("a.mkv", "libx264", {**X264, "x264-params": X264["x264-params"] + ":slices=3"}),
        ("a.h264", "libx264", X264),
        ("a.mp4", "libx265", X265),
        ("a.hevc", "libx265", X265),
    ],
)
def test_each_frame_has_its_own_qp(
    name: str, encoder: str, options: dict[str, str], tmp_path: Path
) -> None:
    form = "yuv420p10le" if encoder == "libx265" else "yuv420p"
    found = pictures(made_clips.write(tmp_path / name, encoder, options, form=form))
    assert len(found) == made_clips.COUNT
    kinds = set()
    for picture in found:
        kind = av.video.frame.PictureType(picture.frame.pict_type).name
        kinds.add(kind)
        assert picture.strength is not None
        assert picture.strength.number in BY_TYPE[kind], kind
        assert picture.strength.step == pytest.approx(
            2 ** ((picture.strength.number - 4) / 6), rel=1e-12
        )
    assert kinds == {"I", "P", "B"}
    times = [picture.frame.pts for picture in found]
    assert times == sorted(set(times))


def test_frames_of_av1_that_came_hidden_have_their_own_index(tmp_path: Path) -> None:
    options = {"preset": "10", "crf": "40", "svtav1-params": "keyint=16:lp=1"}
    path = made_clips.write(tmp_path / "a.mkv", "libsvtav1", options)
    found = pictures(path)
    assert len(found) == made_clips.COUNT
    coded: list[float] = []
    shown_again = 0
    frames = av1.Av1Frames()
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            units = list(av1.split(bytes(packet)))
            for kind, payload in units:
                frames.take(kind, payload)
            kinds = [kind for kind, _ in units]
            if packet.size and av1.FRAME not in kinds:
                shown_again += 1
            coded += frames.indices
            frames.indices.clear()
    assert shown_again > 0  # else the clip shows nothing of it
    numbers = [picture.strength.number for picture in found if picture.strength]
    # every coded frame is shown once, so in another order the indices are the same
    assert sorted(numbers) == sorted(coded)


def test_what_a_frame_shows_is_known_from_what_was_coded_before_it(tmp_path: Path) -> None:
    """B pictures are displayed before the P picture that they refer to, and coded after it."""
    found = pictures(made_clips.write(tmp_path / "a.mkv", "libx264", X264))
    strengths = [picture.strength for picture in found]
    for index, one in enumerate(strengths):
        assert one is not None and one.shown_step is not None
        kind = found[index].frame.pict_type
        if kind == av.video.frame.PictureType.I:
            assert one.shown_step == pytest.approx(one.step, rel=1e-12)
        else:
            assert step_from_qp(29) < one.shown_step < step_from_qp(34)
    places = [one.place for one in strengths if one is not None]
    assert sorted(places) == list(range(1, made_clips.COUNT + 1))
    assert places[:5] == [
        1,
        4,
        3,
        5,
        2,
    ]  # I B b B P: the middle one of the B pictures is referred to
    with_mp4 = pictures(made_clips.write(tmp_path / "a.mp4", "libx264", X264))
    assert [one.strength for one in with_mp4] == strengths  # whatever the container says of it


def test_motion_jpeg_has_the_quality_of_its_pictures(tmp_path: Path) -> None:
    path = made_clips.write(
        tmp_path / "a.mov", "mjpeg", {"qmin": "6", "qmax": "6"}, form="yuvj420p", full_range=True
    )
    found = pictures(path)
    steps = {picture.strength and picture.strength.step for picture in found}
    assert len(steps) == 1
    (step,) = steps
    # FFmpeg has MPEG's intra matrix, scaled by 6 / 8: of the IJG's tables that of quality 81 has
    # the least absolute difference from it, found by trying them all; its own first entries are 0.75
    # times a mean of 21, so a third of the step's logarithm is that of 15.8
    assert step == pytest.approx(step_from_quality(81) ** (2 / 3) * 15.8 ** (1 / 3), rel=0.05)


def test_a_damaged_header_says_nothing_and_does_not_raise(tmp_path: Path) -> None:
    from edgeqe.video.strengths import StrengthReader

    for codec in ("h264", "hevc", "vvc", "av1", "jpeg"):
        reader: Any = StrengthReader(codec)
        assert reader.read(b"") is None
        assert reader.read(b"\0\0\1\x65" + bytes(40)) is None
        assert reader.read(b"\x12\0\x0a\xff\xff") is None
