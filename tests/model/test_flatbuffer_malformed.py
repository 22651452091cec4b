"""TFLite files with what no model of ours holds: refused by the flatbuffer reader."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgeqe.errors import ModelError
from edgeqe.model.flatbuffer import outline
from tests.model.tflite_bytes import float_network, integer_network
from tests.small_models import packed


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return float_network(tmp_path_factory.mktemp("flatbuffer"))


@pytest.fixture(scope="module")
def integers() -> bytes:
    return integer_network()


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
