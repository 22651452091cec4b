"""Models in a row, their sessions, and the memory of interpreters."""

import re
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgeqe import Enhancer, InputError, MemoryLimitError
from edgeqe.codecs.strength import step_from_quality, step_key
from edgeqe.engine.cascade import KEPT_SESSIONS
from edgeqe.model.file import ModelFile
from edgeqe.typing import Double, Float
from tests.fakes import FakeFile, FakeSession, enhancer_of, noise
from tests.reference import luma_residual, photograph, plain_network, weights_of

#: Limit under which 4 numbers and 18 bytes a pixel, twice, make many windows.
SMALL = (11 << 18) + 300_000


def box(planes: Float) -> Float:
    """A quarter of the mean of 3x3 pixels, zero beyond the window, less the pixel: halo 1."""
    _, height, width = planes.shape
    padded = np.pad(planes, ((0, 0), (1, 1), (1, 1)))
    total = np.zeros_like(planes)
    for row in range(3):
        for column in range(3):
            total += padded[:, row : row + height, column : column + width]
    return total / np.float32(36) - planes * np.float32(0.5)


def far(planes: Float) -> Float:
    """Shifts by 5 pixels and doubles, zero beyond the window: halo 5."""
    out = np.zeros_like(planes)
    out[:, 5:, :-5] = 2 * planes[:, :-5, 5:]
    return out


def test_two_shipped_models_equal_the_networks_by_hand() -> None:
    image = photograph("camera", 100, 200, 48, 64)
    with Enhancer(["edgeqe-tiny:float32", "edgeqe-small:float32"], threads=1) as enhancer:
        result = enhancer.enhance(image, quality=20)
        info, test = enhancer.info, enhancer.self_test()
    key = step_key(step_from_quality(20))
    files = [ModelFile(Path(path)) for path in info.path.split(" + ")]
    weights = [weights_of(file.at(key)) for file in files]

    def both(planes: Double) -> Double:
        first = plain_network(planes, weights[0])
        return first + plain_network(planes + first, weights[1])

    expected = image + luma_residual(both, image)
    # float32 against float64: 1e-3 levels, so equal but where a value rounds at .5
    assert np.abs(result - np.clip(expected, 0, 255)).max() <= 0.5 + 1e-3
    assert info.model == "edgeqe-tiny + edgeqe-small"
    assert info.models == ("edgeqe-tiny", "edgeqe-small")
    assert info.halo == sum(file.card.halo for file in files)
    assert info.kmac_per_pixel == sum(file.card.kmac_per_pixel for file in files)
    assert info.file_bytes == sum(len(file.data) for file in files)
    assert info.card == files[0].card and info.provider == "CPUExecutionProvider"
    assert test.passed


def test_nothing_is_clipped_or_rounded_between() -> None:
    """Up by 300.25 grey levels, then down by 300: a quarter of a level is left."""
    files = [
        FakeFile(lambda planes: np.full_like(planes, 300.25)),
        FakeFile(lambda planes: np.full_like(planes, -300)),
        FakeFile(lambda planes: np.full_like(planes, 0.5)),
    ]
    image = noise(20, 30) // 2
    with enhancer_of(files, threads=1) as enhancer:
        np.testing.assert_array_equal(enhancer.enhance(image, qp=30), image + 1)  # by 0.75


@pytest.mark.parametrize("size", [(1, 1), (203, 151), (97, 300)])
def test_tiled_equals_whole_with_the_sum_of_halos(size: tuple[int, int]) -> None:
    files = [FakeFile(box, halo=2, alignment=2), FakeFile(far, halo=6, alignment=3)]
    image = noise(*size)
    with enhancer_of(files, memory_limit="64MiB", threads=1) as whole:
        assert (whole.info.halo, whole.info.alignment) == (12, 6)  # 8 rounded up to lcm(2, 3)
        expected = whole.enhance(image, step=10)
        assert {s.shapes[-1] for f in files for s in f.sessions} == {
            (1, -(-size[0] // 6) * 6, -(-size[1] // 6) * 6)
        }
    with enhancer_of(files, memory_limit=SMALL, threads=3) as tiled:
        result = tiled.enhance(image, step=10)
        assert tiled.enhance(image, step=10, out=image) is image
    # every pixel is the same sum in the same order
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(image, expected)
    if min(size) > 1:
        assert files[0].sessions[1].shapes[0] != files[0].sessions[0].shapes[0]


def test_one_model_of_two_takes_the_residual() -> None:
    files = [
        FakeFile(lambda planes: planes[1:] * 2, inputs=("planes", "residual")),
        FakeFile(lambda planes: planes * np.float32(-0.5)),
    ]
    image, given = np.full((9, 11), 100, np.uint8), noise(9, 11, seed=2).astype(np.int16) // 8
    with enhancer_of(files, threads=1) as enhancer:
        result = enhancer.enhance(image, qp=30, prediction_residual=given)
    moved = 100 + 2 * given - 128.0
    np.testing.assert_array_equal(result, np.rint(128 + moved / 2))


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"planes": "rgb"}, "agree in planes.*y, rgb"),
        ({"tiling": "whole"}, "agree in tiling.*exact, whole"),
        ({"tiling": "blocks", "block": 64}, "agree in tiling"),
    ],
)
def test_models_that_do_not_go_together(facts: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        enhancer_of([FakeFile(box), FakeFile(box, **facts)])


@pytest.mark.parametrize("count", [0, 5])
def test_one_to_four_models(count: int) -> None:
    with pytest.raises(InputError, match=f"1 to 4 models, not {count}"):
        Enhancer(["edgeqe-tiny"] * count)


def test_blocks_of_two_models_run_on_the_same_block() -> None:
    def less_its_mean(planes: Float) -> Float:
        mean = np.float32(planes.mean(dtype=np.float64))
        result: Float = planes - mean
        return result

    facts: dict[str, Any] = {"tiling": "blocks", "block": 32}
    files = [FakeFile(lambda planes: -planes, **facts), FakeFile(less_its_mean, **facts)]
    image = noise(50, 70)
    with enhancer_of(files, threads=2) as enhancer:
        result = enhancer.enhance(image, qp=30)
    # the first takes all to 128, on which the second finds nothing
    np.testing.assert_array_equal(result, np.full_like(image, 128))


def test_the_self_test_finds_the_model_that_is_off() -> None:
    files = [FakeFile(box), FakeFile(far)]
    with enhancer_of(files) as enhancer:
        assert enhancer.self_test().max_error == 0.0
        files[1].golden[1][0, 3, 4] += 0.5
        result = enhancer.self_test()
    assert not result.passed and result.max_error == pytest.approx(0.5)


def test_a_few_sessions_of_each_model_are_kept() -> None:
    files = [FakeFile(box), FakeFile(far, default_step=20.0)]
    with enhancer_of(files, threads=1) as enhancer:
        opened = len(files[0].sessions)
        for _ in range(3):
            for step in range(30, 30 + KEPT_SESSIONS):
                enhancer.enhance(noise(8, 8), step=step)
        for file in files:
            assert len(file.sessions) == opened + KEPT_SESSIONS
        enhancer.enhance(noise(8, 8), step=50)
        enhancer.enhance(noise(8, 8), step=30)  # the oldest is gone and comes again
        assert [s.key for s in files[0].sessions][-2:] == [50, 30]
    with pytest.raises(InputError, match="closed"):
        enhancer.enhance(noise(8, 8), step=30)


def test_idle_interpreters_never_take_more_than_the_limit() -> None:
    """Interpreters, many sizes, strengths beyond those kept, four threads, one limit."""

    def slow(planes: Float) -> Float:
        time.sleep(0.0005)
        return box(planes)

    files = [FakeFile(slow, fixed=True, halo=2), FakeFile(far, fixed=True, halo=5)]

    images = [noise(40 + 9 * (i % 7), 50 + 11 * (i % 5), seed=i) for i in range(24)]
    with enhancer_of(files, memory_limit="64MiB", threads=1) as roomy:
        expected = [roomy.enhance(image, step=10 + i % 6) for i, image in enumerate(images)]
    FakeSession.held = FakeSession.most = 0
    made: dict[int, npt.NDArray[np.uint8]] = {}
    limit = (11 << 18) + 600_000
    with enhancer_of(files, memory_limit=limit, threads=3) as enhancer:

        def work(first: int) -> None:
            for i in range(first, len(images), 4):
                made[i] = enhancer.enhance(images[i], step=10 + i % 6)

        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for i, result in enumerate(expected):
        np.testing.assert_array_equal(made[i], result)
    assert 300_000 < FakeSession.most <= 600_000


def test_an_interpreter_is_used_again() -> None:
    file = FakeFile(box, fixed=True, halo=2)
    with enhancer_of(file, memory_limit=SMALL, threads=2) as enhancer:
        window = enhancer.info.window
        for _ in range(4):
            enhancer.enhance(noise(200, 150), step=10)
        assert file.sessions[0].interpreters() <= 2
        # 16 and 18 bytes a pixel, and 5000 beside them
        assert enhancer.info.planned_bytes == (11 << 18) + 2 * (34 * window[0] * window[1] + 5000)
        enhancer.self_test()
        assert file.sessions[0].interpreters() == 0


def test_a_cascade_of_interpreters_needs_the_memory_of_both() -> None:
    def smallest(files: list[FakeFile]) -> int:
        with pytest.raises(MemoryLimitError) as caught:
            enhancer_of(files, memory_limit=1024)
        return 1024 * int(re.findall(r"(\d+)KiB", str(caught.value))[-1]) - (11 << 18)

    facts: dict[str, Any] = {"halo": 60}
    alone = smallest([FakeFile(box, fixed=True, halo=120)])
    both = smallest([FakeFile(box, fixed=True, **facts) for _ in range(2)])
    shared = smallest([FakeFile(box, **facts) for _ in range(2)])
    # windows of 241 x 241: planes and sum, 8 bytes a pixel, come on top
    assert both == pytest.approx(2 * alone + 8 * 241**2, abs=2048)
    assert shared == pytest.approx(alone - 5000 + 8 * 241**2, abs=2048)
