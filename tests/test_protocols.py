"""The coding protocols: one meaning each, against Pillow and the device's own front ends."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgeqe import Enhancer
from edgeqe.codecs import jpeg
from edgeqe.codecs.strength import step_from_quality
from edgeqe.coding import RatePoint
from edgeqe.errors import InputError
from edgeqe.files.enhance import enhance_file
from edgeqe.metrics import psnr
from edgeqe.model.file import ModelFile
from edgeqe.protocols import (
    CodingProtocol,
    ReferencePicture,
    compress,
    compress_low_delay,
    protocols_of,
    protocols_with,
)
from edgeqe.quantization.drift.reference_inference import ReferenceInference
from tests import small_models
from tests.reference import photograph

Array = npt.NDArray[Any]


class Halved:
    """A network that halves its samples' distance to 128."""

    def __init__(self, takes_planes: bool) -> None:
        self.takes_planes = takes_planes

    def enhance(self, image: Array, /, *, step: float, codec: str) -> Array:
        return (image.astype(np.int16) // 2 + 64).astype(np.uint8)

    def enhance_planes(
        self, y: Array, u: Array, v: Array, /, *, step: float, codec: str
    ) -> tuple[Array, Array, Array]:
        y, u, v = (self.enhance(plane, step=step, codec=codec) for plane in (y, u, v))
        return y, u, v


@pytest.fixture
def rgb() -> npt.NDArray[np.uint8]:
    return photograph("astronaut", 40, 90, 46, 61)


def test_members_are_their_names() -> None:
    assert [str(protocol) for protocol in CodingProtocol] == ["gray", "planes", "rgb"]
    assert json.dumps([*CodingProtocol]) == '["gray", "planes", "rgb"]'
    assert f"{CodingProtocol.RGB:>5}" == "  rgb"
    assert all(protocol.meaning for protocol in CodingProtocol)


def test_names_in_the_order_that_is_asked_for() -> None:
    assert protocols_of(["rgb", "gray", "rgb"]) == (CodingProtocol.RGB, CodingProtocol.GRAY)
    assert protocols_of([]) == ()
    with pytest.raises(InputError, match=r"'yuv' is not known: give one of gray, planes, rgb\.$"):
        protocols_of(["yuv"])
    with pytest.raises(InputError, match="colour is planes, what bench measured, or rgb"):
        protocols_of(["colour"])


def test_rgb_is_what_pillow_shows(rgb: npt.NDArray[np.uint8]) -> None:
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", quality=30, subsampling=2)
    with Image.open(stream) as opened:
        shown = np.asarray(opened)
    coded = compress(ReferencePicture("p", rgb), CodingProtocol.RGB, 30)
    assert coded.data == stream.getvalue()
    assert coded.step == step_from_quality(30)
    np.testing.assert_array_equal(coded.decoded.pixels, shown)
    np.testing.assert_array_equal(
        coded.enhanced(Halved(True)).pixels, Halved(True).enhance(shown, step=1.0, codec="jpeg")
    )
    other = np.zeros_like(shown)  # as another decoder may show it
    assert (coded.enhanced(Halved(True), other).pixels == 64).all()


def test_planes_is_what_a_file_becomes(rgb: npt.NDArray[np.uint8], tmp_path: Path) -> None:
    """`enhance_file` on the coded file writes the protocol's picture, pixel for pixel."""
    small_models.write(small_models.strong_graph(), tmp_path / "small.onnx")
    coded = compress(ReferencePicture("p", rgb), CodingProtocol.PLANES, 30)
    with Enhancer(tmp_path / "small.onnx", threads=1) as enhancer:
        enhance_file(enhancer, coded.data, tmp_path / "out.png")
        found = coded.enhanced(enhancer)
    with Image.open(tmp_path / "out.png") as written:
        np.testing.assert_array_equal(found.pixels, np.asarray(written))
    assert (found.pixels != coded.decoded.pixels).any()


def test_planes_enhances_before_it_upsamples(rgb: npt.NDArray[np.uint8]) -> None:
    coded = compress(ReferencePicture("p", rgb), CodingProtocol.PLANES, 30)
    y, _, _ = jpeg.decode_420(coded.data)
    np.testing.assert_array_equal(coded.decoded.luma, y)
    found = coded.enhanced(Halved(True))
    np.testing.assert_array_equal(found.luma, y // 2 + 64)
    shown = compress(ReferencePicture("p", rgb), CodingProtocol.RGB, 30)
    after = shown.enhanced(Halved(True)).pixels
    assert (found.pixels != after).any()
    # A network of RGB has no planes: it gets what the decoder shows.
    np.testing.assert_array_equal(coded.enhanced(Halved(False)).pixels, after)


def test_gray_is_studio_luma_and_a_gray_picture_has_no_other(rgb: npt.NDArray[np.uint8]) -> None:
    coded = compress(ReferencePicture("p", rgb), CodingProtocol.GRAY, 30)
    luma = np.floor(16.5 + rgb @ (np.array([65.481, 128.553, 24.966]) / 255)).astype(np.uint8)
    np.testing.assert_array_equal(coded.reference.pixels, luma)
    assert coded.bits_per_pixel == 8 * len(coded.data) / (46 * 61)
    gray = ReferencePicture("p", luma)
    np.testing.assert_array_equal(
        compress(gray, CodingProtocol.GRAY, 30).reference.pixels, gray.pixels
    )
    with pytest.raises(InputError, match="p is gray: protocol planes measures colour"):
        compress(gray, CodingProtocol.PLANES, 30)


def test_plain_arithmetic_takes_planes_as_an_enhancer_does(
    rgb: npt.NDArray[np.uint8], tmp_path: Path
) -> None:
    small_models.write(small_models.strong_graph(), tmp_path / "small.onnx")
    coded = compress(ReferencePicture("p", rgb), CodingProtocol.PLANES, 30)
    with Enhancer(tmp_path / "small.onnx", threads=1) as enhancer:
        ran = coded.enhanced(enhancer).pixels
    exact = coded.enhanced(ReferenceInference(ModelFile(tmp_path / "small.onnx"))).pixels
    # The runtime fuses operators, so a sample in many rounds to the other side: one level of Y or
    # chroma, at most two of RGB.
    difference = np.abs(ran.astype(int) - exact)
    assert difference.max() <= 2
    assert (difference > 0).mean() < 0.01


#: Codecs other than JPEG, the packages that their encoders come with, and two strengths, the finer
#: one first.
CODED = {
    "jpeg2000": ((), 2.0, 0.5),
    "webp": (("av",), 90, 20),
    "h264": (("av",), 22, 37),
    "hevc": (("av",), 22, 37),
    "avif": (("av",), 20, 50),
    "vvc": (("av", "imageio_ffmpeg"), 22, 37),
}


@pytest.mark.parametrize("codec", CODED)
def test_every_codec_has_its_protocols(codec: str) -> None:
    packages, *strengths = CODED[codec]
    for package in packages:
        pytest.importorskip(package)
    picture = ReferencePicture("p", photograph("astronaut", 40, 90, 81, 99))
    for protocol in protocols_with(codec):
        fine, coarse = (compress(picture, protocol, value, codec) for value in strengths)
        for coded, value in ((fine, strengths[0]), (coarse, strengths[1])):
            if codec in ("h264", "hevc", "vvc"):  # QP to step, as the standards have it
                assert coded.step == pytest.approx(2 ** ((value - 4) / 6))
            shape = coded.reference.pixels.shape
            assert coded.decoded.pixels.shape == shape and coded.decoded.pixels.dtype == np.uint8
            # the picture, but for the last row and column, which 4:2:0 does not have
            assert shape[0] in (80, 81) and shape[1] in (98, 99)
            assert len(shape) == (2 if protocol == CodingProtocol.GRAY else 3)
            assert coded.bits_per_pixel == 8 * len(coded.data) / (shape[0] * shape[1])
            assert psnr(coded.reference.pixels, coded.decoded.pixels) > 24
            assert coded.enhanced(Halved(True)).pixels.shape == shape
        assert fine.step < coarse.step and len(fine.data) > 1.5 * len(coarse.data)
        assert psnr(fine.reference.luma, fine.decoded.luma) > 4 + psnr(
            coarse.reference.luma, coarse.decoded.luma
        )


def test_a_strength_that_loses_nothing_is_refused() -> None:
    pytest.importorskip("av")
    picture = ReferencePicture("p", photograph("astronaut", 40, 90, 16, 16))
    with pytest.raises(InputError, match="'p' is coded without loss at AVIF QP 0"):
        compress(picture, CodingProtocol.RGB, 0, "avif")


def test_jpeg_2000_has_the_rate_that_is_asked_for_and_no_planes() -> None:
    picture = ReferencePicture("p", photograph("astronaut", 0, 0, 256, 256))
    coded = compress(picture, CodingProtocol.RGB, 1.2, "jpeg2000")
    assert coded.bits_per_pixel == pytest.approx(1.2, rel=0.02)
    with pytest.raises(
        InputError, match="jpeg2000 has no protocol planes: give --protocol gray or"
    ):
        compress(picture, CodingProtocol.PLANES, 1.2, "jpeg2000")


def test_planes_of_a_video_codec_are_jfifs() -> None:
    """At QP 0 what is left of the way to planes and back is the chroma that 4:2:0 drops."""
    pytest.importorskip("av")
    rgb = photograph("astronaut", 40, 90, 64, 80)
    coded = compress(ReferencePicture("p", rgb), CodingProtocol.PLANES, 0, "hevc")
    with Image.fromarray(rgb) as picture:
        y, cb, _ = (np.asarray(plane) for plane in picture.convert("YCbCr").split())
    # QP 0 is a step of 0.63, and Pillow's luma rounds otherwise in some samples
    assert np.abs(coded.frame.planes[0].astype(int) - y).max() <= 2
    mean = cb.reshape(32, 2, 40, 2).mean((1, 3))
    assert np.abs(coded.frame.planes[1] - mean).max() <= 3
    # the decoder's upsampling of chroma is all that errs: as JPEG's best quality does
    jpeg_shown = compress(ReferencePicture("p", rgb), CodingProtocol.PLANES, 100).decoded.pixels
    assert psnr(rgb, coded.decoded.pixels) == pytest.approx(psnr(rgb, jpeg_shown), abs=0.5)


def test_low_delay_is_a_clip_of_its_frames() -> None:
    pytest.importorskip("av")
    moving = [
        ReferencePicture(f"p{shift}", photograph("astronaut", 40 + shift, 90, 64, 80))
        for shift in range(3)
    ]
    for codec in ("hevc", "h264"):
        coded = compress_low_delay(moving, CodingProtocol.GRAY, 27, codec)
        alone = [compress(picture, CodingProtocol.GRAY, 27, codec) for picture in moving]
        assert [one.name for one in coded] == ["p0", "p1", "p2"]
        assert sum(len(one.data) for one in coded) < 0.7 * sum(len(one.data) for one in alone)
        for one, intra in zip(coded, alone, strict=True):
            assert one.step == pytest.approx(2 ** (23 / 6))
            np.testing.assert_array_equal(one.reference.pixels, intra.reference.pixels)
            assert psnr(one.reference.pixels, one.decoded.pixels) > 33
    with pytest.raises(InputError, match="codec webp here codes pictures by themselves"):
        compress_low_delay(moving, CodingProtocol.GRAY, 27, "webp")


@pytest.mark.parametrize(
    ("codec", "value", "words"),
    [
        ("mpeg2", 3, "codec 'mpeg2' is not known: give one of jpeg, jpeg2000"),
        ("jpeg", 0, "quality 0 is not a whole number from 1 to 100"),
        ("hevc", 52, "QP 52 of hevc is not a whole number from 0 to 51"),
        ("vvc", 30.5, "QP 30.5 of vvc is not a whole number from 0 to 63"),
        ("jpeg2000", 0.001, "rate 0.001 is not from 0.01 to 80"),
    ],
)
def test_strengths_that_no_encoder_has(codec: str, value: float, words: str) -> None:
    with pytest.raises(InputError, match=words):
        RatePoint(codec, value)


def test_a_network_that_does_not_serve_the_codec_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.onnx"
    small_models.write(small_models.strong_graph(), path)
    picture = ReferencePicture("p", photograph("astronaut", 40, 90, 46, 61))
    coded = compress(picture, CodingProtocol.GRAY, 0.5, "jpeg2000")
    with Enhancer(path, threads=1) as enhancer:
        for network in (enhancer, ReferenceInference(ModelFile(path))):
            with pytest.raises(InputError, match="serves jpeg and not jpeg2000"):
                coded.enhanced(network)
