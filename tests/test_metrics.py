"""Metrics against hand-computed values and against scikit-image."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgeqe.errors import InputError
from edgeqe.metrics import mse, mse_of_psnr, psnr, psnr_b, psnr_of_mse, ssim
from edgeqe.typing import Uint8


def noisy_pair(shape: tuple[int, ...], seed: int) -> tuple[Uint8, Uint8]:
    """A smooth random picture and a noisy copy, uint8."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    base = 120 + 60 * np.sin(rows / 9) * np.cos(columns / 13)
    if len(shape) == 3:
        base = base[..., None] + np.array([-30.0, 0.0, 25.0])
    clean = np.clip(base + rng.normal(0, 4, shape), 0, 255).astype(np.uint8)
    noisy = np.clip(clean + rng.normal(0, 9, shape), 0, 255).astype(np.uint8)
    return clean, noisy


def test_mse_and_psnr_by_hand() -> None:
    reference = np.array([[0, 255], [10, 20]], np.uint8)
    picture = np.array([[2, 255], [10, 16]], np.uint8)
    # (4 + 0 + 0 + 16) / 4; a difference in uint8 would wrap at 16 - 20.
    assert mse(reference, picture) == 5.0
    assert psnr(reference, picture) == pytest.approx(10 * math.log10(65025 / 5), abs=1e-12)


def test_psnr_of_constant_error_is_peak_over_error() -> None:
    reference = np.full((9, 7, 3), 1000, np.uint16)
    picture = reference + np.uint16(10)
    # An error of peak / 100 everywhere is 40 dB.
    assert psnr(reference, picture, peak=1000.0) == pytest.approx(40.0, abs=1e-12)


def test_equal_pictures() -> None:
    clean, _ = noisy_pair((24, 24), 1)
    assert psnr(clean, clean) == math.inf
    assert ssim(clean, clean) == pytest.approx(1.0, abs=1e-12)


def test_psnr_counts_up_to_a_ceiling() -> None:
    picture = np.full((100, 100), 100, np.uint8)
    assert psnr(picture, picture, ceiling=60.0) == 60.0
    off = picture.copy()
    off[0, 0] += 3  # MSE 9 / 10,000: 78.6 dB
    assert psnr(picture, off, ceiling=60.0) == 60.0
    off[:10] += 1  # some 1,000 pixels off by one: below the ceiling
    assert psnr(picture, off, ceiling=60.0) == psnr(picture, off) < 59.0


def test_the_error_of_a_psnr_is_its_inverse() -> None:
    assert mse_of_psnr(20.0, peak=10.0) == pytest.approx(1.0, rel=1e-15)  # 10 dB are a tenth
    for decibels in (0.0, 31.5, 50.0):
        assert psnr_of_mse(mse_of_psnr(decibels)) == pytest.approx(decibels, abs=1e-12)


def test_psnr_b_by_hand_on_16x16() -> None:
    # Left half 100, right half 110, reference 105 everywhere: MSE 25.
    reference = np.full((16, 16), 105, np.uint8)
    picture = np.full((16, 16), 100, np.uint8)
    picture[:, 8:] = 110
    # 16 pairs cross the vertical edge with 10^2 each, 16 cross the horizontal
    # edge with 0: D_B = 1600 / 32 = 50. All other pairs are equal: D_C = 0.
    # BEF = log2(8) / log2(16) * 50 = 37.5.
    assert psnr_b(reference, picture) == pytest.approx(
        10 * math.log10(255**2 / (25 + 37.5)), abs=1e-12
    )


def test_psnr_b_subtracts_differences_inside_blocks() -> None:
    # A step of 10 across the block edge, a step of 4 inside the left block.
    reference = np.full((16, 16), 105, np.uint8)
    picture = np.full((16, 16), 100, np.uint8)
    picture[:, :4] = 104
    picture[:, 8:] = 110
    # MSE: columns 0 to 3 err by 1, 4 to 7 by 5, 8 to 15 by 5.
    error = (4 * 1 + 4 * 25 + 8 * 25) / 16
    # D_C: 16 pairs of 4^2 among 2 * 16 * 15 - 32 = 448 pairs inside blocks.
    factor = 0.75 * (1600 / 32 - 16 * 16 / 448)
    assert psnr_b(reference, picture) == pytest.approx(
        10 * math.log10(255**2 / (error + factor)), abs=1e-12
    )


def test_psnr_b_is_psnr_without_excess_at_block_edges() -> None:
    reference = np.full((16, 16), 105, np.uint8)
    picture = np.full((16, 16), 100, np.uint8)
    picture[:, 4:] = 110
    assert psnr_b(reference, picture) == pytest.approx(psnr(reference, picture), abs=1e-12)
    assert psnr_b(reference[:8, :8], picture[:8, :8]) == psnr(reference[:8, :8], picture[:8, :8])


def test_psnr_b_counts_the_edge_of_a_cut_block() -> None:
    # 12 columns hold one vertical edge and 8 rows none: D_B = 100, D_C = 0,
    # BEF = log2(8) / log2(8) * 100.
    reference = np.full((8, 12), 105, np.uint8)
    picture = np.full((8, 12), 100, np.uint8)
    picture[:, 8:] = 110
    assert psnr_b(reference, picture) == pytest.approx(
        10 * math.log10(255**2 / (25 + 100)), abs=1e-12
    )


def test_psnr_b_of_colour_averages_the_channels() -> None:
    reference = np.full((16, 16, 3), 105, np.uint8)
    picture = reference.copy()
    picture[:, :8, 0], picture[:, 8:, 0] = 100, 110
    assert psnr_b(reference, picture) == pytest.approx(
        10 * math.log10(255**2 / (25 / 3 + 37.5 / 3)), abs=1e-12
    )


@pytest.mark.parametrize("shape", [(11, 11), (40, 57), (33, 24, 3)])
def test_ssim_equals_scikit_image(shape: tuple[int, ...]) -> None:
    metrics = pytest.importorskip("skimage.metrics")
    clean, noisy = noisy_pair(shape, 7)
    expected = metrics.structural_similarity(
        clean,
        noisy,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        channel_axis=2 if len(shape) == 3 else None,
    )
    # The same sums in another order of float64: far inside 1e-6.
    assert ssim(clean, noisy) == pytest.approx(expected, abs=1e-6)
    assert expected < 0.98


def test_unlike_shapes_and_small_pictures_are_refused() -> None:
    square = np.zeros((10, 10), np.uint8)
    with pytest.raises(InputError, match=r"\(10, 10\).*\(10, 9\)"):
        psnr(square, square[:, :9])
    with pytest.raises(InputError, match="11 pixels each way.*10x10"):
        ssim(square, square)
    with pytest.raises(InputError, match="at least one pixel"):
        mse(square[:0], square[:0])
