"""DepthToSpace in CRD order (PixelShuffle) rewritten to DCR, by permuting weights.

A channel of the result is c, a phase of its blocks of side b is (i, j). PyTorch's
PixelShuffle, ONNX's CRD, reads channel ``c * b * b + i * b + j``; the graph's DepthToSpace,
ONNX's DCR and TensorFlow's, reads ``(i * b + j) * C + c``. The convolution in front can give
its channels in either order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from edgeqe.converters.graph.graph import Node
from edgeqe.errors import InputError
from edgeqe.typing import Float

#: Channel-wise operators, and convolutions for their outputs: the channel axis of each of
#: their constants.
_CONSTANTS: dict[str, tuple[int, ...]] = {
    "Add": (1,),
    "BatchNormalization": (0, 0, 0, 0),
    "Conv": (0, 0),
    "ConvTranspose": (1, 0),
    "LeakyRelu": (),
    "Mul": (1,),
    "PRelu": (0,),
    "Relu": (),
    "Selu": (),
    "Sigmoid": (),
}
_CONVOLUTIONS = ("Conv", "ConvTranspose")


def in_dcr_order(
    nodes: Sequence[Node],
    constants: Mapping[str, Float],
    value: str,
    block: int,
    fresh: Callable[[str], str],
    where: str,
) -> tuple[list[Node], dict[str, Float]]:
    """Copies of the nodes behind a value, its channels permuted from CRD to DCR order.

    Parameters
    ----------
    nodes : sequence of Node
        The graph so far; the value is in CRD order.
    constants : mapping of str to ndarray
        Theirs.
    value : str
    block : int
        Side of a block.
    fresh : callable
        Makes an unused name of a name.
    where : str
        Who asks, for errors.

    Returns
    -------
    nodes : list of Node
        From the convolution on; the last computes the permuted value.
    constants : dict of str to ndarray
        The new ones.

    Raises
    ------
    InputError
        If between the value and a convolution of one group stands an operator that does not
        work on each channel by itself.
    """
    producers = {node.output: node for node in nodes}
    chain: list[Node] = []
    while value in producers and (not chain or chain[-1].op not in _CONVOLUTIONS):
        node = producers[value]
        plain = all(name in constants for name in node.inputs[1:]) and node.groups == 1
        if node.op not in _CONSTANTS or not plain:
            break
        chain.append(node)
        value = node.inputs[0]
    if not chain or chain[-1].op not in _CONVOLUTIONS:
        raise InputError(
            f"{where} spreads channels in the order of PixelShuffle (CRD), which converts only "
            "behind a convolution of one group and its activation: use mode DCR."
        )
    made: list[Node] = []
    turned: dict[str, Float] = {}
    for node in reversed(chain):
        names = []
        for name, axis in zip(node.inputs[1:], _CONSTANTS[node.op], strict=False):
            order = np.arange(constants[name].shape[axis]).reshape(-1, block * block).T.ravel()
            names.append(fresh(f"{name}.dcr"))
            turned[names[-1]] = np.take(constants[name], order, axis)
        before = made[-1].output if made else node.inputs[0]
        name, output = f"{node.name}.dcr", fresh(f"{node.output}.dcr")
        made.append(replace(node, name=name, inputs=(before, *names), output=output))
    return made, turned
