from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from edgeqe.codecs.strength import step_from_quality, step_key
from edgeqe.converters.graph.graph import KEYS, Graph, Node
from edgeqe.quantization.calibration.ranges import Ranges
from edgeqe.quantization.int8.canonical_form import canonical
from edgeqe.quantization.int8.int8 import largest_residual_scale, quantized_graph, values
from edgeqe.quantization.int8.oracle import Oracle

FIRST, LAST = KEYS[0], KEYS[-1]


def network(*, follows: bool = True) -> Graph:
    """Six planes, a hidden value after a Relu, a signed one moved to the result."""
    rng = np.random.default_rng(2)
    constants = {
        "a": rng.normal(0, 1, (4, 6, 3, 3)).astype(np.float32),
        "b": rng.normal(0, 1, (24, 4, 1, 1)).astype(np.float32),
        "s": np.ones((1, 4, 1, 1), np.float32),
    }
    nodes = (
        Node("Conv", "head", ("planes", "a"), "x", 3, padding=1, padding_end=1),
        Node("Mul", "scale", ("x", "s"), "y"),
        Node("Relu", "relu", ("y",), "z"),
        Node("Conv", "tail", ("z", "b"), "w"),
        Node("DepthToSpace", "spread", ("w",), "out", 2),
    )
    table = np.linspace(1, 2, len(KEYS), dtype=np.float32)[:, None].repeat(4, 1)
    return Graph("net", {"planes": 6}, "out", nodes, constants, {"s": table} if follows else {})


RANGES = Ranges(
    (FIRST, LAST),
    {"z": np.zeros(2), "w": np.array([-4.0, -60.0])},
    {"z": np.array([2.55, 25.5]), "w": np.array([2.0, 50.0])},
)


def test_calibration_is_asked_for_what_becomes_integers_by_a_range() -> None:
    # the planes are known, the result has the integers of what is moved to it
    assert values(network()) == ["z", "w"]


def test_steps_are_the_ranges_over_255() -> None:
    integer = quantized_graph(network(), RANGES, LAST)
    assert integer.quant_params["planes"].zero_point == 128 and integer.scale("planes") == 1.0
    assert integer.quant_params["z"].zero_point == 0
    assert integer.scale("z") == pytest.approx(25.5 / 255, rel=1e-6)
    first = integer.at(FIRST)
    assert first.scale("z") == pytest.approx(2.55 / 255, rel=1e-6)
    middle = integer.at((FIRST + LAST) // 2)  # the range is linear in the key
    share = ((FIRST + LAST) // 2 - FIRST) / (LAST - FIRST)
    assert middle.scale("z") == pytest.approx((2.55 + share * (25.5 - 2.55)) / 255, rel=1e-5)


def test_the_residual_has_its_zero_in_the_middle_and_at_most_a_grey_level() -> None:
    integer = quantized_graph(network(), RANGES, LAST)
    assert (
        integer.quant_params["out"] is integer.quant_params["w"]
        and integer.quant_params["out"].zero_point == 128
    )
    # -60 would need 60 / 128 at the coarsest step, which is below the one that is allowed
    assert integer.residual_scale == pytest.approx(60 / 128, rel=1e-6)
    # -4 would need 1 / 32 at the finest
    assert integer.at(FIRST).residual_scale == pytest.approx(4 / 128, rel=1e-6)
    wide = Ranges(RANGES.keys, {**RANGES.low, "w": np.full(2, -127.0)}, RANGES.high)
    for quality, most in ((5, 1.0), (10, 1.0), (60, 0.25), (90, 0.25)):
        at = quantized_graph(network(), wide, step_key(step_from_quality(quality)))
        # keys are whole twelfths of an octave: the limit may be met half a key beside
        assert at.residual_scale <= most * 2 ** (1 / 24)
    both = np.array([step_key(step_from_quality(q)) for q in (10, 60)])
    np.testing.assert_allclose(largest_residual_scale(both), [1.0, 0.25], rtol=0.03)
    # a straight line in the logarithms between them: at the geometric mean of the steps, 1/2
    mean = math.sqrt(step_from_quality(10) * step_from_quality(60))
    assert largest_residual_scale(np.array([step_key(mean)]))[0] == pytest.approx(0.5, rel=0.03)


def test_a_network_of_one_strength_has_one_scale_for_all() -> None:
    integer = quantized_graph(network(follows=False), RANGES, LAST)
    assert not integer.graph.vectors
    assert integer.scale("z") == pytest.approx(25.5 / 255, rel=1e-6)
    assert integer.at(FIRST).scale("z") == integer.scale("z")


def test_a_value_of_both_signs_has_its_zero_between() -> None:
    ranges = Ranges((0,), {"z": np.array([-1.0]), "w": np.array([-1.0])},
                    {"z": np.array([4.0]), "w": np.array([1.0])})  # fmt: skip
    integer = quantized_graph(network(), ranges, 0)
    assert integer.quant_params["z"].zero_point == 51  # 255 * 1 / 5
    assert integer.scale("z") == pytest.approx(max(1 / 51, 4 / 204), rel=1e-6)


def test_symmetric_integers_have_the_zero_of_tensorrt() -> None:
    integer = quantized_graph(network(), RANGES, LAST, symmetric=True)
    assert {step.zero_point for step in integer.quant_params.values()} == {128}
    assert integer.scale("z") == pytest.approx(25.5 / 127, rel=1e-6)
    plain = quantized_graph(network(), RANGES, LAST)
    for kernel in ("a", "b"):  # the same integers in every form
        assert (integer.graph.constants[kernel] == plain.graph.constants[kernel]).all()


def test_every_strength_has_the_same_integer_kernels() -> None:
    fine, coarse = (quantized_graph(network(), RANGES, key) for key in (FIRST, LAST))
    for kernel in ("a", "b"):
        assert (fine.graph.constants[kernel] == coarse.graph.constants[kernel]).all()
    assert {"head.kernel.scale", "head.bias", "z.scale", "w.scale"} <= set(fine.graph.vectors)


def test_real_convolutions_keep_their_values_real() -> None:
    tail = quantized_graph(network(), RANGES, LAST, keep_float=["tail"])
    assert tail.kernels == {"a"}
    assert set(tail.quant_params) == {"planes", "z"}  # the result is not rounded
    head = quantized_graph(network(), RANGES, LAST, keep_float=["head"])
    assert head.kernels == {"b"} and set(head.quant_params) == {"z", "w", "out"}  # nor the planes
    # its kernel is whole numbers of 8 bits, whose scale lies behind it: at most a unit off
    numbers, real = head.graph.constants["a"], network().constants["a"]
    unit = head.graph.constants["head.kernel.scale"].reshape(-1, 1, 1, 1)
    before = canonical(network()).at(LAST).constants["head.kernel.scale"].reshape(-1, 1, 1, 1)
    assert (numbers == np.rint(numbers)).all() and np.abs(numbers).max() == 127
    assert (np.abs(numbers * unit - real * before) <= np.abs(unit)).all()


@pytest.mark.parametrize("largest", [64, 127])
def test_weights_stay_in_their_bits(largest: int) -> None:
    integer = quantized_graph(network(), RANGES, LAST, largest=largest)
    peaks = [float(np.abs(integer.graph.constants[k]).max()) for k in ("a", "b")]
    assert peaks == [largest, largest]


@pytest.mark.parametrize("symmetric", [False, True])
def test_an_upper_bound_is_kept_by_saturation(symmetric: bool) -> None:
    """ReLU6 is no operator in INT8: the scale of its value ends at the bound."""
    rng = np.random.default_rng(3)
    constants = {
        "a": rng.normal(0, 1, (4, 1, 3, 3)).astype(np.float32),
        "b": rng.normal(0, 1, (1, 4, 3, 3)).astype(np.float32),
        "six": np.full((1, 4, 1, 1), 6, np.float32),
    }
    same: dict[str, Any] = {"padding": 1, "padding_end": 1}
    nodes = (
        Node("Conv", "head", ("planes", "a"), "x", 3, **same),
        Node("Relu", "relu", ("x",), "y"),
        Node("Min", "bound", ("y", "six"), "z"),
        Node("Conv", "tail", ("z", "b"), "out", 3, **same),
    )
    graph = Graph("net", {"planes": 1}, "out", nodes, constants)
    assert values(graph) == ["y", "z", "out"]
    # a statistic may round its range up: beyond the bound nothing saturates
    ends = {"y": 400.0, "z": 6.01, "out": 60.0}
    ranges = Ranges(
        (FIRST, LAST),
        {name: np.full(2, -end if name == "out" else 0.0) for name, end in ends.items()},
        {name: np.full(2, end) for name, end in ends.items()},
    )
    made = quantized_graph(graph, ranges, FIRST, symmetric=symmetric)
    assert "Min" not in [node.op for node in made.graph.nodes]
    assert made.scale("z") * (255 - made.quant_params["z"].zero_point) <= 6.0 + 1e-5
    kept = quantized_graph(graph, ranges, FIRST, symmetric=symmetric, keep_float=["head"])
    assert "Min" in [node.op for node in kept.graph.nodes]
    # the integers are those of the network with its Min, rounded to the same scale
    integers = rng.integers(0, 256, (1, 12, 12)).astype(np.uint8)
    found = Oracle(made).integers({"planes": integers})["z"]
    centred = integers.astype(np.float64)[0] - 128
    head = made.graph.nodes[0]
    weights = made.graph.constants[head.inputs[1]] * made.graph.constants[
        "head.kernel.scale"
    ].reshape(-1, 1, 1, 1)
    taps = np.lib.stride_tricks.sliding_window_view(np.pad(centred, 1), (3, 3))
    exact = np.einsum("ijkl,okl->oij", taps, weights[:, 0].astype(np.float64))
    expected = np.rint(np.clip(exact, 0, 6) / made.scale("z")) + made.quant_params["z"].zero_point
    assert (exact > 6).mean() > 0.2
    assert np.abs(found - expected).max() <= 1  # sums in the middle of two integers
