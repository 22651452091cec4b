"""Keras' activation functions as operators of the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from edgeqe.converters.graph.graph import Node

if TYPE_CHECKING:
    from edgeqe.converters.keras_io.layers import KerasEditor, LayerCall

_a = keras.activations
#: Functions that are one operator, with its fields.
_SINGLE: dict[Any, tuple[str, dict[str, Any]]] = {
    _a.elu: ("Elu", {"alpha": 1.0}),
    _a.gelu: ("Gelu", {}),
    _a.hard_silu: ("HardSwish", {}),
    _a.leaky_relu: ("LeakyRelu", {"alpha": 0.2}),
    _a.relu: ("Relu", {}),
    _a.selu: ("Selu", {}),
    _a.sigmoid: ("Sigmoid", {}),
    _a.softplus: ("Softplus", {}),
    _a.tanh: ("Tanh", {}),
}
#: Functions that are the identity.
LINEAR = (None, _a.linear)


def activate(editor: KerasEditor, call: LayerCall, function: Any) -> None:
    """Append an activation function on a call's first source.

    Raises
    ------
    InputError
        If the graph has no operators for it.
    """
    source = call.sources[0]
    if function in _SINGLE:
        op, fields = _SINGLE[function]
        editor.add(op, call, **fields)
    elif function is _a.silu:
        share = _part(editor, call, "Sigmoid", source)
        editor.add("Mul", call, (share,))
    elif function is _a.mish:
        share = _part(editor, call, "Tanh", _part(editor, call, "Softplus", source))
        editor.add("Mul", call, (share,))
    elif function is _a.relu6:
        bound(editor, call, 0.0, 6.0)
    elif function is _a.hard_sigmoid:
        scaled = _part(editor, call, "Mul", source, 1 / 6)
        line = _part(editor, call, "Add", scaled, 0.5)
        bound(editor, call, 0.0, 1.0, line)
    else:
        name = getattr(function, "__name__", type(function).__name__)
        known = ", ".join(sorted([f.__name__ for f in _SINGLE] + ["silu", "mish", "relu6"]))
        call.refuse(f"activation '{name}'; use one of {known}")


def bound(
    editor: KerasEditor, call: LayerCall, low: float, high: float | None, source: str = ""
) -> None:
    """Append a Relu, or Max, and Min of numbers, so that the call's output lies between both."""
    source = source or call.sources[0]
    above = call.output if high is None else f"{call.name}.above"
    name = call.name if high is None else f"{call.name}.low"
    if low == 0.0:
        editor.nodes.append(Node("Relu", name, (source,), above))
    else:
        editor.nodes.append(Node("Max", name, (source, _number(editor, call, low)), above))
    if high is not None:
        editor.nodes.append(
            Node("Min", call.name, (above, _number(editor, call, high)), call.output)
        )


def _number(editor: KerasEditor, call: LayerCall, value: float) -> str:
    """A constant of one value for every channel."""
    column = np.full((1, call.channels, 1, 1), value, np.float32)
    return editor.constant(call, f"{value:.6g}", column)


def _part(
    editor: KerasEditor, call: LayerCall, op: str, source: str, number: float | None = None
) -> str:
    """Append a node on the way to the call's output; the value that it makes."""
    name = f"{call.name}.{op.lower()}"
    inputs = (source,) if number is None else (source, _number(editor, call, number))
    editor.nodes.append(Node(op, name, inputs, f"{name}.out"))
    return f"{name}.out"
