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


#: Kernel and bias of `conv`.
K3 = {"k": random(2, 2, 3, 3), "b": random(2, seed=2)}
#: Constants that nodes name.
NUMBERS = {
    "s": np.float32(0.3),
    "c": random(2, 1, 1),
    "d": random(1, 2, 1, 1, seed=9),
    "nought": np.float32(0),
    "one": np.float32(1),
    "s1": np.array([0.3], np.float32),
    "sizes": np.array([1, 3]),
    "minus1": np.array([-1]),
    "far": np.array([2**62]),
    "axis": np.array([1]),
    "pads": np.array([0, 0, 2, 2, 0, 0, 0, 0]),
    "k": random(2, 2, 3, 3),
}


def conv(**attributes: Any) -> onnx.NodeProto:
    return make("Conv", ["x", "k", "b"], ["y"], "c", **attributes)


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
