"""ONNX files of other tools that hold more than operators and dense weights: nothing of it is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from edgeqe.converters.onnx_io.reader import graph_of
from edgeqe.converters.onnx_io.reference import reference_bytes
from edgeqe.converters.onnx_io.sources import from_onnx
from edgeqe.errors import InputError, ModelError
from tests.onnx_files import make, model, random
from tests.small_models import strong_graph, write

K3 = {"k": random(2, 2, 3, 3), "b": random(2, seed=2)}


def conv() -> onnx.NodeProto:
    return make("Conv", ["x", "k", "b"], ["y"], "c", pads=[1, 1, 1, 1])


def secret() -> TensorProto:
    """Weights in another file, whose bytes would go into the picture."""
    tensor = TensorProto(name="s", data_type=1, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="secret.bin")
    return tensor


def sparse(proto: Any) -> None:
    indices = numpy_helper.from_array(np.array([0]))
    proto.graph.sparse_initializer.append(
        onnx.SparseTensorProto(values=secret(), indices=indices, dims=[1])
    )


def function(proto: Any) -> None:
    node = make("Constant", [], ["y"], value=secret())
    imports = [helper.make_opsetid("", 17)]
    proto.functions.append(helper.make_function("own", "F", [], ["y"], [node], imports))


def branch(proto: Any) -> None:
    value = helper.make_tensor_value_info("s", 1, [1])
    body = helper.make_graph([], "b", [], [value], [secret()])
    proto.graph.node[0].attribute.append(helper.make_attribute("then_branch", body))


def tensor_attribute(proto: Any) -> None:
    attribute = AttributeProto(name="t", type=AttributeProto.TENSOR, t=secret())
    proto.graph.node[0].attribute.append(attribute)


def hidden_graph(proto: Any) -> None:
    """A subgraph in an attribute that says that it is an integer."""
    attribute = AttributeProto(name="i", type=AttributeProto.INT)
    attribute.g.CopyFrom(helper.make_graph([], "b", [], [], [secret()]))
    proto.graph.node[0].attribute.append(attribute)


def domain(proto: Any) -> None:
    proto.graph.node[0].domain = "com.microsoft"


def many(proto: Any) -> None:
    for index in range(6000):
        last = proto.graph.output[0].name
        proto.graph.node.append(make("Relu", [last], [f"z{index}"]))
        proto.graph.output[0].name = f"z{index}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (sparse, "sparse tensors"),
        (function, "functions"),
        (branch, "with a subgraph or tensor in it"),
        (tensor_attribute, "with a subgraph or tensor in it"),
        (hidden_graph, "with a subgraph or tensor in it"),
        (domain, r"com\.microsoft\.Conv"),
        (many, "more than 5000 operators"),
    ],
)
def test_what_could_open_another_file_or_run_code_is_refused(
    change: Any, message: str, tmp_path: Path
) -> None:
    (tmp_path / "secret.bin").write_bytes(b"\0\0\x28\x42")
    proto = model([conv()], K3)
    change(proto)
    path = tmp_path / "net.onnx"
    path.write_bytes(proto.SerializeToString())
    for read in (graph_of, reference_bytes):
        with pytest.raises(InputError, match=message):
            read(path)


def test_operators_that_no_output_needs_are_dropped() -> None:
    """What is left is what ONNX Runtime is given: a loop that never ends is not."""
    proto = model([conv()], K3)
    whole = reference_bytes(proto.SerializeToString())
    body = helper.make_graph([], "b", [], [])
    proto.graph.node.append(make("Loop", ["", ""], ["never"], body=body))
    assert len(graph_of(proto.SerializeToString()).nodes) == 1
    assert reference_bytes(proto.SerializeToString()) == whole


def test_fields_that_onnx_does_not_know_do_not_reach_the_runtime() -> None:
    sound = model([conv()], K3).SerializeToString()
    assert reference_bytes(sound + b"\xc2\x0c\x01x") == reference_bytes(sound)


def test_a_file_of_edgeqe_is_read_as_the_device_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    write(strong_graph(), path)
    assert from_onnx(path).description == "For tests."
    proto = onnx.load(path)
    proto.graph.value_info.append(helper.make_tensor_value_info("v", 1, [1]))
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ModelError, match="states shapes of values"):
        from_onnx(path)
