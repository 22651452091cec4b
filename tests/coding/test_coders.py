"""Every encoder: its layouts, its strength, the same bytes again, and what it refuses."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgeqe.codecs import bpg
from edgeqe.codecs.hevc_nal import SPS, VPS, unit_kind
from edgeqe.codecs.nal import split_annex_b
from edgeqe.coding import CODECS, Coder, Frame, Layout, coder, pyav
from edgeqe.coding.bpg import BpgCoder
from edgeqe.coding.video import HevcCoder
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


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("layout", [Layout.GRAY, Layout.YUV420])
@pytest.mark.parametrize("size", [(64, 96), (97, 129)])
def test_a_bpg_holds_the_stream_of_x265(
    layout: Layout, bits: int, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    made("bpg")
    encoder = BpgCoder()
    whole = frame_of(layout, bits)
    half = (size[0] + 1) // 2, (size[1] + 1) // 2
    sizes = [size, half, half]
    planes = tuple(
        np.ascontiguousarray(plane[:rows, :columns])
        for plane, (rows, columns) in zip(whole.planes, sizes, strict=False)
    )
    frame = Frame(layout, planes, bits)
    streams: list[bytes] = []
    encode = HevcCoder.encode

    def kept(self: HevcCoder, frame: Frame, value: float) -> bytes:
        streams.append(encode(self, frame, value))
        return streams[-1]

    monkeypatch.setattr(HevcCoder, "encode", kept)
    for qp in (3, 30, 51):
        data = encoder.encode(frame, qp)
        file, (stream,) = bpg.read(data), streams
        streams.clear()
        assert (file.width, file.height, file.bit_depth) == (size[1], size[0], bits)
        assert bpg.strength(data).number == qp
        # the same units but VPS and SPS, which the container leaves out, and the same samples
        assert units(file.stream) == units(stream)
        decoded = encoder.decode(data)
        (reference,) = pyav.decode("hevc", [stream])
        assert (decoded.layout, decoded.bit_depth, decoded.size) == (layout, bits, size)
        for plane, expected in zip(decoded.planes, reference.planes, strict=True):
            np.testing.assert_array_equal(plane, expected[: plane.shape[0], : plane.shape[1]])


def units(stream: bytes) -> list[bytes]:
    return [unit for unit in split_annex_b(stream) if unit_kind(unit) not in (VPS, SPS)]


def test_alpha_and_metadata_of_a_bpg_come_back() -> None:
    made("bpg")
    frame = frame_of(Layout.YUV420)
    alpha = np.ascontiguousarray(frame.planes[0][::-1])
    chunks = ((bpg.EXIF, b"exif"), (bpg.ICC_PROFILE, b"p" * 500), (bpg.XMP, b"<x/>"), (77, b""))
    data = BpgCoder().encode_file(
        frame, 20, alpha=alpha, extensions=chunks, color_space=3, limited_range=True
    )
    file = bpg.read(data)
    assert (file.color_space, file.limited_range, file.premultiplied) == (3, True, False)
    assert file.extensions == chunks
    (found,) = pyav.decode("hevc", [file.alpha])
    assert psnr(found.planes[0].astype(np.float32), alpha.astype(np.float32)) > 35.0
    (colour,) = pyav.decode("hevc", [file.stream])
    assert psnr(colour.planes[0].astype(np.float32), luma_of(frame)) > 35.0
    for size in range(0, len(data), 101):
        with pytest.raises(ImageError, match="damaged or cut short"):
            bpg.read(data[:size])
    with pytest.raises(InputError, match="alpha has shape"):
        BpgCoder().encode_file(frame, 20, alpha=alpha[1:])
    gray = frame_of(Layout.GRAY)
    stream = HevcCoder().encode(gray, 30)
    colours = HevcCoder().encode(frame, 30)
    with pytest.raises(InputError, match="does not go with colours"):
        bpg.write(stream, WIDTH, HEIGHT, alpha=colours)


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
