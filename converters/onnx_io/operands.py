"""The graph's operators as ONNX nodes: one each, or the few that stand for one that ONNX lacks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from edgeqe.converters.graph.graph import Node

#: Stores a constant, float or int64, under a name, which it gives back.
Store = Callable[[str, npt.NDArray[np.generic]], str]


def nodes_of(node: Node, inputs: list[str], output: str, store: Store) -> list[onnx.NodeProto]:
    """ONNX nodes of a node; the last makes the output.

    Parameters
    ----------
    node : Node
    inputs : list of str
        Names of its inputs in the file.
    output : str
        Name of its output in the file.
    store : callable
        Stores the constants that they need beside.
    """
    if node.op in _EXPANSIONS:
        return _EXPANSIONS[node.op](_Chain(node, output, store), inputs[0])
    if node.op == "Conv" and node.border != "zero":
        pad = padded(node, inputs[0], f"{output}.padded", store)
        inputs = [f"{output}.padded", *inputs[1:]]
        return [pad, helper.make_node(node.op, inputs, [output], **attributes_of(node))]
    inputs = [*inputs, *operands_of(node, store)]
    return [helper.make_node(node.op, inputs, [output], **attributes_of(node))]


def padded(node: Node, source: str, output: str, store: Store) -> onnx.NodeProto:
    """Pad in front of a Conv whose border is not zero."""
    before, behind = node.padding, node.padding_end
    ends = store(
        f"pads.{before}.{behind}",
        np.array([0, 0, before, before, 0, 0, behind, behind], np.int64),
    )
    return helper.make_node("Pad", [source, ends], [output], mode=node.border)


def operands_of(node: Node, store: Store) -> list[str]:
    """int64 inputs that ONNX wants where the graph has fields (Slice)."""
    if node.op != "Slice":
        return []
    return [
        store(f"int64.{number}", np.array([number], np.int64))
        for number in (node.first, node.last, 1)
    ]


class _Chain:
    """Nodes that stand for one: each makes the next part of the output's name."""

    def __init__(self, node: Node, output: str, store: Store) -> None:
        self.node, self.output, self.store = node, output, store
        self.nodes: list[onnx.NodeProto] = []

    def number(self, value: float) -> str:
        """A constant of one number."""
        return self.store(f"number.{value:.9g}", np.full((1, 1, 1, 1), value, np.float32))

    def add(self, op: str, *inputs: str, last: bool = False, **attributes: Any) -> str:
        """Append a node; the name of what it makes."""
        made = self.output if last else f"{self.output}.{len(self.nodes) + 1}"
        self.nodes.append(helper.make_node(op, list(inputs), [made], **attributes))
        return made


def _gelu(chain: _Chain, x: str) -> list[onnx.NodeProto]:
    erf = chain.add("Erf", chain.add("Mul", x, chain.number(1 / math.sqrt(2))))
    half = chain.add("Mul", x, chain.number(0.5))
    chain.add("Mul", half, chain.add("Add", erf, chain.number(1.0)), last=True)
    return chain.nodes


def _hard_swish(chain: _Chain, x: str) -> list[onnx.NodeProto]:
    chain.add("Mul", x, chain.add("HardSigmoid", x, alpha=1 / 6, beta=0.5), last=True)
    return chain.nodes


def _channel_norm(chain: _Chain, x: str) -> list[onnx.NodeProto]:
    over: dict[str, Any] = {"axes": [1], "keepdims": 1}
    centred = chain.add("Sub", x, chain.add("ReduceMean", x, **over))
    variance = chain.add("ReduceMean", chain.add("Mul", centred, centred), **over)
    spread = chain.add("Sqrt", chain.add("Add", variance, chain.number(chain.node.alpha)))
    chain.add("Div", centred, spread, last=True)
    return chain.nodes


_EXPANSIONS: dict[str, Callable[[_Chain, str], list[onnx.NodeProto]]] = {
    "ChannelNorm": _channel_norm,
    "Gelu": _gelu,
    "HardSwish": _hard_swish,
}


def attributes_of(node: Node) -> dict[str, Any]:
    """ONNX attributes of a node; defaults of the standard are left out."""
    if node.op in ("Conv", "ConvTranspose", "MaxPool"):
        attributes: dict[str, Any] = {}
        if node.op == "MaxPool":
            attributes["kernel_shape"] = [node.kernel] * 2
        if node.stride != 1:
            attributes["strides"] = [node.stride] * 2
        if node.dilation != 1:
            attributes["dilations"] = [node.dilation] * 2
        pads = [node.padding] * 2 + [max(node.padding_end, 0)] * 2
        if any(pads) and node.border == "zero":
            attributes["pads"] = pads
        if node.groups != 1:
            attributes["group"] = node.groups
        if node.op == "ConvTranspose" and node.padding_end < 0:
            attributes["output_padding"] = [-node.padding_end] * 2
        return attributes
    if node.op in ("DepthToSpace", "SpaceToDepth"):
        return {"blocksize": node.kernel}
    if node.op == "Concat":
        return {"axis": 1}
    if node.op in ("ReduceMax", "ReduceMean"):
        return {"axes": [1], "keepdims": 1}
    if node.op in ("Elu", "LeakyRelu"):
        return {"alpha": node.alpha}
    if node.op == "BatchNormalization":
        return {"epsilon": node.alpha}
    return {}
