"""Every encoder: its layouts, its strength, the same bytes again, and what it refuses."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgeqe.coding import CODECS, Coder, Frame, Layout, coder
from edgeqe.errors import ImageError, InputError
from edgeqe.metrics import psnr
from tests.reference import photograph

HEIGHT, WIDTH = 98, 130


def made(codec: str) -> Coder:
    """Encoder, or a skip where its package is missing."""
    if codec not in ("jpeg", "jpeg2000"):
        pytest.importorskip("av")
    if codec == "vvc":
        pytest.importorskip("imageio_ffmpeg")
    return coder(codec)


def frame_of(layout: Layout, bits: int = 8) -> Frame:
    """A photograph as an encoder takes it."""
    rgb = photograph("coffee", 100, 200, HEIGHT, WIDTH)
    luma: npt.NDArray[Any] = rgb[..., 1]
    if layout is Layout.RGB:
        return Frame(layout, (np.repeat(luma[..., None], 3, axis=2),))  # so that G is the luma
    if bits > 8:
        luma = luma.astype(np.uint16) << (bits - 8)
    if layout is Layout.GRAY:
        return Frame(layout, (luma,), bits)
    half = np.ascontiguousarray(rgb[::2, ::2, (0, 2)])
    chroma = [half[..., k].astype(luma.dtype) << (bits - 8) for k in (0, 1)]
    return Frame(layout, (luma, *chroma), bits)


def luma_of(frame: Frame) -> npt.NDArray[np.float32]:
    first = frame.in_eight_bits()[0]
    return first[..., 1] if first.ndim == 3 else first


@pytest.mark.parametrize("codec", CODECS)
def test_finer_strengths_give_more_bytes_and_a_nearer_picture(codec: str) -> None:
    encoder = made(codec)
    for layout in encoder.layouts:
        frame = frame_of(layout)
        sizes, nearness = [], []
        # a rate is of all three components, the usual ones are of one
        scale = 3 if encoder.unit == "rate" and layout is Layout.RGB else 1
        for value in (scale * encoder.points[0], scale * encoder.points[-1]):
            data = encoder.encode(frame, value)
            decoded = encoder.decode(data)
            assert decoded.size == (HEIGHT, WIDTH)
            sizes.append(len(data))
            nearness.append(psnr(luma_of(frame), luma_of(decoded)))
            assert encoder.encode(frame, value) == data  # the same bytes at every call
        fine = int(sizes[1] > sizes[0])
        assert sizes[fine] > 1.5 * sizes[1 - fine]
        assert nearness[fine] > nearness[1 - fine] + 3.0 and min(nearness) > 18.0


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_clip_of_low_delay_takes_fewer_bytes_than_single_pictures(codec: str) -> None:
    encoder: Any = made(codec)
    frames = [frame_of(Layout.YUV420)] * 3
    intra = encoder.encode_clip(frames, 32, intra=True)
    inter = encoder.encode_clip(frames, 32, intra=False)
    assert sum(map(len, inter)) < 0.6 * sum(map(len, intra))
    for packets in (intra, inter):
        decoded = encoder.decode_clip(packets)
        assert len(decoded) == 3
        assert all(psnr(luma_of(frames[0]), luma_of(one)) > 28.0 for one in decoded)


def test_streams_hold_no_words() -> None:
    for codec, words in (("h264", b"x264"), ("hevc", b"x265")):
        encoder = made(codec)
        assert words not in encoder.encode(frame_of(encoder.layouts[-1]), 37)


def test_ten_bits_stay_ten_bits() -> None:
    encoder = made("hevc")
    frame = frame_of(Layout.YUV420, bits=10)
    decoded = encoder.decode(encoder.encode(frame, 12))
    assert decoded.bit_depth == 10 and decoded.planes[0].dtype == np.uint16
    # at QP 12 an error of some levels of 1023; read as 8 bits it would be hundreds
    assert np.abs(decoded.planes[0].astype(int) - frame.planes[0]).max() < 40


def test_settings_name_encoder_and_version() -> None:
    for codec in CODECS:
        found = made(codec).settings()
        assert set(found) == {"encoder", "version", "settings"} and all(found.values())


def test_what_cannot_be_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no encoder of codec 'mpeg2' here: there are jpeg"):
        coder("mpeg2")
    encoder = made("hevc")
    with pytest.raises(
        ImageError, match="the decoder hevc (refuses|finds no picture in) the stream"
    ):
        encoder.decode(b"\x00\x00\x01\x26" + bytes(range(200)))
    with pytest.raises(InputError, match="does not take 130x98 frames of rgb"):
        encoder.encode(frame_of(Layout.RGB), 30)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match=r"PyAV is not installed .*pip install 'edgeqe\[codecs\]'"):
        encoder.encode(frame_of(Layout.GRAY), 30)
