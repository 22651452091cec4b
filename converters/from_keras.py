"""Keras functional model to graph, keeping layer names and shared layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

import keras
import numpy as np

from edgeqe.converters.graph import KEYS, Float, Graph, Node
from edgeqe.errors import InputError
from edgeqe.strength import KEYS_PER_OCTAVE
from edgeqe.zoo.strengths import StrengthLayer

#: The input that carries log2 of the step; it feeds strength layers alone.
STRENGTH_INPUT = "log2_step"
#: Operators of Keras' activation functions.
ACTIVATIONS = {
    keras.activations.relu: "Relu",
    keras.activations.selu: "Selu",
    keras.activations.sigmoid: "Sigmoid",
}


def graph_of(model: Any, log2_step: float) -> Graph:
    """Graph of a Keras functional model, its strength vectors at every key.

    Parameters
    ----------
    model : keras.Model
        Functional, channels last, one output. Layers used twice become nodes that share
        constants.
    log2_step : float
        Strength at which the constants stand: its nearest key.

    Raises
    ------
    InputError
        If the model is not functional, or holds a layer that the graph has no operator for.
    """
    if not isinstance(model, keras.Model) or not hasattr(model, "_nodes_by_depth"):
        raise InputError(f"'{getattr(model, 'name', model)}' is no functional Keras model.")
    if len(model.outputs) != 1:
        raise InputError(f"'{model.name}' has {len(model.outputs)} outputs: one converts.")
    return _Reader(model).read().at(round(KEYS_PER_OCTAVE * log2_step))


def strength_vectors(model: Any, log2_steps: Float) -> dict[str, Float]:
    """Every strength vector of a model at many strengths.

    Parameters
    ----------
    model : keras.Model
    log2_steps : ndarray, shape (K,)

    Returns
    -------
    dict of str to ndarray, shape (K, C)
        By the name of the constant.
    """
    layers = [layer for layer in model.layers if isinstance(layer, StrengthLayer)]
    conditions = [layer.input[1] for layer in layers]
    if not layers:
        return {}
    steps = next(i for i in model.inputs if i.name == STRENGTH_INPUT)
    given = keras.Model(steps, conditions)(np.asarray(log2_steps, np.float32)[:, None])
    given = given if isinstance(given, (list, tuple)) else [given]
    result: dict[str, Float] = {}
    for layer, condition in zip(layers, given, strict=True):
        for kind, value in zip(("scale", "bias"), layer.vectors(condition), strict=True):
            array = np.asarray(keras.ops.convert_to_numpy(value), np.float32)
            array = array.reshape(array.shape[0], -1)
            result[f"{layer.name}.{kind}"] = np.broadcast_to(
                array, (len(log2_steps), array.shape[1])
            )
    return result


@dataclass(frozen=True)
class _Call:
    """One use of a layer."""

    layer: Any
    name: str
    """Layer's name; from the second use on with the use's number."""
    sources: tuple[str, ...]
    output: str
    channels: int
    """Of the first source."""

    def refuse(self, why: str) -> NoReturn:
        kind = type(self.layer).__name__
        raise InputError(f"layer '{self.layer.name}' of type {kind} does not convert: {why}.")


class _Reader:
    """State of one reading. A method ``_<class of layer>`` converts one use of such a layer."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.nodes: list[Node] = []
        self.constants: dict[str, Float] = {}
        self.names: dict[int, str] = {}
        steps = np.array(KEYS, np.float32) / KEYS_PER_OCTAVE
        self.vectors = strength_vectors(model, steps)
        self.strengths = {STRENGTH_INPUT}
        """Values that depend on the strength alone: the vectors hold what becomes of them."""

    def read(self) -> Graph:
        """The whole model, in the order that Keras runs it."""
        inputs: dict[str, int] = {}
        for tensor in self.model.inputs:
            self.names[id(tensor)] = tensor.name
            if tensor.name == STRENGTH_INPUT:
                continue
            if len(tensor.shape) != 4 or tensor.shape[-1] is None:
                raise InputError(
                    f"input '{tensor.name}' of '{self.model.name}' has shape {tensor.shape}: a "
                    "picture input has four axes and a fixed number of channels, the last axis."
                )
            inputs[tensor.name] = int(tensor.shape[-1])
        used: dict[str, int] = {}
        for depth in sorted(self.model._nodes_by_depth, reverse=True):
            for node in self.model._nodes_by_depth[depth]:
                if not node.is_input:
                    self._read_call(node, used)
        output = self.names[id(self.model.outputs[0])]
        vectors = {name: v for name, v in self.vectors.items() if name in self.constants}
        return Graph(self.model.name, inputs, output, tuple(self.nodes), self.constants, vectors)

    def _read_call(self, node: Any, used: dict[str, int]) -> None:
        layer = node.operation
        number = used[layer.name] = used.get(layer.name, 0) + 1
        name = layer.name if number == 1 else f"{layer.name}.{number}"
        output = f"{name}.out"
        for tensor in node.output_tensors:
            self.names[id(tensor)] = output
        sources = tuple(self.names[id(tensor)] for tensor in node.input_tensors)
        if self.strengths.issuperset(sources):
            self.strengths.add(output)
            return
        call = _Call(layer, name, sources, output, int(node.input_tensors[0].shape[-1]))
        if isinstance(layer, StrengthLayer):
            self._add_strength(call)
            return
        if self.strengths.intersection(sources):
            call.refuse(f"only strength layers may read '{STRENGTH_INPUT}'")
        kind = type(layer)
        # an operation such as `x + 1` has a layer's class name, but hides its constants
        ours = isinstance(layer, keras.layers.Layer) and kind.__module__.split(".")[0] in (
            "keras",
            "edgeqe",
        )
        convert = getattr(self, f"_{kind.__name__.lower()}", None) if ours else None
        if convert is None:
            known = ("add", "constant", "convolve", "node", "read")
            methods = [name[1:] for name in vars(_Reader) if name[0] == "_" and name[1] != "_"]
            known = sorted(name for name in methods if name.split("_")[0] not in known or name == "add")
            raise InputError(
                f"layer '{layer.name}' of type {kind.__name__} has no operator in the graph; "
                f"known layers: {', '.join(known)}."
            )
        convert(call)

    def _add_constant(self, name: str, value: Any) -> str:
        self.constants[name] = np.ascontiguousarray(np.asarray(value, np.float32))
        return name
