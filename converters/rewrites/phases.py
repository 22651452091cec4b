"""Channels in another order, by permuting the weights of the convolution that makes or reads them.

A channel of a result is c, a phase of its blocks of side b is (i, j). PyTorch's PixelShuffle,
ONNX's CRD, reads channel ``c * b * b + i * b + j``; the graph's DepthToSpace, ONNX's DCR and
TensorFlow's, reads ``(i * b + j) * C + c``. The convolution in front can give its channels in
either order, the one behind read them so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.typing import Float

#: Channel-wise operators, and convolutions for their outputs: the channel axis of each of
#: their constants.
_CONSTANTS: dict[str, tuple[int, ...]] = {
    "Add": (1,),
    "BatchNormalization": (0, 0, 0, 0),
    "Conv": (0, 0),
    "ConvTranspose": (1, 0),
    "Elu": (),
    "Gelu": (),
    "HardSwish": (),
    "LeakyRelu": (),
    "Max": (1,),
    "Min": (1,),
    "Mul": (1,),
    "PRelu": (0,),
    "Relu": (),
    "Selu": (),
    "Sigmoid": (),
    "Softplus": (),
    "Tanh": (),
}
_CONVOLUTIONS = ("Conv", "ConvTranspose")


def dcr_from_crd(channels: int, block: int) -> list[int]:
    """Channels in CRD order, as DepthToSpace in DCR order reads them."""
    order = np.arange(channels).reshape(-1, block * block).T.ravel()
    return [int(number) for number in order]


def reordered(
    nodes: Sequence[Node],
    constants: Mapping[str, Float],
    value: str,
    order: Sequence[int],
    fresh: Callable[[str], str],
) -> tuple[list[Node], dict[str, Float]] | None:
    """Copies of the nodes behind a value, which compute it with its channels in another order.

    Parameters
    ----------
    nodes : sequence of Node
        The graph so far.
    constants : mapping of str to ndarray
        Theirs.
    value : str
    order : sequence of int
        The channel that each channel shall be, all of them.
    fresh : callable
        Makes an unused name of a name.

    Returns
    -------
    nodes : list of Node
        From the convolution on; the last computes the permuted value.
    constants : dict of str to ndarray
        The new ones.

    None if between the value and a convolution of one group stands an operator that does not work
    on each channel by itself.
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
        return None
    made: list[Node] = []
    turned: dict[str, Float] = {}
    for node in reversed(chain):
        names = []
        for name, axis in zip(node.inputs[1:], _CONSTANTS[node.op], strict=False):
            names.append(fresh(f"{name}.dcr"))
            turned[names[-1]] = np.take(constants[name], order, axis)
        before = made[-1].output if made else node.inputs[0]
        name, output = f"{node.name}.dcr", fresh(f"{node.output}.dcr")
        made.append(replace(node, name=name, inputs=(before, *names), output=output))
    return made, turned


def fuse_selections(graph: Graph) -> Graph:
    """Graph without 1x1 convolutions by zeros and ones whose readers are convolutions.

    A selection of channels is taken into the kernels behind it, if all are of one group and used
    once; any other stays.
    """
    constants, nodes = dict(graph.constants), list(graph.nodes)
    for node in graph.nodes:
        weights = constants.get(node.inputs[1]) if node.op == "Conv" else None
        if weights is None or len(node.inputs) > 2 or node.kernel > 1 or node.stride > 1:
            continue
        matrix, readers = weights[:, :, 0, 0], [n for n in nodes if node.output in n.inputs]
        chosen = node.groups == 1 and bool(
            np.isin(matrix, (0.0, 1.0)).all() and (matrix.sum(axis=1) == 1).all()
        )
        fits = all(
            reader.op == "Conv"
            and reader.groups == 1
            and sum(reader.inputs[1] in n.inputs for n in nodes) == 1
            and reader.inputs[1] not in graph.vectors
            for reader in readers
        )
        if not (chosen and fits) or node.output == graph.output:
            continue
        for reader in readers:
            kernel = constants[reader.inputs[1]]
            taken = np.einsum("oikl,ij->ojkl", kernel, matrix)
            constants[reader.inputs[1]] = np.ascontiguousarray(taken, np.float32)
            place = nodes.index(reader)
            nodes[place] = replace(reader, inputs=(node.inputs[0], *reader.inputs[1:]))
        nodes.remove(node)
    return graph.with_nodes(nodes, constants)
