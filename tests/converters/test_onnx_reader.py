"""Networks of other tools: the graph gives what ONNX Runtime gives on the file itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from edgeqe.converters.export import export
from edgeqe.converters.graph.graph import Graph
from edgeqe.converters.onnx_io.reader import graph_of
from edgeqe.converters.onnx_io.writer import model_of
from edgeqe.converters.sources import from_keras
from edgeqe.errors import InputError, ModelError
from edgeqe.model.file import ModelFile
from tests.onnx_files import K3, NUMBERS, conv, make, model, random, run

PEER = Path(__file__).parents[3] / "shared/data/peers/DnCNN3.onnx"


def same(proto: onnx.ModelProto, side: int = 12, seed: int = 3) -> Graph:
    """Check file against graph at 1e-6 of the range: float32's rounding over few layers."""
    content = proto.SerializeToString()
    graph = graph_of(content)
    (channels,) = graph.inputs.values()
    x = random(1, channels, side, side + 4, seed=seed)
    expected = run(content, x)
    result = run(model_of(graph, {}).SerializeToString(), x)
    assert result.shape == expected.shape
    assert np.abs(result - expected).max() <= 1e-6 * max(float(np.ptp(expected)), 1e-3)
    return graph


@pytest.mark.parametrize("as_nodes", [False, True])
@pytest.mark.parametrize("shape", [("n", 2, "h", "w"), (1, 2, 12, 16), (1, 2, "h", "w")])
def test_a_residual_network_as_pytorch_exports_it(as_nodes: bool, shape: tuple[Any, ...]) -> None:
    rng = np.random.default_rng(5)
    nodes = [
        make("Identity", ["shared"], ["w2"]),  # PyTorch keeps equal constants once this way
        make("Conv", ["x", "w1", "b1"], ["c1"], "/c1", pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
        make("BatchNormalization", ["c1", "g", "be", "m", "v"], ["n1"], "/bn", epsilon=1e-4),
        make("PRelu", ["n1", "slope"], ["a1"], "/act"),
        make("Dropout", ["a1"], ["d1"], "/drop"),
        make("Conv", ["d1", "w2", "b2"], ["c2"], "/c2", pads=[1, 1, 1, 1]),
        make("Mul", ["tenth", "c2"], ["s2"], "/scale"),
        make("Add", ["x", "s2"], ["sum"], "/add"),
        make("Clip", ["sum", "zero", "one"], ["y"], "/clip"),
    ]
    constants = {
        "w1": random(4, 2, 3, 3),
        "b1": random(4),
        "g": random(4, seed=2),
        "be": random(4, seed=3),
        "m": random(4, seed=4),
        "v": rng.uniform(0.5, 2, 4).astype(np.float32),
        "slope": random(4, 1, 1, seed=5),
        "shared": random(2, 4, 3, 3),
        "b2": random(2),
        "tenth": np.float32(0.1),
        "zero": np.float32(0),
        "one": np.float32(1),
    }
    proto = model(nodes, constants, shape=shape, as_nodes=as_nodes)
    graph = graph_of(proto.SerializeToString())
    assert [node.op for node in graph.nodes] == [
        "Conv", "BatchNormalization", "PRelu", "Conv", "Mul", "Add"]  # fmt: skip
    assert graph.constants[graph.nodes[4].inputs[1]].shape == (1, 2, 1, 1)
    x = random(1, 2, 12, 16)
    expected = run(proto.SerializeToString(), x)
    whole = run(model_of(graph, {}).SerializeToString(), x)
    assert whole.min() < 0.0 and expected.min() == 0.0  # the Clip bites, and is the runtime's
    np.testing.assert_allclose(np.clip(whole, 0, 1), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("side", "attributes", "expected"),
    [
        (3, {"pads": [1, 1, 1, 1]}, (1, 1)),
        (3, {"pads": [2, 2, 0, 0]}, (2, 0)),
        (3, {"auto_pad": "SAME_UPPER", "strides": [2, 2]}, (0, 1)),
        (3, {"auto_pad": "SAME_LOWER", "strides": [2, 2]}, (1, 0)),
        (3, {"pads": [1, 1, 1, 1], "strides": [2, 2]}, (1, 0)),  # the last zero is never read
        (2, {"auto_pad": "VALID", "strides": [2, 2]}, (0, 0)),
        (1, {"auto_pad": "NOTSET", "strides": [4, 4]}, (0, 0)),
        (4, {"auto_pad": "SAME_LOWER"}, (2, 1)),
        (4, {"pads": [1, 1, 1, 1], "strides": [2, 2]}, (1, 1)),
    ],
)
def test_windows_of_conv(side: int, attributes: dict[str, Any], expected: tuple[int, int]) -> None:
    graph = same(model([conv(**attributes)], {**K3, "k": random(2, 2, side, side)}))
    assert (graph.nodes[0].padding, graph.nodes[0].padding_end) == expected


@pytest.mark.parametrize(
    ("side", "attributes", "expected"),
    [
        (2, {"strides": [2, 2]}, (0, 0)),
        (3, {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}, (1, 0)),
        (3, {"strides": [2, 2], "pads": [1, 1, 0, 0]}, (1, 0)),
        (4, {"strides": [2, 2], "pads": [1, 1, 1, 1]}, (1, 1)),
        (3, {"strides": [4, 4], "output_padding": [1, 1]}, (0, -1)),
    ],
)
def test_windows_of_conv_transpose(
    side: int, attributes: dict[str, Any], expected: tuple[int, int]
) -> None:
    node = make("ConvTranspose", ["x", "k", "b"], ["y"], **attributes)
    graph = same(model([node], {"k": random(2, 3, side, side), "b": random(3)}))
    assert (graph.nodes[0].padding, graph.nodes[0].padding_end) == expected


#: Nodes from x (2 channels) to y, and the operators that the graph should hold for them.
PIECES: dict[str, tuple[list[onnx.NodeProto], list[str]]] = {
    "value less value": (
        [make("Relu", ["x"], ["r"]), make("Sub", ["x", "r"], ["y"])], ["Relu", "Mul", "Add"]),
    "value less constant": ([make("Sub", ["x", "c"], ["y"])], ["Add"]),
    "constant less value": ([make("Sub", ["c", "x"], ["y"])], ["Mul", "Add"]),
    "by constant": ([make("Div", ["x", "d"], ["y"])], ["Mul"]),
    "negative": ([make("Neg", ["x"], ["y"])], ["Mul"]),
    "scalar in front": ([make("Add", ["s", "x"], ["y"])], ["Add"]),
    "activations": (
        [make("LeakyRelu", ["x"], ["a"]), make("Selu", ["a"], ["b"]),
         make("Sigmoid", ["b"], ["y"])], ["LeakyRelu", "Selu", "Sigmoid"]),
    "clip as relu": (
        [make("Clip", ["x", "nought"], ["a"]), make("Sigmoid", ["a"], ["y"])], ["Relu", "Sigmoid"]),
    "old clip at the end": (
        [make("Sigmoid", ["x"], ["a"]), make("Clip", ["a", "nought", "one"], ["y"])], ["Sigmoid"]),
    "slope of one number": ([make("PRelu", ["x", "s1"], ["y"])], ["PRelu"]),
    "slope of rank 4": ([make("PRelu", ["x", "d"], ["y"])], ["PRelu"]),
    "split into equal parts": (
        [make("Split", ["x"], ["a", "b"], axis=1), make("Concat", ["b", "a"], ["y"], axis=1)],
        ["Slice", "Slice", "Concat"]),
    "split by sizes": (
        [make("Concat", ["x", "x"], ["z"], axis=-3), make("Split", ["z", "sizes"], ["a", "b"], axis=1),
         make("Concat", ["b", "a"], ["y"], axis=1)], ["Concat", "Slice", "Slice", "Concat"]),
    "slice to the end": (
        [make("Slice", ["x", "minus1", "far", "axis"], ["y"])], ["Slice"]),
    "gate": (
        [make("ReduceMean", ["x"], ["p"], axes=[2, 3]), make("GlobalMaxPool", ["x"], ["q"]),
         make("Add", ["p", "q"], ["g"]), make("Mul", ["x", "g"], ["y"])],
        ["GlobalAveragePool", "GlobalMaxPool", "Add", "Mul"]),
    "spatial gate": (
        [make("ReduceMax", ["x"], ["p"], axes=[1], keepdims=1),
         make("ReduceMean", ["x"], ["q"], axes=[-3]), make("Add", ["p", "q"], ["g"]),
         make("Mul", ["g", "x"], ["y"])], ["ReduceMax", "ReduceMean", "Add", "Mul"]),
    "pooling": (
        [make("MaxPool", ["x"], ["a"], kernel_shape=[2, 2], strides=[2, 2]),
         make("MaxPool", ["a"], ["y"], kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1])],
        ["MaxPool", "MaxPool"]),
    "to depth and back": (
        [make("SpaceToDepth", ["x"], ["a"], blocksize=2),
         make("DepthToSpace", ["a"], ["y"], blocksize=2)], ["SpaceToDepth", "DepthToSpace"]),
    "pad before conv": (
        [make("Pad", ["x", "pads"], ["p"]), make("Conv", ["p", "k"], ["y"])], ["Conv"]),
    "casts": (
        [make("Cast", ["x"], ["a"], to=TensorProto.DOUBLE),
         make("Cast", ["a"], ["b"], to=TensorProto.FLOAT), make("Sigmoid", ["b"], ["y"])],
        ["Sigmoid"]),
    "dead nodes": (
        [make("Shape", ["x"], ["shape"]), make("Relu", ["x"], ["y"])], ["Relu"]),
}  # fmt: skip


@pytest.mark.parametrize("as_nodes", [False, True])
@pytest.mark.parametrize("piece", PIECES)
def test_every_piece(piece: str, as_nodes: bool) -> None:
    nodes, operators = PIECES[piece]
    graph = same(model(nodes, NUMBERS, as_nodes=as_nodes))
    assert [node.op for node in graph.nodes] == operators


def test_attributes_of_old_opsets() -> None:
    nodes = [
        make("Split", ["x"], ["a", "b"], axis=1, split=[1, 1]),
        make("Concat", ["b", "a"], ["z"], axis=1),
        make("Slice", ["z"], ["one"], axes=[1], starts=[1], ends=[2]),
        make("Clip", ["one"], ["r"], min=0.0),
        make("Pad", ["r"], ["p"], pads=[0, 0, 1, 1, 0, 0, 1, 1], mode="constant", value=0.0),
        make("Conv", ["p", "k"], ["y"]),
    ]
    graph = same(model(nodes, {"k": random(2, 1, 3, 3)}, opset=9))
    assert [node.op for node in graph.nodes][-3:] == ["Slice", "Relu", "Conv"]
    assert (graph.nodes[-1].padding, graph.nodes[-1].padding_end) == (1, 1)


def test_axes_as_input_and_uneven_split_of_opset_18() -> None:
    nodes = [
        make("Split", ["x"], ["a", "b", "c"], axis=1, num_outputs=3),
        make("Concat", ["c", "a"], ["z"], axis=1),
        make("ReduceMean", ["z", "axes"], ["g"]),
        make("Mul", ["z", "g"], ["y"]),
    ]
    five = model(nodes, {"axes": np.array([2, 3])}, opset=18, shape=("n", 5, "h", "w"))
    graph = same(five)
    assert sorted((node.first, node.last) for node in graph.nodes[:2]) == [(0, 2), (4, 5)]
    four = model(nodes, {"axes": np.array([2, 3])}, opset=18, shape=("n", 4, "h", "w"))
    with pytest.raises(InputError, match=r"splits 4 channels into \[2, 2, 0\]"):
        graph_of(four.SerializeToString())


@pytest.mark.parametrize("transposed", [False, True])
def test_pixel_shuffle_turns_the_channels_of_the_convolution_in_front(transposed: bool) -> None:
    # ONNX Runtime knows mode CRD itself: it is the reference
    first = make("ConvTranspose", ["x", "t", "b"], ["c"]) if transposed else make(
        "Conv", ["x", "k", "b"], ["c"], pads=[1, 1, 1, 1])  # fmt: skip
    nodes = [
        first,
        make("Mul", ["c", "gain"], ["m"]),
        make("PRelu", ["m", "slope"], ["a"]),
        make("DepthToSpace", ["a"], ["s"], blocksize=2, mode="CRD"),
        make("SpaceToDepth", ["s"], ["back"], blocksize=2),
        make("Add", ["back", "c"], ["y"]),  # what it reads too keeps its own order
    ]
    constants = {
        "k": random(12, 2, 3, 3),
        "t": random(2, 12, 1, 1),
        "b": random(12),
        "gain": random(12, 1, 1, seed=4),
        "slope": random(12, 1, 1, seed=5),
    }
    graph = same(model(nodes, constants))
    alone = same(model([*nodes[:3], make("DepthToSpace", ["a"], ["y"], blocksize=2, mode="CRD")],
                       constants))  # fmt: skip
    assert len(alone.nodes) == 4 and len(graph.nodes) == 7


def test_half_and_double_become_float() -> None:
    for dtype, kind in ((np.float16, TensorProto.FLOAT16), (np.float64, TensorProto.DOUBLE)):
        nodes = [make("Conv", ["x", "k"], ["c"], pads=[1, 1, 1, 1]), make("Mul", ["c", "s"], ["y"])]
        constants = {"k": random(2, 2, 3, 3).astype(dtype), "s": dtype(0.5)}
        graph = graph_of(model(nodes, constants, kind=kind).SerializeToString())
        assert {value.dtype for value in graph.constants.values()} == {np.dtype(np.float32)}
        np.testing.assert_array_equal(graph.constants["k"], constants["k"].astype(np.float32))


@pytest.mark.parametrize("float16", [False, True])
def test_our_own_file_round_trips(tmp_path: Path, float16: bool) -> None:
    from edgeqe.zoo.weights import randomised

    source = from_keras(randomised("edgeqe-tiny"))
    path = tmp_path / "ours.onnx"
    card = export(source, path, float16=float16).card
    graph = graph_of(path)
    assert graph.name == card.name and dict(graph.inputs) == {"planes": 6}
    assert tuple(graph.vectors) == card.vectors and len(card.vectors) > 4
    half = np.float16 if float16 else np.float32
    for name, value in source.graph.constants.items():
        np.testing.assert_array_equal(graph.constants[name], value.astype(half).astype(np.float32))
    for name, table in source.graph.vectors.items():
        # the file's table is low-rank, to 1e-6 of each vector's largest value
        error = np.abs(graph.vectors[name] - table).max(axis=0)
        assert (error <= 2e-6 * np.abs(table).max(axis=0) + 1e-12).all()
    again = model_of(graph, {}, float16=float16)
    old = {t.name: t.raw_data for t in onnx.load(path).graph.initializer}
    assert {t.name: t.raw_data for t in again.graph.initializer} == old
    assert ModelFile(path).card.vectors == tuple(graph.vectors)


def test_our_own_file_with_an_edited_table_is_refused(tmp_path: Path) -> None:
    from edgeqe.zoo.weights import randomised

    path = tmp_path / "ours.onnx"
    export(from_keras(randomised("edgeqe-tiny")), path)
    proto = onnx.load(path)
    kept = [entry for entry in proto.metadata_props if entry.key != "edgeqe.strengths"]
    del proto.metadata_props[:]
    proto.metadata_props.extend(kept)
    with pytest.raises(ModelError, match="0 columns for"):
        graph_of(proto.SerializeToString())


@pytest.mark.skipif(not PEER.exists(), reason="the shared data are not there")
def test_the_published_network() -> None:
    graph = graph_of(PEER)
    operators = [node.op for node in graph.nodes]
    assert {op: operators.count(op) for op in operators} == {
        "Conv": 20, "Relu": 19, "Mul": 1, "Add": 1}  # fmt: skip
    x = np.random.default_rng(3).uniform(0, 1, (1, 1, 31, 37)).astype(np.float32)
    expected = run(PEER.read_bytes(), x)
    result = run(model_of(graph, {}).SerializeToString(), x)
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-6 * float(np.ptp(expected)))
