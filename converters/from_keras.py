"""Keras functional model to graph, keeping layer names and shared layers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from edgeqe.converters.graph import Float, Graph, Node
from edgeqe.errors import InputError
from edgeqe.zoo.strengths import StepFeatures, StrengthLayer

#: The input that carries log2 of the step; it feeds strength layers alone.
STRENGTH_INPUT = "log2_step"


def graph_of(model: Any, log2_step: float) -> Graph:
    """Graph of a Keras functional model, with the strength vectors of one step.

    Parameters
    ----------
    model : keras.Model
        Functional, channels last. Layers used twice become nodes that share constants.
    log2_step : float
        Strength whose values the vectors hold.

    Raises
    ------
    InputError
        If the model holds a layer that the graph has no operator for.
    """
    return _Reader(model, log2_step).read()


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
    conditions = [model.get_layer(layer.name).input[1] for layer in layers]
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


class _Reader:
    """State of one reading."""

    def __init__(self, model: Any, log2_step: float) -> None:
        self.model = model
        self.nodes: list[Node] = []
        self.constants: dict[str, Float] = {}
        self.names: dict[int, str] = {}
        at = np.array([log2_step], np.float32)
        self.vectors = {
            name: values.reshape(1, -1, 1, 1)
            for name, values in strength_vectors(model, at).items()
        }

    def read(self) -> Graph:
        """The whole model, in the order that Keras runs it."""
        inputs: dict[str, int] = {}
        for tensor in self.model.inputs:
            self.names[id(tensor)] = tensor.name
            if tensor.name != STRENGTH_INPUT:
                inputs[tensor.name] = int(tensor.shape[-1])
        used: dict[str, int] = {}
        for depth in sorted(self.model._nodes_by_depth, reverse=True):
            for call in self.model._nodes_by_depth[depth]:
                if not call.is_input:
                    self._call(call, used)
        output = self.names[id(self.model.outputs[0])]
        vectors = tuple(name for name in self.vectors if name in self.constants)
        return Graph(self.model.name, inputs, output, tuple(self.nodes), self.constants, vectors)

    def _call(self, call: Any, used: dict[str, int]) -> None:
        layer = call.operation
        number = used[layer.name] = used.get(layer.name, 0) + 1
        name = layer.name if number == 1 else f"{layer.name}.{number}"
        output = f"{name}.out"
        for tensor in call.output_tensors:
            self.names[id(tensor)] = output
        sources = [self.names[id(tensor)] for tensor in call.input_tensors]
        kind = type(layer).__name__
        if (
            isinstance(layer, StepFeatures)
            or STRENGTH_INPUT in sources[:1]
            or (kind == "Concatenate" and len(call.output_tensors[0].shape) == 2)
        ):
            return  # strength itself: its values are in the vectors
        convert = getattr(self, f"_{kind.lower()}", None)
        if isinstance(layer, StrengthLayer):
            convert = self._strength
        if convert is None:
            known = ", ".join(sorted(n[1:] for n in dir(self) if n.startswith("_") and n[1].isalpha()
                                     and n not in ("_call", "_constant", "_strength")))  # fmt: skip
            raise InputError(
                f"layer '{layer.name}' of type {kind} has no operator in the graph; "
                f"known layers: {known}."
            )
        convert(layer, name, sources, output)

    def _constant(self, name: str, value: Any) -> str:
        self.constants[name] = np.ascontiguousarray(np.asarray(value, np.float32))
        return name

    def _conv2d(self, layer: Any, name: str, sources: list[str], output: str) -> None:
        kernel, stride = layer.kernel_size[0], layer.strides[0]
        if layer.padding != "same" or layer.dilation_rate != (1, 1) or stride > 2:
            raise InputError(
                f"layer '{layer.name}': only 'same' padding, no dilation and strides 1 and 2 "
                f"convert; it has {layer.padding}, {layer.dilation_rate}, {layer.strides}."
            )
        weights = layer.get_weights()
        inputs = [
            sources[0],
            self._constant(f"{layer.name}.kernel", weights[0].transpose(3, 2, 0, 1)),
        ]
        if layer.use_bias:
            inputs.append(self._constant(f"{layer.name}.bias", weights[1]))
        # 'same' at an aligned size: kernel - stride zeros in all, the smaller half first.
        before = (kernel - stride) // 2
        self.nodes.append(
            Node("Conv", name, tuple(inputs), output, kernel, stride, before,
                 kernel - stride - before, layer.groups)
        )  # fmt: skip

    def _batchnormalization(self, layer: Any, name: str, sources: list[str], output: str) -> None:
        gamma, beta, mean, variance = layer.get_weights()
        kinds = {"gamma": gamma, "beta": beta, "mean": mean, "variance": variance}
        inputs = [self._constant(f"{layer.name}.{kind}", value) for kind, value in kinds.items()]
        self.nodes.append(
            Node("BatchNormalization", name, (sources[0], *inputs), output, alpha=layer.epsilon)
        )

    def _strength(self, layer: Any, name: str, sources: list[str], output: str) -> None:
        scale, bias = f"{layer.name}.scale", f"{layer.name}.bias"
        for vector in (scale, bias):
            self._constant(vector, self.vectors[vector])
        middle = f"{name}.scaled"
        self.nodes.append(Node("Mul", f"{name}.mul", (sources[0], scale), middle))
        self.nodes.append(Node("Add", f"{name}.add", (middle, bias), output))

    def _relu(self, layer: Any, name: str, sources: list[str], output: str) -> None:
        self.nodes.append(Node("Relu", name, (sources[0],), output))

    def _add(self, layer: Any, name: str, sources: list[str], output: str) -> None:
        self.nodes.append(Node("Add", name, tuple(sources), output))

    def _concatenate(self, layer: Any, name: str, sources: list[str], output: str) -> None:
        self.nodes.append(Node("Concat", name, tuple(sources), output))
