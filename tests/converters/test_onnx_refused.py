"""Files of other tools that do not convert: named in one line, and no other file is opened."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, external_data_helper, helper

from edgeqe.converters.onnx_io.operators import KNOWN
from edgeqe.converters.onnx_io.reader import graph_of
from edgeqe.errors import InputError
from tests.onnx_files import K3, NUMBERS, conv, make, model, random


def refused(nodes: Sequence[onnx.NodeProto], constants: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        graph_of(model(nodes, constants).SerializeToString())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("nodes", "match"),
    [
        ([make("Softmax", ["x"], ["y"], "soft")], r"'Softmax' \(node 'soft'\).*only channel attention"),
        ([make("Det", ["x"], ["y"], "soft")], r"'Det' \(node 'soft'\).*known: Abs, Add, "),
        ([make("InstanceNormalization", ["x", "c", "c"], ["y"])], "normalization over channels"),
        ([make("Resize", ["x", "", "half"], ["y"], mode="linear",
               coordinate_transformation_mode="align_corners")], "use align_corners=False"),
        ([make("Resize", ["x", "", "odd"], ["y"], mode="nearest")], "resizes by 1.5 and 1.5"),
        ([make("AveragePool", ["x"], ["y"], kernel_shape=[3, 3], pads=[1, 1, 1, 1])],
         "count_include_pad=True"),
        ([make("LayerNormalization", ["x", "s1"], ["y"])], "normalize over channels alone"),
        ([make("Slice", ["x", "axis", "far", "rows"], ["a"]), make("Relu", ["a"], ["y"])],
         "moves whole blocks"),
        ([make("Round", ["x"], ["a"]), make("Relu", ["a"], ["y"])], "only at its end"),
        ([make("Conv", ["x", "k"], ["y"], domain="com.x")], r"'com\.x\.Conv' \(node 'y'\)"),
        ([conv()], "does not give 1/1 of the size: pad 2"),
        ([conv(pads=[1, 0, 1, 0])], "does not give 1/1 of the size: pad 2"),
        ([conv(pads=[1, 1, 1, 1], dilations=[2, 2])], "does not give 1/1 of the size: pad 4"),
        ([conv(pads=[1, 1, 1, 1], strides=[2, 1])], "two axes of the same stride"),
        ([make("Conv", ["x", "x"], ["y"])], "'x' must be a constant"),
        ([make("ConvTranspose", ["x", "k"], ["y"], strides=[2, 2], pads=[1, 1, 1, 1])], "2 times"),
        ([make("Pad", ["x", "pads"], ["p"], mode="reflect"), make("Relu", ["p"], ["y"])],
         "in front of a Conv"),
        ([make("Pad", ["x", "pads"], ["p"], mode="wrap"), make("Conv", ["p", "k"], ["y"])], "in mode wrap"),
        ([make("Pad", ["x", "pads"], ["p"]), make("Relu", ["p"], ["y"])], "in front of a Conv"),
        ([make("Div", ["s", "x"], ["y"])], "division by a constant"),
        ([make("Div", ["x", "nought"], ["y"])], "divides by 0"),
        ([make("Mul", ["x", "wide"], ["y"])], "neither one value nor one for each"),
        ([make("Selu", ["x"], ["y"], alpha=1.0)], "standard Selu"),
        ([make("Concat", ["x", "x"], ["y"], axis=2)], "axis 2"),
        ([make("ReduceMean", ["x"], ["y"], axes=[3])], r"axes \[3\]"),
        ([make("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)],
         "ceil_mode"),
        ([make("Relu", ["nowhere"], ["y"])], "made by nothing before it"),
        ([make("Cast", ["x"], ["a"], to=TensorProto.INT8), make("Relu", ["a"], ["y"])],
         "casts a picture to integers"),
        ([make("Identity", ["x"], ["y"])], "gives its input back"),
        ([make("MaxPool", ["x"], ["y"])], "is damaged"),
    ],
)  # fmt: skip
def test_what_does_not_convert_is_named(nodes: list[onnx.NodeProto], match: str) -> None:
    more = {
        "b": random(2), "wide": random(1, 2, 4, 4), "rows": np.array([2]),
        "half": np.array([1, 1, 2, 2], np.float32), "odd": np.array([1, 1, 1.5, 1.5], np.float32),
    }  # fmt: skip
    refused(nodes, {**NUMBERS, **more}, match)


def test_a_loop_is_named_and_not_run() -> None:
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [make("Identity", ["go"], ["on"]), make("Relu", ["now"], ["next"])],
        "body",
        [value("i", TensorProto.INT64, []), value("go", TensorProto.BOOL, []),
         value("now", TensorProto.FLOAT, None)],
        [value("on", TensorProto.BOOL, []), value("next", TensorProto.FLOAT, None)],
    )  # fmt: skip
    constants = {"count": np.int64(9), "start": np.array(True)}
    refused([make("Loop", ["count", "start", "x"], ["y"], "turns", body=body)], constants,
            r"operator 'Loop' \(node 'turns'\) with a subgraph")  # fmt: skip
    assert "Loop" not in KNOWN


def test_inputs_and_outputs_that_are_no_picture() -> None:
    relu = make("Relu", ["x"], ["y"])
    for shape, kind in (((2, 1, 4, 4), 1), ((1, "c", 4, 4), 1), ((1, 4), 1), ((1, 1, 4, 4), 3)):
        with pytest.raises(InputError, match="is no picture"):
            graph_of(model([relu], {}, shape=shape, kind=kind).SerializeToString())
    two = model([relu, make("Sigmoid", ["x"], ["z"])], {})
    two.graph.output.append(helper.make_tensor_value_info("z", 1, None))
    with pytest.raises(InputError, match="gives 'y', 'z': it must give one picture"):
        graph_of(two.SerializeToString())
    other = model([make("Add", ["x", "mask"], ["y"])], {})
    other.graph.input.append(helper.make_tensor_value_info("mask", 1, [1, 1, "h", "w"]))
    with pytest.raises(InputError, match="'mask' \\(1 channel\\): it must take one picture"):
        graph_of(other.SerializeToString())
    other = model([make("Add", ["x", "residual"], ["y"])], {})
    other.graph.input.insert(0, helper.make_tensor_value_info("residual", 1, [1, 1, "h", "w"]))
    assert list(graph_of(other.SerializeToString()).inputs.items()) == [("x", 2), ("residual", 1)]


def external(folder: Path, location: str) -> Path:
    """A model whose kernel lies in another file."""
    proto = model([conv(pads=[1, 1, 1, 1])], K3)
    kernel = proto.graph.initializer[0]
    raw = kernel.raw_data
    external_data_helper.set_external_data(kernel, location, offset=8, length=len(raw))
    kernel.ClearField("raw_data")
    path = folder / "net.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def test_external_data_inside_the_folder(tmp_path: Path) -> None:
    path = external(tmp_path, "parts/kernel.bin")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/kernel.bin").write_bytes(b"12345678" + K3["k"].tobytes())
    np.testing.assert_array_equal(graph_of(path).constants["k"], K3["k"])
    assert graph_of(path).name == "net"
    with pytest.raises(InputError, match="outside the model's folder"):
        graph_of(path.read_bytes())  # bytes have no folder
    (tmp_path / "parts/kernel.bin").write_bytes(b"12345678" + K3["k"].tobytes()[:-1])
    with pytest.raises(InputError, match="breaks off"):
        graph_of(path)
    (tmp_path / "parts/kernel.bin").unlink()
    with pytest.raises(InputError, match="cannot be read from 'parts/kernel.bin'"):
        graph_of(path)


def test_external_data_that_leaves_the_folder_is_not_opened(tmp_path: Path) -> None:
    inside, secret = tmp_path / "model", tmp_path / "secret.bin"
    inside.mkdir()
    secret.write_bytes(b"12345678" + K3["k"].tobytes())
    (inside / "link.bin").symlink_to(secret)
    (inside / "up").symlink_to(tmp_path)
    (inside / "turn").symlink_to(inside / "turn")
    os.chmod(secret, 0o000)
    for location in ("../secret.bin", str(secret), "link.bin", "up/secret.bin", "a/../../secret.bin",
                     "C:\\secret.bin", "..\\secret.bin", "", "turn/x"):  # fmt: skip
        with pytest.raises(InputError) as caught:
            graph_of(external(inside, location))
        assert "\n" not in str(caught.value)
        if location != "turn/x":
            assert "outside the model's folder" in str(caught.value)


def test_external_data_as_model_hubs_link_it(tmp_path: Path) -> None:
    blobs, shown = tmp_path / "blobs", tmp_path / "snapshots" / "1"
    blobs.mkdir()
    shown.mkdir(parents=True)
    external(blobs, "model.onnx.data").rename(blobs / "aa")
    (blobs / "bb").write_bytes(b"12345678" + K3["k"].tobytes())
    (shown / "model.onnx").symlink_to("../../blobs/aa")
    (shown / "model.onnx.data").symlink_to("../../blobs/bb")
    np.testing.assert_array_equal(graph_of(shown / "model.onnx").constants["k"], K3["k"])
    (tmp_path / "secret").write_bytes(b"12345678" + K3["k"].tobytes())
    (shown / "model.onnx.data").unlink()
    (shown / "model.onnx.data").symlink_to("../../secret")
    with pytest.raises(InputError, match="outside the model's folder"):
        graph_of(shown / "model.onnx")


def test_junk_is_one_line(tmp_path: Path) -> None:
    whole = model([conv(pads=[1, 1, 1, 1])], K3).SerializeToString()
    lying = model([conv(pads=[1, 1, 1, 1])], K3)
    lying.graph.initializer[0].dims[0] = 2**40
    pieces = [b"\x07\xff\x13", b"", b"hello, this is text\n", whole[: len(whole) // 2], whole[:-1],
              lying.SerializeToString(), b"\x08\x08"]  # fmt: skip
    for junk in pieces:
        path = tmp_path / "junk.onnx"
        path.write_bytes(junk)
        with pytest.raises(InputError) as caught:
            graph_of(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="cannot read"):
        graph_of(tmp_path / "missing.onnx")
    with pytest.raises(InputError, match="opset 6"):
        graph_of(model([conv()], K3, opset=6).SerializeToString())
