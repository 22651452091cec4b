"""Folding: batch norm and every other constant factor into the convolution beside it.

The result is one of two forms per convolution::

    Conv(x, W, b)                        the kernel is used once, nothing follows the strength
    Conv(x, W) -> Mul(scale) -> Add(bias)     the kernel is shared, or the strength sets them

In the second form the kernel stays one constant and the vectors are named, one pair a
use; a runtime folds them at load. Each function returns a new graph.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeqe.converters.graph.editor import Draft
from edgeqe.converters.graph.graph import Float, Graph, Node
from edgeqe.errors import InputError

#: Activations with act(g * x) = g * act(x) for g >= 0.
HOMOGENEOUS = frozenset({"Relu", "LeakyRelu", "PRelu"})
CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})


def fold(graph: Graph) -> Graph:
    """Fold batch norm, factors and shifts until nothing more can be folded.

    Batch norm is ``x * g + (beta - mean * g)`` with ``g = gamma / sqrt(variance + epsilon)``;
    then constants move towards the convolution that they follow (or, factors alone,
    precede) and end in its kernel and bias, or in its pair of vectors.
    """
    draft, changed = Draft(_without_batch_norm(graph)), True
    while changed:
        changed = False
        for node in list(draft.nodes):
            if node in draft.nodes:
                changed |= any(rule(draft, node) for rule in _RULES)
    return draft.graph()


def _without_batch_norm(graph: Graph) -> Graph:
    constants, nodes = dict(graph.constants), list[Node]()
    for node in graph.nodes:
        if node.op != "BatchNormalization":
            nodes.append(node)
            continue
        gamma, beta, mean, variance = (
            constants[name].astype(np.float64) for name in node.inputs[1:]
        )
        gain = gamma / np.sqrt(variance + node.alpha)
        scale, bias, middle = f"{node.name}.scale", f"{node.name}.bias", f"{node.name}.scaled"
        constants[scale] = gain.reshape(1, -1, 1, 1).astype(np.float32)
        constants[bias] = (beta - mean * gain).reshape(1, -1, 1, 1).astype(np.float32)
        nodes.append(Node("Mul", f"{node.name}.mul", (node.inputs[0], scale), middle))
        nodes.append(Node("Add", f"{node.name}.add", (middle, bias), node.output))
    return graph.with_nodes(nodes, constants)


def _neutral(draft: Draft, node: Node) -> bool:
    """A factor of 1 or a shift of 0: dropped."""
    if node.op not in ("Mul", "Add") or not draft.is_vector(node):
        return False
    name, nothing = node.inputs[1], 1.0 if node.op == "Mul" else 0.0
    if name in draft.vectors or (draft.constants[name] != nothing).any():
        return False
    if node.output == draft.origin.output or (
        draft.constants[name].size > draft.channels[node.inputs[0]]
    ):
        return False
    draft.remove(node)
    return True


def _factor_behind_convolution(draft: Draft, node: Node) -> bool:
    """``Mul(Conv)``: into the kernel if it is used once, else in front of the bias."""
    conv = draft.maker(node.inputs[0])
    if node.op != "Mul" or not draft.is_vector(node) or conv is None or conv.op not in CONVOLUTIONS:
        return False
    gain = node.inputs[1]
    single = len(draft.readers(conv.inputs[1])) == 1
    if single and gain not in draft.vectors:
        values = _full(draft, gain, draft.channels[node.output])
        draft.scale_kernel(conv, values, "out")
        inputs = conv.inputs[:2]
        if len(conv.inputs) == 3:
            bias = f"{conv.name}.folded_bias"
            draft.constants[bias] = draft.constants[conv.inputs[2]] * values
            inputs = (*inputs, bias)
        draft.replace(conv, replace(conv, inputs=inputs, output=node.output))
        draft.nodes.remove(node)
        return True
    if len(conv.inputs) == 3:
        bias = f"{conv.name}.shift"
        draft.constants[bias] = draft.constants[conv.inputs[2]].reshape(1, -1, 1, 1)
        bias = draft.combine(np.multiply, bias, gain, bias)
        middle = draft.fresh(node)
        draft.replace(
            node,
            replace(node, output=middle),
            Node("Add", f"{conv.name}.add_shift", (middle, bias), node.output),
        )
        draft.replace(conv, replace(conv, inputs=conv.inputs[:2]))
        return True
    return False


def _shift_behind_convolution(draft: Draft, node: Node) -> bool:
    """``Add(Conv)`` of a constant: into the bias of a convolution whose kernel is its own."""
    conv = draft.maker(node.inputs[0])
    if (
        node.op != "Add"
        or not draft.is_vector(node)
        or node.inputs[1] in draft.vectors
        or conv is None
        or conv.op not in CONVOLUTIONS
        or len(draft.readers(conv.inputs[1])) > 1
    ):
        return False
    values, bias = _full(draft, node.inputs[1], draft.channels[node.output]), conv.name
    if len(conv.inputs) == 3:
        values = values + draft.constants[conv.inputs[2]]
    draft.constants[f"{bias}.folded_bias"] = values.astype(np.float32)
    inputs = (*conv.inputs[:2], f"{bias}.folded_bias")
    draft.replace(conv, replace(conv, inputs=inputs, output=node.output))
    draft.nodes.remove(node)
    return True


def _factor_behind_vector(draft: Draft, node: Node) -> bool:
    """``Mul(Mul(y))`` into one; ``Mul(Add(y))`` the factor first, but for an input y."""
    before = draft.maker(node.inputs[0])
    if node.op != "Mul" or not draft.is_vector(node) or before is None:
        return False
    if before.op not in ("Mul", "Add") or not draft.is_vector(before):
        return False
    if before.op == "Add" and before.inputs[0] in draft.origin.inputs:
        return False
    gain = node.inputs[1]
    if len(draft.readers(before.inputs[1])) > 1 or len(draft.readers(gain)) > 1:
        return False
    if before.op == "Mul":
        draft.combine(np.multiply, before.inputs[1], gain, before.inputs[1])
        draft.replace(before, replace(before, output=node.output))
        draft.nodes.remove(node)
        return True
    factor = replace(node, inputs=(before.inputs[0], gain), output=draft.fresh(node))
    draft.combine(np.multiply, before.inputs[1], gain, before.inputs[1])
    draft.replace(
        before,
        factor,
        replace(before, inputs=(factor.output, before.inputs[1]), output=node.output),
    )
    draft.nodes.remove(node)
    return True


def _shift_behind_shift(draft: Draft, node: Node) -> bool:
    """``Add(Add(y))`` of two constants into one."""
    before = draft.maker(node.inputs[0])
    if node.op != "Add" or not draft.is_vector(node) or before is None:
        return False
    if before.op != "Add" or not draft.is_vector(before):
        return False
    if len(draft.readers(before.inputs[1])) > 1:
        return False
    draft.combine(np.add, before.inputs[1], node.inputs[1], before.inputs[1])
    draft.replace(before, replace(before, output=node.output))
    draft.nodes.remove(node)
    return True


def _factor_behind_the_first_shift(draft: Draft, node: Node) -> bool:
    """``Add(Mul(x))`` of an input x: the shift first, so that the factor can go on from there."""
    before = draft.maker(node.inputs[0])
    if node.op != "Add" or not draft.is_vector(node) or before is None or before.op != "Mul":
        return False
    gain, shift = before.inputs[1], node.inputs[1]
    if before.inputs[0] not in draft.origin.inputs or not draft.is_vector(before):
        return False
    if {gain, shift} & set(draft.vectors) or not draft.constants[gain].all():
        return False
    name, middle = f"{node.name}.first", draft.fresh(node)
    draft.constants[name] = draft.constants[shift] / draft.constants[gain]
    draft.replace(
        before,
        Node("Add", node.name, (before.inputs[0], name), middle),
        Node("Mul", before.name, (middle, gain), node.output),
    )
    draft.nodes.remove(node)
    return True


def _factor_behind_activation(draft: Draft, node: Node) -> bool:
    """``Mul(Relu(y))`` by what is nowhere negative: the factor first, if it goes on from there."""
    act = draft.maker(node.inputs[0])
    if node.op != "Mul" or not draft.is_vector(node) or act is None or act.op not in HOMOGENEOUS:
        return False
    before = draft.maker(act.inputs[0])
    if before is None or draft.values(node.inputs[1]).min() < 0.0:
        return False
    if before.op not in CONVOLUTIONS and not (
        before.op in ("Mul", "Add") and draft.is_vector(before)
    ):
        return False
    factor = replace(node, inputs=(act.inputs[0], node.inputs[1]), output=draft.fresh(node))
    moved = replace(act, inputs=(factor.output, *act.inputs[1:]), output=node.output)
    draft.replace(act, factor, moved)
    draft.nodes.remove(node)
    return True


def _factor_before_convolution(draft: Draft, node: Node) -> bool:
    """``Conv(Mul(x))``: into the scale behind each convolution, or into its kernel."""
    if node.op != "Mul" or not draft.is_vector(node) or node.inputs[1] in draft.vectors:
        return False
    readers = draft.readers(node.output)
    if node.output == draft.origin.output or any(
        reader.op not in CONVOLUTIONS or reader.inputs[0] != node.output for reader in readers
    ):
        return False
    gain = _full(draft, node.inputs[1], draft.channels[node.output])
    scales: list[Node | None] = []
    for conv in readers:
        behind = draft.readers(conv.output)
        scaled = (
            len(behind) == 1
            and len(conv.inputs) == 2
            and behind[0].op == "Mul"
            and draft.is_vector(behind[0])
            and len(draft.readers(behind[0].inputs[1])) == 1
            and bool((gain == gain[0]).all())
        )
        if not scaled and len(draft.readers(conv.inputs[1])) > 1:
            return False
        scales.append(behind[0] if scaled else None)
    for conv, scale in zip(readers, scales, strict=True):
        if scale is None:
            draft.scale_kernel(conv, gain, "in")
            continue
        name = scale.inputs[1]
        draft.constants[name] = draft.constants[name] * gain[0]
        if name in draft.vectors:
            draft.vectors[name] = (draft.vectors[name] * gain[0]).astype(np.float32)
    draft.remove(node)
    return True


def _full(draft: Draft, name: str, channels: int) -> Float:
    """Constant of one value a channel, written out; InputError for any other shape."""
    value = draft.constants[name].reshape(-1)
    if value.size not in (1, channels):
        raise InputError(
            f"constant '{name}' has {value.size} values for {channels} channels: "
            "only one value, or one a channel, can be folded."
        )
    return np.broadcast_to(value, (channels,)).astype(np.float32)


_RULES = (
    _neutral,
    _factor_behind_convolution,
    _shift_behind_convolution,
    _factor_behind_vector,
    _shift_behind_shift,
    _factor_behind_the_first_shift,
    _factor_behind_activation,
    _factor_before_convolution,
)
