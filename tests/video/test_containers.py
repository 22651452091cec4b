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
        demuxer_of(io.BytesIO(b"YUV4MPEG2 " + header + b"FRAME\n"), "a.y4m")
    assert part in str(caught.value)


@pytest.mark.parametrize(
    "header",
    [b"W16 H8 F25:1 Ip A1:1 C420jpeg\n", b"F25:1 X" + b"a" * HEAD + b" W16 H8\n", b"F25:1 H8 W"],
)
def test_a_header_with_a_size_or_more_to_come_is_taken(header: bytes) -> None:
    assert demuxer_of(io.BytesIO(b"YUV4MPEG2 " + header), "a.y4m") == "yuv4mpegpipe"
