"""The integer oracle against integers by hand, loops, and the real network."""

from __future__ import annotations

import numpy as np
import pytest

from edgeqe.converters.graph.graph import KEYS
from edgeqe.converters.graph.integer import QuantizedGraph
from edgeqe.errors import CheckError
from edgeqe.quantization.int8.oracle import Oracle
from tests.quantization.integer_models import (
    QuantizedGraphBuilder,
    extremes,
    result,
    row_of,
    stress,
)
from tests.reference import conv3x3


def one_weight(
    *, symmetric: bool = False, relu: bool = False, zero: int = 11, unit: float = 0.25
) -> QuantizedGraph:
    """``2 * x`` of a unit and a bias of 0.6, 2.4 units of 1/4; a step of 1 behind it."""
    builder = QuantizedGraphBuilder({"x": 1}, symmetric=symmetric)
    builder.step("x", 1.0, 128)
    builder.step("y", 1.0, zero)
    builder.conv("x", "w", "y", [[[[2]]]], scale=unit, bias=0.6, relu=relu)
    return builder.graph("y")


# Convolutions.


def test_a_convolution_is_these_integers() -> None:
    # sum = 2 * (x - 128) + 2, as the bias of 2.4 units is rounded; y = 11 + rint(sum / 4)
    given = row_of(128, 129, 130, 132, 255, 3, 0)
    assert result(one_weight(), x=given) == [
        11,  # 2 / 4 = 0.5 to the even 0; 11.5 would have been rounded to 12
        12,  # 4 / 4
        13,  # 6 / 4 = 1.5 to the even 2
        13,  # 10 / 4 = 2.5 to the even 2
        75,  # 256 / 4
        0,  # -248 / 4 = -62, saturated
        0,
    ]


def test_the_factor_of_a_convolution_is_float32() -> None:
    builder = QuantizedGraphBuilder({"x": 1})
    builder.step("x", 1.0, 0)
    builder.step("y", 1.0, 0)
    builder.conv("x", "w", "y", [[[[1]]]], scale=0.1)
    # float32 has 0.100000001 for 0.1: 0.5000000075 and 2.500000037 are above the middle, but in
    # float32 they are 0.5 and 2.5, which go to even.
    assert result(builder.graph("y"), x=row_of(5, 15, 25, 26)) == [0, 2, 2, 3]


def test_a_relu_keeps_what_is_below_zero_at_its_zero() -> None:
    given = row_of(255, 128, 126, 0)
    assert result(one_weight(relu=True), x=given) == [75, 11, 11, 11]
    assert result(one_weight(), x=given) == [75, 11, 11 + round(-0.5), 0]


def test_a_symmetric_convolution_has_a_real_bias() -> None:
    # y = 128 + rint((x - 128) / 2 + 0.6): the bias is not rounded to 0.5
    given = row_of(128, 129, 130, 255, 0)
    integer = one_weight(symmetric=True, zero=128)
    assert result(integer, x=given) == [129, 129, 130, 192, 65]
    steep = one_weight(symmetric=True, zero=128, unit=8.0)
    assert result(steep, x=given) == [129, 145, 161, 255, 0]
    rounded = one_weight(zero=128, unit=8.0)  # 0.6 / 8 units are none
    assert result(rounded, x=given) == [128, 144, 160, 255, 0]


def test_outside_the_picture_lies_the_real_zero() -> None:
    builder = QuantizedGraphBuilder({"x": 1})
    builder.step("x", 1.0, 7)
    builder.step("y", 1.0, 0)
    weights = np.arange(1, 10).reshape(1, 1, 3, 3)
    builder.conv("x", "w", "y", weights, padding=1, padding_end=1)
    given = np.array([[[8, 9], [10, 11]]], np.uint8)  # 1 2 3 4 over the zero
    # 5 + 2 * 6 + 3 * 8 + 4 * 9; 4 + 2 * 5 + 3 * 7 + 4 * 8; 2 + 2 * 3 + 3 * 5 + 4 * 6; ...
    assert result(builder.graph("y"), x=given) == [77, 67, 47, 37]


def test_a_transposed_convolution_is_these_integers() -> None:
    builder = QuantizedGraphBuilder({"x": 1})
    builder.step("x", 1.0, 7)
    builder.step("y", 1.0, 5)
    weights = [[[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]]
    builder.conv("x", "w", "y", weights, op="ConvTranspose", stride=2, padding=1, padding_end=0)
    given = np.array([[[8, 9]]], np.uint8)  # 1 2
    # Two kernels two columns apart give 5 columns, the first column and row are cut:
    #   4  5  6+8  10  12  ->  5  14  10  12   and   8  9+14  16  18
    assert result(builder.graph("y"), x=given) == [10, 19, 15, 17, 13, 28, 21, 23]


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "groups"),
    [
        (1, 1, (0, 0), 1),
        (3, 1, (1, 1), 1),
        (3, 2, (0, 1), 1),
        (3, 2, (1, 1), 2),
        (5, 1, (2, 2), 4),
        (2, 2, (0, 0), 1),
        (4, 3, (1, 2), 2),
    ],
)
def test_a_convolution_is_what_loops_give(
    kernel: int, stride: int, padding: tuple[int, int], groups: int
) -> None:
    rng = np.random.default_rng(kernel + stride)
    x = rng.integers(0, 256, (4, 7, 9))
    weights = rng.integers(-64, 65, (8, 4 // groups, kernel, kernel))
    builder = QuantizedGraphBuilder({"x": 4})
    builder.step("x", 1.0, 90)
    builder.step("y", 1.0, 128)
    builder.conv("x", "w", "y", weights, scale=2.0**-9, bias=[*range(-4, 4)], stride=stride,
               padding=padding[0], padding_end=padding[1], groups=groups)  # fmt: skip
    found = Oracle(builder.graph("y")).integers({"x": x.astype(np.uint8)})["y"]
    height, width = ((side + sum(padding) - kernel) // stride + 1 for side in x.shape[1:])
    assert found.shape == (8, height, width)
    for o, i, j in np.ndindex(found.shape):
        total = 512 * (o - 4)  # the bias in units of 1 / 512
        for c, a, b in np.ndindex(weights.shape[1:]):
            row, column = i * stride + a - padding[0], j * stride + b - padding[0]
            if 0 <= row < 7 and 0 <= column < 9:
                channel = o // (8 // groups) * (4 // groups) + c
                total += int(weights[o, c, a, b]) * (int(x[channel, row, column]) - 90)
        # Python rounds half to even; a division by 512 is exact.
        assert found[o, i, j] == min(max(128 + round(total / 512), 0), 255)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "groups"),
    [
        (2, 2, (0, 0), 1),
        (3, 2, (1, 0), 1),
        (4, 2, (1, 1), 1),
        (3, 2, (1, -1), 2),
        (9, 4, (4, 1), 1),
        (3, 1, (1, 1), 1),
        (2, 4, (0, -2), 1),
    ],
)
def test_a_transposed_convolution_is_what_loops_give(
    kernel: int, stride: int, padding: tuple[int, int], groups: int
) -> None:
    rng = np.random.default_rng(kernel * stride)
    x = rng.integers(0, 256, (4, 3, 5))
    weights = rng.integers(-64, 65, (4, 6 // groups, kernel, kernel))
    builder = QuantizedGraphBuilder({"x": 4})
    builder.step("x", 1.0, 130)
    builder.step("y", 1.0, 100)
    builder.conv("x", "w", "y", weights, op="ConvTranspose", scale=2.0**-8, bias=3.0, stride=stride,
               padding=padding[0], padding_end=padding[1], groups=groups)  # fmt: skip
    found = Oracle(builder.graph("y")).integers({"x": x.astype(np.uint8)})["y"]
    height, width = ((side - 1) * stride + kernel - sum(padding) for side in x.shape[1:])
    total = np.full((6, height, width), 3 * 256)
    for n, i, j in np.ndindex(x.shape):
        for o, a, b in np.ndindex(weights.shape[1:]):
            row, column = i * stride + a - padding[0], j * stride + b - padding[0]
            if 0 <= row < height and 0 <= column < width:
                to = n // (4 // groups) * (6 // groups) + o
                total[to, row, column] += int(weights[n, o, a, b]) * (int(x[n, i, j]) - 130)
    expected = [min(max(100 + round(int(number) / 256), 0), 255) for number in total.reshape(-1)]
    assert found.reshape(-1).tolist() == expected


def shared(*, following: bool = False) -> QuantizedGraph:
    """One kernel used twice with its own scales, biases and steps."""
    builder = QuantizedGraphBuilder({"planes": 1})
    builder.step("planes", 1.0, 128)
    builder.step("a", 0.5, 0)
    builder.step("b", 2.0, 128)
    builder.conv("planes", "w", "a", [[[[40]]], [[[-20]]]], scale=[0.05, 0.1], bias=[1.0, 2.0],
               relu=True)  # fmt: skip
    builder.node("Slice", "a", builder.moved("half", "a"), first=0, last=1)
    builder.conv("half", "w", "b", scale=[0.5, 0.25], bias=[-10.0, 0.0])
    if following:
        builder.follow("a.conv.kernel.scale", [0.05, 0.1], [0.025, 0.1])
        builder.follow("a.conv.bias", [1.0, 2.0], [5.0, 2.0])
        builder.follow("a.scale", 0.5, 0.25)
    return builder.graph("b")


def test_a_shared_kernel_has_the_scales_of_each_use() -> None:
    found = Oracle(shared()).integers({"planes": row_of(129, 130, 128)})
    # 1, 2, 0 times 40 * 0.05 plus 1, in halves; times -20 * 0.1 plus 2, in halves
    assert found["a"].tolist() == [[[6, 10, 2]], [[0, 0, 4]]]
    assert found["half"].tolist() == [[[6, 10, 2]]]
    # 3, 5, 1 times 20 less 10, in twos; times -5, in twos: -7.5 to -8, -12.5 to -12, -2.5 to -2
    assert found["b"].tolist() == [[[153, 173, 133]], [[120, 116, 126]]]


def test_a_strength_sets_scales_and_biases() -> None:
    integer, planes = shared(following=True), row_of(129, 130, 128)
    assert Oracle(integer).integers({"planes": planes})["a"].tolist() == [
        [[6, 10, 2]],
        [[0, 0, 4]],
    ]
    found = Oracle(integer.at(KEYS[-1])).integers({"planes": planes})
    # 1, 2, 0 times 40 * 0.025 plus 5, in quarters; times -20 * 0.1 plus 2, in quarters
    assert found["a"].tolist() == [[[24, 28, 20]], [[0, 0, 8]]]
    # The second use's own numbers lie still, but its input counts in quarters now:
    # 6, 7, 5 times 20 less 10, in twos; times -5, in twos: -15, -17.5 to -18, -12.5 to -12
    assert found["b"].tolist() == [[[183, 193, 173]], [[113, 110, 116]]]


def test_a_sum_that_int32_does_not_hold_is_refused() -> None:
    builder = QuantizedGraphBuilder({"x": 1})
    builder.step("x", 1.0, 0)
    builder.step("y", 1.0, 0)
    builder.conv("x", "w", "y", [[[[1]]]], scale=2.0**-20, bias=2.0**11)  # 2**31 units
    integer = builder.graph("y")
    # The bias itself saturates to 2**31 - 1, which is a sum that int32 still holds.
    assert result(integer, x=row_of(0)) == [255]
    with pytest.raises(CheckError, match=r"y\.conv.*2147483648.*int32"):
        result(integer, x=row_of(1))


# Networks.


def test_a_real_convolution_between_integer_ones() -> None:
    builder = QuantizedGraphBuilder({"x": 1})
    builder.step("x", 0.5, 10)
    builder.conv("x", "w", "m", [[[[0.3]]]], scale=2.0, bias=0.01, relu=True, in_float=True)
    builder.step("y", 0.01, 0)
    builder.conv("m", "v", "n", [[[[0.25]]]], in_float=True)
    builder.node("Add", ["n", "n"], "y")
    integer = builder.graph("y")
    found = Oracle(integer).integers({"x": row_of(14, 10, 0)})
    assert sorted(found) == ["x", "y"]  # m and n are no integers
    # 0.3 * 2 * 2 + 0.01 = 1.21, half of it 60.5 hundredths; 0.01 gives 0.5; below 0
    # In float32 0.3 and 0.01 are a little more and less: 1.2100000136 and 0.0099999998.
    assert found["y"].tolist() == [[[61, 0, 0]]]


def test_a_group_alone_gives_what_it_gives_in_the_network() -> None:
    oracle, integer = Oracle(shared()), shared()
    values = oracle.integers({"planes": row_of(1, 130, 255)})
    for group in integer.groups():
        source = group.first.inputs[0]
        alone = oracle.group(group, {source: values[source]})
        assert alone.tolist() == values[group.output].tolist()
    # Fed with other integers than the network's own, it takes those.
    first, *_ = integer.groups()
    assert oracle.group(first, {"planes": row_of(129)}).tolist() == [[[6]], [[0]]]


def test_planes_in_grey_levels_give_the_residual_in_grey_levels() -> None:
    builder = QuantizedGraphBuilder({"planes": 1, "residual": 1})
    builder.step("planes", 1.0, 128)
    builder.step("residual", 2.0, 128)
    builder.step("y", 0.25, 128)
    builder.node("Add", ["planes", "residual"], "y")
    planes = np.array([[[-128.0, 3.0, 127.0]], [[127.0, 5.0, 1.0]]], np.float32)
    # The second input in twos: 63.5 to 64, 2.5 to 2, 0.5 to 0; the result within -32 to 31.75
    found = Oracle(builder.graph("y")).run(planes)
    assert found.dtype == np.float32
    assert found.tolist() == [[[0.0, 7.0, 31.75]]]


def test_with_fine_steps_it_is_the_real_network() -> None:
    """Each rounding adds at most half a step times the gain from there to the result."""
    rng = np.random.default_rng(8)
    weights = [rng.integers(-64, 65, (8, 2, 3, 3)), rng.integers(-64, 65, (2, 8, 3, 3))]
    scales = [rng.uniform(0.001, 0.002, 8), rng.uniform(0.0005, 0.001, 2)]
    biases = [rng.uniform(-1, 1, 8), rng.uniform(-1, 1, 2)]
    planes = rng.integers(-20, 21, (2, 12, 15))
    real = planes.astype(np.float64)
    hidden = np.maximum(
        conv3x3(real, weights[0] * scales[0][:, None, None, None]) + biases[0][:, None, None], 0.0
    )
    expected = (
        conv3x3(hidden, weights[1] * scales[1][:, None, None, None]) + biases[1][:, None, None]
    )
    steps = float(hidden.max()) / 255, float(np.abs(expected).max()) / 126
    builder = QuantizedGraphBuilder({"planes": 2})
    builder.step("planes", 1.0, 128)
    builder.step("h", steps[0], 0)
    builder.step("y", steps[1], 128)
    for source, name, w, scale, bias in zip(
        ("planes", "h"), ("h", "y"), weights, scales, biases, strict=True
    ):
        builder.conv(source, f"{name}.w", name, w, scale=scale.tolist(), bias=bias.tolist(),
                   relu=name == "h", padding=1, padding_end=1)  # fmt: skip
    found = Oracle(builder.graph("y")).run(planes.astype(np.float32))
    gain = float((np.abs(weights[1]).sum(axis=(1, 2, 3)) * scales[1]).max())
    # Half a step of h, half a unit of its bias, half a step of y and half a unit of its bias;
    # 1e-4 for scales that float32 rounded.
    bound = gain * (steps[0] + scales[0].max()) / 2 + (steps[1] + steps[0] * scales[1].max()) / 2
    error = np.abs(found - expected)
    assert error.max() <= bound + 1e-4
    assert error.max() < 0.05 * np.abs(expected).max()


@pytest.mark.parametrize("largest", [64, 127])
def test_extremes_have_sums_in_closed_form(largest: int) -> None:
    integer = stress(largest)
    found = Oracle(integer).integers({"planes": extremes("bright", 16, 6, 6)})
    # Inside, 127 grey levels meet 16 * 9 weights of one sign; `wide` counts 128 * 144 / 127.
    inside = found["wide"][:, 2, 3]
    assert inside[0] == 128 + round(127 * 127 / 128) == 254
    assert inside[1] == 128 - 126
    assert inside[2] == 128  # as many of either sign
    # At a corner 4 of 9 taps lie in the picture.
    assert found["wide"][0, 0, 0] == 128 + round(127 * 127 / 128 * 4 / 9)
    assert set(np.unique(found["narrow"])) == {0, 255}


@pytest.mark.parametrize("kind", ["bright", "dark", "checks", "channels", "noise"])
def test_every_pattern_of_extremes_reaches_the_second_layer_as_extremes(kind: str) -> None:
    given = extremes(kind, 16, 7, 8)
    assert set(np.unique(given)) <= {0, 255}
    assert set(np.unique(Oracle(stress(64)).integers({"planes": given})["narrow"])) <= {0, 255}
