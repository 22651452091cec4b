"""The HEVC intra decoder against FFmpeg, on streams of x265 and files of libheif."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest

pytest.importorskip("av", reason="streams are made and checked by PyAV")
pytest.importorskip("numba", reason="the HEVC decoder needs numba: pip install 'edgeqe[codecs]'")

import av

from edgeqe.codecs.hevc_intra import IntraPicture, decode
from edgeqe.errors import InputError
from tests.hevc_streams import decode_by_ffmpeg, drawn, encode


@pytest.fixture(autouse=True, scope="module")
def with_x265() -> None:
    if "libx265" not in av.codecs_available:
        pytest.skip("this PyAV has no libx265")


def check(stream: bytes) -> list[IntraPicture]:
    """Assert that all planes are FFmpeg's, bit by bit, and that the parts are of the whole."""
    pictures = decode(stream)
    references = decode_by_ffmpeg(stream)
    assert len(pictures) == len(references) > 0
    for picture, reference in zip(pictures, references, strict=True):
        assert len(picture.reconstruction) == len(reference)
        for plane, expected in zip(picture.reconstruction, reference, strict=True):
            assert plane.dtype == expected.dtype
            np.testing.assert_array_equal(plane, expected)
        check_parts(picture)
    return pictures


def check_parts(picture: IntraPicture) -> None:
    """Assert that prediction and residual make the reconstruction, and what the maps hold."""
    highest = (1 << picture.bit_depth) - 1
    for whole, predicted, residual in zip(
        picture.reconstruction, picture.prediction, picture.residual, strict=True
    ):
        assert residual.dtype == np.int16
        assert predicted.dtype == whole.dtype
        added = predicted.astype(int) + residual
        np.testing.assert_array_equal(np.clip(added, 0, highest), whole)
    height, width = picture.reconstruction[0].shape
    assert picture.tu_log2.shape == picture.qp.shape == (-(-height // 4), -(-width // 4))
    assert set(np.unique(picture.tu_log2)) <= {2, 3, 4, 5}


@pytest.mark.parametrize(
    "settings",
    [
        "qp=0",
        "qp=12:ctu=16",
        "qp=22:ctu=32",
        "qp=32:ctu=64",
        "qp=42",
        "qp=51",
        "crf=28:aq-mode=2",
        "crf=20:aq-mode=3:qg-size=8",
        "crf=30:aq-mode=1:qg-size=16",
        "qp=24:tskip=1",
        "qp=30:wpp=0",
        "qp=30:wpp=1:ctu=16",
        "lossless=1",
        "crf=24:cu-lossless=1",
        "qp=27:signhide=0",
        "qp=27:max-tu-size=16",
        "qp=27:max-tu-size=4:ctu=16",
        "qp=27:constrained-intra=1",
        "crf=27:cbqpoffs=5:crqpoffs=-7",
        "qp=27:min-cu-size=16",
        "qp=27:scaling-list=default",
        "qp=27:tu-intra-depth=4:rd=6",
        "qp=35:strong-intra-smoothing=0",
        "crf=27:hrd=1:vbv-maxrate=5000:vbv-bufsize=5000:range=full:colorprim=bt709:sar=2:"
        "overscan=show:chromaloc=2",
    ],
)
def test_x265_is_decoded_as_ffmpeg_decodes_it(settings: str) -> None:
    check(encode(settings))


@pytest.mark.parametrize("settings", ["qp=27", "crf=24:tskip=1", "lossless=1", "qp=0"])
def test_ten_bit(settings: str) -> None:
    (picture,) = check(encode(settings, pixels="yuv420p10le"))
    assert picture.bit_depth == 10
    assert picture.prediction[0].max() > 255


@pytest.mark.parametrize("pixels", ["gray", "gray10le"])
def test_gray(pixels: str) -> None:
    (picture,) = check(encode("qp=30", pixels=pixels))
    assert len(picture.reconstruction) == 1


def test_several_slices() -> None:
    stream = encode("crf=27:slices=4", 320, 272)
    assert stream.count(b"\0\0\1\x28") == 4  # NAL units of kind 20
    check(stream)


def test_several_pictures() -> None:
    pictures = check(encode("qp=30", pictures=3))
    assert len(pictures) == 3
    assert (pictures[0].reconstruction[0] != pictures[1].reconstruction[0]).any()


@pytest.mark.parametrize("size", [(66, 34), (202, 138), (104, 40)])
def test_the_conformance_window_cuts_pictures_off_the_grid_of_blocks(size: tuple[int, int]) -> None:
    width, height = size
    (picture,) = check(encode("qp=30", width, height))
    assert picture.reconstruction[0].shape == (height, width)
    assert picture.residual[1].shape == (height // 2, width // 2)


def test_a_constant_qp_is_that_of_all_blocks() -> None:
    # x265 codes intra pictures at another QP unless ipratio is 1.
    (picture,) = check(encode("qp=33:ipratio=1"))
    assert np.unique(picture.qp).tolist() == [33]


def test_a_flat_picture_has_no_residual() -> None:
    stream = io.BytesIO()
    with av.open(stream, "w", format="hevc") as container:
        video = container.add_stream("libx265", rate=25)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        video.options = {"x265-params": "log-level=none:frame-threads=1:qp=30"}
        # Blocks without neighbours are predicted as half of the range, which is 128.
        frame = av.VideoFrame.from_ndarray(np.full((96, 64), 128, np.uint8), "yuv420p")
        container.mux(video.encode(frame))
        container.mux(video.encode())
    (picture,) = check(stream.getvalue())
    for plane, residual in zip(picture.prediction, picture.residual, strict=True):
        assert (plane == 128).all()
        assert not residual.any()


@pytest.mark.parametrize(
    ("pixels", "name"),
    [("yuv422p", "4:2:2"), ("yuv444p", "4:4:4"), ("yuv420p12le", "12 bit")],
)
def test_other_profiles_are_refused_by_name(pixels: str, name: str) -> None:
    try:
        stream = encode("qp=30", pixels=pixels)
    except av.FFmpegError:
        pytest.skip(f"this x265 does not encode {pixels}")
    with pytest.raises(InputError, match=name):
        decode(stream)


def test_inter_prediction_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="(P|B) slices"):
        decode(encode("qp=30", pictures=2, keyint=10))


def stream_of(heic: bytes) -> bytes:
    """The byte stream of a HEIC file with a single item: parameter sets of hvcC, then mdat."""
    record = heic.index(b"hvcC") + 4
    units = []
    at = record + 23
    for _ in range(heic[record + 22]):
        count = struct.unpack_from(">H", heic, at + 1)[0]
        at += 3
        for _ in range(count):
            size = struct.unpack_from(">H", heic, at)[0]
            units.append(heic[at + 2 : at + 2 + size])
            at += 2 + size
    at = heic.index(b"mdat") + 4
    while at < len(heic):
        size = struct.unpack_from(">I", heic, at)[0]
        units.append(heic[at + 4 : at + 4 + size])
        at += 4 + size
    return b"".join(b"\0\0\1" + unit for unit in units)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("case", [(120, 88, 30), (301, 133, 60), (97, 65, 90), (1, 1, 50)])
def test_heic_files(mode: str, case: tuple[int, int, int]) -> None:
    pillow_heif: Any = pytest.importorskip("pillow_heif", reason="HEIC files are made by it")
    from PIL import Image

    width, height, quality = case
    picture = Image.fromarray(drawn(width, height)).convert(mode)
    file = io.BytesIO()
    pillow_heif.from_pillow(picture).save(file, quality=quality)
    (decoded,) = check(stream_of(file.getvalue()))
    # An odd size is cut by the container, because a 4:2:0 window is even.
    rows, columns = decoded.reconstruction[0].shape
    assert rows >= height and columns >= width
