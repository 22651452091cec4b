"""Batches of whole planes: what they hold, how strengths mix, what crops count for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from edgeqe.codecs import jpeg
from edgeqe.codecs.strength import step_from_quality
from edgeqe.typing import Rgb
from edgeqe.views.colour import SCALE, studio_luma
from edgeqe.zoo.training import picture_pool
from edgeqe.zoo.training.picture_pool import CodedPlanes, PicturePool, code_planes
from edgeqe.zoo.training.pool import TrainingPicture
from tests.reference import photograph


def pool_of(picture: Rgb, **changes: Any) -> PicturePool:
    """Small pool of one picture, JPEG."""
    options: dict[str, Any] = {
        "batch": 4,
        "crop": 32,
        "candidates": 2,
        "error_floor": 1.5,
        "slots": 4,
        "layout": "y",
        "values": (20.0, 60.0),
        "loss": "mse",
        "alignment": 8,
    }
    references = [TrainingPicture(picture, True)]
    return PicturePool(references, (1, 0), **{**options, **changes})


def test_luma_is_coded_in_studio_range_and_rgb_as_it_is_shown() -> None:
    from PIL import Image

    rgb = photograph("coffee", 20, 40, 64, 96)
    luma = studio_luma(rgb)
    coded = code_planes(rgb, "y", "jpeg", 20)
    shown = jpeg.decode_luma(jpeg.encode(Image.fromarray(luma), 20))
    np.testing.assert_array_equal(coded.samples[..., 0] + 128, shown)
    np.testing.assert_array_equal(coded.reference[..., 0] + 128, luma)
    assert coded.log2_step == pytest.approx(math.log2(step_from_quality(20)))
    colour = code_planes(rgb, "rgb", "jpeg", 20)
    np.testing.assert_array_equal(colour.reference + 128, rgb)
    assert colour.samples.shape == rgb.shape and np.any(colour.samples != colour.reference)


@pytest.mark.parametrize(("layout", "channels"), [("y", 1), ("rgb", 3)])
def test_a_batch_mixes_strengths_and_depends_on_the_step_alone(layout: str, channels: int) -> None:
    picture = photograph("coffee", 20, 40, 96, 128)
    planes, strength, targets = pool_of(picture, layout=layout).batch(3)
    assert planes.shape == (4, 32, 32, channels) and strength.shape == (4, 1)
    assert targets.shape == (4, 32, 32, channels + 1)
    for part, same in zip(
        (planes, strength, targets), pool_of(picture, layout=layout).batch(3), strict=True
    ):
        np.testing.assert_array_equal(part, same)
    # the pool deals both strengths out, so of some batches one holds both
    pool = pool_of(picture, layout=layout)
    seen = [set(pool.batch(step)[1][:, 0].tolist()) for step in range(6)]
    expected = {np.float32(math.log2(step_from_quality(q))) for q in (20, 60)}
    assert set.union(*seen) == {float(step) for step in expected}
    assert any(len(steps) == 2 for steps in seen)


def test_corners_are_aligned_and_crops_are_flipped_with_their_reference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def coded(rgb: Rgb, layout: str, codec: str, value: float) -> CodedPlanes:
        """Samples that tell their place, and a reference that is one level above them."""
        rows, columns = np.mgrid[: rgb.shape[0], : rgb.shape[1]]
        samples = (rows * 256 + columns)[..., None].astype(np.int16)
        return CodedPlanes(samples, samples + np.int16(1), 4.0)

    monkeypatch.setattr(picture_pool, "code_planes", coded)
    pool = pool_of(photograph("coffee", 20, 40, 96, 128), alignment=16)
    flips = set()
    for step in range(8):
        planes, _, targets = pool.batch(step)
        np.testing.assert_allclose((targets[..., 0] - planes[..., 0]) * SCALE, 1.0, atol=1e-2)
        places = np.rint(planes[..., 0] * SCALE).astype(int)
        for place in places:
            corner = int(place.min())
            assert corner // 256 % 16 == 0 and corner % 256 % 16 == 0
            flips.add((place[0, 0] // 256 < place[-1, 0] // 256, place[0, 0] < place[0, -1]))
    assert len(flips) == 4


def test_relative_weights_make_a_decibel_count_the_same() -> None:
    picture = photograph("coffee", 20, 40, 96, 128)
    plain = pool_of(picture).batch(2)[2][..., -1]
    np.testing.assert_array_equal(plain, 1.0)
    planes, strength, targets = pool_of(picture, loss="relative").batch(2)
    for given, step, target in zip(planes, strength[:, 0], targets, strict=True):
        error = np.mean(((given - target[..., :-1]) * SCALE) ** 2)
        expected = SCALE**2 / (error + 1.5 * 2.0 ** (0.85 * step))
        np.testing.assert_allclose(target[..., -1], expected, rtol=1e-4)  # float32 sums
