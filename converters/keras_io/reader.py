"""Keras functional model to graph; layer names and shared weights are kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np

from edgeqe.codecs.strength import KEYS_PER_OCTAVE
from edgeqe.converters.graph.graph import KEYS, Graph, Node
from edgeqe.converters.keras_io.activations import LINEAR, activate
from edgeqe.converters.keras_io.layers import (
    CONVERTERS,
    CONVOLUTIONS,
    KerasEditor,
    LayerCall,
)
from edgeqe.converters.keras_io.more_layers import MORE_CONVERTERS
from edgeqe.converters.keras_io.operations import NAMES, operation_of
from edgeqe.errors import InputError
from edgeqe.typing import Float
from edgeqe.zoo.strengths import STRENGTH_INPUTS, StrengthLayer, with_codec


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
    model = getattr(model, "_functional", None) or model  # of a Sequential model
    if not isinstance(model, keras.Model) or not hasattr(model, "_nodes_by_depth"):
        raise InputError(f"'{getattr(model, 'name', model)}' is no functional Keras model.")
    if len(model.outputs) != 1:
        raise InputError(f"'{model.name}' has {len(model.outputs)} outputs: one converts.")
    return _KerasReader(_flat(model)).read().at(round(KEYS_PER_OCTAVE * log2_step))


def _flat(model: Any) -> Any:
    """Model with the layers of the models that it calls in their place."""

    def is_model(operation: Any) -> bool:
        return isinstance(operation, keras.Model) and operation is not model

    calls = [node.operation for nodes in model._nodes_by_depth.values() for node in nodes]
    if not any(map(is_model, calls)):
        return model

    def run(called: Any, given: Any) -> Any:
        called = getattr(called, "_functional", None) or called
        if not hasattr(called, "_run_through_graph"):
            raise InputError(f"'{called.name}' within '{model.name}' is no functional Keras model.")
        return called._run_through_graph(given, operation_fn=call_of)

    def call_of(operation: Any) -> Any:
        if not is_model(operation):
            return operation
        return lambda given, *_, **__: run(operation, given)

    outputs = run(model, model.inputs)
    try:
        return keras.Model(model.inputs, outputs, name=model.name)
    except ValueError as error:  # two layers of one name
        reason = " ".join(str(error).split())
        raise InputError(
            f"'{model.name}' holds models that do not fit together: {reason}"
        ) from error


def strength_vectors(model: Any, log2_steps: Float) -> dict[str, Float]:
    """Strength vectors (per-channel scales and biases) of a model, at many strengths.

    Parameters
    ----------
    model : keras.Model
    log2_steps : ndarray, shape (K,)

    Returns
    -------
    dict of str to ndarray, shape (K, C)
        By the name of the constant; of several codecs (codecs * K, C), one codec below the other.

    Raises
    ------
    InputError
        If a strength layer is used more than once, or follows no input of that name.
    """
    conditions: dict[Any, Any] = {}
    for node in (node for nodes in model._nodes_by_depth.values() for node in nodes):
        if isinstance(node.operation, StrengthLayer):
            if node.operation in conditions:
                raise InputError(f"strength layer '{node.operation.name}' is used more than once.")
            conditions[node.operation] = node.input_tensors[1]
    if not conditions:
        return {}
    steps = next((i for i in model.inputs if i.name in STRENGTH_INPUTS), None)
    if steps is None:
        known = " or ".join(f"'{name}'" for name in STRENGTH_INPUTS)
        raise InputError(f"'{model.name}' has strength layers, but no input {known}.")
    column = np.asarray(log2_steps, np.float32)[:, None]
    blocks = max(1, int(steps.shape[-1]) - 1)
    asked = np.concatenate([with_codec(column, index, blocks) for index in range(blocks)])
    given = keras.Model(steps, list(conditions.values()))(asked)
    given = given if isinstance(given, (list, tuple)) else [given]
    result: dict[str, Float] = {}
    for layer, condition in zip(conditions, given, strict=True):
        for kind, value in zip(("scale", "bias"), layer.vectors(condition), strict=True):
            array = np.asarray(keras.ops.convert_to_numpy(value), np.float32)
            array = array.reshape(array.shape[0], -1)
            result[f"{layer.name}.{kind}"] = np.broadcast_to(array, (len(asked), array.shape[1]))
    return result


class _KerasReader:
    """State while one Keras model is imported."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.editor = KerasEditor()
        self.names: dict[int, str] = {}
        self.vectors = strength_vectors(
            model, np.array(KEYS, np.float32) / np.float32(KEYS_PER_OCTAVE)
        )
        self.strengths = set(STRENGTH_INPUTS)
        """Values that depend on the strength alone: the vectors hold what becomes of them."""

    def read(self) -> Graph:
        """Import all layers, in Keras' execution order."""
        inputs: dict[str, int] = {}
        for tensor in self.model.inputs:
            self.names[id(tensor)] = tensor.name
            if tensor.name in STRENGTH_INPUTS:
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
        output = self.editor.alias.get(output, output)
        vectors = {name: v for name, v in self.vectors.items() if name in self.editor.constants}
        return Graph(
            self.model.name,
            inputs,
            output,
            tuple(self.editor.nodes),
            self.editor.constants,
            vectors,
        )

    def _read_call(self, node: Any, used: dict[str, int]) -> None:
        layer = node.operation
        number = used[layer.name] = used.get(layer.name, 0) + 1
        name = layer.name if number == 1 else f"{layer.name}.{number}"
        output = f"{name}.out"
        for tensor in node.output_tensors:
            self.names[id(tensor)] = output
        named = (self.names[id(tensor)] for tensor in node.input_tensors)
        sources = tuple(self.editor.alias.get(name, name) for name in named)
        if self.strengths.issuperset(sources):
            self.strengths.add(output)
            return
        call = LayerCall(layer, name, sources, output, int(node.input_tensors[0].shape[-1]))
        if isinstance(layer, StrengthLayer):
            self._strength(call)
            return
        if self.strengths.intersection(sources):
            call.refuse("only strength layers may read the strength")
        every = {**CONVERTERS, **MORE_CONVERTERS}
        convert = every.get(type(layer)) or operation_of(node)
        if convert is None:
            known = ", ".join(sorted({kind.__name__ for kind in every}.union(NAMES)))
            raise InputError(
                f"layer '{layer.name}' of type {type(layer).__name__} has no operator in the "
                f"graph: save the model by model.export(DIR) and convert that folder, or use the known ones: "
                f"{known}."
            )
        activation = getattr(layer, "activation", None)
        if type(layer) in CONVOLUTIONS and activation not in LINEAR:
            convert(self.editor, replace(call, output=f"{name}.linear"))
            active = replace(call, name=f"{name}.activation", sources=(f"{name}.linear",))
            outputs = int(node.output_tensors[0].shape[-1])
            activate(self.editor, replace(active, channels=outputs), activation)
        else:
            convert(self.editor, call)

    def _strength(self, call: LayerCall) -> None:
        scale, bias = (
            self.editor.constant(
                call, kind, self.vectors[f"{call.layer.name}.{kind}"][:1, :, None, None]
            )
            for kind in ("scale", "bias")
        )
        middle = f"{call.name}.scaled"
        self.editor.nodes.append(Node("Mul", f"{call.name}.mul", (call.sources[0], scale), middle))
        self.editor.nodes.append(Node("Add", f"{call.name}.add", (middle, bias), call.output))
