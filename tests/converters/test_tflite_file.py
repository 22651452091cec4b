"""The TFLite file as a whole: beside TensorFlow's own converter, and what is stored where."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.converters.keras_io.reader import graph_of
from edgeqe.converters.tflite_io.convolutions import DEFAULT_SIDE
from edgeqe.converters.tflite_io.writer import model_of
from edgeqe.errors import InputError
from edgeqe.model.flatbuffer import outline
from edgeqe.runtimes.litert import provider_of
from edgeqe.typing import Float
from tests.converters.tflite_running import delegated, normal, relative, run
from tests.small_models import strong_graph


def test_keras_network_equals_tensorflows_converter() -> None:
    inputs = keras.Input((None, None, 4), name="planes")
    x = keras.layers.Conv2D(12, 3, padding="same", name="head")(inputs)
    x = keras.layers.ReLU(name="head_relu")(x)
    y = keras.layers.Conv2D(12, 3, padding="same", strides=2, name="down")(x)
    y = keras.layers.ReLU(name="down_relu")(y)
    y = keras.layers.Conv2D(12, 5, padding="same", name="middle")(y)
    y = keras.layers.Add(name="sum")([y, y])
    model = keras.Model(inputs, keras.layers.Conv2D(3, 1, padding="same", name="tail")(y))
    theirs = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    given = normal(32, 48, 4)
    other = Interpreter(model_content=theirs)
    other.resize_tensor_input(other.get_input_details()[0]["index"], (1, *given.shape))
    other.allocate_tensors()
    other.set_tensor(other.get_input_details()[0]["index"], given[None])
    other.invoke()
    expected = other.get_tensor(other.get_output_details()[0]["index"])[0]
    found, _ = run(model_of(graph_of(model, 4.0), {}), {"planes": given})
    assert relative(found, expected) < 1e-5


def test_inputs_outputs_and_metadata_are_where_others_look() -> None:
    graph = strong_graph(inputs=("planes", "residual"))
    data = model_of(graph, {"edgeqe.card": "{}", "note": "grüße"})
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    assert model.version == 3 and data[4:8] == b"TFL3"
    interpreter = Interpreter(model_content=data)
    first, second = interpreter.get_input_details()
    assert [first["name"], second["name"]] == ["planes", "residual"]
    assert list(first["shape_signature"]) == [1, -1, -1, 1]
    assert list(first["shape"]) == [1, DEFAULT_SIDE, DEFAULT_SIDE, 1]
    assert interpreter.get_output_details()[0]["name"] == graph.output
    texts = {m.name.decode(): bytes(model.buffers[m.buffer].data).decode() for m in model.metadata}
    assert texts == {"edgeqe.card": "{}", "note": "grüße"}


def test_the_size_of_the_file_suits_the_strides() -> None:
    nodes = (
        Node("SpaceToDepth", "s", ("planes",), "y", 24),
        Node("DepthToSpace", "d", ("y",), "z", 24),
    )
    data = model_of(Graph("blocks", {"planes": 1}, "z", nodes, {}), {})
    interpreter = Interpreter(model_content=data)
    assert list(interpreter.get_input_details()[0]["shape"]) == [1, 24, 24, 1]
    interpreter.allocate_tensors()  # as it lies, without being resized


@pytest.mark.parametrize("half", [False, True])
def test_each_constant_is_stored_once(half: bool) -> None:
    graph = strong_graph()
    data = model_of(graph, {}, float16=half)
    read = outline(data)
    uses = [op.inputs[1] for op in read.operations if op.op_type == "CONV_2D"]
    assert len(uses) == 4 and uses[1] == uses[2] and len(set(uses)) == 3
    assert read.op_types.count("DEQUANTIZE") == (3 if half else 0)
    kernels = {name for name in read.initializers if name.endswith(".kernel")}
    assert kernels == {"head.kernel", "body.kernel", "tail.kernel"}
    for name in kernels:
        tensor = read.initializers[name]
        stored = np.frombuffer(data[tensor.start : tensor.stop], tensor.dtype)
        expected = graph.constants[name].transpose(0, 2, 3, 1).reshape(-1)
        assert np.array_equal(stored, expected.astype(np.float16 if half else np.float32))
    for name in graph.vectors:  # small, and written at every strength: float32 always
        assert read.initializers[name].dtype == np.float32
    assert data.count(read.initializers["body.kernel"].name.encode() + b"\0") == 1


def test_bytes_are_deterministic_and_buffers_aligned() -> None:
    data = model_of(strong_graph(), {"a": "b"})
    assert data == model_of(strong_graph(), {"a": "b"})
    assert all(tensor.start % 16 == 0 for tensor in outline(data).initializers.values())


def test_convolutions_are_delegated_with_a_shared_kernel() -> None:
    for half in (False, True):
        _, interpreter = run(
            model_of(strong_graph(), {}, float16=half), {"planes": normal(8, 8, 1)}
        )
        assert provider_of(interpreter) == "XNNPACK" and delegated(interpreter)


def test_one_name_in_two_shapes_is_one_buffer() -> None:
    nodes = (
        Node("Conv", "c", ("planes", "w"), "y", 1),
        Node("Add", "a", ("y", "v"), "z"),
        Node("PRelu", "p", ("z", "v"), "o"),
    )
    constants = {"w": normal(8, 4, 1, 1), "v": normal(1, 8, 1, 1)}
    data = model_of(Graph("twice", {"planes": 4}, "o", nodes, constants), {})
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    named = [tensor for tensor in model.subgraphs[0].tensors if tensor.name == b"v"]
    assert {tuple(tensor.shape) for tensor in named} == {(8,), (1, 1, 8)}
    assert len({tensor.buffer for tensor in named}) == 1
    assert outline(data).initializers["v"].dtype == np.float32


def test_an_operator_that_does_not_exist_is_named() -> None:
    names = ("planes", *(f"b.{kind}" for kind in ("gamma", "beta", "mean", "variance")))
    constants: dict[str, Float] = dict.fromkeys(names[1:], np.ones(4, np.float32))
    node = Node("BatchNormalization", "norm", names, "y", alpha=1e-3)
    with pytest.raises(InputError, match="node 'norm': operator BatchNormalization"):
        model_of(Graph("g", {"planes": 4}, "y", (node,), constants), {})
    pool = Node("MaxPool", "pool", ("planes",), "y", 3, 2, 1, 1)
    with pytest.raises(InputError, match="node 'pool': a MaxPool"):
        model_of(Graph("g", {"planes": 4}, "y", (pool,), {}), {})
