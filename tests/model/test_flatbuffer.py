"""The small flatbuffer reader against the generated schema, and damaged files."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from edgeqe.errors import ModelError
from edgeqe.model.file import outline_of
from edgeqe.model.flatbuffer import outline
from tests.model.tflite_bytes import float_network, integer_network
from tests.small_models import packed


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return float_network(tmp_path_factory.mktemp("flatbuffer"))


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return float_network(tmp_path_factory.mktemp("half"), float16=True)


@pytest.fixture(scope="module")
def integers() -> bytes:
    return integer_network()


def names_of(kinds: type) -> dict[int, str]:
    """Names of an enumeration of the schema by number."""
    return {value: name for name, value in vars(kinds).items() if isinstance(value, int)}


@pytest.mark.parametrize("which", ["data", "half", "integers"])
def test_outline_equals_the_generated_schema(which: str, request: pytest.FixtureRequest) -> None:
    raw: bytes = request.getfixturevalue(which)
    found, model = outline(raw), schema.ModelT.InitFromPackedBuf(raw, 0)
    graph = model.subgraphs[0]
    codes = [names_of(schema.BuiltinOperator)[code.builtinCode] for code in model.operatorCodes]
    assert found.op_types == tuple(codes[op.opcodeIndex] for op in graph.operators)
    texts = {m.name.decode(): bytes(model.buffers[m.buffer].data).decode() for m in model.metadata}
    assert found.metadata == texts
    names = [tensor.name.decode() for tensor in graph.tensors]
    assert found.inputs == tuple(names[i] for i in graph.inputs)
    assert found.outputs == tuple(names[i] for i in graph.outputs)
    for operation, expected in zip(found.operations, graph.operators, strict=True):
        assert operation.inputs == tuple(names[i] for i in expected.inputs)
        assert operation.outputs == tuple(names[i] for i in expected.outputs)
    dtypes = {"FLOAT32": "<f4", "FLOAT16": "<f2", "INT32": "<i4", "INT8": "<i1"}
    numbers = {"FLOAT32": 1, "FLOAT16": 10, "INT32": 6, "INT8": 3}
    constants = 0
    for tensor in graph.tensors:
        content = model.buffers[tensor.buffer].data
        name = tensor.name.decode()
        assert found.shapes[name] == tuple(tensor.shape)
        assert found.types[name] == numbers[names_of(schema.TensorType)[tensor.type]]
        if tensor.quantization is not None:
            constants += 1
            scales = found.initializers[f"{name}.scale"]
            assert scales.dims == tensor.quantization.scale.shape and scales.data_type == 1
            lying = np.frombuffer(raw[scales.start : scales.stop], "<f4")
            assert np.array_equal(lying, tensor.quantization.scale)
        if content is not None:
            constants += 1
            read = found.initializers[name]
            assert raw[read.start : read.stop] == bytes(content)
            assert read.dtype == dtypes[names_of(schema.TensorType)[tensor.type]]
    assert constants == len(found.initializers)


def test_a_widened_kernel_leads_to_its_constant(data: bytes, half: bytes) -> None:
    assert outline(data).origins() == {}
    found = outline(half)
    kernels = {op.inputs[1] for op in found.operations if op.op_type == "CONV_2D"}
    assert {found.origins()[name] for name in kernels} == {
        "head.kernel", "body.kernel", "tail.kernel"}  # fmt: skip


def test_scales_of_several_uses_and_of_values_that_move(integers: bytes) -> None:
    constants = outline(integers).initializers
    first, second = (constants[f"{name}.conv.kernel"] for name in "ab")
    assert first.start == second.start and first.data_type == 3
    assert constants["a.conv.kernel.scale"].start != constants["b.conv.kernel.scale"].start
    assert constants["a.conv.kernel.scale"].dims == (4,) and constants["a.scale"].dims == (1,)
    assert constants["c.scale"].start == constants["d.scale"].start  # MaxPool changes no scale
    assert outline(integers).origins() == {}  # its DEQUANTIZE widens no constant


@pytest.mark.parametrize("which", ["data", "integers"])
def test_every_cut_is_an_error(which: str, request: pytest.FixtureRequest) -> None:
    data: bytes = request.getfixturevalue(which)
    lengths = [*range(0, 120), *range(120, len(data), 37), *range(len(data) - 40, len(data))]
    for length in lengths:
        with pytest.raises(ModelError):
            outline_of(data[:length])


@pytest.mark.parametrize("which", ["data", "integers"])
def test_flips_are_an_error_or_harmless_to_litert(
    which: str, request: pytest.FixtureRequest
) -> None:
    data: bytes = request.getfixturevalue(which)
    rng = np.random.default_rng(3)
    constants = outline(data)
    weights = np.zeros(len(data), bool)
    for tensor in constants.initializers.values():
        weights[tensor.start : tensor.stop] = True
    for text in constants.metadata.values():
        first = data.index(text.encode())
        weights[first : first + len(text)] = True
    places, refused, ran = np.flatnonzero(~weights), 0, 0
    for _ in range(300):
        flipped = bytearray(data)
        flipped[int(rng.choice(places))] = int(rng.integers(256))
        try:
            outline(bytes(flipped))
        except ModelError:
            refused += 1
            continue
        try:
            interpreter = Interpreter(model_content=bytes(flipped))
            interpreter.allocate_tensors()
            interpreter.invoke()
            ran += 1
        except (RuntimeError, ValueError):
            pass
    assert refused > 150  # most of the structure is offsets and counts
    assert ran > 10  # names, versions, shapes that are worked out anew


def test_another_format_and_wild_offsets(data: bytes) -> None:
    with pytest.raises(ModelError, match="does not say TFL3"):
        outline(b"\x08\x08" + bytes(100))
    for offset in (0, 1, len(data), 2**31, 2**32 - 4):
        with pytest.raises(ModelError):
            outline(struct.pack("<I", offset) + data[4:])


def test_model_of_another_writer_is_read(tmp_path: Path) -> None:
    # TensorFlow's own converter: the same tables, written by the C++ library
    import tensorflow as tf

    function = tf.function(lambda x: tf.nn.relu(x) * 3.0)
    concrete = function.get_concrete_function(tf.TensorSpec((1, 8, 8, 2), tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], function)
    model = schema.ModelT.InitFromPackedBuf(converter.convert(), 0)
    model.signatureDefs = None
    found = outline(packed(model))
    assert sorted(found.op_types) == ["MUL", "RELU"] and found.shapes[found.inputs[0]][3] == 2
    (constant,) = found.initializers.values()
    assert constant.dtype == np.float32 and constant.stop - constant.start == 4
