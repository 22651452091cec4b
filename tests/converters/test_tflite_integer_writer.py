"""INT8 in TFLite: integers by hand and by loops.

Scales are powers of two wherever integers must be equal: then a sum times its factor is exact in
float32, and XNNPACK and numpy round the same number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeqe.converters.tflite_io.integer_writer import model_of
from edgeqe.model.flatbuffer import TfliteOutline, outline
from tests.converters.tflite_integers import (
    RNG,
    SAME,
    integer_bytes,
    picture,
    rounded,
    run,
    sums,
    tensors,
    weights,
)
from tests.quantization.integer_models import QuantizedGraphBuilder


def test_two_convolutions_by_hand() -> None:
    builder = QuantizedGraphBuilder({"planes": 1})
    builder.step("planes", 1.0, 128)
    builder.step("a", 0.5, 0)
    builder.step("y", 2.0, 128)
    kernel = np.zeros((3, 1, 3, 3))
    kernel[0, 0, 1] = [0, 2, 1]  # twice the pixel and its right neighbour
    kernel[1, 0, 1, 1] = -64
    kernel[2, 0, 1, 1] = 64
    builder.conv(
        "planes", "k", "a", kernel, scale=0.625, bias=[1.25, 65.0, -40.0], relu=True, **SAME
    )
    builder.conv("a", "tail", "y", [[[[2]], [[-1]], [[1]]]], scale=0.25, bias=-3.0)
    given = np.array([[[129, 130, 131], [128, 127, 255]]])
    # a = 1.25 * (sum + bias / 0.625), biases 2, 104 and -64, 0 to 255:
    # channel 0: sums 4 7 6 / -1 125 254, plus 2, are 7.5 11.25 10 / 1.25 158.75 320
    # channel 1: 104 - 64 (1 2 3 / 0 -1 127): 40 -24 -88 / 104 168 -8024, times 1.25
    # channel 2: 64 (1 2 3 / 0 -1 127) - 64: 0 64 128 / -64 -128 8064, times 1.25
    a = [
        [[8, 11, 10], [1, 159, 255]],  # 7.5 goes to the even 8
        [[50, 0, 0], [130, 210, 0]],
        [[0, 80, 160], [0, 0, 255]],
    ]
    # y = 128 + (2 a0 - a1 + a2 - 24) / 16, the bias -3 / (0.5 * 0.25) = -24
    # 16 - 50 - 24 = -58; 22 + 80 - 24 = 78; 20 + 160 - 24 = 156
    # 2 - 130 - 24 = -152; 318 - 210 - 24 = 84; 510 + 255 - 24 = 741
    y = [[[124, 133, 138], [118, 133, 174]]]  # -3.625 4.875 9.75 / -9.5 5.25 46.3: -9.5 to -10
    found, interpreter = run(model_of(builder.graph("y"), {}, outputs=["a"]), given)
    assert found[1].tolist() == a
    assert found[0].tolist() == y
    first, last = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    assert first["name"] == "planes" and first["quantization"] == (1.0, 0)
    assert last["quantization"] == (2.0, 0)
    stored, model = tensors(model_of(builder.graph("y"), {}))
    assert model.buffers[stored["a.conv.bias"].buffer].data.view("<i4").tolist() == [2, 104, -64]


CONVOLUTIONS: list[tuple[dict[str, Any], tuple[int, ...], str]] = [
    ({**SAME}, (8, 4, 3, 3), "CONV_2D"),
    ({"padding": 2, "padding_end": 2}, (8, 4, 5, 5), "CONV_2D"),
    ({"stride": 2, "padding": 0, "padding_end": 1}, (8, 4, 3, 3), "CONV_2D"),
    ({"stride": 2, **SAME}, (8, 4, 3, 3), "PAD CONV_2D"),
    ({"groups": 2, **SAME}, (8, 2, 3, 3), "CONV_2D"),
    ({"groups": 4, **SAME}, (4, 1, 3, 3), "DEPTHWISE_CONV_2D"),
]


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize(("options", "shape", "written"), CONVOLUTIONS)
def test_a_convolution_equals_loops(
    options: dict[str, Any], shape: tuple[int, ...], written: str, relu: bool
) -> None:
    builder = QuantizedGraphBuilder({"planes": 4})
    builder.step("planes", 0.5, 99)  # zeros around the picture are the integer 99
    builder.step("y", 16.0, 100)
    kernel, bias = weights(*shape), RNG.integers(-4000, 4000, shape[0])
    scales = 2.0 ** RNG.integers(-5, -2, shape[0])
    builder.conv("planes", "k", "y", kernel, scale=scales.tolist(),
               bias=(bias * 0.5 * scales).tolist(), relu=relu, **options)  # fmt: skip
    given = picture(4, 12, 20)
    data = model_of(builder.graph("y"), {})
    (found,), _ = run(data, given)
    plain = sums(given, kernel, 99, options.get("stride", 1), options["padding"],
                 options.get("groups", 1))  # fmt: skip
    factors = (0.5 * scales / 16.0)[:, None, None]
    expected = rounded((plain + bias[:, None, None]) * factors, 100, relu)
    assert len(np.unique(expected)) > 25  # no result is right by saturation alone
    assert np.array_equal(found, expected)
    assert " ".join(outline(data).op_types) == written


@pytest.mark.parametrize(
    ("kernel", "stride", "before", "behind"), [(3, 2, 0, 1), (4, 2, 1, 1), (3, 4, 0, -1)]
)
def test_a_transposed_convolution_equals_scattering(
    kernel: int, stride: int, before: int, behind: int
) -> None:
    builder = QuantizedGraphBuilder({"planes": 4})
    builder.step("planes", 1.0, 120)
    builder.step("y", 8.0, 100)
    numbers, bias = weights(4, 6, kernel, kernel), RNG.integers(-4000, 4000, 6)
    scales = 2.0 ** RNG.integers(-6, -3, 6)
    builder.conv("planes", "k", "y", numbers, scale=scales.tolist(), bias=(bias * scales).tolist(),
               relu=True, op="ConvTranspose", stride=stride, padding=before,
               padding_end=behind)  # fmt: skip
    given = picture(4, 5, 7)
    plain = np.zeros((6, 5 * stride + kernel, 7 * stride + kernel), np.int64)
    for row, column in np.ndindex(5, 7):
        part = plain[:, row * stride :, column * stride :][:, :kernel, :kernel]
        part += np.einsum("i,iorc->orc", given[:, row, column] - 120, numbers)
    plain = plain[:, before:, before:][:, : 5 * stride, : 7 * stride]
    expected = rounded(
        (plain + bias[:, None, None]) * (scales / 8.0)[:, None, None], 100, relu=True
    )
    data = model_of(builder.graph("y"), {})
    (found,), _ = run(data, given)
    assert len(np.unique(expected)) > 25  # no result is right by saturation alone
    assert np.array_equal(found, expected)
    # each number of the kernel once; phases that read nothing share one kernel of zeros
    nothing = 4 * 6 if stride > kernel else 0
    assert integer_bytes(data) == numbers.size + nothing
    read = outline(data)
    assert read.initializers["y.conv.kernel.scale"].dims == (6,)
    assert read.initializers["y.conv.bias"].dims == (6,)


def operators(read: TfliteOutline) -> list[str]:
    """Operators without the convolutions."""
    return [op for op in read.op_types if "CONV" not in op]


def test_joined_values_get_the_step_of_the_result() -> None:
    # XNNPACK holds the factor of two scales with 8 bits behind the point: 1/2 is exact.
    builder = QuantizedGraphBuilder({"planes": 2, "residual": 1})
    builder.step("planes", 1.0, 128)
    builder.step("residual", 2.0, 100)
    builder.step("y", 2.0, 100)
    builder.node("Concat", ["planes", "residual", "planes"], "y")
    data = model_of(builder.graph("y"), {})
    assert operators(outline(data)) == ["QUANTIZE", "QUANTIZE", "QUANTIZE", "CONCATENATION"]
    planes, residual = picture(2, 6, 8), picture(1, 6, 8)
    (found,), interpreter = run(data, planes, residual)
    assert [d["name"] for d in interpreter.get_input_details()] == ["planes", "residual"]
    exact = (planes - 128) / 2.0 + 100
    assert np.array_equal(found[2:3], residual)
    for part in (found[:2], found[3:]):
        assert np.abs(part - exact).max() <= 0.5  # the nearest integer, either one of a tie
    # of one step with the result: as it is
    builder.quant_params["residual"] = builder.quant_params["y"]
    same = model_of(builder.graph("y"), {})
    assert operators(outline(same)) == ["QUANTIZE", "QUANTIZE", "CONCATENATION"]


def test_more_values_than_xnnpack_joins() -> None:
    builder = QuantizedGraphBuilder({"planes": 2})
    builder.step("planes", 1.0, 128)
    builder.moved("y", "planes")
    builder.node("Concat", ["planes"] * 7, "y")
    given = picture(2, 6, 8)
    (found,), _ = run(model_of(builder.graph("y"), {}), given)
    assert np.array_equal(found, np.concatenate([given] * 7))


#: Operator, its options, and what it is of real numbers (C, h, w).
OTHERS: list[tuple[str, dict[str, Any], Any, list[str]]] = [
    ("Relu", {}, lambda x: np.maximum(x, 0), ["DEQUANTIZE", "RELU", "QUANTIZE"]),
    ("LeakyRelu", {"alpha": 0.25}, lambda x: np.where(x < 0, x / 4, x), ["LEAKY_RELU"]),
    ("Sigmoid", {}, lambda x: 1 / (1 + np.exp(-x)), ["DEQUANTIZE", "LOGISTIC", "QUANTIZE"]),
    ("ReduceMean", {}, lambda x: x.mean(0, keepdims=True), ["MEAN"]),
    ("ReduceMax", {}, lambda x: x.max(0, keepdims=True), ["REDUCE_MAX", "QUANTIZE"]),
    ("GlobalAveragePool", {}, lambda x: x.mean((1, 2), keepdims=True), ["MEAN"]),
    ("GlobalMaxPool", {}, lambda x: x.max((1, 2), keepdims=True), ["REDUCE_MAX", "QUANTIZE"]),
]


@pytest.mark.parametrize(("op", "options", "real", "written"), OTHERS)
def test_other_operators_are_within_a_step(
    op: str, options: dict[str, Any], real: Any, written: list[str]
) -> None:
    builder = QuantizedGraphBuilder({"planes": 4})
    builder.step("planes", 0.03, 120)
    scale = 0.005 if op == "Sigmoid" else 0.035
    builder.step("y", scale, 90)
    builder.node(op, "planes", "y", **options)
    data, given = model_of(builder.graph("y"), {}), picture(4, 8, 12)
    (found,), _ = run(data, given)
    expected = rounded(real((given - 120) * 0.03) / scale, 90)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1
    assert operators(outline(data)) == written


@pytest.mark.parametrize("op", ["Add", "Mul"])
@pytest.mark.parametrize("relu", [False, True])
def test_two_values(op: str, relu: bool) -> None:
    builder = QuantizedGraphBuilder({"planes": 4, "residual": 4})
    builder.step("planes", 0.03, 120)
    builder.step("residual", 0.02, 30)
    builder.step("y", 0.05, 100)
    if op == "Mul" and relu:  # no part of the group: its own operator, of a rounded value
        builder.step("z", 0.1, 80)
        builder.node(op, ["planes", "residual"], "z")
        builder.node("Relu", "z", "y")
    else:
        builder.node(op, ["planes", "residual"], "z" if relu else "y")
        if relu:
            builder.node("Relu", "z", "y")
    data = model_of(builder.graph("y"), {})
    one, two = picture(4, 8, 12), picture(4, 8, 12)
    (found,), _ = run(data, one, two)
    reals = (one - 120) * 0.03, (two - 30) * 0.02
    result = reals[0] + reals[1] if op == "Add" else reals[0] * reals[1]
    steps = 1
    if op == "Mul" and relu:
        result, steps = (rounded(result / 0.1, 80) - 80) * 0.1, 3  # a step of z is two of y
    assert np.abs(found - rounded(result / 0.05, 100, relu)).max() <= steps
    separate = ["MUL", "DEQUANTIZE", "RELU", "QUANTIZE"]
    assert operators(outline(data)) == (separate if op == "Mul" and relu else [op.upper()])


def test_what_is_real_is_real_at_the_ends_too() -> None:
    builder = QuantizedGraphBuilder({"planes": 2})
    kernel = RNG.normal(0, 0.2, (3, 2, 3, 3)).astype(np.float32)
    builder.conv("planes", "k", "y", kernel, scale=2.0, bias=0.5, relu=True, in_float=True, **SAME)
    data = model_of(builder.graph("y"), {})
    given = RNG.normal(0, 40, (2, 6, 8)).astype(np.float32)
    (found,), interpreter = run(data, given)
    assert interpreter.get_input_details()[0]["dtype"] is np.float32
    wide = np.pad(given, ((0, 0), (1, 1), (1, 1)))
    expected = np.full((3, 6, 8), 0.5)
    for row, column in np.ndindex(3, 3):
        seen = wide[:, row : row + 6, column : column + 8]
        expected += 2.0 * np.einsum("ihw,oi->ohw", seen, kernel[:, :, row, column])
    # float32 sums in another order
    assert np.abs(found - np.maximum(expected, 0)).max() < 1e-5 * np.abs(expected).max()


def test_a_real_layer_between_integers_reads_what_they_stand_for() -> None:
    builder = QuantizedGraphBuilder({"planes": 2})
    builder.step("planes", 1.0, 128)
    builder.step("a", 0.5, 100)
    builder.step("b", 0.25, 128)
    builder.node("Mul", ["planes", builder.vector("factor", [0.3, -1.7], 2)], "a")
    builder.node("Relu", "a", "b")
    data = model_of(builder.graph("b"), {}, outputs=["a"])
    given = picture(2, 6, 8)
    (b, a), _ = run(data, given)
    exact = (given - 128) * np.array([0.3, -1.7])[:, None, None] / 0.5
    assert np.abs(a - rounded(exact, 100)).max() <= 1
    assert a.min() == 0 and a.max() == 255  # saturated: the real numbers go further
    assert np.array_equal(b, rounded(np.maximum((a - 100) * 0.5, 0) / 0.25, 128))
