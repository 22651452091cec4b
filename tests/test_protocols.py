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
from edgeqe.errors import InputError
from edgeqe.files.enhance import enhance_file
from edgeqe.model.file import ModelFile
from edgeqe.protocols import CodingProtocol, ReferencePicture, compress, protocols_of
from edgeqe.quantization.drift.reference_inference import ReferenceInference
from tests import small_models
from tests.reference import photograph

Array = npt.NDArray[Any]


class Halved:
    """A network that halves its samples' distance to 128."""

    def __init__(self, takes_planes: bool) -> None:
        self.takes_planes = takes_planes

    def enhance(self, image: Array, /, *, step: float) -> Array:
        return (image.astype(np.int16) // 2 + 64).astype(np.uint8)

    def enhance_planes(
        self, y: Array, u: Array, v: Array, /, *, step: float
    ) -> tuple[Array, Array, Array]:
        y, u, v = (self.enhance(plane, step=step) for plane in (y, u, v))
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
        coded.enhanced(Halved(True)).pixels, Halved(True).enhance(shown, step=1.0)
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
