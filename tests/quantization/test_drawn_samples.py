"""Drawn pictures among the samples of a calibration."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from edgeqe.errors import InputError
from edgeqe.quantization.calibration.drawn_samples import with_drawn
from edgeqe.quantization.calibration.samples import SIDE, THUMBNAIL, Photograph
from edgeqe.zoo.training.drawn import drawn_set


def photographs(count: int, windows: int, side: int = SIDE) -> list[Photograph]:
    window = np.zeros((side, side, 3), np.uint8)
    small = np.zeros((THUMBNAIL, THUMBNAIL), np.uint8)
    return [
        Photograph(f"{place}.png", "0", (side, side), (window,) * windows, small, None)
        for place in range(count)
    ]


@pytest.mark.parametrize(("share", "drawn"), [(0.0, 0), (0.2, 4), (0.5, 16), (0.75, 48)])
def test_a_share_of_the_windows_is_drawn(share: float, drawn: int) -> None:
    given = photographs(4, 4)
    found = with_drawn(given, share)
    assert found[:4] == given
    windows = [window for photograph in found[4:] for window in photograph.windows]
    assert len(windows) == drawn
    assert drawn / (16 + drawn) == pytest.approx(share)
    assert len({window.tobytes() for window in windows}) == drawn


def test_drawn_samples_are_the_same_each_time_and_none_that_is_measured() -> None:
    first, second = (with_drawn(photographs(1, 4), 0.5)[1:] for _ in "ab")
    measured = {picture[:64, :64].tobytes() for picture in drawn_set().values()}
    for one, other in zip(first, second, strict=True):
        (window,) = one.windows
        np.testing.assert_array_equal(window, other.windows[0])
        assert one.sha256 == other.sha256 == hashlib.sha256(window.tobytes()).hexdigest()
        assert window.shape == (SIDE, SIDE, 3) and one.thumbnail.shape == (THUMBNAIL,) * 2
        assert len(np.unique(window)) == 1 or window[:64, :64].tobytes() not in measured


def test_blocks_are_drawn_as_blocks() -> None:
    found = with_drawn(photographs(2, 3, side=64), 0.5, block=64)
    assert [photograph.windows[0].shape for photograph in found[2:]] == [(64, 64, 3)] * 6


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_shares_that_cannot_be(share: float) -> None:
    with pytest.raises(InputError, match="is not from 0 to below 1"):
        with_drawn(photographs(1, 1), share)
