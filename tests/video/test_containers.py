"""What a clip's first bytes say of it."""

from __future__ import annotations

import io

import pytest

from edgeqe.errors import ImageError
from edgeqe.video.containers import HEAD, demuxer_of


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (b"W0 H16 F25:1\n", "its width in pixels, as W640: it states '0'"),
        (b"W16 H-4 F25:1\n", "its height in pixels, as H640: it states '-4'"),
        (b"H16 F25:1\n", "its width in pixels, as W640: it states none"),
    ],
)
def test_a_y4m_film_without_a_size_is_refused_by_its_header(header: bytes, part: str) -> None:
    with pytest.raises(ImageError, match="'a.y4m' is a y4m film") as caught:
        demuxer_of(io.BytesIO(b"YUV4MPEG2 " + header + b"FRAME\n"), "a.y4m", pixel_limit=2**20)
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("header", "limit", "part"),
    [
        (b"W1024 H1025 F25:1\n", 2**20, "1024x1025, above the limit of 1.04858 megapixels"),
        (b"W30000 H30000 F25:1\n", 10**12, "30000x30000, and FFmpeg takes no more than 268 mega"),
    ],
)
def test_a_y4m_film_of_huge_frames_is_refused_by_their_size(
    header: bytes, limit: int, part: str
) -> None:
    with pytest.raises(ImageError, match="'a.y4m' has frames of") as caught:
        demuxer_of(io.BytesIO(b"YUV4MPEG2 " + header + b"FRAME\n"), "a.y4m", pixel_limit=limit)
    assert part in str(caught.value)


@pytest.mark.parametrize("side", [16255, 16256])
def test_ffmpeg_takes_frames_as_large_as_we_say_and_no_larger(side: int) -> None:
    av = pytest.importorskip("av", reason="clips need PyAV")
    film = io.BytesIO(b"YUV4MPEG2 W%d H%d F25:1 Cmono\n" % (side, side))
    if side == 16255:
        assert demuxer_of(film, "a.y4m", pixel_limit=2**40) == "yuv4mpegpipe"
        av.open(film, format="yuv4mpegpipe").close()
    else:
        with pytest.raises(ImageError, match="FFmpeg takes"):
            demuxer_of(film, "a.y4m", pixel_limit=2**40)
        with pytest.raises((av.FFmpegError, OSError)):
            av.open(film, format="yuv4mpegpipe")


@pytest.mark.parametrize(
    "header",
    [b"W16 H8 F25:1 Ip A1:1 C420jpeg\n", b"F25:1 X" + b"a" * HEAD + b" W16 H8\n", b"F25:1 H8 W"],
)
def test_a_header_with_a_size_or_more_to_come_is_taken(header: bytes) -> None:
    film = io.BytesIO(b"YUV4MPEG2 " + header)
    assert demuxer_of(film, "a.y4m", pixel_limit=128) == "yuv4mpegpipe"
