"""ONNX files that would write past buffers, open other files or never end: refused before they run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from edgeqe.errors import ModelError
from edgeqe.model.file import ModelFile, outline_of
from edgeqe.model.protobuf_encoding import bytes_field, varint
from tests.small_models import strong_graph, write

value = helper.make_tensor_value_info
SIDES = ["h", "w"]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("hostile") / "m.onnx"
    write(strong_graph(), path)
    return path.read_bytes()


def edited(sound: bytes, change: Callable[[Any], None]) -> bytes:
    model = onnx.load_model_from_string(sound)
    change(model)
    content: bytes = model.SerializeToString()
    return content


def external(name: str) -> TensorProto:
    """A constant whose data lie in another file."""
    tensor = TensorProto(name=name, data_type=1, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="secret.bin")
    return tensor


def spread(model: Any, node: Any) -> None:
    """Put an operator behind the output."""
    last = model.graph.output[0].name
    node.input[:] = [name.replace("LAST", last) for name in node.input]
    model.graph.node.append(node)
    model.graph.output[0].name = node.output[0]


def extra_input(model: Any) -> None:
    model.graph.input.append(value("extra", 1, [1, 6, *SIDES]))
    spread(model, helper.make_node("Concat", ["LAST", "extra"], ["z"], axis=1))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 7


def input_of_rank_1(model: Any) -> None:
    model.graph.input.append(value("extra", 1, [3]))


def input_of_integers(model: Any) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64


def fixed_height(model: Any) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 16


def named_height(model: Any, name: str) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = name


def any_channels(model: Any) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "c"


def two_of_a_batch(model: Any) -> None:
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 2


def another_output(model: Any) -> None:
    model.graph.output.append(value(model.graph.node[0].output[0], 1, [1, 8, *SIDES]))


def stated_channels(model: Any) -> None:
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 6


def renamed_input(model: Any) -> None:
    model.graph.input[0].name = "picture"
    model.graph.node[0].input[0] = "picture"


def passed_through(model: Any) -> None:
    model.graph.output[0].name = model.graph.input[0].name


def larger_output(model: Any) -> None:
    node = next(node for node in model.graph.node if node.op_type == "Conv")
    next(a for a in node.attribute if a.name == "pads").ints[:] = [2, 2, 2, 2]


def huge_pads(model: Any) -> None:
    node = next(node for node in model.graph.node if node.op_type == "Conv")
    next(a for a in node.attribute if a.name == "pads").ints[:] = [2**40] * 4


def no_stride(model: Any) -> None:
    node = next(node for node in model.graph.node if node.op_type == "Conv")
    node.attribute.append(helper.make_attribute("strides", [0, 0]))


def sparse_initializer(model: Any) -> None:
    model.graph.sparse_initializer.append(
        onnx.SparseTensorProto(values=external("s"), indices=numpy_helper.from_array(np.array([0])), dims=[1])
    )  # fmt: skip


def branch(model: Any) -> None:
    body = helper.make_graph([], "b", [], [value("e", 1, [1])], [external("e")])
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    spread(model, helper.make_node("If", ["yes"], ["z"], then_branch=body, else_branch=body))


def loop(model: Any) -> None:
    names = [value("i", 7, []), value("go", 9, []), value("a", 1, None)]
    body = helper.make_graph([helper.make_node("Identity", ["go"], ["on"])], "b", names,
                             [value("on", 9, []), value("a", 1, None)])  # fmt: skip
    model.graph.initializer.append(numpy_helper.from_array(np.array(2**62), "trips"))
    spread(model, helper.make_node("Loop", ["trips", "", "LAST"], ["z"], body=body))


def function(model: Any) -> None:
    node = helper.make_node("Constant", [], ["y"], value=external("f"))
    imports = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("own", "F", [], ["y"], [node], imports))


def constant_node(model: Any) -> None:
    spread(model, helper.make_node("Constant", [], ["z"], value=external("f")))


def tensor_in_an_attribute(model: Any) -> None:
    attribute = AttributeProto(name="t", type=AttributeProto.TENSOR, t=external("f"))
    model.graph.node[0].attribute.append(attribute)


def external_initializer(model: Any) -> None:
    model.graph.initializer.append(external("e"))


def foreign_domain(model: Any) -> None:
    model.graph.node[0].domain = "com.microsoft"


def foreign_opset(model: Any) -> None:
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))


def large_constant(model: Any) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 6, 2**14, 2**14]), "s"))
    spread(model, helper.make_node("ConstantOfShape", ["s"], ["z"]))


def many_operators(model: Any) -> None:
    for index in range(20_000):
        spread(model, helper.make_node("Relu", ["LAST"], [f"z{index}"]))


def outer_product(model: Any) -> None:
    """A sum of two constants that is far larger than both."""
    for name, shape in (("rows", (1, 1, 2**12, 1)), ("columns", (1, 1, 1, 2**12))):
        array = np.zeros(shape, np.float32)
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    model.graph.node.append(helper.make_node("Add", ["rows", "columns"], ["z"]))


def spread_out(model: Any) -> None:
    """A residual of many times its channels, folded up again."""
    spread(model, helper.make_node("SpaceToDepth", ["LAST"], ["deep"], blocksize=200))


def two_of_a_name(model: Any) -> None:
    model.graph.initializer.append(model.graph.initializer[0])


def overwritten(model: Any) -> None:
    model.graph.node[1].output[0] = model.graph.node[0].output[0]


def initializer_as_input(model: Any) -> None:
    model.graph.input.append(value(model.graph.initializer[0].name, 1, [1, 1, *SIDES]))


def cut_weights(model: Any) -> None:
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-4]


def huge_dims(model: Any) -> None:
    model.graph.initializer[0].dims[0] = 2**62


def name_that_a_terminal_obeys(model: Any) -> None:
    model.graph.node[0].output[0] = "\x1b[2J"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (extra_input, "takes 'planes' of 1 channels, 'extra' of 6 channels, its card says"),
        (input_of_rank_1, "'extra' has shape"),
        (input_of_integers, "other numbers than float32"),
        (fixed_height, "'planes' has shape"),
        (any_channels, "'planes' has shape"),
        (two_of_a_batch, "has shape"),
        (another_output, "gives 1 and 8 channels, its card says 1"),
        (stated_channels, "states"),
        (renamed_input, "takes 'picture'"),
        (passed_through, "an output that no operator makes"),
        (larger_output, "samples"),
        (huge_pads, "attributes of no network"),
        (no_stride, "stride 0"),
        (sparse_initializer, "sparse initializers"),
        (branch, "subgraph"),
        (loop, "subgraph"),
        (function, "functions"),
        (constant_node, "tensor as attribute"),
        (tensor_in_an_attribute, "tensor as attribute"),
        (external_initializer, "weights in another file"),
        (foreign_domain, "foreign domain"),
        (foreign_opset, "opset 17"),
        (large_constant, "'ConstantOfShape', which edgeqe does not run"),
        (many_operators, "more than 4000 operators"),
        (outer_product, "no value"),
        (spread_out, "blocks of 200"),
        (two_of_a_name, "several tensors named"),
        (overwritten, "there is already"),
        (initializer_as_input, "an input that is a constant"),
        (cut_weights, "bytes"),
        (huge_dims, "bytes"),
        (name_that_a_terminal_obeys, "not printable"),
    ],
)
def test_a_hostile_graph_is_refused(
    sound: bytes, change: Callable[[Any], None], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(edited(sound, lambda model: None))
    ModelFile(path)  # what is edited is sound
    path.write_bytes(edited(sound, change))
    with pytest.raises(ModelError, match=message) as caught:
        ModelFile(path)
    assert str(caught.value).isprintable()


def test_a_side_whose_name_is_no_text_is_refused(sound: bytes, tmp_path: Path) -> None:
    """ONNX Runtime gives it as text, and its Python binding fails there."""
    named = edited(sound, lambda model: named_height(model, "height"))
    path = tmp_path / "m.onnx"
    path.write_bytes(named)
    ModelFile(path)
    path.write_bytes(named.replace(b"height", b"\xbaeight"))
    with pytest.raises(ModelError, match="a name in it is not text"):
        ModelFile(path)


def test_a_card_of_fewer_channels_than_the_graph_is_refused(tmp_path: Path) -> None:
    """The buffers would be those of the card, the writes those of the graph."""
    path = tmp_path / "oob.onnx"
    for changes, message in (
        ({"planes": "rgb"}, "takes 'planes' of 1 channels, its card says 'planes' of 3 channels"),
        ({"inputs": ("planes", "residual")}, "its card says 'planes' of 1 channels, 'residual'"),
        ({"peak_floats_per_pixel": 0.01}, "live floats per pixel, an operator alone has 16"),
    ):
        write(strong_graph(), path, **changes)
        with pytest.raises(ModelError, match=message):
            ModelFile(path)


def test_a_graph_that_halves_needs_a_card_that_aligns(sound: bytes, tmp_path: Path) -> None:
    def halved(model: Any) -> None:
        spread(model, helper.make_node("SpaceToDepth", ["LAST"], ["deep"], blocksize=2))
        spread(model, helper.make_node("DepthToSpace", ["LAST"], ["z"], blocksize=2))

    path = tmp_path / "m.onnx"
    path.write_bytes(edited(sound, halved))
    with pytest.raises(ModelError, match="alignment 1 is no multiple of 2"):
        ModelFile(path)


@pytest.mark.parametrize(
    "field",
    [
        varint((1 << 32) | (7 << 3) | 2) + b"\0",  # the graph to whoever keeps 32 bits of it
        b"\xba\x80\x80\x80\x80\x00" + b"\0",  # the graph's tag in six bytes
        bytes_field(7, b""),  # a second graph
        bytes_field(200, b"x"),
        varint(7 << 3) + b"\1",  # the graph's number as an integer
    ],
)
def test_what_two_parsers_could_read_differently_is_refused(sound: bytes, field: bytes) -> None:
    outline_of(sound)
    for data in (sound + field, field + sound):
        with pytest.raises(ModelError):
            outline_of(data)


def test_costs_follow_from_the_graph(sound: bytes) -> None:
    network = outline_of(sound).network
    # head 1 -> 8, two of 8 -> 8, tail 8 -> 1, 3x3 each
    assert network.macs == 9 * (8 + 64 + 64 + 8)
    assert (network.inputs, network.outputs, network.alignment) == ({"planes": 1}, (1,), 1)
    assert network.widest == 16  # 8 channels in, 8 out


def test_weights_that_are_used_again_and_again_count_each_time(tmp_path: Path) -> None:
    """Runtimes pack them for each use, so a small file could ask for any memory."""
    kernel = np.zeros((512, 512, 3, 3), np.float32)
    nodes = [helper.make_node("Conv", ["planes", "wide"], ["v0"])]
    nodes += [
        helper.make_node("Conv", [f"v{i}", "k"], [f"v{i + 1}"], pads=[1, 1, 1, 1])
        for i in range(40)
    ]
    tensors = {"wide": np.zeros((512, 1, 1, 1), np.float32), "k": kernel}
    graph = helper.make_graph(nodes, "g", [value("planes", 1, [1, 1, *SIDES])], [value("v40", 1, [1, 512, *SIDES])],
                              [numpy_helper.from_array(array, name) for name, array in tensors.items()])  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(ModelError, match="weights, counted at each use|multiply-accumulates"):
        outline_of(model.SerializeToString())
