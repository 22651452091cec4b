"""Flat chroma stays as it is: masks by hand, pictures of every layout, tiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from edgeqe import Enhancer
from edgeqe.typing import Uint8
from edgeqe.views.flat_chroma import may_change, rounded
from tests.reference import photograph

FILES = ("edgeqe-tiny:float32", "edgeqe-tiny:int8", "edgeqe-tiny:int8.tflite")
#: Pixels around colour whose chroma edgeqe-tiny may change: its halo and the three others of a sample.
HALO = 10


@pytest.mark.parametrize("reach", [1, 2, 5, 12])
def test_chroma_may_change_where_a_square_of_it_spans_more_than_two_levels(reach: int) -> None:
    rng = np.random.default_rng(reach)
    blue = rng.integers(60, 63, (23, 31)).astype(np.int8)
    red = rng.integers(-128, -125, (23, 31)).astype(np.int8)
    blue[:, :12][rng.random((23, 12)) < 0.01] = 127
    red[:6][rng.random((6, 31)) < 0.01] = -124
    side = 2 * reach + 1
    spans = [
        ndimage.maximum_filter(c.astype(int), side) - ndimage.minimum_filter(c.astype(int), side)
        for c in (blue, red)
    ]
    wanted = np.maximum(*spans) > 2
    assert wanted.any() and not wanted.all()
    np.testing.assert_array_equal(may_change(np.stack([blue, red], -1), reach), wanted)
    np.testing.assert_array_equal(may_change(np.stack([red, blue], -1), reach), wanted)


def test_of_a_network_that_sees_one_sample_only_neutral_chroma_is_kept() -> None:
    chroma = np.array([[[0, 0], [1, 0], [0, -1], [60, 60]]], np.int8)
    np.testing.assert_array_equal(may_change(chroma, 0), [[False, True, True, True]])


@pytest.mark.parametrize(
    ("lowest", "highest", "changes"), [(-128, 127, 1), (-128, -124, 1), (125, 127, 0)]
)
def test_the_ends_of_the_range_do_not_wrap(lowest: int, highest: int, changes: int) -> None:
    blue = np.array([[lowest, highest]], np.int8)
    assert may_change(np.stack([blue, np.zeros_like(blue)], -1), 1).all() == changes


#: Of R, G and B in Cb and Cr (JFIF).
CHROMA = np.array([[-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)


def test_equal_channels_are_neutral_and_so_are_those_that_a_decoder_rounds_apart() -> None:
    levels = np.arange(256, dtype=np.float32)
    assert not rounded(np.stack([sum(w * levels for w in row) for row in CHROMA])[:, None]).any()
    for off in np.ndindex(2, 2, 2):  # each channel as it is or a level less
        assert not rounded((CHROMA @ -np.array(off, np.float32))[:, None, None]).any()


def test_levels_are_rounded_inside_a_byte() -> None:
    blue = [127.5, 128.0, -127.5, -128.0, 0.75]  # 10 bits reach 127.75
    red = [1.0, -0.25, 2.6, -2.6, 0.4]
    found = rounded(np.array([[blue], [red]], np.float32))
    np.testing.assert_array_equal(found[0, :, 0], [127, 127, -128, -128, 1])
    np.testing.assert_array_equal(found[0, :, 1], [1, 0, 3, -3, 0])


@pytest.mark.parametrize("quality", [10, 40])
def test_black_and_white_of_a_webp_gets_no_colour(quality: int, tmp_path: Path) -> None:
    page = Image.fromarray(photograph("page", 0, 0, 96, 130)).convert("RGB")
    page.save(tmp_path / "page.webp", quality=quality)
    decoded = np.asarray(Image.open(tmp_path / "page.webp")).astype(int)
    assert np.ptp(decoded, axis=2).max() == 1  # libwebp's R, G and B of neutral chroma
    with Enhancer("edgeqe-tiny:float32", threads=1) as enhancer:
        enhancer.enhance_file(tmp_path / "page.webp", tmp_path / "better.png")
    better = np.asarray(Image.open(tmp_path / "better.png")).astype(int)
    assert np.abs(better - decoded).max() > 10
    assert np.ptp(better, axis=2).max() <= 2  # what was, and roundings


@pytest.mark.parametrize("name", FILES)
def test_black_and_white_stays_black_and_white(name: str) -> None:
    gray = photograph("page", 0, 0, 96, 130)
    neutral = np.full((48, 65), 128, np.uint8)
    with Enhancer(name, threads=1) as enhancer:
        luma = enhancer.enhance(gray, quality=10)
        assert np.abs(luma.astype(int) - gray).max() > 10
        rgb = enhancer.enhance(np.repeat(gray[..., None], 3, 2), quality=10)
        # Y of equal R, G and B is off by a rounding of float32, which may decide a half
        assert np.count_nonzero(rgb[..., 0] != luma) <= luma.size // 10000
        for channel in (1, 2):
            np.testing.assert_array_equal(rgb[..., channel], rgb[..., 0])
        y, u, v = enhancer.enhance_planes(gray, neutral, neutral, quality=10)
        np.testing.assert_array_equal(y, luma)
        assert (u == 128).all() and (v == 128).all()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(("span", "kept"), [(2, True), (3, False)])
def test_chroma_of_one_hue_is_kept(name: str, span: int, kept: bool) -> None:
    """A pen drawing in dark blue on bluish paper, which edgeqe-tiny's guess would tint."""
    gray = photograph("page", 0, 0, 96, 130)
    u = np.where(gray[::2, ::2] > 128, 134, 134 + span).astype(np.uint8)
    assert set(np.unique(u)) == {134, 134 + span}
    v = np.full_like(u, 122)
    with Enhancer(name, threads=1) as enhancer:
        y, blue, red = enhancer.enhance_planes(gray, u, v, quality=10)
    assert np.abs(y.astype(int) - gray).max() > 10
    assert np.array_equal(blue, u) == kept
    assert np.array_equal(red, v) == kept


@pytest.mark.parametrize("name", FILES)
def test_colour_is_enhanced_and_ends_a_halo_from_it(name: str) -> None:
    picture = photograph("astronaut", 0, 100, 128, 160)
    picture[:, 80:] = picture[:, 80:, :1]
    with Enhancer(name, threads=1) as enhancer:
        found = enhancer.enhance(picture, quality=10).astype(int)
    spread = found.max(axis=2) - found.min(axis=2)
    assert (spread[:, 80 + HALO + 2 :] == 0).all()
    assert np.abs(np.diff(found - picture, axis=2))[:, :80].max() > 3


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("planes", [False, True])
def test_tiles_equal_the_whole_beside_colour(name: str, planes: bool) -> None:
    """Planes of 8 bits go to LiteRT as integers, RGB as floats."""
    picture = photograph("astronaut", 0, 0, 400, 500)
    picture[:, 190:] = picture[:, 190:, :1]
    found: list[tuple[Uint8, ...]] = []
    for limit in ("64MiB", "10MiB"):
        with Enhancer(name, threads=1, memory_limit=limit) as enhancer:
            if planes:
                y, u, v = (picture[..., c].copy() for c in range(3))
                u[:, 190:] = v[:, 190:] = 128
                found.append(enhancer.enhance_planes(y, u[::2, ::2], v[::2, ::2], quality=10))
            else:
                found.append((enhancer.enhance(picture, quality=10),))
            assert (enhancer.info.window[0] < 400) == (limit == "10MiB")
    for first, second in zip(*found, strict=True):
        assert np.count_nonzero(first != second) <= (0 if "int8" in name else first.size // 10000)
