"""TFLite operators that LiteRT would follow out of the file: refused by the reader, never run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.converters.tflite_io import writer
from edgeqe.errors import ModelError
from edgeqe.model.file import ModelFile
from edgeqe.model.flatbuffer import outline
from tests.small_models import packed, strong_graph, write


def graph_of_every_kind() -> bytes:
    """One operator of each kind that has options, operands or a shape of its own."""
    rng = np.random.default_rng(4)
    kernel = rng.normal(size=(8, 4, 3, 3)).astype(np.float32)
    constants = {"k": kernel, "d": rng.normal(size=(8, 1, 3, 3)).astype(np.float32),
                 "p": np.full((8, 1, 1), 0.1, np.float32)}  # fmt: skip
    nodes = (
        Node("SpaceToDepth", "deep", ("planes",), "a", 2),
        Node("Conv", "c", ("a", "k"), "b", 3, 1, 1, 1),
        Node("Conv", "dw", ("b", "d"), "c", 3, 1, 1, 1, groups=8),
        Node("PRelu", "p", ("c", "p"), "e"),
        Node("MaxPool", "m", ("e",), "f", 3, 1, 1, 1),
        Node("Slice", "s", ("f",), "g", first=2, last=6),
        Node("ReduceMean", "r", ("g",), "h"),
        Node("LeakyRelu", "l", ("h",), "i", alpha=0.1),
        Node("Concat", "j", ("i", "g"), "n"),
        Node("Slice", "t", ("n",), "o", first=0, last=4),
        Node("GlobalAveragePool", "w", ("o",), "q"),
        Node("Mul", "x", ("o", "q"), "u"),
        Node("DepthToSpace", "flat", ("u",), "y", 2),
    )
    return writer.model_of(Graph("all", {"planes": 1}, "y", nodes, constants), {})


@pytest.fixture(scope="module")
def data() -> bytes:
    return graph_of_every_kind()


def operator(model: Any, name: str) -> Any:
    """First operator of a kind."""
    code = getattr(schema.BuiltinOperator, name)
    codes = [found.builtinCode for found in model.operatorCodes]
    return next(op for op in model.subgraphs[0].operators if codes[op.opcodeIndex] == code)


def tensor(model: Any, name: str, place: int) -> Any:
    """An input of an operator."""
    return model.subgraphs[0].tensors[operator(model, name).inputs[place]]


def set_input(found: Any, place: int, index: int) -> None:
    inputs = list(found.inputs)
    inputs[place] = index
    found.inputs = inputs


def lacking(name: str, place: int) -> Callable[[Any], None]:
    """Input of an operator set to -1."""

    def change(model: Any) -> None:
        set_input(operator(model, name), place, -1)

    return change


def with_inputs(name: str, count: int) -> Callable[[Any], None]:
    """An operator with another count of inputs."""

    def change(model: Any) -> None:
        found = operator(model, name)
        found.inputs = [*found.inputs, *found.inputs][:count]

    return change


def without_options(name: str) -> Callable[[Any], None]:
    """An operator whose table of options is not there, whatever its kind says."""

    def change(model: Any) -> None:
        operator(model, name).builtinOptions = None

    return change


def no_options_at_all(name: str) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        operator(model, name).builtinOptions = None
        operator(model, name).builtinOptionsType = 0

    return change


def option(name: str, field: str, value: int) -> Callable[[Any], None]:
    """A field of an operator's options."""

    def change(model: Any) -> None:
        options = operator(model, name).builtinOptions
        assert hasattr(options, field)
        setattr(options, field, value)

    return change


def options_of_another(model: Any) -> None:
    found = operator(model, "CONV_2D")
    found.builtinOptions = operator(model, "MAX_POOL_2D").builtinOptions
    found.builtinOptionsType = schema.BuiltinOptions.Pool2DOptions


def numbers(name: str, place: int, *values: int) -> Callable[[Any], None]:
    """An int32 operand's values."""

    def change(model: Any) -> None:
        buffer = model.buffers[tensor(model, name, place).buffer]
        buffer.data = np.frombuffer(np.array(values, "<i4").tobytes(), np.uint8)

    return change


def reshaped(name: str, place: int, *shape: int) -> Callable[[Any], None]:
    """The shape of an operand, of as many elements."""

    def change(model: Any) -> None:
        found = tensor(model, name, place)
        assert int(np.prod(found.shape)) == int(np.prod(shape))
        found.shape = list(shape)

    return change


def value_as_kernel(model: Any) -> None:
    found = operator(model, "CONV_2D")
    set_input(found, 1, found.inputs[0])


def constant_as_value(model: Any) -> None:
    found = operator(model, "CONV_2D")
    set_input(found, 0, found.inputs[1])


def two_outputs(model: Any) -> None:
    found = operator(model, "MAX_POOL_2D")
    found.outputs = [*found.outputs, *found.outputs]


def output_of_another_shape(model: Any) -> None:
    found = operator(model, "CONV_2D").outputs[0]
    model.subgraphs[0].tensors[found].shape = [1, 8, 8, 9]


def output_of_another_type(model: Any) -> None:
    found = operator(model, "CONV_2D").outputs[0]
    model.subgraphs[0].tensors[found].type = schema.TensorType.FLOAT16


def huge_planes(model: Any) -> None:
    graph = model.subgraphs[0]
    graph.tensors[graph.inputs[0]].shape = [1, 1024, 1024, 1]


def one_name(model: Any) -> None:
    found = operator(model, "CONV_2D").outputs[0]
    other = operator(model, "MAX_POOL_2D").outputs[0]
    model.subgraphs[0].tensors[found].name = model.subgraphs[0].tensors[other].name


def many_operators(model: Any) -> None:
    graph = model.subgraphs[0]
    graph.operators = [graph.operators[0]] * 20_000


CASES = {
    "kernel -1": (lacking("CONV_2D", 1), "CONV_2D lacks an input"),
    "input -1": (lacking("CONV_2D", 0), "CONV_2D lacks an input"),
    "depthwise kernel -1": (lacking("DEPTHWISE_CONV_2D", 1), "lacks an input"),
    "slope -1": (lacking("PRELU", 1), "PRELU lacks an input"),
    "axes -1": (lacking("MEAN", 1), "MEAN lacks an input"),
    "begin -1": (lacking("STRIDED_SLICE", 1), "STRIDED_SLICE lacks an input"),
    "part -1": (lacking("CONCATENATION", 1), "CONCATENATION lacks an input"),
    "factor -1": (lacking("MUL", 1), "MUL lacks an input"),
    "pooled -1": (lacking("MAX_POOL_2D", 0), "MAX_POOL_2D lacks an input"),
    "1 input": (with_inputs("CONV_2D", 1), "CONV_2D has 1 inputs"),
    "4 inputs": (with_inputs("CONV_2D", 4), "CONV_2D has 4 inputs"),
    "1 of 2": (with_inputs("PRELU", 1), "PRELU has 1 inputs"),
    "2 of 4": (with_inputs("STRIDED_SLICE", 2), "STRIDED_SLICE has 2 inputs"),
    "2 pooled": (with_inputs("MAX_POOL_2D", 2), "MAX_POOL_2D has 2 inputs"),
    "no conv options": (no_options_at_all("CONV_2D"), "CONV_2D has no options"),
    "no slice options": (no_options_at_all("STRIDED_SLICE"), "STRIDED_SLICE has no options"),
    "no reduce options": (no_options_at_all("MEAN"), "MEAN has no options"),
    "no pool options": (without_options("MAX_POOL_2D"), "options or shapes of no network"),
    "another's options": (options_of_another, "options or shapes of no network"),
    "stride 0": (option("CONV_2D", "strideW", 0), "options or shapes|stride"),
    "strides 0": (option("MAX_POOL_2D", "strideH", 0), "options or shapes|stride"),
    "dilation 0": (option("CONV_2D", "dilationWFactor", 0), "options or shapes"),
    "padding 7": (option("CONV_2D", "padding", 7), "options or shapes"),
    "activation 9": (option("CONV_2D", "fusedActivationFunction", 9), "options or shapes"),
    "multiplier": (option("DEPTHWISE_CONV_2D", "depthMultiplier", 3), "options or shapes"),
    "window 0": (option("MAX_POOL_2D", "filterHeight", 0), "options or shapes|window"),
    "block 0": (option("DEPTH_TO_SPACE", "blockSize", 0), "blocks of 0"),
    "block -2": (option("SPACE_TO_DEPTH", "blockSize", -2), "blocks of -2"),
    "axis 1": (option("CONCATENATION", "axis", 1), "options or shapes"),
    "axis -9": (option("CONCATENATION", "axis", -9), "options or shapes"),
    "keeps no axis": (option("MEAN", "keepDims", 0), "options or shapes"),
    "masks": (option("STRIDED_SLICE", "shrinkAxisMask", 8), "options or shapes"),
    "begin": (numbers("STRIDED_SLICE", 1, 0, 0, 0, -1), "options or shapes"),
    "end": (numbers("STRIDED_SLICE", 2, 0, 0, 0, 99), "options or shapes"),
    "steps": (numbers("STRIDED_SLICE", 3, 1, 1, 1, 0), "options or shapes"),
    "axes": (numbers("MEAN", 1, 9), "options or shapes"),
    "kernel's shape": (reshaped("CONV_2D", 1, 4, 3, 3, 8), "options or shapes|shape"),
    "kernel of rank 2": (reshaped("CONV_2D", 1, 8, 36), "options or shapes"),
    "slope's shape": (reshaped("PRELU", 1, 8, 1, 1), "options or shapes"),
    "value as kernel": (value_as_kernel, "no constant of its type"),
    "constant as value": (constant_as_value, "a constant where a value belongs"),
    "two outputs": (two_outputs, "2 outputs"),
    "output's shape": (output_of_another_shape, "its operator gives"),
    "output's type": (output_of_another_type, "mixes integers and floats"),
    "planes": (huge_planes, "no input that is a picture"),
    "names": (one_name, "several tensors named"),
    "operators": (many_operators, "a list of 20000 parts, 4000 are the most"),
}


def test_every_kind_is_read(data: bytes) -> None:
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    assert outline(packed(model)).network == outline(data).network
    # a quarter of the samples behind SPACE_TO_DEPTH: 8 x 4 x 9 and 8 x 9 weights
    assert outline(data).network.macs == (8 * 4 * 9 + 8 * 9) / 4
    assert outline(data).network.alignment == 2


@pytest.mark.parametrize("case", list(CASES))
def test_a_malformed_operator_is_refused(case: str, data: bytes) -> None:
    change, message = CASES[case]
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    change(model)
    with pytest.raises(ModelError, match=message):
        outline(packed(model))


def test_only_a_bias_may_be_left_out(data: bytes) -> None:
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    lacking("CONV_2D", 2)(model)
    operations = outline(packed(model)).operations
    assert next(op for op in operations if op.op_type == "CONV_2D").inputs[2] == ""


def test_a_card_of_other_channels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    write(strong_graph(), path, planes="rgb")
    with pytest.raises(ModelError, match="takes 'planes' of 1 channels, its card says"):
        ModelFile(path)
