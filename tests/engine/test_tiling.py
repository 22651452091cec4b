"""Windows cover a picture exactly once, and every result has its halo."""

import re
import tracemalloc

import numpy as np
import pytest

from edgeqe.engine.tiling import FIXED_BYTES, axis, plan
from edgeqe.errors import MemoryLimitError


def test_axis_by_hand() -> None:
    made = axis(20, 3, halo=2, alignment=2)
    assert made is not None
    # Three windows of 10 with a halo of 2: 8 + 6 + 8 own rows reach 20 with 2 to spare.
    assert made.size == 10
    assert list(made) == [(0, 0, 8), (6, 8, 12), (10, 12, 20)]


def test_axis_with_a_margin_by_hand() -> None:
    made = axis(18, 3, halo=2, alignment=2, margin=2)
    assert made is not None
    # From -2 to 20 as above from 0 to 22: three windows of 10 would own 8 + 6 + 8, the margin's among them.
    assert made.size == 10
    assert list(made) == [(-2, 0, 6), (4, 6, 12), (10, 12, 18)]


@pytest.mark.parametrize(("halo", "margin"), [(0, 0), (2, 0), (2, 2), (12, 8), (16, 0), (20, 8)])
def test_every_position_once_with_its_halo(halo: int, margin: int) -> None:
    rng = np.random.default_rng(5)
    checked = 0
    for _ in range(300):
        length, count = 2 * int(rng.integers(1, 400)), int(rng.integers(1, 12))
        made = axis(length, count, halo, 2, margin)
        if made is None:
            continue
        checked += 1
        covered = np.zeros(length, int)
        for start, first, last in made:
            end = start + made.size
            assert start % 2 == 0 and -margin <= start and end <= length + margin
            assert first % 2 == 0 and last % 2 == 0 and first < last
            assert start == -margin or first - start >= made.halo
            assert end == length + margin or end - last >= made.halo
            assert count == 1 or made.halo == halo
            covered[first:last] += 1
        assert (covered == 1).all()
    assert checked > 100


def test_plan_covers_the_picture_with_equal_windows() -> None:
    made = plan(301, 407, halo=16, alignment=2, bytes_per_pixel=80.0, limit=3 << 20, threads=2)
    covered = np.zeros((302, 408), int)
    for _, windows in made.bands():
        for window in windows:
            assert (window.height, window.width) == made.window
            covered[slice(*window.rows), slice(*window.columns)] += 1
    assert (covered == 1).all()
    assert made.planned_bytes <= 3 << 20


def test_more_memory_or_threads_never_cost_more_work() -> None:
    def work(limit: int) -> int:
        made = plan(3000, 4000, halo=16, alignment=2, bytes_per_pixel=100.0, limit=limit, threads=2)
        return made.count * made.window[0] * made.window[1]

    assert work(64 << 20) <= work(24 << 20) <= work(6 << 20)


def test_the_smallest_limit_that_is_named_works_and_less_does_not() -> None:
    options = {"halo": 16, "alignment": 2, "bytes_per_pixel": 100.0, "threads": 2}
    with pytest.raises(MemoryLimitError) as caught:
        plan(3000, 4000, limit=1024, **options)  # type: ignore[arg-type]
    named = re.search(r"works is (\d+)KiB", str(caught.value))
    assert named is not None
    limit = int(named[1]) * 1024
    assert plan(3000, 4000, limit=limit, **options).workers == 1  # type: ignore[arg-type]
    with pytest.raises(MemoryLimitError):
        plan(3000, 4000, limit=limit - 1024, **options)  # type: ignore[arg-type]
    # by hand: a window of halo, one aligned step, halo, both ways
    assert limit - FIXED_BYTES == pytest.approx((2 * 16 + 2) ** 2 * 100.0, abs=1024)


def test_the_whole_picture_is_one_window_or_refused_with_advice() -> None:
    options = {"halo": 16, "alignment": 8, "bytes_per_pixel": 10.0, "threads": 4, "whole": True}
    made = plan(301, 407, limit=8 << 20, **options)  # type: ignore[arg-type]
    assert made.window == (304, 408) and made.count == 1
    with pytest.raises(MemoryLimitError, match="--freeze-gates") as caught:
        plan(301, 407, limit=3 << 20, **options)  # type: ignore[arg-type]
    named = re.search(r"works is (\d+)KiB", str(caught.value))
    assert named is not None
    # by hand: the padded picture at 10 bytes a pixel, and what is fixed
    assert int(named[1]) * 1024 - FIXED_BYTES == pytest.approx(304 * 408 * 10, abs=1024)


def test_bytes_beside_the_pixels_count_for_each_window() -> None:
    options = {"halo": 8, "alignment": 2, "bytes_per_pixel": 10.0, "threads": 4}
    made = plan(1000, 1000, limit=8 << 20, bytes_per_window=1 << 20, **options)  # type: ignore[arg-type]
    assert made.window_bytes == made.window[0] * made.window[1] * 10 + (1 << 20)
    assert made.planned_bytes == made.workers * made.window_bytes + FIXED_BYTES <= 8 << 20


def test_millions_of_windows_are_made_one_by_one() -> None:
    made = plan(
        4000, 4000, halo=8, alignment=2, bytes_per_pixel=10.0, limit=FIXED_BYTES + 3300, threads=1
    )
    assert made.window == (18, 18) and made.count > 3_000_000
    tracemalloc.start()
    for _ in zip(range(20_000), made.windows(), strict=False):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16_384  # one takes some 300 bytes


def test_pictures_that_fit_a_bound_with_their_margin_are_one_window() -> None:
    options = {"halo": 8, "alignment": 2, "margin": 8, "bytes_per_pixel": 10.0, "threads": 1}
    bounds = {"smallest_side": 100, "largest_side": 100}
    for side, count in ((84, 1), (86, 4)):
        made = plan(side, side, limit=8 << 20, **options, **bounds)  # type: ignore[arg-type]
        assert made.window == (100, 100) and made.count == count
