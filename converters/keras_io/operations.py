"""Operations of keras.ops that are no layers, such as ``x + y``, ``0.5 * x`` and ``keras.ops.relu(x)``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from edgeqe.converters.keras_io.activations import activate
from edgeqe.converters.keras_io.layers import CONVERTERS, KerasEditor, LayerCall
from edgeqe.converters.keras_io.more_layers import subtract
from edgeqe.typing import Float

#: Where Keras keeps the classes of its operations.
_MODULES = ("keras.src.ops.numpy", "keras.src.ops.nn")
_ACTIVATIONS = {
    "Relu": keras.activations.relu,
    "Relu6": keras.activations.relu6,
    "Sigmoid": keras.activations.sigmoid,
    "Silu": keras.activations.silu,
    "Softplus": keras.activations.softplus,
    "Tanh": keras.activations.tanh,
}
#: Layers that do what an operation of two tensors does.
_LAYERS = {
    "Add": CONVERTERS[keras.layers.Add],
    "Maximum": CONVERTERS[keras.layers.Maximum],
    "Minimum": CONVERTERS[keras.layers.Minimum],
    "Multiply": CONVERTERS[keras.layers.Multiply],
    "Subtract": subtract,
}
_DIVISIONS = ("Divide", "TrueDivide")
NAMES = tuple(sorted({*_ACTIVATIONS, *_LAYERS, *_DIVISIONS, "Concatenate"}))


def operation_of(node: Any) -> Callable[[KerasEditor, LayerCall], None] | None:
    """Converter of a call of an operation; None if it is none that the graph has operators for.

    Parameters
    ----------
    node : keras Node
        Its operation, and the arguments of the call.
    """
    kind = type(node.operation)
    if kind.__module__ not in _MODULES or kind.__name__ not in NAMES:
        return None
    if kind.__name__ in _ACTIVATIONS:
        function = _ACTIVATIONS[kind.__name__]
        return lambda editor, call: activate(editor, call, function)
    if kind.__name__ == "Concatenate":
        return CONVERTERS[keras.layers.Concatenate]
    given = dict(zip(("x1", "x2"), node.arguments.args, strict=False)) | node.arguments.kwargs
    binary = _Binary(kind.__name__, given.get("x1"), given.get("x2"))
    return binary.convert


@dataclass(frozen=True)
class _Binary:
    """An operation of two operands, one of which may be a number or a vector."""

    kind: str
    first: Any
    second: Any

    def convert(self, editor: KerasEditor, call: LayerCall) -> None:
        """Append its nodes.

        Raises
        ------
        InputError
            If it divides by a tensor, or by 0, or a number is no number for each channel.
        """
        tensors = [isinstance(one, keras.KerasTensor) for one in (self.first, self.second)]
        if all(tensors):
            if self.kind in _DIVISIONS:
                call.refuse("it divides by a tensor; multiply by a number")
            _LAYERS[self.kind](editor, call)
            return
        number = _vector(call, self.second if tensors[0] else self.first)
        if self.kind in _DIVISIONS:
            if not tensors[0] or not number.all():
                call.refuse("it divides by a tensor or by 0; multiply by a number")
            self._with(editor, call, "Mul", np.float32(1) / number)
        elif self.kind == "Subtract" and tensors[0]:
            self._with(editor, call, "Add", -number)
        elif self.kind == "Subtract":
            minus = editor.constant(call, "minus", np.full_like(number, -1.0))
            name = f"{call.name}.negative"
            part = replace(call, name=name, output=f"{name}.out")
            editor.add("Mul", part, (minus,))
            self._with(editor, replace(call, sources=(part.output,)), "Add", number)
        else:
            op = {"Add": "Add", "Multiply": "Mul", "Maximum": "Max", "Minimum": "Min"}[self.kind]
            self._with(editor, call, op, number)

    @staticmethod
    def _with(editor: KerasEditor, call: LayerCall, op: str, number: Float) -> None:
        editor.add(op, call, (editor.constant(call, "number", number),))


def _vector(call: LayerCall, number: Any) -> Float:
    """A number, or one for each channel, as (1, C, 1, 1)."""
    array = np.asarray(keras.ops.convert_to_numpy(number), np.float32)
    if array.size not in (1, call.channels) or (array.size > 1 and array.shape[-1] != array.size):
        call.refuse(f"a constant of shape {array.shape}; use a number, or one for each channel")
    column = np.broadcast_to(array.reshape(-1), (call.channels,)).reshape(1, -1, 1, 1)
    return np.ascontiguousarray(column)
