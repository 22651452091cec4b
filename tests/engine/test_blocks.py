"""The block grid against the two passes done on whole pictures in numpy; whole pictures."""

import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgeqe import InputError, MemoryLimitError, ModelError
from edgeqe.engine.blocks import weights
from edgeqe.typing import Double, Float
from tests.fakes import FakeFile, enhancer_of, noise

SIDE = 64
SIZES = [(1, 1), (16, 40), (40, 16), (17, 17), (64, 64), (65, 130), (80, 79), (150, 205)]


def of_the_block(planes: Float) -> Float:
    """Depends on the whole block and on the place in it; mixes the planes."""
    _, height, width = planes.shape
    rows, columns = np.mgrid[:height, :width]
    place = np.sin(rows / 7 + 1) * np.cos(columns / 5)
    mean = planes.mean((1, 2), dtype=np.float64)[:, None, None]
    made = 0.3 * (mean - planes[::-1]) + 20 * place + 0.1 * planes[:, ::-1]
    result: Float = made.astype(np.float32)
    return result


def passed(planes: Double, shift: int) -> Double:
    """One pass: crop, pad to whole blocks, enhance each, put together, crop to the picture."""
    cropped = planes[:, shift:, shift:]
    _, height, width = cropped.shape
    pad = ((0, 0), (0, -height % SIDE), (0, -width % SIDE))
    padded = np.pad(cropped, pad, mode="edge")
    out = np.empty_like(padded)
    for top in range(0, padded.shape[1], SIDE):
        for left in range(0, padded.shape[2], SIDE):
            part = np.s_[:, top : top + SIDE, left : left + SIDE]
            out[part] = of_the_block(padded[part].astype(np.float32))
    return out[:, :height, :width]


def by_hand(planes: Double, blend: bool) -> Double:
    """Residual of a whole picture (C, H, W)."""
    result = passed(planes, 0)
    _, height, width = planes.shape
    if min(height, width) <= 16:
        return result
    second = passed(planes, 16)
    for row in range(16, height):
        for column in range(16, width):
            r, c = row % SIDE, column % SIDE
            r2, c2 = (row - 16) % SIDE, (column - 16) % SIDE
            first = min(r + 1, SIDE - r, c + 1, SIDE - c)
            other = min(r2 + 1, SIDE - r2, c2 + 1, SIDE - c2)
            alpha = first / (first + other) if blend else 0.5
            result[:, row, column] *= alpha
            result[:, row, column] += (1 - alpha) * second[:, row - 16, column - 16]
    return result


def block_file(**facts: Any) -> FakeFile:
    return FakeFile(of_the_block, **{"tiling": "blocks", "block": SIDE, **facts})


def assert_rounded(result: npt.NDArray[Any], expected: Double) -> None:
    """Float32 against float64: some 1e-4 levels, so equal but where a value rounds at .5."""
    assert np.abs(result - np.clip(expected, 0, 255)).max() <= 0.5 + 1e-3


@pytest.mark.parametrize("size", SIZES)
def test_gray_is_the_mean_of_two_passes(size: tuple[int, int]) -> None:
    image = noise(*size)
    file = block_file()
    with enhancer_of(file, threads=3) as enhancer:
        result = enhancer.enhance(image, qp=30)
    planes = image.astype(np.float64)[None] - 128
    assert_rounded(result, image + by_hand(planes, blend=False)[0])
    assert {shape for s in file.sessions for shape in s.shapes} == {(1, SIDE, SIDE)}


@pytest.mark.parametrize("size", SIZES)
def test_rgb_is_alpha_blended(size: tuple[int, int]) -> None:
    image = noise(*size, 3)
    with enhancer_of(block_file(planes="rgb"), threads=3) as enhancer:
        result = enhancer.enhance(image, qp=30)
        gray = enhancer.enhance(image[..., 0], qp=30)
    planes = image.astype(np.float64).transpose(2, 0, 1) - 128
    assert_rounded(result, image + by_hand(planes, blend=True).transpose(1, 2, 0))
    residual = by_hand(np.stack([planes[0]] * 3), blend=False)
    assert_rounded(gray, image[..., 0] + np.tensordot([0.299, 0.587, 0.114], residual, 1))


@pytest.mark.parametrize("layout", ["y", "rgb", "420-space-to-depth"])
def test_any_threads_and_in_place_give_the_same_bytes(layout: str) -> None:
    image = noise(203, 150, 4)
    made = []
    for threads in (1, 2, 5):
        with enhancer_of(block_file(planes=layout), threads=threads) as enhancer:
            made.append(enhancer.enhance(image, qp=30))
            copy = image.copy()
            assert enhancer.enhance(copy, qp=30, out=copy) is copy
            made.append(copy)
    assert not np.array_equal(made[0], image)
    for other in made[1:]:
        np.testing.assert_array_equal(other, made[0])


def test_half_size_planes_see_blocks_of_half_the_samples() -> None:
    file = block_file(planes="420-space-to-depth", alignment=2)
    y, u, v = noise(90, 101), noise(45, 51), noise(45, 51, seed=8)
    with enhancer_of(file, threads=2) as enhancer:
        fresh = enhancer.enhance_planes(y, u, v, qp=30)
        enhancer.enhance_planes(y, u, v, qp=30, out=(y, u, v))
    assert {shape for s in file.sessions for shape in s.shapes} == {(6, 32, 32)}
    for made, given in zip(fresh, (y, u, v), strict=True):
        np.testing.assert_array_equal(made, given)


def test_weights_by_hand() -> None:
    alpha = weights(SIDE, 16)
    # column 0: 1 from its border, and 48 + 1st of 64 in pass two, 16 from the far border
    assert alpha[40, 0] == pytest.approx(1 / (1 + 16))
    # column 16: 17th of 64 in pass one, first in pass two
    assert alpha[40, 16] == pytest.approx(17 / (17 + 1))
    assert ((alpha > 0) & (alpha < 1)).all()


def test_the_smallest_limit_that_is_named_works() -> None:
    image = noise(100, 1000, 3)
    file = block_file(planes="rgb", peak_floats_per_pixel=100.0)
    with enhancer_of(file, memory_limit="8MiB", threads=2) as roomy:
        expected = roomy.enhance(image, qp=30)
        assert roomy.info.window == (SIDE, SIDE)
    limit = int(2.5 * 2**20) + 1
    with pytest.raises(MemoryLimitError, match="no window") as caught:
        enhancer_of(file, memory_limit=limit)
    limit = 1024 * int(re.findall(r"(\d+)KiB", str(caught.value))[-1])
    with (
        enhancer_of(file, memory_limit=limit, threads=2) as narrow,
        pytest.raises(MemoryLimitError, match="1000x100") as caught,
    ):
        assert narrow.info.planned_bytes <= limit
        narrow.enhance(image, qp=30)
    limit = 1024 * int(re.findall(r"(\d+)KiB", str(caught.value))[-1])
    with enhancer_of(file, memory_limit=limit, threads=2) as tight:
        np.testing.assert_array_equal(tight.enhance(image, qp=30), expected)
    with (
        enhancer_of(file, memory_limit=limit - 1024, threads=2) as short,
        pytest.raises(MemoryLimitError),
    ):
        short.enhance(image, qp=30)


def test_a_block_too_small_for_the_shift_is_refused() -> None:
    with pytest.raises(ModelError, match="block 16"):
        enhancer_of(block_file(block=16))


def test_a_network_of_the_whole_picture_sees_it_at_once() -> None:
    file = FakeFile(of_the_block, tiling="whole", alignment=8)
    image = noise(150, 205)
    padded = np.pad(image.astype(np.float32), ((0, 2), (0, 3)), mode="edge") - 128
    expected = image + of_the_block(padded[None])[0, :150, :205].astype(np.float64)
    with enhancer_of(file, memory_limit="8MiB", threads=2) as enhancer:
        assert_rounded(enhancer.enhance(image, qp=30), expected)
        assert enhancer.enhance(image, qp=30, out=image) is image
        assert_rounded(image, expected)
        assert {shape for s in file.sessions for shape in s.shapes} == {(1, 152, 208)}
        assert enhancer.info.window == (256, 256)  # 512x512 of 34 bytes does not fit beside 2.5 MiB
        with pytest.raises(InputError, match="--freeze-gates") as caught:
            enhancer.enhance(noise(600, 800), qp=30)
    limit = 1024 * int(re.findall(r"(\d+)KiB", str(caught.value))[-1])
    with enhancer_of(file, memory_limit=limit) as enough:
        enough.enhance(noise(600, 800), qp=30)
