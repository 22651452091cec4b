"""What the engine promises of threads and calls, with networks that are functions."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from edgeqe import Enhancer
from edgeqe.errors import InputError
from edgeqe.typing import Float
from tests.fakes import FakeFile, enhancer_of, noise

#: Limit in which windows of 34 bytes a pixel have some 100 pixels a side.
LIMIT = (11 << 18) + 400_000


def together(*calls: threading.Thread) -> None:
    """Run calls side by side, which must end."""
    for call in calls:
        call.daemon = True
        call.start()
    for call in calls:
        call.join(30)
    assert not any(call.is_alive() for call in calls)


def test_windows_of_two_sizes_never_run_side_by_side() -> None:
    lock, running, mixed = threading.Lock(), list[tuple[int, ...]](), list[bool]()

    def third(planes: Float) -> Float:
        with lock:
            running.append(planes.shape)
            mixed.append(len(set(running)) > 1)
        result = planes / np.float32(-3)
        with lock:
            running.remove(planes.shape)
        return result

    images = [noise(150 + 7 * i, 180 + 5 * i, seed=i) for i in range(8)]
    made: dict[int, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]] = {}
    with enhancer_of(FakeFile(third), memory_limit=LIMIT, threads=3) as enhancer:
        expected = [enhancer.enhance(image, step=10) for image in images]

        def work(first: int) -> None:
            for i in range(first, len(images), 4):
                made[i] = enhancer.enhance(images[i], step=10)

        together(*(threading.Thread(target=work, args=(k,)) for k in range(4)))
    assert mixed and not any(mixed)
    for i, result in enumerate(expected):
        np.testing.assert_array_equal(made[i], result)


def test_a_call_in_place_ends_beside_another() -> None:
    """On one thread, whose next window may belong to the call that waits for the other's band."""
    file = FakeFile(lambda planes: planes / np.float32(-3), halo=8)
    first, second = noise(700, 120), noise(333, 444)
    with enhancer_of(file, memory_limit=LIMIT, threads=1) as enhancer:
        expected = enhancer.enhance(first, step=10), enhancer.enhance(second, step=10)

        def in_place() -> None:
            for _ in range(5):
                image = first.copy()
                enhancer.enhance(image, step=10, out=image)
                np.testing.assert_array_equal(image, expected[0])

        def beside() -> None:
            for _ in range(5):
                np.testing.assert_array_equal(enhancer.enhance(second, step=10), expected[1])

        together(threading.Thread(target=in_place), threading.Thread(target=beside))


def test_no_more_threads_run_than_a_plan_has_workers() -> None:
    used: set[int] = set()

    def third(planes: Float) -> Float:
        used.add(threading.get_ident())
        return planes / np.float32(-3)

    file = FakeFile(third, halo=60)  # a window is so large that one fills the limit
    with enhancer_of(file, memory_limit=LIMIT + 400_000, threads=8) as enhancer:
        used.clear()  # the fake's golden output
        for _ in range(3):
            enhancer.enhance(noise(300, 400), step=10)
    assert len(used) == 1


def test_an_error_drops_the_windows_that_have_not_begun() -> None:
    seen: list[int] = []

    def breaks(planes: Float) -> Float:
        seen.append(1)
        if armed:
            raise InputError("no more")
        return planes / np.float32(-3)

    armed = False
    with enhancer_of(FakeFile(breaks), memory_limit=LIMIT, threads=2) as enhancer:
        image = noise(400, 500)
        seen.clear()  # the fake's golden output
        enhancer.enhance(image, step=10)
        windows = len(seen)
        assert windows > 8
        seen.clear()
        armed = True
        with pytest.raises(InputError, match="no more"):
            enhancer.enhance(image, step=10)
        assert len(seen) <= 2  # one a thread
        armed = False
        seen.clear()
        enhancer.enhance(image, step=10)  # and the next call is whole
        assert len(seen) == windows


def test_the_plan_of_a_size_is_told() -> None:
    file = FakeFile(lambda planes: planes / np.float32(-3))
    with enhancer_of(file, memory_limit="64MiB", threads=2) as enhancer:
        # one window of 8 x 6: 16 and 18 bytes a pixel, and what is fixed
        assert enhancer.planned_bytes(8, 6) == (11 << 18) + 34 * 8 * 6
        assert enhancer.planned_bytes(4096, 4096) == enhancer.info.planned_bytes


def test_a_closed_enhancer_runs_nothing() -> None:
    enhancer: Enhancer = enhancer_of(FakeFile(lambda planes: planes))
    enhancer.close()
    with pytest.raises(InputError, match="closed"):
        enhancer.enhance(noise(8, 8), step=10)
