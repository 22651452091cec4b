"""`ensemble=8`: the mean over flips and rotations, against whole pictures turned one by one."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgeqe import Enhancer, InputError, MemoryLimitError
from edgeqe.codecs.strength import step_from_quality, step_key
from edgeqe.model.file import ModelFile
from edgeqe.runtimes import open_session
from edgeqe.typing import Double, Float
from tests.fakes import FakeFile, FakeSession, enhancer_of, noise
from tests.reference import (
    photograph,
    plain_network,
    weights_of,
    with_margin,
    without_margin,
)

PHASES = [(0, 0), (0, 1), (1, 0), (1, 1)]
FIXED = 11 << 18


def turned(plane: npt.NDArray[Any], quarters: int, mirrored: bool) -> npt.NDArray[Any]:
    """One of the eight, by NumPy's own turns."""
    return np.rot90(np.fliplr(plane) if mirrored else plane, quarters)


def turned_back(plane: npt.NDArray[Any], quarters: int, mirrored: bool) -> npt.NDArray[Any]:
    back = np.rot90(plane, -quarters)
    return np.fliplr(back) if mirrored else back


EIGHT = [(quarters, mirrored) for quarters in range(4) for mirrored in (False, True)]


def even(plane: npt.NDArray[Any], unit: int = 2) -> npt.NDArray[Any]:
    """A plane whose last row and column are repeated up to a multiple of the unit."""
    rest = [(0, -side % unit) for side in plane.shape]
    return np.pad(plane, rest, mode="edge")


def six_planes(y: Double, u: Double, v: Double) -> Double:
    return np.stack([*(y[row::2, column::2] for row, column in PHASES), u, v])


def depth_to_space(phases: Double) -> Double:
    luma = np.zeros((2 * phases.shape[1], 2 * phases.shape[2]))
    for phase, (row, column) in zip(phases, PHASES, strict=False):
        luma[row::2, column::2] = phase
    return luma


def mean_by_hand(
    network: Callable[[Double], Double], y: Double, u: Double, v: Double
) -> tuple[Double, Double, Double]:
    """Mean residual of Y, U and V over eight turned whole pictures with their margin, each enhanced by itself."""
    y, u, v = with_margin(y), with_margin(u, 4), with_margin(v, 4)
    total = np.zeros_like(y), np.zeros_like(u), np.zeros_like(v)
    for turn in EIGHT:
        planes = six_planes(*(np.ascontiguousarray(turned(p, *turn)) for p in (y, u, v)))
        residual = network(planes)
        for sum_, plane in zip(total, (depth_to_space(residual[:4]), *residual[4:]), strict=True):
            sum_ += turned_back(plane, *turn) / 8
    return without_margin(total[0]), without_margin(total[1], 4), without_margin(total[2], 4)


def tiny(quality: int) -> Callable[[Double], Double]:
    """edgeqe-tiny in float64."""
    with Enhancer("edgeqe-tiny:float32", threads=1) as enhancer:
        path = Path(enhancer.info.path)
    weights = weights_of(ModelFile(path).at(step_key(step_from_quality(quality))))
    return lambda planes: plain_network(planes, weights)


@pytest.mark.parametrize("size", [(48, 64), (33, 51), (40, 41), (1, 1), (3, 70)])
def test_gray_is_the_mean_of_eight_whole_pictures(size: tuple[int, int]) -> None:
    image = photograph("camera", 100, 200, *size)
    with Enhancer("edgeqe-tiny:float32", threads=1) as enhancer:
        result = enhancer.enhance(image, quality=10, ensemble=8)
        plain = enhancer.enhance(image, quality=10)
    y = even(image).astype(np.float64) - 128
    neutral = np.zeros((y.shape[0] // 2, y.shape[1] // 2))
    residual, _, _ = mean_by_hand(tiny(10), y, neutral, neutral)
    expected = np.clip(image + residual[: size[0], : size[1]], 0, 255)
    # float32 against float64: 1e-3 levels, so equal but where a value rounds at .5
    assert np.abs(result - expected).max() <= 0.5 + 1e-3
    if min(size) > 10:
        assert not np.array_equal(result, plain)


@pytest.mark.parametrize("size", [(48, 64), (33, 51), (40, 41)])
def test_planes_are_the_mean_of_eight_whole_pictures(size: tuple[int, int]) -> None:
    colour = photograph("astronaut", 30, 150, *size)
    y = np.ascontiguousarray(colour[..., 1])
    u, v = (np.ascontiguousarray(colour[::2, ::2, k]) for k in (0, 2))
    with Enhancer("edgeqe-tiny:float32", threads=1) as enhancer:
        made = enhancer.enhance_planes(y, u, v, quality=10, ensemble=8)
    given = (plane.astype(np.float64) - 128 for plane in (even(y), u, v))
    residuals = mean_by_hand(tiny(10), *given)
    for plane, result, residual in zip((y, u, v), made, residuals, strict=True):
        own = residual[: plane.shape[0], : plane.shape[1]]
        expected = np.clip(plane + own, 0, 255)
        assert np.abs(result - expected).max() <= 0.5 + 1e-3
        assert np.abs(own).max() > 1  # there is something to compare


@pytest.mark.parametrize("name", ["edgeqe-tiny:int8", "multiscale"])
def test_it_is_the_mean_of_what_the_session_gives_for_transformed_planes(
    name: str, multiscale: Path
) -> None:
    """INT8, and a network of three scales, whose planes are padded to its alignment."""
    model = str(multiscale) if name == "multiscale" else name
    image = photograph("camera", 100, 200, 52, 74)
    with Enhancer(model, threads=1) as enhancer:
        result = enhancer.enhance(image, quality=10, ensemble=8)
        info = enhancer.info
    file = ModelFile(Path(info.path))
    session = open_session(file, file.key(step_from_quality(10)))
    y = even(image, info.alignment).astype(np.float64) - 128
    neutral = np.zeros((y.shape[0] // 2, y.shape[1] // 2))
    residual, _, _ = mean_by_hand(
        lambda planes: session.run(planes.astype(np.float32)).astype(np.float64),
        y, neutral, neutral,
    )  # fmt: skip
    expected = np.clip(image + residual[:52, :74], 0, 255)
    # the sum of eight float32 against float64: some 1e-5 levels
    assert np.abs(result - expected).max() <= 0.5 + 1e-3


def east(planes: Float) -> Float:
    """What lies to the left of a pixel, zero beyond the window: halo 1."""
    out = np.zeros_like(planes[:1])
    out[:, :, 1:] = planes[:1, :, :-1]
    return out


def test_a_shift_becomes_the_mean_of_four_neighbours() -> None:
    image = noise(31, 45)
    padded = np.pad(image - 128.0, 1)
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    expected = np.clip(np.rint(around / 4) + image, 0, 255)
    for limit in ("64MiB", FIXED + 8000):
        with enhancer_of(FakeFile(east, halo=1), memory_limit=limit, threads=2) as enhancer:
            np.testing.assert_array_equal(enhancer.enhance(image, step=9, ensemble=8), expected)
            assert enhancer.planned_bytes(31, 45, ensemble=8) <= enhancer.info.memory_limit


def test_the_prediction_residual_turns_with_the_picture() -> None:
    def shifted(planes: Float) -> Float:
        return east(planes[1:])

    given = noise(20, 34).astype(np.int16) - 128
    padded = np.pad(given.astype(float), 1)
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    image = np.full((20, 34), 128, np.uint8)
    file = FakeFile(shifted, halo=1, inputs=("planes", "residual"))
    with enhancer_of(file, threads=1) as enhancer:
        result = enhancer.enhance(image, step=9, ensemble=8, prediction_residual=given)
    np.testing.assert_array_equal(result, np.clip(np.rint(around / 4) + 128, 0, 255))


def test_a_cascade_turns_as_one() -> None:
    """Twice to the left of a pixel: the second network sees what the first one added."""
    image = noise(24, 30) // 8 + np.uint8(120)

    expected = np.zeros((24, 30))
    for turn in EIGHT:
        planes = turned(image.astype(np.float32) - 128, *turn)[None]
        first = east(planes)
        second: Float = east(planes + first)
        expected += turned_back((first + second)[0], *turn) / 8
    files = [FakeFile(east, halo=1) for _ in range(2)]
    with enhancer_of(files, memory_limit=FIXED + 9000, threads=2) as enhancer:
        result = enhancer.enhance(image, step=9, ensemble=8)
    np.testing.assert_array_equal(
        result, np.rint(expected) + image
    )  # eighths of whole numbers: exact


@pytest.mark.parametrize("tiling", ["blocks", "whole"])
def test_blocks_and_whole_pictures_turn_too(tiling: str) -> None:
    """A block is turned by itself: where it ends there is nothing."""
    image = np.full((96, 96), 192, np.uint8)
    facts: dict[str, Any] = {"tiling": tiling, "block": 64 if tiling == "blocks" else 0}
    with enhancer_of(FakeFile(east, **facts), threads=2) as enhancer:
        result = enhancer.enhance(image, step=9, ensemble=8)
        assert result.min() == 192 + 32  # 64 levels from two neighbours of four, in the corner
        assert result.max() == 255
        assert result[50, 0] == 192 + 48


@pytest.mark.parametrize("model", ["edgeqe-tiny:int8", "edgeqe-tiny:int8.tflite"])
@pytest.mark.parametrize("shape", [(1, 9), (31, 17, 3), (200, 301), (203, 150, 4)])
def test_tiles_of_integers_equal_the_whole_to_the_byte(model: str, shape: tuple[int, ...]) -> None:
    image = noise(*shape)
    made = tiled_and_whole(model, image)
    for other in made[1:]:
        np.testing.assert_array_equal(other, made[0])
    if image.ndim == 3 and shape[2] == 4:
        np.testing.assert_array_equal(made[0][..., 3], image[..., 3])


@pytest.mark.parametrize("name", ["edgeqe-tiny:float32", "multiscale"])
@pytest.mark.parametrize("shape", [(31, 17), (151, 203, 3)])
def test_tiles_of_real_numbers_equal_the_whole(
    name: str, shape: tuple[int, ...], multiscale: Path
) -> None:
    model = str(multiscale) if name == "multiscale" else name
    image = photograph("astronaut" if len(shape) == 3 else "camera", 100, 100, *shape[:2])
    made = tiled_and_whole(model, image)
    for other in made[1:]:
        different = np.abs(other.astype(int) - made[0])
        # DESIGN's bound for float32: one level at most, in at most 1 of 10,000 samples
        assert different.max() <= 1
        assert np.count_nonzero(different) <= image.size / 10_000


def tiled_and_whole(model: str, image: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """Ensembles: whole, in tiles, and in place in tiles."""
    with Enhancer(model, memory_limit="4GiB", threads=1) as whole:
        made = [whole.enhance(image, quality=10, ensemble=8)]
        assert whole.planned_bytes(2000, 2000) < whole.planned_bytes(2000, 2000, ensemble=8)
    with pytest.raises(MemoryLimitError) as caught:
        Enhancer(model, memory_limit="1KiB")
    least = 1024 * int(re.findall(r"(\d+)KiB", str(caught.value))[-1])
    with Enhancer(model, memory_limit=int(2.5 * least - 1.5 * FIXED), threads=2) as tiny:
        made.append(tiny.enhance(image, quality=10, ensemble=8))
        copy = image.copy()
        assert tiny.enhance(copy, quality=10, ensemble=8, out=copy) is copy
        made.append(copy)
    return made


def test_the_smallest_limit_that_is_named_works() -> None:
    """A limit that has room for a window alone has none for what the turns add to it."""
    file = FakeFile(east, halo=60)
    with pytest.raises(MemoryLimitError) as caught:
        enhancer_of(file, memory_limit=1024)
    limit = 1024 * int(re.findall(r"(\d+)KiB", str(caught.value))[-1])
    image = noise(300, 300)
    with (
        enhancer_of(file, memory_limit=limit) as enhancer,
        pytest.raises(MemoryLimitError, match="300x300") as caught,
    ):
        enhancer.enhance(image, step=9)
        enhancer.enhance(image, step=9, ensemble=8)
    more = 1024 * int(re.findall(r"(\d+)KiB", str(caught.value))[-1])
    # windows of 121x121; turned planes and the sum are 8 bytes a pixel
    assert more - limit == pytest.approx(8 * 121**2, abs=1024)
    with enhancer_of(file, memory_limit=more) as enhancer:
        assert enhancer.planned_bytes(300, 300, ensemble=8) <= more
        enhancer.enhance(image, step=9, ensemble=8)


def test_interpreters_of_both_shapes_never_take_more_than_the_limit() -> None:
    images = [noise(40 + 9 * (i % 7), 50 + 11 * (i % 5), seed=i) for i in range(24)]
    sizes = [1 if i % 3 else 8 for i in range(24)]
    file = FakeFile(east, fixed=True, halo=1)
    with enhancer_of(FakeFile(east, halo=1), threads=1) as roomy:
        expected = [
            roomy.enhance(image, step=10, ensemble=n)
            for image, n in zip(images, sizes, strict=True)
        ]
    FakeSession.held = FakeSession.most = 0
    made: dict[int, npt.NDArray[np.uint8]] = {}
    with enhancer_of(file, memory_limit=FIXED + 400_000, threads=3) as enhancer:

        def work(first: int) -> None:
            for i in range(first, len(images), 4):
                made[i] = enhancer.enhance(images[i], step=10, ensemble=sizes[i])

        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for i, result in enumerate(expected):
        np.testing.assert_array_equal(made[i], result)
    assert 200_000 < FakeSession.most <= 400_000


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize(
    "model", ["edgeqe-tiny:float32", "edgeqe-small:int8", "edgeqe-tiny:int8.tflite"]
)
def test_the_limit_holds_by_the_operating_system(model: str) -> None:
    """In a fresh process: pictures of eight sizes, with and without, two threads, 16 MiB."""
    script = """
import sys
import numpy as np
from edgeqe import Enhancer
from edgeqe.bench.memory import reset_peak, resident_bytes
from edgeqe.runtimes.heap import trim_heap
pictures = [np.full((300 + 40 * i, 700 - 30 * i, 3), 90, np.uint8) for i in range(8)]
outs = [np.full_like(picture, 1) for picture in pictures]
with Enhancer(sys.argv[1], memory_limit="16MiB", threads=2) as enhancer:
    enhancer.enhance(pictures[0][:32, :32], quality=10)
    trim_heap()
    measured = reset_peak()
    before = resident_bytes("VmRSS")
    for number, (picture, out) in enumerate(zip(pictures, outs)):
        enhancer.enhance(picture, quality=10, out=out, ensemble=1 if number % 3 == 2 else 8)
    print(resident_bytes("VmHWM") - before if measured else 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, model], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) <= 16 << 20


@pytest.mark.parametrize("ensemble", [0, 2, 4, 16, 8.5, "8", None, True])
def test_other_ensembles_are_refused(ensemble: Any) -> None:
    with enhancer_of(FakeFile(east, halo=1), threads=1) as enhancer:
        for call in (
            lambda: enhancer.enhance(noise(8, 8), step=9, ensemble=ensemble),
            lambda: enhancer.planned_bytes(8, 8, ensemble=ensemble),
        ):
            with pytest.raises(InputError, match=f"^ensemble {ensemble!r} is neither 1 nor 8: "):
                call()
