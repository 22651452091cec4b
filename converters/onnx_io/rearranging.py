"""Reshape, Transpose, Squeeze, Unsqueeze, Slice and Split of the importer, and what they come to.

They are followed as a `AxisLayout`; the first operator that needs a picture makes it one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from edgeqe.converters.onnx_io.layouts import AxisLayout, plan
from edgeqe.converters.onnx_io.shapes import wanted_shape
from edgeqe.converters.rewrites.phases import reordered
from edgeqe.errors import InputError

if TYPE_CHECKING:
    from edgeqe.converters.onnx_io.editor import OnnxCall, OnnxEditor


def reshape(editor: OnnxEditor, call: OnnxCall) -> None:
    """Reshape, Flatten, Squeeze and Unsqueeze."""
    layout = editor.layout(call.inputs[0], call.where)
    shape, sides = layout.shape, list(layout.shape)
    if call.op == "Reshape":
        asked = call.integers(editor, "shape", 1) or []
        sides = wanted_shape(shape, asked, call.given.get("allowzero", 0))
    elif call.op == "Flatten":
        axis = int(call.given.get("axis", 1)) % (len(shape) + 1)
        sides = wanted_shape(shape, [int(np.prod(shape[:axis])), -1])
    else:
        axes = call.integers(editor, "axes", 1)
        if call.op == "Squeeze":
            gone = (
                [a % len(shape) for a in axes]
                if axes
                else [a for a, s in enumerate(shape) if s == 1]
            )
            sides = [side for axis, side in enumerate(shape) if axis not in gone]
        else:
            sides = list(np.expand_dims(np.empty(shape, "V0"), tuple(axes or ())).shape)
    editor.move(call.outputs[0], layout.reshaped(sides))


def transpose(editor: OnnxEditor, call: OnnxCall) -> None:
    """Transpose."""
    layout = editor.layout(call.inputs[0], call.where)
    order = call.given.get("perm") or range(len(layout.axes))[::-1]
    editor.move(call.outputs[0], layout.transposed([int(axis) for axis in order]))


def cut(editor: OnnxEditor, call: OnnxCall) -> None:
    """Slice: channels, every n-th row and column, or all of it, as the end of pad and crop does."""
    layout = editor.layout(call.inputs[0], call.where)
    starts, ends = call.integers(editor, "starts", 1), call.integers(editor, "ends", 2)
    if starts is None or ends is None:
        raise InputError(f"{call.where} cuts at places that are not constant.")
    axes = call.integers(editor, "axes", 3) or list(range(len(starts)))
    steps = call.integers(editor, "steps", 4) or [1] * len(starts)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        axis %= len(layout.axes)
        first, last, by = slice(start, end, step).indices(layout.shape[axis])
        if step < 1 or first >= last:
            raise InputError(
                f"{call.where} cuts {start} to {end} by {step} of axis {axis}, of which nothing or "
                "the reverse is left: cut forwards."
            )
        layout = layout.taken(axis, first, last, by)
    editor.move(call.outputs[0], layout)


def split(editor: OnnxEditor, call: OnnxCall) -> None:
    """Split, which ``chunk`` and ``split`` of PyTorch are."""
    layout = editor.layout(call.inputs[0], call.where)
    axis = int(call.given.get("axis", 0)) % len(layout.axes)
    channels, count = layout.shape[axis], len(call.outputs)
    sizes = call.integers(editor, "split", 1)
    if sizes is None:  # the last part may be smaller (opset 18)
        part = -(-channels // count)
        sizes = [part] * (count - 1) + [channels - part * (count - 1)]
    if sum(sizes) != channels or min(sizes) < 1:
        raise InputError(
            f"{call.where} splits {channels} channels into {sizes}: it must be all of them."
        )
    first = 0
    for name, size in zip(call.outputs, sizes, strict=True):
        editor.move(name, layout.taken(axis, first, first + size, 1))
        first += size


def picture_of(editor: OnnxEditor, layout: AxisLayout, label: str, reader: str) -> str:
    """Value of the graph with the elements of a layout.

    Raises
    ------
    InputError
        If it is no picture made of whole rows and columns.
    """
    try:
        made = plan(layout)
    except ValueError as error:
        raise InputError(
            f"{reader} reads a value that was reshaped or cut ({error}): only what moves whole "
            "blocks between rows, columns and channels converts."
        ) from error
    value = layout.source
    if made.to_depth > 1:
        block = editor.fresh(f"{label}.blocks")
        editor.add("SpaceToDepth", block, [value], block, kernel=made.to_depth)
        value = block
    value = selected(editor, value, made.channels, label)
    if made.to_space > 1:
        spread = editor.fresh(f"{label}.spread")
        editor.add("DepthToSpace", spread, [value], spread, kernel=made.to_space)
        value = spread
    return value


def selected(editor: OnnxEditor, value: str, channels: Sequence[int], label: str) -> str:
    """Value with some of the channels, in another order.

    A Slice where they are neighbours; else, where a convolution made them, its weights in another
    order; else a 1x1 convolution by zeros and ones, which the next convolution may take in.
    """
    count, first = editor.channels[value], channels[0]
    if list(channels) == list(range(count)):
        return value
    if list(channels) == list(range(first, first + len(channels))):
        name = editor.fresh(f"{label}.channels")
        editor.add("Slice", name, [value], name, first=first, last=first + len(channels))
        return name
    if sorted(channels) == list(range(count)):
        found = reordered(editor.nodes, editor.constants, value, channels, editor.fresh)
        if found is not None:
            editor.constants.update(found[1])
            for node in found[0]:
                editor.append(node)
            return found[0][-1].output
    kernel = np.zeros((len(channels), count, 1, 1), np.float32)
    kernel[np.arange(len(channels)), list(channels)] = 1.0
    name = editor.fresh(f"{label}.channels")
    weights = editor.store(editor.fresh(f"{label}.selection"), kernel)
    editor.add("Conv", name, [value, weights], name)
    return name
