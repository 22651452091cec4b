"""INT8 in TFLite as stored: kernels once, numbers that follow the strength found by their names."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgeqe.converters.graph.graph import KEYS
from edgeqe.converters.graph.integer import QuantizedGraph
from edgeqe.converters.tflite_io.integer_writer import model_of
from edgeqe.model.flatbuffer import outline
from tests.converters.tflite_integers import SAME, integer_bytes, picture, run, tensors, weights
from tests.quantization.integer_models import QuantizedGraphBuilder


def shared() -> QuantizedGraph:
    """A kernel used three times, values that move, a transposed one, all with the strength."""
    builder = QuantizedGraphBuilder({"planes": 4})
    for name, scale, zero in (("planes", 1.0, 128), ("a", 0.5, 0), ("b", 1.0, 100),
                              ("c", 2.0, 90), ("d", 1.0, 110), ("y", 0.25, 128)):  # fmt: skip
        builder.step(name, scale, zero)
    builder.conv(
        "planes", "body", "a", weights(4, 4, 3, 3), scale=0.003, bias=1.0, relu=True, **SAME
    )
    builder.conv("a", "body", "b", scale=[0.001, 0.002, 0.003, 0.004], bias=-2.0, **SAME)
    builder.conv("b", "body", "c", scale=0.002, bias=3.0, **SAME)
    builder.node("Add", ["a", "c"], "d")
    builder.node("SpaceToDepth", "d", builder.moved("small", "d"), kernel=2)
    builder.node("MaxPool", "small", builder.moved("pooled", "small"), kernel=3, **SAME)
    builder.conv("pooled", "up", "y", weights(16, 4, 3, 3), scale=0.0001, bias=2.0,
               op="ConvTranspose", stride=2, padding_end=1)  # fmt: skip
    for index, name in enumerate(list(builder.constants)):
        if name.endswith((".scale", ".bias")) and not name.startswith("planes"):
            row = builder.constants[name].reshape(-1)
            builder.follow(name, row.tolist(), (row * (1.5 + 0.1 * index)).tolist())
    return builder.graph("y")


def test_a_shared_kernel_is_one_buffer_with_scales_of_each_use() -> None:
    integer = shared()
    stored, model = tensors(model_of(integer, {}))
    uses = [stored[f"{name}.conv.kernel"] for name in "abc"]
    assert len({use.buffer for use in uses}) == 1
    lying = model.buffers[uses[0].buffer].data.view(np.int8)
    expected = integer.graph.constants["body"].transpose(0, 2, 3, 1).reshape(-1)
    assert np.array_equal(lying, expected)
    for name, use in zip("abc", uses, strict=True):
        scale = integer.graph.constants[f"{name}.conv.kernel.scale"].reshape(-1)
        assert use.quantization.scale.tolist() == scale.tolist()
        assert use.quantization.zeroPoint.tolist() == [0] * 4
        bias = stored[f"{name}.conv.bias"].quantization.scale
        source = {"a": "planes", "b": "a", "c": "b"}[name]
        assert np.array_equal(bias, scale * np.float32(integer.scale(source)))
    assert integer_bytes(model_of(integer, {})) == 4 * 4 * 9 + 16 * 4 * 9


def renumbered(data: bytes, integer: QuantizedGraph) -> bytes:
    """A file with the numbers of a graph at another strength, each written by its name alone."""
    found, read = bytearray(data), outline(data)

    def write(name: str, numbers: npt.NDArray[Any]) -> None:
        place = read.initializers[name]
        assert place.stop - place.start == numbers.nbytes, name
        found[place.start : place.stop] = numbers.tobytes()

    constants = integer.graph.constants
    for step in integer.quant_params.values():
        write(step.scale, constants[step.scale])
    for group in integer.groups():
        if integer.is_integer(group.first):
            scale, bias = (node.inputs[1] for node in group.nodes[1:3])
            counts = integer.integer_bias(group)
            write(scale, constants[scale])
            write(bias, counts.values)
            write(f"{bias}.scale", counts.scale)
    return bytes(found)


@pytest.mark.parametrize("key", [0, 40, KEYS[-1]])
def test_numbers_that_follow_the_strength_are_found_by_name(key: int) -> None:
    integer = shared()
    data, other = model_of(integer.at(20), {}), model_of(integer.at(key), {})
    assert data != other and len(data) == len(other)
    assert renumbered(data, integer.at(key)) == other
    given = picture(4, 16, 24)
    (first,), _ = run(data, given)
    (second,), _ = run(other, given)
    assert (first != second).mean() > 0.5


def test_the_bytes_are_the_same_for_the_same_calls() -> None:
    integer = shared()
    data = model_of(integer, {"a": "grüße"})
    assert data == model_of(integer, {"a": "grüße"})
    assert outline(data).metadata == {"a": "grüße"}
    stored = [t for t in outline(data).initializers.values() if not t.name.endswith(".scale")]
    assert all(tensor.start % 16 == 0 for tensor in stored)
