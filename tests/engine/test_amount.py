"""`amount`: how much of the residual is added, from none to all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgeqe import Enhancer, InputError
from edgeqe.codecs.strength import step_from_quality, step_key
from edgeqe.model.catalogue import forms_of, shipped_files
from edgeqe.model.file import ModelFile
from edgeqe.typing import Float
from tests.fakes import FakeFile, enhancer_of, noise
from tests.reference import luma_residual, photograph, plain_network, weights_of

TINY = [f"edgeqe-tiny:{form}" for form in forms_of("edgeqe-tiny")]
#: Smallest and largest value of uint16 too: of 10 bits they are no samples, and stay.
DEEP = np.array([[0, 1023, 65535], [31, 900, 40000], [5, 1, 512]], np.uint16)


def constant(value: float) -> Any:
    def network(planes: Float) -> Float:
        return np.full_like(planes, value)

    return network


def samples(*shape: int, dtype: Any = np.uint8, calm: bool = False) -> npt.NDArray[Any]:
    """Noise over the whole range, or over its middle half, where no result is clipped."""
    found = noise(*shape, dtype=dtype)
    return found // 2 + dtype(int(np.iinfo(dtype).max) // 4) if calm else found


def every_call(
    enhancer: Enhancer, calm: bool = False, **how: Any
) -> list[tuple[npt.NDArray[Any], npt.NDArray[Any], int]]:
    """Every kind of array, before and after, and the step between its samples."""
    y, uv = samples(21, 33, calm=calm), samples(11, 17, 2, calm=calm)
    u, v = uv[..., 0].copy(), uv[..., 1].copy()
    pairs: list[tuple[Any, Any, int]] = []
    kinds: list[tuple[npt.NDArray[Any], dict[str, Any]]] = [
        (y, {}),
        (samples(21, 33, 3, calm=calm), {}),
        (samples(21, 33, 4, calm=calm), {"channels": "bgr"}),
        (samples(21, 33, dtype=np.uint16, calm=calm), {}),
        (samples(20, 32, 3, dtype=np.uint16, calm=calm), {}),
        *([] if calm else [(DEEP, {"bit_depth": 10})]),
    ]
    for image, more in kinds:
        pairs.append((image, enhancer.enhance(image, **more, **how), 1))
    planes = enhancer.enhance_planes(y, u, v, **how)
    pairs += [(*pair, 1) for pair in zip((y, u, v), planes, strict=True)]
    pairs += [(*pair, 1) for pair in zip((y, uv), enhancer.enhance_nv12(y, uv, **how), strict=True)]
    deep = [samples(*size, dtype=np.uint16, calm=calm) for size in ((21, 33), (11, 17, 2))]
    p010 = enhancer.enhance_p010(deep[0], deep[1], **how)
    pairs += [(*pair, 64) for pair in zip(deep, p010, strict=True)]
    return pairs


@pytest.mark.parametrize("model", shipped_files())
def test_none_gives_the_pictures_own_bytes(model: str) -> None:
    with Enhancer(model, threads=1) as enhancer:
        strength: dict[str, Any] = {"quality": 10} if "jpeg" in enhancer.codecs else {"qp": 40}
        for before, after, _ in every_call(enhancer, **strength, amount=0):
            np.testing.assert_array_equal(after, before)
            assert after.dtype == before.dtype and not np.shares_memory(after, before)


def test_none_is_the_picture_in_place_and_the_network_rests() -> None:
    file = FakeFile(constant(np.nan))  # whatever the network gives
    image = noise(20, 30)
    with enhancer_of(file, threads=1) as enhancer:
        copy = image.copy()
        assert enhancer.enhance(copy, step=9, amount=0.0, out=copy) is copy
        np.testing.assert_array_equal(copy, image)
        assert not [shape for session in file.sessions for shape in session.shapes]
    with pytest.raises(InputError, match="closed"):
        enhancer.enhance(image, step=9, amount=0.0)


def test_half_by_hand() -> None:
    image = photograph("camera", 100, 200, 48, 64)
    with Enhancer("edgeqe-tiny:float32", threads=1) as enhancer:
        results = {a: enhancer.enhance(image, quality=10, amount=a) for a in (0.25, 0.5, 1.0)}
        path = Path(enhancer.info.path)
        np.testing.assert_array_equal(enhancer.enhance(image, quality=10), results[1.0])
    weights = weights_of(ModelFile(path).at(step_key(step_from_quality(10))))
    residual = luma_residual(lambda planes: plain_network(planes, weights), image)
    for amount, result in results.items():
        expected = np.clip(image + amount * residual, 0, 255)
        # float32 against float64: 1e-3 levels, so equal but where a value rounds at .5
        assert np.abs(result - expected).max() <= 0.5 + 1e-3


@pytest.mark.parametrize("model", TINY)
def test_half_is_half_of_the_whole_in_every_form(model: str) -> None:
    with Enhancer(model, threads=1) as enhancer:
        whole = every_call(enhancer, calm=True, quality=40)
        half = every_call(enhancer, calm=True, quality=40, amount=0.5)
    for (before, all_of_it, step), (_, after, _) in zip(whole, half, strict=True):
        change, own = (result.astype(float) - before for result in (all_of_it, after))
        assert np.abs(change).max() > 4 * step
        # all of it is off by half a step, so half of it by a quarter, and by half a step itself
        assert np.abs(own - 0.5 * change).max() <= 0.75 * step


@pytest.mark.parametrize("planes", ["y", "rgb"])
def test_half_of_a_network_from_elsewhere(planes: str) -> None:
    image = noise(30, 20, 3) // 2 + np.uint8(20)
    file = FakeFile(constant(5.0), planes=planes, name="theirs")
    with enhancer_of(file, threads=1) as enhancer:
        for amount, added in ((0.5, 2), (0.25, 1), (0.7, 4), (1, 5)):  # 2.5 rounds to even
            result = enhancer.enhance(image, step=9, amount=amount)
            np.testing.assert_array_equal(result, image + np.uint8(added))
        deep = image.astype(np.uint16) << 2
        moved = enhancer.enhance(deep, step=9, amount=0.5, bit_depth=10)
        np.testing.assert_array_equal(moved, deep + 10)  # 5 levels are 20 steps of 10 bits


def test_half_of_a_cascade_and_of_blocks() -> None:
    image = noise(80, 90) // 2 + np.uint8(20)
    two = [FakeFile(constant(4.0)), FakeFile(constant(6.0))]
    blocks = FakeFile(constant(10.0), tiling="blocks", block=64)
    for files in (two, blocks):
        with enhancer_of(files, threads=1) as enhancer:
            result = enhancer.enhance(image, step=9, amount=0.5)
        np.testing.assert_array_equal(result, image + np.uint8(5))


def test_tiled_equals_whole_at_half() -> None:
    image = noise(301, 203, 3)
    made: list[npt.NDArray[Any]] = []
    for limit in ("1GiB", "8MiB"):
        with Enhancer("edgeqe-tiny:int8", memory_limit=limit, threads=2) as enhancer:
            made.append(enhancer.enhance(image, quality=10, amount=0.5))
            copy = image.copy()
            made.append(enhancer.enhance(copy, quality=10, amount=0.5, out=copy))
    for other in made[1:]:
        np.testing.assert_array_equal(other, made[0])


@pytest.mark.parametrize("amount", [-0.1, 1.01, float("nan"), "half", None, True])
def test_other_amounts_are_refused(amount: Any) -> None:
    with enhancer_of(FakeFile(constant(1.0)), threads=1) as enhancer:
        with pytest.raises(InputError, match=f"^amount {amount!r} is not a number from 0 to 1.$"):
            enhancer.enhance(noise(8, 8), step=9, amount=amount)
        np.testing.assert_array_equal(
            enhancer.enhance(noise(8, 8), step=9, amount=np.float32(0)),  # type: ignore[arg-type]
            noise(8, 8),
        )


@pytest.mark.parametrize(
    ("step", "share"),
    [(32.0, 1.0), (1.0, 1.0), (2**-0.5, 0.5), (0.5, 0.0), (0.25, 0.0)],
)
def test_the_change_fades_out_below_a_step_of_one(step: float, share: float) -> None:
    """A network that adds 40 levels: no rounding hides what is left of it."""
    gray = np.full((12, 16), 90, np.uint8)
    with enhancer_of(FakeFile(constant(40.0)), threads=1) as enhancer:
        whole = int(enhancer.enhance(gray, step=32.0)[0, 0]) - 90
        assert whole != 0
        changed = enhancer.enhance(gray, step=step)
        np.testing.assert_array_equal(changed, 90 + round(share * whole))
        halved = enhancer.enhance(gray, step=step, amount=0.5)
        np.testing.assert_array_equal(halved, 90 + round(0.5 * share * whole))
