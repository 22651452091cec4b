"""Structured pruning of a Keras network of the zoo: the same layers with fewer channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeqe.converters.graph.graph import Graph
from edgeqe.converters.keras_io.reader import graph_of
from edgeqe.quantization.pruning.coupling import Bools, Coupling, coupling
from edgeqe.quantization.pruning.importance import Importance
from edgeqe.quantization.pruning.widths import MacCount, choose
from edgeqe.zoo.widths import CONVOLUTIONS, with_widths

#: Per-channel constants, of which a layer with vectors has at least one, and their channel
#: axis: of a strength, a norm, a PReLU, a convolution.
VECTORS = {"scale": 1, "gamma": 0, "alpha": 0, "bias": 0}


@dataclass(frozen=True)
class Pruned:
    """A pruned network, and its size before and after."""

    model: Any
    """Keras network."""
    widths: Mapping[str, tuple[int, int]]
    """By layer: filters before and after."""
    macs: tuple[float, float]
    """Multiply-accumulates per sample of the network's input, before and after."""
    parameters: tuple[int, int]
    """Parameters, before and after."""
    multiple: int
    """Widths are multiples of this, where a group allows."""


def prune_model(model: Any, ratio: float, rank: Callable[[Graph, Coupling], Importance]) -> Pruned:
    """Remove the least important channels until a share of the MACs is gone.

    Parameters
    ----------
    model : keras.Model
        Functional, of the zoo; not changed.
    ratio : float
        Share of the MACs to remove, between 0 and 1: at least that goes, and little more.
    rank : callable
        Importance of the classes of the network's graph.

    Raises
    ------
    InputError
        If so much cannot be removed, or nothing can.
    """
    graph = graph_of(model, 0.0)
    channels = coupling(graph)
    choice = choose(graph, channels, rank(graph, channels), ratio)
    smaller = without(model, graph, channels, choice.kept)
    layers = [layer.name for layer in model.layers if isinstance(layer, CONVOLUTIONS)]
    arithmetic = MacCount(graph, channels)
    return Pruned(
        model=smaller,
        widths={name: _filters(name, model, smaller) for name in layers},
        macs=(arithmetic.macs(arithmetic.widths), choice.macs),
        parameters=(model.count_params(), smaller.count_params()),
        multiple=choice.multiple,
    )


def without(model: Any, graph: Graph, channels: Coupling, kept: Bools) -> Any:
    """Network without some classes of channels.

    Where the removed classes are zero, its output is the network's: a mean over channels
    that has fewer of them is scaled by the kernel that reads it.

    Parameters
    ----------
    model : keras.Model
        Functional; not changed.
    graph : Graph
        Of this model.
    channels : Coupling
        Of this graph.
    kept : ndarray of bool, shape (classes,)
        The classes that are kept.
    """
    slices = {node.name: node for node in graph.nodes if node.op == "Slice"}
    transposed = {node.inputs[1] for node in graph.nodes if node.op == "ConvTranspose"}
    widths: dict[str, int | list[int]] = {}
    for layer in model.layers:
        if isinstance(layer, CONVOLUTIONS):
            kernel = f"{layer.name}.kernel"
            if kernel not in graph.constants:
                kernel = f"{layer.name}.pointwise_kernel"
            axis = 1 if kernel in transposed else 0
            widths[layer.name] = int(kept[channels.axes[kernel, axis]].sum())
        elif layer.name in slices:
            node = slices[layer.name]
            stays = kept[channels.values[node.inputs[0]]]
            first = int(stays[: node.first].sum())
            widths[layer.name] = [first, first + int(stays[node.first : node.last].sum())]
    smaller = with_widths(model, widths)
    for old, new in zip(model.weights, smaller.weights, strict=True):
        new.assign(_sliced(old, channels, kept))
    return smaller


def _filters(layer: str, *models: Any) -> tuple[int, int]:
    before, after = (model.get_layer(layer).filters for model in models)
    return int(before), int(after)


def _sliced(variable: Any, channels: Coupling, kept: Bools) -> Any:
    """Weights of the channels that are kept."""
    layer, _, kind = variable.path.replace("/", ".").rpartition(".")
    value = np.asarray(variable)
    if value.ndim == 4:
        # Keras' axes (rows, columns, in, out) are the graph's (out, in, rows, columns), a
        # transposed kernel's alike; a depthwise one's (rows, columns, channels, 1) are
        # (channels, 1, rows, columns)
        graph_axes = {2: 0} if kind == "depthwise_kernel" else {2: 1, 3: 0}
        for axis, graph_axis in graph_axes.items():
            classes = channels.axes[f"{layer}.{kind}", graph_axis]
            value = np.compress(kept[classes], value, axis)
            shares = [_share(one, channels, kept) for one in classes[kept[classes]]]
            value = value * np.array(shares, np.float32).reshape(-1, *[1] * (3 - axis))
        return value
    for constant, graph_axis in VECTORS.items():
        key = f"{layer}.{constant}", graph_axis
        if key in channels.axes:
            return np.compress(kept[channels.axes[key]], value, axis=-1)
    return value


def _share(one: int, channels: Coupling, kept: Bools) -> float:
    """Share of its channels that a mean over channels still sees; 1 for all other classes."""
    return float(kept[channels.means[one]].mean()) if one in channels.means else 1.0
