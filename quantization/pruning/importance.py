"""Channel importance criteria: L1 norm, batch-norm scale, and first-order Taylor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.choices import Choice
from edgeqe.converters.graph.graph import Graph
from edgeqe.errors import InputError
from edgeqe.quantization.pruning.coupling import Coupling
from edgeqe.quantization.pruning.pictures import TuningPictures

#: One value per class; NaN where the criterion says nothing.
Importance = npt.NDArray[np.float64]
#: Gradients of the loss by kernel, in the graph's layout.
Gradients = Mapping[str, npt.NDArray[np.float32]]

#: Learning rate of the plain SGD step whose change of the weights is the gradient: large, that the
#: weights' rounding does not count, and a power of two, that it divides out.
RATE = 1024.0
#: Batches and crops per batch that Taylor importance is measured on, and their seed.
BATCHES, CROPS, SEED = 64, 4, 2


class ImportanceCriterion(Choice):
    """How the importance of channels is measured."""

    L1 = "l1"
    """L1 norm of the filters that compute them."""
    BATCH_NORM = "batch-norm"
    """Magnitude of their scale: batch norm's gamma, or the strength's scale."""
    TAYLOR = "taylor"
    """First-order Taylor change of the loss on pictures."""


def ranking(
    kind: ImportanceCriterion | str, model: Any, pictures: TuningPictures | None
) -> Callable[[Graph, Coupling], Importance]:
    """Importance criterion of a kind, for the classes of a Keras network's graph.

    Parameters
    ----------
    kind : ImportanceCriterion or str
    model : keras.Model
        The network.
    pictures : Pictures, optional
        For `TAYLOR`.

    Raises
    ------
    InputError
        If there is no such criterion, or `TAYLOR` has no pictures.
    """
    kind = ImportanceCriterion(kind)
    if kind is ImportanceCriterion.L1:
        return by_l1
    if kind is ImportanceCriterion.BATCH_NORM:
        return by_norm
    if pictures is None:
        raise InputError("--importance taylor measures on pictures: give --data.")
    from edgeqe.zoo.training.loop import weighted_error

    batches = (
        ([planes, log2_step], targets)
        for planes, log2_step, targets in pictures.batches(SEED, BATCHES, CROPS)
    )
    gradients = keras_gradients(model, weighted_error, batches)
    return lambda graph, coupling: by_taylor(graph, coupling, gradients)


def by_l1(graph: Graph, coupling: Coupling) -> Importance:
    """L1 norm of the filters that compute a class, relative to its group.

    References
    ----------
    H. Li et al., "Pruning filters for efficient convnets", ICLR 2017, section 3.1.
    """
    parts = []
    for name, (_, out) in _kernels(graph).items():
        weights = np.abs(graph.constants[name].astype(np.float64))
        parts.append((coupling.axes[name, out], np.moveaxis(weights, out, 0)))
    return _relative(_sums(parts, coupling), coupling)


def by_norm(graph: Graph, coupling: Coupling) -> Importance:
    """Magnitude of a class's scale, relative to its group: batch norm's gamma, or the strength's.

    A strength's scale counts by its mean over all strengths.

    Raises
    ------
    InputError
        If nothing scales any channel of the network.

    References
    ----------
    Z. Liu et al., "Learning efficient convolutional networks through network slimming",
    ICCV 2017, section 3.
    """
    parts = []
    for node in graph.nodes:
        if node.op == "BatchNormalization":
            gamma = node.inputs[1]
            parts.append((coupling.axes[gamma, 0], np.abs(graph.constants[gamma])))
        for name in node.inputs:
            if node.op == "Mul" and name in graph.vectors:
                scale = np.abs(graph.vectors[name].astype(np.float64)).mean(axis=0)
                parts.append((coupling.axes[name, 1], scale))
    result = _sums(parts, coupling)
    if all(np.isnan(result[group]).any() for group in coupling.groups):
        raise InputError(
            f"'{graph.name}' has neither batch norm nor strengths to rank channels by: use "
            "--importance l1."
        )
    return _relative(result, coupling)


def by_taylor(graph: Graph, coupling: Coupling, batches: Iterable[Gradients]) -> Importance:
    """Squared first-order Taylor change of the loss without a class, mean over the batches.

    The change is the sum of weight times gradient over the slices of the kernels that read
    the class: the derivative by a factor on the channel as those kernels see it. Comparable
    over the whole network.

    References
    ----------
    P. Molchanov et al., "Importance estimation for neural network pruning", CVPR 2019,
    equation 8.
    """
    kernels, total, count = _kernels(graph), np.zeros(coupling.count), 0
    for gradients in batches:
        parts = []
        for name, (into, _) in kernels.items():
            change = graph.constants[name].astype(np.float64) * gradients[name]
            parts.append((coupling.axes[name, into], np.moveaxis(change, into, 0)))
        total, count = total + np.square(_sums(parts, coupling)), count + 1
    return total / max(count, 1)


def keras_gradients(model: Any, loss: Any, batches: Iterable[Any]) -> Iterator[Gradients]:
    """Gradients of a loss by the kernels of a Keras network, in the graph's layout.

    Found on any backend as the change of the weights by one SGD step; the
    weights are as before after each batch.

    Parameters
    ----------
    model : keras.Model
        Functional; it is compiled anew.
    loss : callable
        As Keras takes it.
    batches : iterable of (inputs, targets)
    """
    import keras

    model.compile(optimizer=keras.optimizers.SGD(RATE), loss=loss)
    before = model.get_weights()
    for inputs, targets in batches:
        model.train_on_batch(inputs, targets)
        after = model.get_weights()
        model.set_weights(before)
        result = {}
        for variable, old, new in zip(model.weights, before, after, strict=True):
            if old.ndim == 4:
                name = variable.path.replace("/", ".")
                result[name] = ((old - new) / RATE).transpose(3, 2, 0, 1)
        yield result


def _kernels(graph: Graph) -> dict[str, tuple[int, int]]:
    """Input and output channel axis of every kernel that mixes channels."""
    result = {}
    for node in graph.nodes:
        if node.groups == 1 and node.op in ("Conv", "ConvTranspose"):
            result[node.inputs[1]] = (1, 0) if node.op == "Conv" else (0, 1)
    return result


def _sums(parts: Iterable[tuple[Any, Any]], coupling: Coupling) -> Importance:
    """Sum per class over parts of classes and values, the values' first axis the classes'."""
    total, seen = np.zeros(coupling.count), np.zeros(coupling.count, bool)
    for classes, values in parts:
        np.add.at(total, classes, values.reshape(len(classes), -1).sum(axis=1))
        seen[classes] = True
    return np.where(seen, total, np.nan)


def _relative(importance: Importance, coupling: Coupling) -> Importance:
    """Importance with the mean 1 in each group, so that groups compare."""
    result = importance.copy()
    for group in coupling.groups:
        mean = importance[group].mean()
        result[group] = importance[group] / mean if mean > 0 else 0.0
        if np.isnan(mean):
            result[group] = np.nan
    return result
