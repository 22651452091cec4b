"""ONNX files as other tools write them, and ONNX Runtime to run them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgeqe.typing import Float

make = helper.make_node


def random(*shape: int, seed: int = 1) -> Float:
    return np.random.default_rng(seed).normal(0, 0.5, shape).astype(np.float32)


def model(
    nodes: Sequence[onnx.NodeProto],
    constants: dict[str, Any],
    *,
    shape: Sequence[int | str] = ("n", 2, "h", "w"),
    kind: int = TensorProto.FLOAT,
    as_nodes: bool = False,
    opset: int = 17,
) -> onnx.ModelProto:
    """From ``x`` to ``y``; the constants as initializers or as Constant nodes."""
    tensors = [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()]
    head = [make("Constant", [], [t.name], value=t) for t in tensors] if as_nodes else []
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [*head, *nodes],
        "main_graph",
        [value("x", kind, shape)],
        [value("y", kind, None)],
        [] if as_nodes else tensors,
    )
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def run(content: bytes, x: Float) -> Float:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    result: Float = session.run(None, {session.get_inputs()[0].name: x})[0]
    return result
