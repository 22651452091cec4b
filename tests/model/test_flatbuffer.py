"""The small flatbuffer reader against the generated schema, and damaged files."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from edgeqe.converters.tflite_io import integer_writer as tflite_integer_writer
from edgeqe.errors import ModelError
from edgeqe.model.file import outline_of
from edgeqe.model.flatbuffer import outline
from tests.quantization.integer_models import QuantizedGraphBuilder
from tests.small_models import packed, strong_graph, write


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("flatbuffer") / "m.tflite"
    write(strong_graph(), path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("flatbuffer") / "half.tflite"
    write(strong_graph(), path, float16=True)
    return path.read_bytes()


@pytest.fixture(scope="module")
def integers() -> bytes:
    """Two convolutions of one kernel, their sum, a value that moves, a real operator."""
    builder = QuantizedGraphBuilder({"planes": 4})
    for name, scale in (("planes", 1.0), ("a", 2.0), ("b", 3.0), ("c", 5.0), ("y", 6.0)):
        builder.step(name, scale, 100)
    kernel = np.random.default_rng(2).integers(-64, 65, (4, 4, 3, 3))
    scales = [0.01, 0.02, 0.03, 0.04]
    builder.conv("planes", "k", "a", kernel, scale=scales, relu=True, padding=1, padding_end=1)
    builder.conv("a", "k", "b", scale=0.05, padding=1, padding_end=1)
    builder.node("Add", ["a", "b"], "c")
    builder.node("MaxPool", "c", builder.moved("d", "c"), kernel=3, padding=1, padding_end=1)
    builder.node("Sigmoid", "d", "y")
    return tflite_integer_writer.model_of(builder.graph("y"), {"edgeqe.card": "{}"})


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


def edited(raw: bytes, change: Callable[[Any], None]) -> bytes:
    model = schema.ModelT.InitFromPackedBuf(raw, 0)
    change(model)
    return packed(model)


def two_graphs(model: Any) -> None:
    model.subgraphs = model.subgraphs * 2


def no_graph(model: Any) -> None:
    model.subgraphs = []


def custom_code(model: Any) -> None:
    model.operatorCodes[0].customCode = "evil"


def custom_operator(model: Any) -> None:
    model.operatorCodes[0].builtinCode = schema.BuiltinOperator.CUSTOM
    model.operatorCodes[0].deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM


def a_loop(model: Any) -> None:
    model.operatorCodes[0].builtinCode = schema.BuiltinOperator.WHILE
    model.operatorCodes[0].deprecatedBuiltinCode = schema.BuiltinOperator.WHILE


def external_offset(model: Any) -> None:
    model.buffers[1].offset, model.buffers[1].size = 4096, 288


def external_buffer(model: Any) -> None:
    model.externalBuffers = [schema.ExternalBufferT(id=1, length=288)]


def external_tensor(model: Any) -> None:
    model.subgraphs[0].tensors[1].externalBuffer = 1


def signatures(model: Any) -> None:
    model.signatureDefs = [schema.SignatureDefT(inputs=[], outputs=[], signatureKey="s")]


def newer(model: Any) -> None:
    model.version = 4


def operator_index(model: Any) -> None:
    model.subgraphs[0].operators[0].opcodeIndex = 99


def input_index(model: Any) -> None:
    model.subgraphs[0].operators[0].inputs = [0, 999, 1]


def negative_index(model: Any) -> None:
    model.subgraphs[0].operators[0].outputs = [-2]


def buffer_index(model: Any) -> None:
    model.subgraphs[0].tensors[1].buffer = 999


def metadata_index(model: Any) -> None:
    model.metadata[0].buffer = 999


def out_of_order(model: Any) -> None:
    model.subgraphs[0].operators.reverse()


def made_twice(model: Any) -> None:
    operators = model.subgraphs[0].operators
    operators[1].outputs = operators[0].outputs


def shape(model: Any) -> None:
    next(t for t in model.subgraphs[0].tensors if t.name == b"body.kernel").shape = [8, 3, 3, 9]


def negative_shape(model: Any) -> None:
    model.subgraphs[0].tensors[0].shape = [1, -16, 16, 1]


def same_name(model: Any) -> None:
    tensors = {tensor.name: tensor for tensor in model.subgraphs[0].tensors}
    tensors[b"tail.kernel"].name = b"head.kernel"


def no_input(model: Any) -> None:
    model.subgraphs[0].inputs = []


def unmade_output(model: Any) -> None:
    model.subgraphs[0].operators = model.subgraphs[0].operators[:-1]


def sparse(model: Any) -> None:
    model.subgraphs[0].tensors[1].sparsity = schema.SparsityParametersT()


def variable(model: Any) -> None:
    model.subgraphs[0].tensors[1].isVariable = True


def other_options(model: Any) -> None:
    operator = model.subgraphs[0].operators[0]
    operator.builtinOptionsType = schema.BuiltinOptions.ReshapeOptions
    operator.builtinOptions = schema.ReshapeOptionsT(newShape=[1, 2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (two_graphs, "2 subgraphs"),
        (no_graph, "0 subgraphs"),
        (custom_code, "custom operators"),
        (custom_operator, "operator 32"),
        (a_loop, "operator 119"),
        (external_offset, "outside its tables"),
        (external_buffer, "external"),
        (external_tensor, "external"),
        (signatures, "signatures"),
        (newer, "another version"),
        (operator_index, "number 99 of"),
        (input_index, "number 999 of"),
        (negative_index, "number -2 of"),
        (buffer_index, "number 999 of"),
        (metadata_index, "number 999 of"),
        (out_of_order, "not in execution order"),
        (made_twice, "not in execution order"),
        (shape, r"'body.kernel' of shape \(8, 3, 3, 9\) lies in 2304 bytes"),
        (negative_shape, "type or shape of no network"),
        (same_name, "several tensors named 'head.kernel'"),
        (no_input, "not in execution order|no input"),
        (unmade_output, "an output that nothing makes"),
        (sparse, "sparse"),
        (variable, "type or shape of no network"),
        (other_options, "operator options 17"),
    ],
)
def test_what_no_model_of_ours_holds_is_refused(
    data: bytes, change: Callable[[Any], None], message: str
) -> None:
    assert outline(edited(data, lambda model: None)).op_types == outline(data).op_types
    with pytest.raises(ModelError, match=message):
        outline(edited(data, change))


def of(name: bytes) -> Callable[[Any], Any]:
    """Finder of a tensor."""
    return lambda model: next(t for t in model.subgraphs[0].tensors if t.name == name)


VALUE, KERNEL, BIAS = of(b"a"), of(b"a.conv.kernel"), of(b"a.conv.bias")


def scaled(find: Callable[[Any], Any], *scales: float) -> Callable[[Any], None]:
    """Change of a tensor's scales."""

    def change(model: Any) -> None:
        find(model).quantization.scale = np.array(scales, np.float32)

    return change


def zeroed(find: Callable[[Any], Any], *zeros: int) -> Callable[[Any], None]:
    """Change of a tensor's zeros."""

    def change(model: Any) -> None:
        find(model).quantization.zeroPoint = np.array(zeros, np.int64)

    return change


def unscaled(model: Any) -> None:
    VALUE(model).quantization = None


def along_another_axis(model: Any) -> None:
    KERNEL(model).quantization.quantizedDimension = 1


def along_no_axis(model: Any) -> None:
    KERNEL(model).quantization.quantizedDimension = -1


def scaled_floats(model: Any) -> None:
    of(b"d.real")(model).quantization = VALUE(model).quantization


def float_result(model: Any) -> None:
    VALUE(model).type, VALUE(model).quantization = schema.TensorType.FLOAT32, None


def float_summand(model: Any) -> None:
    tensor = of(b"b")(model)
    tensor.type, tensor.quantization = schema.TensorType.FLOAT32, None


def scales_of_one_name(model: Any) -> None:
    of(b"b")(model).name = b"a"


NO_NETWORK = "has scales or zeros of no network"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (scaled(VALUE, 0.0), f"'a' {NO_NETWORK}"),
        (scaled(VALUE, -1.0), NO_NETWORK),
        (scaled(VALUE, np.inf), NO_NETWORK),
        (scaled(VALUE, np.nan), NO_NETWORK),
        (scaled(VALUE, 1e-38), NO_NETWORK),
        (scaled(VALUE), NO_NETWORK),
        (scaled(VALUE, 1.0, 2.0), NO_NETWORK),
        (unscaled, NO_NETWORK),
        (zeroed(VALUE, 128), NO_NETWORK),
        (zeroed(VALUE, -129), NO_NETWORK),
        (zeroed(VALUE), NO_NETWORK),
        (zeroed(VALUE, 0, 0), NO_NETWORK),
        (scaled(KERNEL, 0.1, 0.1, 0.1), NO_NETWORK),
        (zeroed(KERNEL, 0, 0, 0, 1), NO_NETWORK),
        (zeroed(KERNEL, 0), NO_NETWORK),
        (along_another_axis, NO_NETWORK),
        (along_no_axis, NO_NETWORK),
        (zeroed(BIAS, 0, 0, 0, 1), NO_NETWORK),
        (scaled(BIAS, 0.1, 0.1, 0.1), NO_NETWORK),
        (scaled_floats, NO_NETWORK),
        (float_result, "CONV_2D mixes integers and floats"),
        (float_summand, "mixes integers and floats"),
        (scales_of_one_name, "several tensors named 'a'"),
        (scaled(of(b"a"), 1e10), "whose scale is 2e\\+09 times that of their sum"),
    ],
)
def test_malformed_scales_are_refused(
    integers: bytes, change: Callable[[Any], None], message: str
) -> None:
    same = outline(edited(integers, lambda model: None))
    assert same.types == outline(integers).types
    with pytest.raises(ModelError, match=message):
        outline(edited(integers, change))


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
