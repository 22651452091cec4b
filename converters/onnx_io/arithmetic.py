"""Sums, products, powers and extremes of the importer, of values and constants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeqe.converters.onnx_io.editor import OnnxCall, OnnxEditor
from edgeqe.errors import InputError


def two(editor: OnnxEditor, call: OnnxCall) -> None:
    """Add, Sub, Mul, Div, Min and Max of two values, or of a value and a constant."""
    a, b = call.inputs
    minus = call.op == "Sub"
    if call.op == "Div" and not editor.is_constant(b):
        raise InputError(f"{call.where}: only a division by a constant converts.")
    if editor.is_constant(b):
        value = editor.value(a, call.where)
        name = editor.per_channel(b, (1, editor.channels[value], 1, 1), value, call.where)
        if minus or call.op == "Div":
            array = editor.constants[name]
            if not minus and not array.all():
                raise InputError(f"{call.where} divides by 0.")
            name = editor.fresh(f"{call.label}.{'minus' if minus else 'by'}")
            editor.store(name, -array if minus else 1.0 / array.astype(np.float64))
        op = {"Sub": "Add", "Div": "Mul"}.get(call.op, call.op)
        editor.add(op, call.label, [value, name], call.outputs[0])
        return
    second = editor.value(b, call.where)
    if minus:
        negative = editor.fresh(f"{call.label}.negative")
        _negate(editor, call, second, negative)
        second = negative
    if editor.is_constant(a):
        shape = (1, editor.channels[second], 1, 1)
        inputs = [second, editor.per_channel(a, shape, second, call.where)]
    else:
        inputs = [editor.value(a, call.where), second]
        counts = {editor.channels[name] for name in inputs}
        if len(counts - {1}) > 1:
            raise InputError(f"{call.where} joins values of {sorted(counts)} channels.")
    editor.add("Add" if minus else call.op, call.label, inputs, call.outputs[0])


def _negate(editor: OnnxEditor, call: OnnxCall, source: str, output: str) -> None:
    channels = editor.channels[source]
    minus = editor.store(editor.fresh(f"{call.label}.minus"), -np.ones((1, channels, 1, 1)))
    editor.add("Mul", f"{call.label}.negate", [source, minus], output)


def neg(editor: OnnxEditor, call: OnnxCall) -> None:
    """Neg."""
    _negate(editor, call, editor.value(call.inputs[0], call.where), call.outputs[0])


def several(editor: OnnxEditor, call: OnnxCall) -> None:
    """Sum, Min, Max and Mean of any number of values, two at a time."""
    op = {"Sum": "Add", "Mean": "Add"}.get(call.op, call.op)
    count, result = len(call.inputs), call.inputs[0]
    for index, other in enumerate(call.inputs[1:], 1):
        end = index == count - 1 and call.op != "Mean"
        output = call.outputs[0] if end else editor.fresh(f"{call.label}.part")
        two(editor, replace(call, op=op, label=output, inputs=(result, other), outputs=(output,)))
        result = output
    if call.op == "Mean":
        value = editor.value(result, call.where)
        share = editor.number(call, value, 1 / count)
        editor.add("Mul", call.label, [value, share], call.outputs[0])
    elif count == 1:
        editor.same(call.outputs[0], result)


def power(editor: OnnxEditor, call: OnnxCall) -> None:
    """Pow by 2 or 3."""
    number = float(editor.array(call.inputs[1], call.where).reshape(-1)[0])
    source = editor.value(call.inputs[0], call.where)
    if number not in (2.0, 3.0) or editor.array(call.inputs[1], call.where).size > 1:
        raise InputError(f"{call.where} takes the power {number:g}: only 2 and 3 convert.")
    value = source if number == 2 else editor.step("Mul", call, source, source)
    editor.add("Mul", call.label, [value, source], call.outputs[0])


def absolute(editor: OnnxEditor, call: OnnxCall) -> None:
    """Abs: the greater of a value and its negative."""
    source = editor.value(call.inputs[0], call.where)
    negative = editor.step("Mul", call, source, -1.0)
    editor.add("Max", call.label, [source, negative], call.outputs[0])
