"""`enhance_frames`: a clip's frames, enhanced, for the caller."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeqe import Enhancer
from edgeqe.codecs.strength import Strength
from edgeqe.errors import ImageError, InputError, MissingImageError
from edgeqe.video import enhance_frames
from edgeqe.video.clip import ClipOptions, enhance_clip
from edgeqe.video.planes import arrays
from tests.video import made_clips
from tests.video.made_clips import HDR_COLOURS, X265, av


def decoded(path: Path) -> list[Any]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


def planes_of(picture: Any, height: int = made_clips.HEIGHT) -> tuple[Any, Any, Any]:
    """Y, U and V of PyAV's array of 4:2:0."""
    half = height // 2, picture.shape[1] // 2
    chroma = picture[height:].reshape(2, *half)
    return picture[:height], chroma[0], chroma[1]


@pytest.mark.parametrize("ten_bits", [False, True])
def test_frames_are_what_the_enhancer_gives_for_them(
    enhancer: Enhancer, tmp_path: Path, ten_bits: bool
) -> None:
    if ten_bits:
        source = made_clips.write(
            tmp_path / "in.mp4", "libx265", X265, form="yuv420p10le", colours=HDR_COLOURS
        )
    else:
        source = made_clips.write(tmp_path / "in.mp4")
    codec, depth = ("hevc", 10) if ten_bits else ("h264", None)
    found = list(enhance_frames(source, enhancer, qp=32, codec=codec, amount=0.7))
    pictures = decoded(source)
    assert len(found) == len(pictures) == made_clips.COUNT
    shown, equal = None, []
    for index, (frame, picture) in enumerate(zip(found, pictures, strict=True)):
        wanted = enhancer.enhance_planes(
            *planes_of(picture), qp=32, codec=codec, amount=0.7, bit_depth=depth
        )
        planes = [plane.copy() for plane in arrays(frame)]
        for number, (plane, other) in enumerate(zip(planes, wanted, strict=True)):
            held = plane != other
            equal.append(1 - held.mean())
            if shown is None:
                assert not held.any()
                continue
            # held where the decoder changed less than a level of 8 bits, and by a level at most
            level = 4 if ten_bits else 1
            here, before = (planes_of(pictures[at])[number] for at in (index, index - 1))
            moved = here.astype(int) - before
            assert np.abs(moved[held]).max(initial=0) < level
            kept = np.clip(shown[number] + moved, 0, 256 * level - 1)
            np.testing.assert_array_equal(plane[held], kept[held])
            assert np.abs(plane.astype(int) - other).max() <= level
        shown = planes
        assert frame.width == made_clips.WIDTH and frame.format.name.startswith("yuv420p")
    assert 0.9 < np.mean(equal) < 1
    times = [round(1000 * frame.pts * frame.time_base) for frame in found]
    assert times == [40 * index for index in range(made_clips.COUNT)]


def test_each_frame_is_enhanced_near_its_own_strength(enhancer: Enhancer, tmp_path: Path) -> None:
    source = made_clips.write(tmp_path / "in.mp4")
    found = [planes_of(frame.to_ndarray())[0] for frame in enhance_frames(source, enhancer)]
    pictures = [planes_of(picture) for picture in decoded(source)]
    before: Any = -1
    for ours, planes in zip(found, pictures, strict=True):
        changed = planes[0] != before  # what the decoder left as it was may be held
        assert changed.mean() > 0.1
        # the QPs of the clip are 29 to 34: one of these strengths, in halves of a QP, was taken
        assert any(
            np.array_equal(
                ours[changed], enhancer.enhance_planes(*planes, qp=qp, codec="h264")[0][changed]
            )
            for qp in np.arange(29, 34.5, 0.5)
        )
        before = planes[0]


def test_reuse_gives_the_same_bytes_at_one_strength(enhancer: Enhancer, tmp_path: Path) -> None:
    """Frames that come twice are computed once; the report of the command says how much it was."""
    source = tmp_path / "twice.y4m"
    frames = [made_clips.planes(index // 2) for index in range(8)]
    pictures = b"".join(b"FRAME\n" + b"".join(map(np.ndarray.tobytes, one)) for one in frames)
    source.write_bytes(b"YUV4MPEG2 W160 H96 F25:1 C420\n" + pictures)
    exact, off = (
        [frame.to_ndarray() for frame in enhance_frames(source, enhancer, qp=32, reuse=reuse)]
        for reuse in ("exact", "off")
    )
    assert len(exact) == 8
    np.testing.assert_array_equal(exact, off)
    for reuse, share in (("exact", 4 / 8), ("off", 0.0)):
        out, wanted = tmp_path / f"{reuse}.mkv", ClipOptions(Strength(20.0, "h264"), reuse=reuse)
        report = enhance_clip(str(source), str(out), enhancer, wanted)
        assert (report.reuse, report.reused) == (reuse, share)
    with pytest.raises(InputError, match="reuse 'some'"):
        next(enhance_frames(source, enhancer, qp=32, reuse="some"))


def test_motion_jpeg_by_the_shipped_model_gets_better(tmp_path: Path) -> None:
    options = {"qmin": "28", "qmax": "28"}
    source = made_clips.write(
        tmp_path / "in.mov", "mjpeg", options, form="yuvj420p", full_range=True, count=4
    )
    pictures = decoded(source)
    with Enhancer("edgeqe-nano", threads=1) as nano:
        found = list(enhance_frames(source, nano))
    assert len(found) == 4
    for index, (frame, picture) in enumerate(zip(found, pictures, strict=True)):
        assert (frame.format.name, int(frame.color_range)) == ("yuv420p", 2)
        wanted = made_clips.planes(index)[0].astype(float)
        before = np.mean((picture[: made_clips.HEIGHT] - wanted) ** 2)
        after = np.mean((arrays(frame)[0] - wanted) ** 2)
        assert 10 * np.log10(before / after) > 0.1  # dB; some 0.2 with MPEG's table


def test_gray_and_film_without_coding(enhancer: Enhancer, tmp_path: Path) -> None:
    luma = made_clips.planes(0)[0]
    film = b"YUV4MPEG2 W160 H96 F25:1 Cmono\nFRAME\n" + luma.tobytes()
    (frame,) = enhance_frames(io.BytesIO(film), enhancer, qp=30)
    np.testing.assert_array_equal(arrays(frame)[0], enhancer.enhance(luma, qp=30))
    with pytest.raises(InputError, match="does not say how strongly"):
        list(enhance_frames(io.BytesIO(film), enhancer))


def test_a_generator_that_is_closed_early_leaves_no_thread(
    enhancer: Enhancer, tmp_path: Path
) -> None:
    source = made_clips.write(tmp_path / "in.mp4")
    before = set(threading.enumerate())
    frames: Any = enhance_frames(source, enhancer)
    next(frames)
    assert set(threading.enumerate()) - before
    frames.close()
    assert set(threading.enumerate()) <= before


def test_the_models_card_decides(tmp_path: Path) -> None:
    source = made_clips.write(tmp_path / "in.mp4")
    with Enhancer("edgeqe-nano", threads=1) as nano:
        with pytest.raises(InputError, match="serves jpeg and not h264"):
            next(enhance_frames(source, nano))


def test_what_is_no_clip_is_refused(enhancer: Enhancer, tmp_path: Path) -> None:
    def first(name: str, content: bytes) -> None:
        path = tmp_path / name
        path.write_bytes(content)
        next(enhance_frames(path, enhancer))

    with pytest.raises(MissingImageError, match="nowhere"):
        next(enhance_frames(tmp_path / "nowhere.mp4", enhancer))
    with pytest.raises(ImageError, match="0 bytes"):
        first("a.mp4", b"")
    for content in (bytes(500), b"#EXTM3U\nfile:///etc/hostname\n", b"ffconcat version 1.0\n"):
        with pytest.raises(ImageError, match="no clip of a known kind"):
            first("b.mp4", content)
    for name, content in (
        ("c.mp4", b"\0\0\0\x18ftypisom" + bytes(200)),
        ("c.mkv", b"\x1a\x45\xdf\xa3" + bytes(200)),
        ("c.ts", b"G" + bytes(187) + b"G" + bytes(187)),
        ("c.h264", b"\0\0\0\1\x67" + bytes(200)),
        ("c.hevc", b"\0\0\0\1\x40\1" + bytes(200)),
        ("c.y4m", b"YUV4MPEG2 W-1 H5\n"),
    ):
        with pytest.raises(ImageError):
            first(name, content)


def test_the_largest_frame_is_limited(enhancer: Enhancer, tmp_path: Path) -> None:
    source = made_clips.write(tmp_path / "in.mp4", count=2)
    with pytest.raises(ImageError, match="160x96"):
        next(enhance_frames(source, enhancer, pixel_limit=10_000))
