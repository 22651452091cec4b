"""Validation measures the protocols of the bench, against a decoder's pictures by hand."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgeqe.codecs import jpeg
from edgeqe.codecs.strength import step_from_quality
from edgeqe.files.upsample import i420_to_rgb
from edgeqe.metrics import psnr
from edgeqe.views.colour import studio_luma
from edgeqe.zoo.training.validate import psnr_gains
from tests.reference import photograph


class Fading:
    """A model whose residual takes a quarter of a sample's distance to 128."""

    name = "edgeqe-tiny"

    def __init__(self) -> None:
        self.strengths: list[float] = []
        self.layers: list[Any] = []

    def predict_on_batch(self, given: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        planes, strength = given
        self.strengths += strength[:, 0].tolist()
        return -0.25 * planes


def faded(plane: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.rint(128 + 0.75 * (plane.astype(np.float64) - 128)).astype(np.uint8)


def test_gray_and_planes_by_hand() -> None:
    pictures = [photograph("astronaut", 40, 90, 48, 64), photograph("coffee", 100, 200, 48, 64)]
    expected: dict[str, Any] = {"gray": [], "planes": []}
    for rgb in pictures:
        luma = studio_luma(rgb)
        shown = jpeg.decode_luma(jpeg.encode(Image.fromarray(luma), 20))
        expected["gray"].append((psnr(luma, shown), psnr(luma, faded(shown))))
        data = jpeg.encode(Image.fromarray(rgb), 20)
        with Image.open(io.BytesIO(data)) as opened:
            before = psnr(rgb, np.asarray(opened))
        after = psnr(rgb, i420_to_rgb(*map(faded, jpeg.decode_420(data))))
        expected["planes"].append((before, after))
    model = Fading()
    found = psnr_gains(model, pictures, 20)
    assert list(found) == ["gray", "planes"]
    for protocol, figures in found.items():
        # float32 planes: a sample at a half may round to the other side, of 3,072 some two.
        assert figures == pytest.approx(np.mean(expected[protocol], axis=0), abs=1e-3)
    assert model.strengths == pytest.approx([math.log2(step_from_quality(20))] * 4, rel=1e-6)
