from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgeqe.quantization.int8.gptq import round_kernel


def test_without_a_moment_every_weight_is_the_nearest_integer() -> None:
    kernel = np.array([[64.0, 0.4, -1.6, 31.5, 32.5]], np.float32)
    numbers, scale = round_kernel(kernel, 64)
    # 64 is the largest of 7 bits, so the scale is 1; halves go to the even neighbour; a
    # smaller scale would cut 64 short by more than it gains on the others
    assert scale.tolist() == [1.0]
    assert numbers.tolist() == [[64, 0, -2, 32, 32]]


def test_a_channel_of_zeros_keeps_a_scale() -> None:
    numbers, scale = round_kernel(np.zeros((2, 3), np.float32), 64)
    assert (numbers == 0).all() and (scale > 0).all()


def test_alike_inputs_keep_the_sum_of_the_weights() -> None:
    # Three inputs that are nearly one and the same: only the sum of the weights counts.
    kernel = np.array([[10.0, 0.4, 0.4]], np.float32)
    hessian = 100.0 * np.ones((3, 3)) + 0.01 * np.eye(3)
    nearest, unit = round_kernel(kernel, 10)
    assert nearest.tolist() == [[10, 0, 0]] and unit.tolist() == [1.0]  # sum 10, 10.8 wanted
    minded, unit = round_kernel(kernel, 10, hessian)
    assert abs(float((minded * unit[:, None]).sum()) - 10.8) < 0.25


@pytest.mark.parametrize("seed", range(5))
def test_the_error_of_the_result_is_near_the_least_of_all_roundings(seed: int) -> None:
    # All 3^5 roundings to -1, 0, 1 of a channel at the same scale, tried one by one. The one by
    # one rounding is not the best of them but never worse than to the nearest.
    rng = np.random.default_rng(seed)
    kernel = rng.normal(0, 1, (1, 5)).astype(np.float32)
    mixed = rng.normal(0, 1, (5, 40)) + 2 * rng.normal(0, 1, (1, 40))
    hessian = mixed @ mixed.T

    def error(numbers: npt.NDArray[Any], scale: float) -> float:
        rest = numbers * scale - kernel[0]
        return float(rest @ hessian @ rest)

    numbers, scale = round_kernel(kernel, 1, hessian)
    found = error(numbers[0], float(scale[0]))
    every = [error(np.array(n), float(scale[0])) for n in itertools.product((-1, 0, 1), repeat=5)]
    nearest, unit = round_kernel(kernel, 1)
    assert found <= error(nearest[0], float(unit[0])) * (1 + 1e-6)
    assert sum(other < found * (1 - 1e-6) for other in every) <= 12  # among the best 5 %


def test_a_largest_weight_is_never_passed() -> None:
    rng = np.random.default_rng(3)
    kernel = rng.normal(0, 1, (8, 4, 3, 3)).astype(np.float32)
    x = rng.normal(0, 1, (36, 10)) + 5.0
    numbers, scale = round_kernel(kernel, 64, x @ x.T)
    assert numbers.shape == kernel.shape and scale.shape == (8,)
    assert np.abs(numbers).max() <= 64 and (numbers == np.rint(numbers)).all()
