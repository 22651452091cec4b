"""JPEG codings found in pixels, against what the pictures were coded with."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from scipy.fft import dctn

from edgeqe.codecs.strength import ZIGZAG_1_TO_15, step_from_quality
from edgeqe.errors import InputError
from edgeqe.estimation.coefficients import BINS_PER_LEVEL, LARGEST, histograms
from edgeqe.estimation.jpeg_history import FACTOR, jpeg_codings

Rgb = npt.NDArray[np.uint8]
#: ITU-T T.871, 7.
LUMA = np.array([0.299, 0.587, 0.114])


def photograph(name: str) -> Rgb:
    """A photograph of scikit-image, 256x320."""
    data = pytest.importorskip("skimage.data")
    return np.ascontiguousarray(getattr(data, name)()[40:296, 60:380, :3])


def coded(rgb: Rgb, quality: int, **options: object) -> Rgb:
    """A picture through JPEG and back."""
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=quality, **options)
    with Image.open(file) as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.mark.parametrize("name", ["coffee", "chelsea", "astronaut"])
@pytest.mark.parametrize("quality", [10, 35, 60, 80])
def test_once_coded(name: str, quality: int) -> None:
    (found, *finer) = jpeg_codings(coded(photograph(name), quality) @ LUMA)
    assert found.offset == (0, 0)
    assert abs(found.quality - quality) <= 2  # neighbours share most of the 15 entries
    assert found.confidence > 0.99
    assert all(coding.step < found.step for coding in finer)


@pytest.mark.parametrize("second", [90, 95])
@pytest.mark.parametrize("first", [20, 50, 80])
@pytest.mark.parametrize("moved", [(0, 0), (3, 6)])
def test_the_coarser_of_two_codings_is_found(
    first: int, second: int, moved: tuple[int, int]
) -> None:
    once = coded(photograph("coffee"), first)
    twice = coded(once[moved[0] :, moved[1] :], second)
    found = jpeg_codings(twice @ LUMA)[0]
    true = step_from_quality(first)
    assert true / FACTOR <= found.step <= true * FACTOR
    assert found.offset == (-moved[0] % 8, -moved[1] % 8)
    assert found.confidence > 0.9


def test_pictures_that_show_no_coding() -> None:
    # scikit-image's coffee is a PNG of a camera's picture, scaled; noise has no grid at all
    rng = np.random.default_rng(5)
    rgb = photograph("coffee")
    scaled = np.asarray(
        Image.fromarray(coded(rgb, 50)).resize((240, 200), Image.Resampling.BICUBIC)
    )
    for luma in (
        rng.uniform(0, 255, (128, 128)),
        scaled @ LUMA,
        np.full((64, 64), 77.0),
        np.zeros((16, 15)),
    ):
        assert [c for c in jpeg_codings(luma) if c.confidence > 0.5] == []


def test_a_picture_of_nothing_but_ground_is_not_guessed() -> None:
    ramp = np.add.outer(np.arange(96.0), np.arange(96.0)) % 256
    assert [c for c in jpeg_codings(ramp) if c.confidence > 0.5] == []


def test_histograms_are_those_of_the_transform() -> None:
    """Against scipy's DCT on one of the 64 grids; a bin more or less for rounding in float32."""
    luma = np.random.default_rng(6).uniform(0, 255, (40, 48))
    row, column = 3, 5
    blocks = [
        dctn(luma[r : r + 8, c : c + 8], norm="ortho").ravel()
        for r in range(row, 40 - 7, 8)
        for c in range(column, 48 - 7, 8)
    ]
    counts = histograms(luma)[row * 8 + column]
    for index, position in enumerate(ZIGZAG_1_TO_15):
        bins = np.sort([abs(block[position]) * BINS_PER_LEVEL for block in blocks])
        found = np.repeat(np.arange(LARGEST * BINS_PER_LEVEL + 1), counts[index])
        np.testing.assert_allclose(found, bins, atol=0.51)


def test_large_pictures_are_sampled() -> None:
    """A grid that is found in a part of a picture is that of the whole."""
    rgb = np.tile(photograph("astronaut"), (5, 4, 1))
    found = jpeg_codings(coded(rgb[5:, 2:], 40) @ LUMA)[0]
    assert (found.quality, found.offset) == (40, (0, 0))


def test_what_is_no_luma() -> None:
    with pytest.raises(InputError, match=r"\(8, 8, 3\)"):
        jpeg_codings(np.zeros((8, 8, 3)))
    with pytest.raises(InputError, match="not finite"):
        jpeg_codings(np.full((32, 32), np.nan))
