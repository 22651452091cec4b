"""The integer oracle's operators beside convolutions: one node on values by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from edgeqe.errors import InputError
from edgeqe.quantization.int8.oracle import Oracle
from tests.quantization.integer_models import (
    QuantizedGraphBuilder,
    result,
    row_of,
)


def of(
    op: str, inputs: list[tuple[float, int, Any]], scale: float, zero: int, **options: Any
) -> Any:
    """Integers of one node on inputs (scale, zero, integers)."""
    names = [f"x{index}" for index in range(len(inputs))]
    given = {n: np.asarray(i[2], np.uint8) for n, i in zip(names, inputs, strict=True)}
    builder = QuantizedGraphBuilder({name: len(value) for name, value in given.items()})
    for name, (step, zero_point, _) in zip(names, inputs, strict=True):
        builder.step(name, step, zero_point)
    builder.step("y", scale, zero)
    builder.node(op, names, "y", **options)
    return Oracle(builder.graph("y")).integers(given)["y"].tolist()


def test_values_of_different_steps_are_added() -> None:
    a, b = (0.5, 0, row_of(0, 1, 3, 255)), (0.25, 100, row_of(100, 100, 102, 255))
    # 0 + 0, 0.5 + 0 to the even 0, 1.5 + 0.5, 127.5 + 38.75 to 166
    assert of("Add", [a, b], 1.0, 50) == [[[50, 50, 52, 216]]]


def test_the_zero_of_a_sum_is_rounded_with_it() -> None:
    a, b = (0.5, 0, row_of(1, 3, 5)), (0.5, 20, row_of(20, 20, 20))
    # 0.5, 1.5 and 2.5 over the zero 7: 7.5 to 8, 8.5 to 8, 9.5 to 10
    assert of("Add", [a, b], 1.0, 7) == [[[8, 8, 10]]]


def test_a_relu_behind_an_add_is_in_the_same_rounding() -> None:
    builder = QuantizedGraphBuilder({"a": 1, "b": 1})
    builder.step("a", 1.0, 10)
    builder.step("b", 0.5, 20)
    builder.step("y", 1.0, 30)
    builder.node("Add", ["a", "b"], "sum")
    builder.node("Relu", "sum", "y")
    integer = builder.graph("y")
    assert [len(group.nodes) for group in integer.groups()] == [2]
    # 0 - 5, 5 - 5, 5 + 1.5 to the even 6, 5 - 0.5 to the even 4
    assert result(integer, a=row_of(10, 15, 15, 15), b=row_of(10, 10, 23, 19)) == [30, 30, 36, 34]


def test_values_are_multiplied() -> None:
    a, b = (0.5, 0, row_of(4, 4, 3, 255)), (0.25, 100, row_of(104, 96, 103, 255))
    # 2 * 1, 2 * -1, 1.5 * 0.75 to 1, saturated
    assert of("Mul", [a, b], 1.0, 128) == [[[130, 126, 129, 255]]]


def test_a_value_of_one_pixel_is_multiplied_with_all() -> None:
    a = (1.0, 0, [[[1, 2], [3, 4]], [[5, 6], [7, 8]]])
    b = (1.0, 0, [[[2]], [[3]]])
    assert of("Mul", [a, b], 1.0, 0) == [[[2, 4], [6, 8]], [[15, 18], [21, 24]]]


def test_constants_a_channel_stay_real() -> None:
    builder = QuantizedGraphBuilder({"x": 2})
    builder.step("x", 1.0, 100)
    builder.step("m", 1.0, 100)
    builder.step("y", 1.0, 100)
    builder.node("Mul", ["x", builder.vector("factor", [0.3, -1.0], 2)], "m")
    builder.node("Add", ["m", builder.vector("shift", [0.4, 2.0], 2)], "y")
    given = np.array([[[105, 90]], [[105, 90]]], np.uint8)
    # 0.3 * 5 to 2, 0.3 * -10; -5, 10. Then 2.4, -2.6; -3, 12
    assert result(builder.graph("y"), x=given) == [102, 97, 97, 112]


def test_concatenated_values_take_the_step_of_the_result() -> None:
    a, b = (0.5, 0, row_of(3, 5, 255)), (2.0, 128, row_of(128, 130, 255))
    # 1.5 to 2, 2.5 to 2, 127.5 to the even 128; 0, 4, 254 saturated
    assert of("Concat", [a, b], 1.0, 10) == [[[12, 12, 138]], [[10, 14, 255]]]


def test_moved_integers_are_the_same_ones() -> None:
    pixels = np.arange(200, 216).reshape(4, 2, 2)
    step = (0.37, 91)  # of input and result
    assert of("Slice", [(*step, pixels)], *step, first=1, last=3) == pixels[1:3].tolist()
    # Channels 0 to 3 are the four pixels of a block.
    assert of("DepthToSpace", [(*step, pixels)], *step, kernel=2) == [
        [[200, 204, 201, 205], [208, 212, 209, 213], [202, 206, 203, 207], [210, 214, 211, 215]]
    ]
    picture = np.arange(16).reshape(1, 4, 4)
    assert of("SpaceToDepth", [(*step, picture)], *step, kernel=2) == [
        [[0, 2], [8, 10]],
        [[1, 3], [9, 11]],
        [[4, 6], [12, 14]],
        [[5, 7], [13, 15]],
    ]
    assert of("MaxPool", [(*step, picture)], *step, kernel=2, stride=2) == [[[5, 7], [13, 15]]]
    # Outside the picture lies nothing, so integers below the zero stay.
    assert of("MaxPool", [(*step, picture)], *step, kernel=3, stride=2, padding=1) == [
        [[5, 7], [13, 15]]
    ]


def test_depth_to_space_of_several_channels_is_in_onnx_order() -> None:
    # "DCR": the block's pixel is the slowest part of a channel's number.
    pixels = np.arange(8).reshape(8, 1, 1)
    assert of("DepthToSpace", [(1.0, 0, pixels)], 1.0, 0, kernel=2) == [
        [[0, 2], [4, 6]],
        [[1, 3], [5, 7]],
    ]
    two = np.array([[[0, 2], [4, 6]], [[1, 3], [5, 7]]])
    assert of("SpaceToDepth", [(1.0, 0, two)], 1.0, 0, kernel=2) == pixels.tolist()


@pytest.mark.parametrize(
    ("op", "options", "function"),
    [
        ("Relu", {}, lambda x: max(x, 0.0)),
        ("LeakyRelu", {"alpha": 0.3}, lambda x: x if x > 0 else 0.3 * x),
        ("Sigmoid", {}, lambda x: 1 / (1 + math.exp(-x))),
        (
            "Selu",
            {},
            lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x)),
        ),
    ],
)
def test_a_curve_is_rounded_once(op: str, options: dict[str, Any], function: Any) -> None:
    given = list(range(256))
    found = of(op, [(0.0625, 100, [[given]])], 0.03125, 80, **options)
    exact = [function((x - 100) * 0.0625) / 0.03125 for x in given]
    assert found == [[[min(max(round(y) + 80, 0), 255) for y in exact]]]


def test_a_slope_of_each_channel() -> None:
    builder = QuantizedGraphBuilder({"x": 2})
    builder.step("x", 1.0, 128)
    builder.step("y", 1.0, 128)
    builder.constants["slope"] = np.array([0.5, 2.0], np.float32).reshape(2, 1, 1)
    builder.node("PRelu", ["x", "slope"], "y")
    given = np.array([[[118, 138]], [[118, 138]]], np.uint8)
    assert result(builder.graph("y"), x=given) == [123, 138, 108, 138]


def test_means_and_extremes() -> None:
    pixels = (0.5, 10, [[[10, 12], [14, 17]], [[11, 10], [10, 10]]])
    # Real: 0 1 2 3.5 and 0.5 0 0 0
    assert of("GlobalAveragePool", [pixels], 0.125, 0) == [[[13]], [[1]]]  # 1.625, 0.125
    assert of("GlobalMaxPool", [pixels], 0.5, 0) == [[[7]], [[1]]]
    # Over the channels: 0.25 0.5 1 1.75, in halves 0.5 1 2 3.5 to even
    assert of("ReduceMean", [pixels], 0.5, 100) == [[[100, 101], [102, 104]]]
    assert of("ReduceMax", [pixels], 0.5, 100) == [[[101, 102], [104, 107]]]


def test_an_operator_that_is_folded_before_is_refused() -> None:
    with pytest.raises(InputError, match="BatchNormalization: fold the graph first"):
        of("BatchNormalization", [(1.0, 0, row_of(1))], 1.0, 0)
