"""Strips of a picture: the samples of the whole, in order, one at a time, and no hang after an error."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgeqe import Enhancer, InputError

#: A limit in which pictures of these sizes are cut into several rows of windows.
LIMIT = "6MiB"
HEIGHT, WIDTH = 431, 263

Planes = tuple[npt.NDArray[Any], ...]


def noise(*shape: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(8).integers(0, 256, shape, np.uint8)


def taken(enhancer: Enhancer, planes: Planes, **how: Any) -> tuple[list[int], Planes]:
    """First rows of all strips, and the planes that they make."""
    rows, strips = list[int](), list[Planes]()

    def take(row: int, strip: Planes) -> None:
        rows.append(row)
        strips.append(strip)

    enhancer.enhance_rows(planes, take, **how)
    return rows, tuple(np.concatenate([s[i] for s in strips]) for i in range(len(planes)))


@pytest.mark.parametrize("model", ["edgeqe-tiny:int8", "edgeqe-nano:float32"])
@pytest.mark.parametrize("kind", ["planes", "gray", "RGB", "16 bits"])
@pytest.mark.parametrize("amount", [1.0, 0.5, 0.0])
def test_strips_are_the_whole(model: str, kind: str, amount: float) -> None:
    half = ((HEIGHT + 1) // 2, (WIDTH + 1) // 2)
    kinds: dict[str, Planes] = {
        "planes": (noise(HEIGHT, WIDTH), noise(*half), noise(*half)[::-1]),
        "gray": (noise(HEIGHT, WIDTH),),
        "RGB": (noise(HEIGHT, WIDTH, 3),),
        "16 bits": (noise(HEIGHT, WIDTH).astype(np.uint16) * 257,),
    }
    planes = kinds[kind]
    with Enhancer(model, memory_limit=LIMIT, threads=2) as enhancer:
        rows, made = taken(enhancer, planes, quality=20, amount=amount)
        if kind == "planes":
            y, u, v = planes
            wanted: Planes = enhancer.enhance_planes(y, u, v, quality=20, amount=amount)
        else:
            wanted = (enhancer.enhance(planes[0], quality=20, amount=amount),)
    assert rows == sorted(rows) and (len(rows) > 1 or amount == 0.0)
    for one, other in zip(made, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def test_one_is_taken_at_a_time_and_errors_end_the_call() -> None:
    image, inside = noise(HEIGHT, WIDTH), threading.Lock()

    def take(row: int, _: Planes) -> None:
        assert inside.acquire(blocking=False)
        inside.release()
        if row:
            raise KeyError(row)

    with Enhancer("edgeqe-tiny:int8", memory_limit=LIMIT, threads=4) as enhancer:
        with pytest.raises(KeyError):
            enhancer.enhance_rows([image], take, quality=20)
        _, (made,) = taken(enhancer, (image,), quality=20)
        np.testing.assert_array_equal(made, enhancer.enhance(image, quality=20))


def test_what_is_no_picture_is_refused() -> None:
    with Enhancer("edgeqe-tiny:int8", memory_limit="16MiB", threads=1) as enhancer:
        for planes in ((), (noise(4, 4), noise(2, 2)), (noise(4, 4, 5),), (noise(0, 4),)):
            with pytest.raises(InputError):
                enhancer.enhance_rows(planes, lambda row, strip: None, quality=20)
