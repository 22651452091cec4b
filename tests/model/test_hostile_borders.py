"""Operators of other tools' networks, such as Pad and dilation, in hostile files: refused before they run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from onnx import helper, numpy_helper

from edgeqe import Enhancer
from edgeqe.converters import convert
from edgeqe.converters.tflite_io import writer as tflite_writer
from edgeqe.errors import EdgeqeError, ModelError
from edgeqe.model.file import ModelFile
from edgeqe.model.flatbuffer import outline
from tests.bordered_models import bordered_graph
from tests.onnx_files import model as onnx_model
from tests.small_models import packed, write

Change = Callable[[Any], None]


# ONNX.


def node_of(model: Any, op: str, place: int = 0) -> Any:
    return [node for node in model.graph.node if node.op_type == op][place]


def attribute(op: str, name: str, new: Any, place: int = 0) -> Change:
    """An attribute of an operator set, whatever it was."""

    def change(model: Any) -> None:
        node = node_of(model, op, place)
        kept = [a for a in node.attribute if a.name != name]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute(name, new)])

    return change


def without(op: str, name: str) -> Change:
    def change(model: Any) -> None:
        node = node_of(model, op)
        kept = [a for a in node.attribute if a.name != name]
        del node.attribute[:]
        node.attribute.extend(kept)

    return change


def constant(op: str, place: int, array: Any, which: int = 0) -> Change:
    """An input of an operator that is another constant."""

    def change(model: Any) -> None:
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(array), "hostile"))
        node = node_of(model, op, which)
        while len(node.input) <= place:
            node.input.append("")
        node.input[place] = "hostile"

    return change


def reads(op: str, place: int, name: str) -> Change:
    """An input of an operator that is another value."""

    def change(model: Any) -> None:
        node_of(model, op).input[place] = name

    return change


def pads(*ends: int) -> Change:
    return constant("Pad", 1, np.array(ends, np.int64))


ONNX_CASES: dict[str, tuple[Change, str]] = {
    "pads below 0": (pads(0, 0, -1, -1, 0, 0, -1, -1), "Pad has attributes of no network"),
    "one end below 0": (pads(0, 0, 3, 3, 0, 0, -1, -1), "Pad has attributes of no network"),
    "huge pads": (pads(0, 0, 2**40, 1, 0, 0, 1, 1), "Pad has attributes of no network"),
    "pads that overflow": (pads(0, 0, 2**63 - 1, 1, 0, 0, 1, 1), "Pad has attributes of no network"),
    "padded channels": (pads(0, 1, 1, 1, 0, 0, 1, 1), "Pad has attributes of no network"),
    "a padded batch": (pads(1, 0, 1, 1, 0, 0, 1, 1), "Pad has attributes of no network"),
    "pads of one axis": (pads(1, 1), "Pad"),
    "too many pads": (pads(*[1] * 10), "Pad"),
    "pads of floats": (constant("Pad", 1, np.ones(8, np.float32)), "Pad"),
    "pads of int32": (constant("Pad", 1, np.ones(8, np.int32)), "Pad"),
    "pads of rank 2": (constant("Pad", 1, np.ones((2, 4), np.int64)), "Pad"),
    "computed pads": (reads("Pad", 1, "planes"), "Pad"),
    "pads of no name": (reads("Pad", 1, "nowhere"), "Pad"),
    "a constant that is padded": (reads("Pad", 0, "h"), "no value"),
    "an axis more": (constant("Pad", 3, np.array([3], np.int64)), "Pad has 4 inputs"),
    "a constant border": (attribute("Pad", "mode", "constant"), "Pad has attributes of no network"),
    "a wrapped border": (attribute("Pad", "mode", "wrap"), "Pad has attributes of no network"),
    "no border": (without("Pad", "mode"), "Pad has attributes of no network"),
    "a border that is a number": (attribute("Pad", "mode", 1), "attribute 'mode' of no network"),
    "pads as attribute": (attribute("Pad", "pads", [0] * 8), "attribute 'pads' of no network"),
    "a dilation of 0": (attribute("Conv", "dilations", [0, 0], 1), "Conv has attributes of no"),
    "a dilation below 0": (attribute("Conv", "dilations", [-2, -2], 1), "Conv has attributes of no"),
    "a huge dilation": (attribute("Conv", "dilations", [2**40] * 2, 1), "Conv has attributes of no"),
    "two dilations": (attribute("Conv", "dilations", [2, 1], 1), "Conv has attributes of no"),
    "three dilations": (attribute("Conv", "dilations", [2, 2, 2], 1), "Conv has attributes of no"),
    "a dilation that is a number": (attribute("Conv", "dilations", 2, 1), "'dilations' of no network"),
    "a wider dilation": (attribute("Conv", "dilations", [3, 3], 1), "samples"),
    "a bound of many": (constant("Max", 1, np.zeros((1, 8, 64, 64), np.float32)), "Max"),
    "a bound of more axes": (constant("Min", 1, np.zeros((1, 1, 8, 1, 1), np.float32)), "a type or shape of no network"),
    "a bound of other channels": (constant("Min", 1, np.zeros((1, 3, 1, 1), np.float32)), "Min"),
    "a bound of integers": (constant("Max", 1, np.zeros((1, 8, 1, 1), np.int64)), "Max"),
    "three extremes": (constant("Max", 2, np.zeros((1, 8, 1, 1), np.float32)), "Max has 3 inputs"),
    "a mean over rows": (attribute("ReduceMean", "axes", [2]), "ReduceMean has attributes of no"),
    "a mean that goes": (attribute("ReduceMean", "keepdims", 0), "ReduceMean has attributes of no"),
    "a slope of text": (attribute("Elu", "alpha", "x"), "attribute 'alpha' of no network"),
    "a slope of many": (attribute("Elu", "alpha", [1.0, 2.0]), "an attribute has an unknown field"),
    "lines of text": (attribute("HardSigmoid", "beta", "x"), "attribute 'beta' of no network"),
    "an attribute of Tanh": (attribute("Tanh", "alpha", 1.0), "attribute 'alpha' of no network"),
    "Softplus of two": (constant("Softplus", 1, np.zeros(1, np.float32)), "Softplus has 2 inputs"),
    "Erf of a constant": (reads("Erf", 0, "h"), "no value"),
    "a quotient of a later value": (reads("Div", 1, "l"), "Div"),
}  # fmt: skip


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("borders") / "m.onnx"
    write(bordered_graph(), path, peak_floats_per_pixel=64.0)
    return path.read_bytes()


@pytest.mark.parametrize("case", ONNX_CASES)
def test_a_hostile_onnx_operator_is_refused(case: str, sound: bytes, tmp_path: Path) -> None:
    change, message = ONNX_CASES[case]
    path = tmp_path / "m.onnx"
    path.write_bytes(sound)
    ModelFile(path)  # what is edited is sound
    model = onnx.load_model_from_string(sound)
    change(model)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=message) as caught:
        ModelFile(path)
    assert str(caught.value).isprintable()


# TFLite.


def operator(model: Any, name: str, place: int = 0) -> Any:
    code = getattr(schema.BuiltinOperator, name)
    codes = [found.builtinCode for found in model.operatorCodes]
    return [op for op in model.subgraphs[0].operators if codes[op.opcodeIndex] == code][place]


def option(name: str, field: str, new: int, place: int = 0) -> Change:
    def change(model: Any) -> None:
        options = operator(model, name, place).builtinOptions
        assert hasattr(options, field)
        setattr(options, field, new)

    return change


def options_gone(name: str) -> Change:
    def change(model: Any) -> None:
        operator(model, name).builtinOptions = None
        operator(model, name).builtinOptionsType = 0

    return change


def given(name: str, place: int, index: int) -> Change:
    """An input of an operator that is another tensor."""

    def change(model: Any) -> None:
        found = operator(model, name)
        inputs = list(found.inputs)
        inputs[place] = index
        found.inputs = inputs

    return change


def count(name: str, length: int) -> Change:
    """An operator with another count of inputs."""

    def change(model: Any) -> None:
        found = operator(model, name)
        found.inputs = [*found.inputs, *found.inputs][:length]

    return change


def ends(*numbers: int) -> Change:
    """The numbers of rows and columns that are mirrored."""

    def change(model: Any) -> None:
        tensor = model.subgraphs[0].tensors[operator(model, "MIRROR_PAD").inputs[1]]
        data = np.array(numbers, "<i4")
        model.buffers[tensor.buffer].data = np.frombuffer(data.tobytes(), np.uint8)

    return change


def of_shape(name: str, place: int, *shape: int) -> Change:
    def change(model: Any) -> None:
        tensor = model.subgraphs[0].tensors[operator(model, name).inputs[place]]
        tensor.shape = list(shape)

    return change


REFUSED = "options or shapes of no network"
TFLITE_CASES: dict[str, tuple[Change, str]] = {
    "ends below 0": (ends(0, 0, -1, -1, -1, -1, 0, 0), REFUSED),
    "one end below 0": (ends(0, 0, 3, -1, 1, 1, 0, 0), REFUSED),
    "huge ends": (ends(0, 0, 2**31 - 1, 2**31 - 1, 1, 1, 0, 0), REFUSED),
    "mirrored channels": (ends(0, 0, 1, 1, 1, 1, 0, 1), REFUSED),
    "a mirrored batch": (ends(1, 0, 1, 1, 1, 1, 0, 0), REFUSED),
    "other ends than stored": (ends(0, 0, 2, 2, 1, 1, 0, 0), "its operator gives"),
    "few ends": (ends(0, 0, 1, 1), "bytes|has"),
    "ends of rank 1": (of_shape("MIRROR_PAD", 1, 8), REFUSED),
    "computed ends": (given("MIRROR_PAD", 1, 0), "constant"),
    "no ends": (given("MIRROR_PAD", 1, -1), "MIRROR_PAD lacks an input"),
    "ends far away": (given("MIRROR_PAD", 1, 2**30), "refers to number"),
    "no mirrored value": (given("MIRROR_PAD", 0, -1), "MIRROR_PAD lacks an input"),
    "one input": (count("MIRROR_PAD", 1), "MIRROR_PAD has 1 inputs"),
    "another mode": (option("MIRROR_PAD", "mode", 7), REFUSED),
    "a mode below 0": (option("MIRROR_PAD", "mode", -1), REFUSED),
    "no mode": (options_gone("MIRROR_PAD"), "no options"),
    "a dilation of 0": (option("CONV_2D", "dilationWFactor", 0, 1), REFUSED),
    "a dilation below 0": (option("CONV_2D", "dilationHFactor", -2, 1), REFUSED),
    "two dilations": (option("CONV_2D", "dilationHFactor", 1, 1), REFUSED),
    "an approximate gelu": (option("GELU", "approximate", 1), REFUSED),
    "a gelu of two": (count("GELU", 2), "GELU has 2 inputs"),
    "one bound": (count("MAXIMUM", 1), "MAXIMUM has 1 inputs"),
    "no bound": (given("MINIMUM", 1, -1), "MINIMUM lacks an input"),
    "a bound of rank 4": (of_shape("MINIMUM", 1, 1, 1, 8, 1), REFUSED),
    "a bound of rows": (of_shape("MAXIMUM", 1, 8, 1), REFUSED),
    "a kernel as bound": (given("MAXIMUM", 1, 3), REFUSED),
    "no root": (given("RSQRT", 0, -1), "RSQRT lacks an input"),
    "logarithm of a constant": (given("LOG", 0, 3), "constant where a value belongs"),
    "tanh of two": (count("TANH", 2), "TANH has 2 inputs"),
    "hard swish of two": (count("HARD_SWISH", 2), "HARD_SWISH has 2 inputs"),
    "fused differences": (option("SUB", "fusedActivationFunction", 9), REFUSED),
    "a mean that goes": (option("MEAN", "keepDims", 0), REFUSED),
}  # fmt: skip


@pytest.mark.parametrize("case", TFLITE_CASES)
def test_a_hostile_tflite_operator_is_refused(case: str) -> None:
    change, message = TFLITE_CASES[case]
    data = tflite_writer.model_of(bordered_graph(), {})
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    assert outline(packed(model)).network == outline(data).network
    change(model)
    with pytest.raises(ModelError, match=message):
        outline(packed(model))


@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
def test_a_picture_too_small_to_mirror_is_an_error(suffix: str, tmp_path: Path) -> None:
    """Runtimes look at it themselves; edgeqe says it in one line."""
    kernel = np.full((1, 1, 3, 3), 0.01, np.float32)
    nodes = [
        helper.make_node("Pad", ["x", "pads"], ["p"], mode="reflect"),
        helper.make_node("Conv", ["p", "k"], ["r"]), helper.make_node("Add", ["x", "r"], ["y"])]  # fmt: skip
    ends = np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64)
    theirs = tmp_path / "theirs.onnx"
    made = onnx_model(nodes, {"pads": ends, "k": kernel}, shape=(1, 1, "h", "w"))
    theirs.write_bytes(made.SerializeToString())
    ours = convert(theirs, tmp_path / f"ours.{suffix}").exported.path
    with Enhancer(ours, threads=1) as enhancer:
        assert enhancer.enhance(np.full((2, 2), 9, np.uint8), quality=20).shape == (2, 2)
        with pytest.raises(EdgeqeError) as caught:
            enhancer.enhance(np.full((1, 1), 9, np.uint8), quality=20)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
