"""Graph to ONNX: NCHW, dynamic height and width, one initializer a constant.

Opset 17, IR version 8: read by every ONNX Runtime since 1.12, JetPack 6's included.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx
from onnx import TensorProto, helper, numpy_helper

from edgeqe.converters.graph import Graph, Node

OPSET, IR_VERSION = 17, 8


def model_of(graph: Graph, metadata: Mapping[str, str]) -> onnx.ModelProto:
    """Checked ONNX model of a graph.

    Parameters
    ----------
    graph : Graph
    metadata : mapping of str to str
        Becomes `metadata_props`.
    """
    from edgeqe import __version__

    channels = graph.channels()
    inputs = [_picture(name, count) for name, count in graph.inputs.items()]
    initializers = [numpy_helper.from_array(v, name) for name, v in graph.constants.items()]
    nodes = [
        helper.make_node(n.op, list(n.inputs), [n.output], name=n.name, **_attributes(n))
        for n in graph.nodes
    ]
    body = helper.make_graph(
        nodes, graph.name, inputs, [_picture(graph.output, channels[graph.output])], initializers
    )
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


def _picture(name: str, channels: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, "height", "width"])


def _attributes(node: Node) -> dict[str, Any]:
    square = [node.kernel] * 2
    if node.op in ("Conv", "ConvTranspose", "MaxPool"):
        pads = [node.padding] * 2 + [node.padding_end] * 2
        attributes: dict[str, Any] = {"kernel_shape": square, "strides": [node.stride] * 2}
        attributes["pads"] = pads
        if node.op != "MaxPool":
            attributes["group"] = node.groups
        return attributes
    if node.op in ("DepthToSpace", "SpaceToDepth"):
        return {"blocksize": node.kernel}
    if node.op == "Concat":
        return {"axis": 1}
    if node.op == "LeakyRelu":
        return {"alpha": node.alpha}
    if node.op == "BatchNormalization":
        return {"epsilon": node.alpha}
    return {}
