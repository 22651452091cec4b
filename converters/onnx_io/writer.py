"""Float graph to ONNX: NCHW, dynamic height and width, one initializer per constant.

Opset 17, IR version 8: read by every ONNX Runtime since 1.12, JetPack 6's included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgeqe.converters.graph.graph import Graph
from edgeqe.converters.onnx_io.operands import nodes_of

OPSET, IR_VERSION = 17, 8


def model_of(
    graph: Graph, metadata: Mapping[str, str], *, float16: bool = False
) -> onnx.ModelProto:
    """Checked ONNX model of a float graph.

    Parameters
    ----------
    graph : Graph
    metadata : mapping of str to str
        Becomes `metadata_props`.
    float16 : bool
        Store the constants, and compute, in float16. Input and output stay float32.
    """
    kind = np.float16 if float16 else np.float32
    stored = {
        name: numpy_helper.from_array(value.astype(kind), name)
        for name, value in graph.constants.items()
    }

    def store(name: str, array: npt.NDArray[np.generic]) -> str:
        array = array.astype(kind) if array.dtype == np.float32 else array
        stored.setdefault(name, numpy_helper.from_array(array, name))
        return name

    nodes = [
        made
        for node in graph.nodes
        for made in nodes_of(node, list(node.inputs), node.output, store)
    ]
    if float16:
        nodes = _cast_at_the_ends(nodes, list(graph.inputs), graph.output)
    return packed(graph, nodes, list(stored.values()), metadata)


def packed(
    graph: Graph,
    nodes: Sequence[onnx.NodeProto],
    initializers: Sequence[onnx.TensorProto],
    metadata: Mapping[str, str],
    outputs: Sequence[onnx.ValueInfoProto] = (),
) -> onnx.ModelProto:
    """Checked model of nodes, with the graph's inputs and output, and further outputs."""
    from edgeqe import __version__

    inputs = [_picture(name, count) for name, count in graph.inputs.items()]
    output = _picture(graph.output, graph.channels()[graph.output])
    body = helper.make_graph(nodes, graph.name, inputs, [output, *outputs], initializers)
    model = helper.make_model(
        body,
        producer_name="edgeqe",
        producer_version=__version__,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model, full_check=True)
    return model


def _cast_at_the_ends(
    nodes: list[onnx.NodeProto], inputs: list[str], output: str
) -> list[onnx.NodeProto]:
    """Float16 nodes between a Cast of each input and a Cast to the output."""
    renamed = {name: f"{name}.float16" for name in (*inputs, output)}
    for node in nodes:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
    first = [
        helper.make_node("Cast", [name], [renamed[name]], to=TensorProto.FLOAT16) for name in inputs
    ]
    last = helper.make_node("Cast", [renamed[output]], [output], to=TensorProto.FLOAT)
    return [*first, *nodes, last]


def _picture(name: str, channels: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, "height", "width"])
