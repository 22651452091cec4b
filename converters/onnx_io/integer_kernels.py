"""Kernels of a file in QDQ form as integers, with their scales behind the convolution.

::

    Conv(x, DequantizeLinear(W, scale), b)    becomes    Add(Mul(Conv(x, W), scale), b)
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgeqe.converters.graph.integer import LARGEST_WEIGHT
from edgeqe.converters.onnx_io import file as onnx_file
from edgeqe.converters.onnx_io.shapes import dequantized
from edgeqe.typing import Array


class UnfitScheme(Exception):
    """A scheme that edgeqe's INT8 does not hold; its text says where."""


def split_kernels(proto: onnx.GraphProto, largest: int) -> None:
    """Rewrite every Conv of a file.

    Parameters
    ----------
    proto : GraphProto
    largest : int
        Largest integer weight that the destination holds.

    Raises
    ------
    UnfitScheme
        If a kernel is no int8 with zero points of 0, or has larger weights.
    """
    fixed = onnx_file.constants(proto)
    made = {
        node.output[0]: node
        for node in proto.node
        if node.op_type == "DequantizeLinear" and node.input[0] in fixed
    }
    taken = {name for node in proto.node for name in (*node.input, *node.output)}
    nodes: list[onnx.NodeProto] = []

    def store(name: str, value: Array) -> str:
        if name not in fixed:
            fixed[name] = np.asarray(value, np.float32)
            proto.initializer.append(numpy_helper.from_array(fixed[name], name))
        return name

    def fresh(name: str) -> str:
        while name in taken:
            name = f"{name}+"
        taken.add(name)
        return name

    for node in proto.node:
        if node.op_type != "Conv":
            nodes.append(node)
            continue
        where, maker = node.name or node.output[0], made.get(node.input[1])
        if maker is None:
            raise UnfitScheme(f"the kernel of '{where}' is no integers")
        scale = _kernel_scale(where, maker, fixed, largest)
        count = len(fixed[maker.input[0]])
        bias = np.zeros(count, np.float32)
        if len(node.input) > 2 and node.input[2]:
            name = node.input[2]
            if name in made:
                bias = _floats(made[name], fixed)
            elif name in fixed:
                bias = fixed[name].astype(np.float32)
            else:
                raise UnfitScheme(f"the bias of '{where}' is computed")
        integers = store(f"{maker.input[0]}.integers", fixed[maker.input[0]])
        row = [1, count, 1, 1]
        rows = [store(fresh(f"{where}.{what}"), np.broadcast_to(value, count).reshape(row))
                for what, value in (("scale", scale), ("bias", bias))]  # fmt: skip
        first, second = fresh(f"{where}.sum"), fresh(f"{where}.scaled")
        conv = onnx.NodeProto()
        conv.CopyFrom(node)
        del conv.input[:], conv.output[:]
        conv.input.extend([node.input[0], integers])
        conv.output.append(first)
        nodes += [conv, helper.make_node("Mul", [first, rows[0]], [second]),
                  helper.make_node("Add", [second, rows[1]], [node.output[0]])]  # fmt: skip
    del proto.node[:]
    proto.node.extend(nodes)


def _kernel_scale(
    where: str, maker: onnx.NodeProto, fixed: Mapping[str, Array], largest: int
) -> Array:
    """Scale of a kernel, one number or one per channel that is made."""
    integers, scale = fixed[maker.input[0]], fixed[maker.input[1]].reshape(-1)
    axis = next((a.i for a in maker.attribute if a.name == "axis"), 1)
    if integers.dtype != np.int8:
        raise UnfitScheme(f"the kernel of '{where}' is {integers.dtype}, not int8")
    if len(maker.input) > 2 and maker.input[2] and fixed[maker.input[2]].any():
        raise UnfitScheme(f"the kernel of '{where}' has a zero point beside 0")
    if scale.size > 1 and (axis % integers.ndim != 0 or scale.size != len(integers)):
        raise UnfitScheme(f"the kernel of '{where}' has scales along axis {axis}, not 0")
    if not (scale > 0).all():
        raise UnfitScheme(f"the kernel of '{where}' has the scale {scale.min():g}")
    most = int(np.abs(integers.astype(np.int16)).max())
    if most > largest:
        way = (
            "export it with reduce_range, or write .tflite"
            if largest == LARGEST_WEIGHT
            else "export it with symmetric weights"
        )
        raise UnfitScheme(
            f"the weights of '{where}' go to {most}, and to {largest} at most here: {way}"
        )
    return scale


def _floats(maker: onnx.NodeProto, fixed: Mapping[str, Array]) -> Array:
    """Floats that a DequantizeLinear makes of a constant."""
    given = {a.name: helper.get_attribute_value(a) for a in maker.attribute}
    floats: Array = dequantized([fixed[name] for name in maker.input if name], given)
    return floats
