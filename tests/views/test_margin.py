"""The margin around a picture: mirrored as NumPy mirrors, and no frame on even ground."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgeqe import Enhancer
from edgeqe.views.full_size import VIEWS
from edgeqe.views.margin import margin_of, mirror, read_mirrored
from edgeqe.views.subsampled import Depth
from edgeqe.views.window import Window
from tests.fakes import noise


def test_a_picture_by_hand() -> None:
    planes = np.zeros((1, 1, 9))
    planes[0, 0, 3:6] = 1, 2, 3
    mirror(planes, (0, 1), (3, 6), phases=False)
    assert planes[0, 0].tolist() == [3, 2, 1, 1, 2, 3, 3, 2, 1]


@pytest.mark.parametrize("shape", [(24, 40), (8, 8), (6, 2), (2, 2)])
@pytest.mark.parametrize("before", [(8, 8), (0, 8), (12, 2)])
def test_phases_are_mirrored_pixel_by_pixel(
    shape: tuple[int, int], before: tuple[int, int]
) -> None:
    """Small pictures more than once."""
    picture = noise(*shape)
    y = np.pad(picture, [(before[0], 8), (before[1], 10)], mode="symmetric")
    expected = np.stack([y[row::2, column::2] for row, column in ((0, 0), (0, 1), (1, 0), (1, 1))])
    top, left = before[0] // 2, before[1] // 2
    rows, columns = (top, top + shape[0] // 2), (left, left + shape[1] // 2)
    planes = np.zeros_like(expected)
    inside = np.s_[:, slice(*rows), slice(*columns)]
    planes[inside] = expected[inside]
    mirror(planes, rows, columns, phases=True)
    np.testing.assert_array_equal(planes, expected)


@pytest.mark.parametrize("kind", ["gray", "planes", "rgb"])
@pytest.mark.parametrize("shape", [(30, 44), (31, 45), (1, 3)])
def test_a_window_around_the_whole_picture(kind: str, shape: tuple[int, int]) -> None:
    """It is the window of the picture that NumPy made even by its edge, and mirrored."""
    y, half = noise(*shape), noise(-(-shape[0] // 2), -(-shape[1] // 2), seed=5)
    rgb = np.stack([y, y[::-1], y[:, ::-1]], -1)
    arrays: dict[str, list[npt.NDArray[Any]]] = {
        "gray": [y], "planes": [y, half, half[::-1]], "rgb": [rgb],
    }  # fmt: skip
    view = VIEWS["420-space-to-depth", kind]
    even = shape[0] + shape[0] % 2, shape[1] + shape[1] % 2
    window = Window(-8, -8, even[0] + 16, even[1] + 16, (0, even[0]), (0, even[1]))
    planes = np.empty((6, even[0] // 2 + 8, even[1] // 2 + 8), np.float32)
    read_mirrored(view(arrays[kind], arrays[kind], Depth(8)), window, even, planes, 6)

    def around(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        rest = [(0, 0)] * (array.ndim - 2)
        if array.shape[:2] == shape:
            array = np.pad(array, [(0, shape[0] % 2), (0, shape[1] % 2), *rest], mode="edge")
            return np.pad(array, [(8, 8), (8, 8), *rest], mode="symmetric")
        return np.pad(array, 4, mode="symmetric")

    given = [around(array) for array in arrays[kind]]
    expected = np.empty_like(planes)
    whole = Window(0, 0, given[0].shape[0], given[0].shape[1], (0, 0), (0, 0))
    view(given, given, Depth(8)).read(whole, expected)
    np.testing.assert_array_equal(planes, expected)


def test_who_has_a_margin() -> None:
    assert margin_of("420-space-to-depth", "exact", 20, 2) == 8
    assert margin_of("420-space-to-depth", "exact", 40, 20) == 20
    assert margin_of("420-space-to-depth", "exact", 6, 2) == 6  # it sees no more
    assert margin_of("420-space-to-depth", "whole", 20, 2) == 0
    assert margin_of("y", "exact", 20, 1) == margin_of("rgb", "exact", 20, 4) == 0


@pytest.mark.parametrize("model", ["edgeqe-nano", "edgeqe-tiny", "edgeqe-small:float32"])
def test_even_ground_gets_no_frame(model: str) -> None:
    """With zeros beyond the border it was up to 17 levels of 8 bits, at its rows and columns alone."""
    with Enhancer(model, threads=1) as enhancer:
        for colour in ((20, 200, 40), (200, 30, 30), (250, 250, 250), (10, 10, 10)):
            ground = np.full((64, 96, 3), colour, np.uint8)
            change = enhancer.enhance(ground, quality=20).astype(int) - ground
            # what INT8 changes inside, and one level where that is next to a half
            assert np.abs(change - change[32, 48]).max() <= 2
