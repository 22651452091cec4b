"""Chroma without colour stays without: masks by hand, pictures of every layout, tiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from edgeqe import Enhancer
from edgeqe.typing import Uint8
from edgeqe.views.neutral import has_colour, near
from tests.reference import photograph

FILES = ("edgeqe-tiny:float32", "edgeqe-tiny:int8", "edgeqe-tiny:int8.tflite")
#: Pixels around colour whose chroma edgeqe-tiny may change: its halo and the three others of a sample.
HALO = 10


@pytest.mark.parametrize("reach", [0, 1, 2, 5, 12])
def test_what_is_near(reach: int) -> None:
    rng = np.random.default_rng(reach)
    mask = rng.random((23, 31)) < 0.01
    window = np.ones((2 * reach + 1, 2 * reach + 1), bool)
    np.testing.assert_array_equal(near(mask, reach), ndimage.binary_dilation(mask, window))


#: Of R, G and B in Cb and Cr (JFIF).
CHROMA = np.array([[-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)


def test_equal_channels_have_no_colour_nor_those_that_a_decoder_rounds_apart() -> None:
    levels = np.arange(256, dtype=np.float32)
    blue, red = (sum(w * levels for w in row) for row in CHROMA)
    assert not has_colour(blue[None], red[None]).any()
    for off in np.ndindex(2, 2, 2):  # each channel as it is or a level less
        blue, red = CHROMA @ -np.array(off, np.float32)
        assert not has_colour(np.array([[blue]]), np.array([[red]])).any()


@pytest.mark.parametrize(("cb", "cr"), [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1)])
def test_a_chroma_sample_of_one_level_is_colour_as_planes_and_as_rgb(cb: int, cr: int) -> None:
    one = np.ones((1, 1), np.float32)
    assert has_colour(cb * one, cr * one).all()
    rgb = np.rint(90 + np.array([1.402 * cr, -0.344136 * cb - 0.714136 * cr, 1.772 * cb]))
    blue, red = CHROMA @ rgb.astype(np.float32)
    assert has_colour(blue * one, red * one).all()


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
