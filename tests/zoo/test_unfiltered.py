"""HEVC before its loop filters: the planes that go with the reconstruction."""

from __future__ import annotations

import numpy as np
import pytest

from edgeqe.zoo.training.recipe import Side
from edgeqe.zoo.training.unfiltered import block_means, code_unfiltered
from tests.reference import photograph


def test_means_of_blocks_by_hand() -> None:
    luma = np.arange(40 * 48).reshape(40, 48).astype(np.uint8)
    sizes = np.full((10, 12), 3, np.uint8)  # 8x8 but for a 16x16 and four 4x4
    sizes[:4, :4] = 4
    sizes[8:10, 10:12] = 2
    found = block_means(luma, sizes)
    assert found[5, 9] == luma[:16, :16].mean()
    assert found[39, 47] == luma[36:40, 44:48].mean() != found[39, 43]
    assert found[20, 20] == luma[16:24, 16:24].mean()


def test_the_residual_is_what_the_prediction_lacks() -> None:
    pytest.importorskip("av")
    pytest.importorskip("numba")
    rgb = photograph("coffee", 20, 40, 64, 96)
    coarse, fine = (code_unfiltered(rgb, qp, Side.RESIDUAL) for qp in (42, 27))
    assert coarse.side is not None and fine.side is not None
    assert coarse.decoded.shape == coarse.side.shape == coarse.reference.shape == (64, 96)
    # reconstruction less residual is a prediction, so a sample's value but where it was clipped
    prediction = fine.decoded.astype(int) - fine.side
    assert prediction.min() >= -255 and prediction.max() <= 510
    assert np.abs(fine.side).mean() > 0 and fine.bits_per_pixel > coarse.bits_per_pixel
    assert fine.step < coarse.step
    error = [np.mean((p.decoded.astype(float) - p.reference) ** 2) for p in (coarse, fine)]
    assert error[0] > error[1]
    assert code_unfiltered(rgb, 42, Side.NONE).side is None
    partition = code_unfiltered(rgb, 42, Side.PARTITION).side
    assert partition is not None
    # means of blocks have the picture's mean, to their rounding
    assert partition.mean() + 128 == pytest.approx(coarse.decoded.mean(), abs=0.5)
