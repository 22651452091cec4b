"""Constant folding: batch norm, factors and shifts into the neighbouring convolution.

Each convolution ends in one of two forms::

    Conv(x, W, b)                        the kernel is used once, nothing follows the strength
    Conv(x, W) -> Mul(scale) -> Add(bias)     the kernel is shared, or the strength sets them

In the second form the kernel stays one constant and the vectors are named, one pair per use; a
runtime folds them at load.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeqe.converters.graph.editor import GraphEditor
from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.errors import InputError
from edgeqe.typing import Float

#: Activations with act(g * x) = g * act(x) for g >= 0.
HOMOGENEOUS = frozenset({"Relu", "LeakyRelu", "PRelu"})
CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})


def fold(graph: Graph) -> Graph:
    """Fold batch norm, factors and shifts until no rule applies.

    Batch norm is ``x * g + (beta - mean * g)`` with ``g = gamma / sqrt(variance + epsilon)``. Then,
    of per-channel constants g (factor) and b (shift):

    1. ``x * 1`` and ``x + 0`` are dropped;
    2. ``conv(x) * g`` goes into the kernel that one node uses, else in front of the bias;
    3. ``conv(x) + b`` goes into the bias, if the kernel is used once;
    4. ``y * g * h`` becomes one factor; ``(y + b) * g`` becomes ``y * g + b * g``;
    5. ``y + b + c`` becomes one shift;
    6. ``x * g + b`` of an input x becomes ``(x + b / g) * g``;
    7. ``act(y) * g`` with g >= 0 and a homogeneous activation becomes ``act(y * g)``;
    8. ``conv(x * g)`` goes into the scale behind the convolution, or into its kernel.

    Rules 1, 3, 6 and 8 leave a constant that follows the strength where it is, rule 2 leaves it a
    factor. A constant that is neither one value nor one per channel is refused.

    Returns
    -------
    Graph
        A new one, equal but for rounding.

    Raises
    ------
    InputError
        If a constant to fold has another number of values than 1 or the channels.
    """
    editor, changed = GraphEditor(_without_batch_norm(graph)), True
    while changed:
        changed = False
        for node in list(editor.nodes):
            if node in editor.nodes:
                changed |= any(rule(editor, node) for rule in _RULES)
    return editor.graph()


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


def _neutral(editor: GraphEditor, node: Node) -> bool:
    """Rule 1: drop a factor of 1 or a shift of 0."""
    if node.op not in ("Mul", "Add") or not editor.is_vector(node):
        return False
    name, nothing = node.inputs[1], 1.0 if node.op == "Mul" else 0.0
    if name in editor.vectors or (editor.constants[name] != nothing).any():
        return False
    if node.output == editor.origin.output or (
        editor.constants[name].size > editor.channels[node.inputs[0]]
    ):
        return False
    editor.remove(node)
    return True


def _factor_behind_convolution(editor: GraphEditor, node: Node) -> bool:
    """Rule 2: ``Mul(Conv)`` into the kernel if it is used once, else in front of the bias."""
    conv = editor.producer(node.inputs[0])
    if (
        node.op != "Mul"
        or not editor.is_vector(node)
        or conv is None
        or conv.op not in CONVOLUTIONS
    ):
        return False
    gain = node.inputs[1]
    single = len(editor.readers(conv.inputs[1])) == 1
    if single and gain not in editor.vectors:
        values = _full(editor, gain, editor.channels[node.output])
        editor.scale_kernel(conv, values, "out")
        inputs = conv.inputs[:2]
        if len(conv.inputs) == 3:
            bias = f"{conv.name}.folded_bias"
            editor.constants[bias] = editor.constants[conv.inputs[2]] * values
            inputs = (*inputs, bias)
        editor.replace(conv, replace(conv, inputs=inputs, output=node.output))
        editor.nodes.remove(node)
        return True
    if len(conv.inputs) == 3:
        bias = f"{conv.name}.shift"
        editor.constants[bias] = editor.constants[conv.inputs[2]].reshape(1, -1, 1, 1)
        bias = editor.combine(np.multiply, bias, gain, bias)
        middle = editor.fresh(node)
        editor.replace(
            node,
            replace(node, output=middle),
            Node("Add", f"{conv.name}.add_shift", (middle, bias), node.output),
        )
        editor.replace(conv, replace(conv, inputs=conv.inputs[:2]))
        return True
    return False


def _shift_behind_convolution(editor: GraphEditor, node: Node) -> bool:
    """Rule 3: ``Add(Conv)`` into the bias of a convolution whose kernel is its own."""
    conv = editor.producer(node.inputs[0])
    if (
        node.op != "Add"
        or not editor.is_vector(node)
        or node.inputs[1] in editor.vectors
        or conv is None
        or conv.op not in CONVOLUTIONS
        or len(editor.readers(conv.inputs[1])) > 1
    ):
        return False
    values, bias = _full(editor, node.inputs[1], editor.channels[node.output]), conv.name
    if len(conv.inputs) == 3:
        values = values + editor.constants[conv.inputs[2]]
    editor.constants[f"{bias}.folded_bias"] = values.astype(np.float32)
    inputs = (*conv.inputs[:2], f"{bias}.folded_bias")
    editor.replace(conv, replace(conv, inputs=inputs, output=node.output))
    editor.nodes.remove(node)
    return True


def _factor_behind_vector(editor: GraphEditor, node: Node) -> bool:
    """Rule 4: ``Mul(Mul(y))`` into one; ``Mul(Add(y))`` the factor first, but for an input y."""
    before = editor.producer(node.inputs[0])
    if node.op != "Mul" or not editor.is_vector(node) or before is None:
        return False
    if before.op not in ("Mul", "Add") or not editor.is_vector(before):
        return False
    if before.op == "Add" and before.inputs[0] in editor.origin.inputs:
        return False
    gain = node.inputs[1]
    if len(editor.readers(before.inputs[1])) > 1 or len(editor.readers(gain)) > 1:
        return False
    if before.op == "Mul":
        editor.combine(np.multiply, before.inputs[1], gain, before.inputs[1])
        editor.replace(before, replace(before, output=node.output))
        editor.nodes.remove(node)
        return True
    factor = replace(node, inputs=(before.inputs[0], gain), output=editor.fresh(node))
    editor.combine(np.multiply, before.inputs[1], gain, before.inputs[1])
    editor.replace(
        before,
        factor,
        replace(before, inputs=(factor.output, before.inputs[1]), output=node.output),
    )
    editor.nodes.remove(node)
    return True


def _shift_behind_shift(editor: GraphEditor, node: Node) -> bool:
    """Rule 5: ``Add(Add(y))`` of two constants into one."""
    before = editor.producer(node.inputs[0])
    if node.op != "Add" or not editor.is_vector(node) or before is None:
        return False
    if before.op != "Add" or not editor.is_vector(before):
        return False
    if len(editor.readers(before.inputs[1])) > 1:
        return False
    editor.combine(np.add, before.inputs[1], node.inputs[1], before.inputs[1])
    editor.replace(before, replace(before, output=node.output))
    editor.nodes.remove(node)
    return True


def _factor_behind_the_first_shift(editor: GraphEditor, node: Node) -> bool:
    """Rule 6: ``Add(Mul(x))`` of an input x, the shift first, so that the factor can move on."""
    before = editor.producer(node.inputs[0])
    if node.op != "Add" or not editor.is_vector(node) or before is None or before.op != "Mul":
        return False
    gain, shift = before.inputs[1], node.inputs[1]
    if before.inputs[0] not in editor.origin.inputs or not editor.is_vector(before):
        return False
    if {gain, shift} & set(editor.vectors) or not editor.constants[gain].all():
        return False
    name, middle = f"{node.name}.first", editor.fresh(node)
    editor.constants[name] = editor.constants[shift] / editor.constants[gain]
    editor.replace(
        before,
        Node("Add", node.name, (before.inputs[0], name), middle),
        Node("Mul", before.name, (middle, gain), node.output),
    )
    editor.nodes.remove(node)
    return True


def _factor_behind_activation(editor: GraphEditor, node: Node) -> bool:
    """Rule 7: ``Mul(Relu(y))`` by what is nowhere negative, the factor first, if it can move on."""
    act = editor.producer(node.inputs[0])
    if node.op != "Mul" or not editor.is_vector(node) or act is None or act.op not in HOMOGENEOUS:
        return False
    before = editor.producer(act.inputs[0])
    if before is None or editor.values(node.inputs[1]).min() < 0.0:
        return False
    if before.op not in CONVOLUTIONS and not (
        before.op in ("Mul", "Add") and editor.is_vector(before)
    ):
        return False
    factor = replace(node, inputs=(act.inputs[0], node.inputs[1]), output=editor.fresh(node))
    moved = replace(act, inputs=(factor.output, *act.inputs[1:]), output=node.output)
    editor.replace(act, factor, moved)
    editor.nodes.remove(node)
    return True


def _factor_before_convolution(editor: GraphEditor, node: Node) -> bool:
    """Rule 8: ``Conv(Mul(x))`` into the scale behind each convolution, or into its kernel."""
    if node.op != "Mul" or not editor.is_vector(node) or node.inputs[1] in editor.vectors:
        return False
    readers = editor.readers(node.output)
    if node.output == editor.origin.output or any(
        reader.op not in CONVOLUTIONS or reader.inputs[0] != node.output for reader in readers
    ):
        return False
    gain = _full(editor, node.inputs[1], editor.channels[node.output])
    scales: list[Node | None] = []
    for conv in readers:
        behind = editor.readers(conv.output)
        scaled = (
            len(behind) == 1
            and len(conv.inputs) == 2
            and behind[0].op == "Mul"
            and editor.is_vector(behind[0])
            and len(editor.readers(behind[0].inputs[1])) == 1
            and bool((gain == gain[0]).all())
        )
        if not scaled and len(editor.readers(conv.inputs[1])) > 1:
            return False
        scales.append(behind[0] if scaled else None)
    for conv, scale in zip(readers, scales, strict=True):
        if scale is None:
            editor.scale_kernel(conv, gain, "in")
            continue
        name = scale.inputs[1]
        editor.constants[name] = editor.constants[name] * gain[0]
        if name in editor.vectors:
            editor.vectors[name] = (editor.vectors[name] * gain[0]).astype(np.float32)
    editor.remove(node)
    return True


def _full(editor: GraphEditor, name: str, channels: int) -> Float:
    """Per-channel constant, broadcast to (C,); InputError for any other shape."""
    value = editor.constants[name].reshape(-1)
    if value.size not in (1, channels):
        raise InputError(
            f"constant '{name}' has {value.size} values for {channels} channels: "
            "only one value, or one per channel, can be folded."
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
