"""Dependency graph of structured pruning: which channels can only be removed together.

A channel is removed from everything that holds it: the filter that computes it, the scale, bias,
slope and norm behind it, and the slice of each kernel that reads it. Sums tie the channels of both
sides, a kernel used twice ties those of its uses, SpaceToDepth and DepthToSpace tie the blocks of a
channel. Tied channels are one *class*, found by union-find over all axes of constants and values;
classes that lie in the same axes are one *group*, which can shrink to any width.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edgeqe.converters.graph.graph import Graph, Node

#: Class of each channel along an axis, shape (channels,).
Classes = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Coupling:
    """Dependency classes of a graph's channels."""

    count: int
    """Classes are numbers from 0 to before this."""
    values: Mapping[str, Classes] = field(repr=False)
    """By value: the classes of its channels."""
    axes: Mapping[tuple[str, int], Classes] = field(repr=False)
    """By constant and axis: the classes along it; axes of rows and columns are left out."""
    groups: tuple[Classes, ...]
    """Prunable classes, by group, in the order of the network."""
    means: Mapping[int, Classes] = field(repr=False)
    """By the class of a mean over channels: the classes that it is the mean of."""


class _Union:
    """Union-find over channels."""

    def __init__(self) -> None:
        self.parents: list[int] = []

    def new(self, count: int) -> Classes:
        first = len(self.parents)
        self.parents += range(first, first + count)
        return np.arange(first, first + count)

    def find(self, one: int) -> int:
        while self.parents[one] != one:
            self.parents[one] = self.parents[self.parents[one]]
            one = self.parents[one]
        return one

    def join(self, some: Classes, others: Classes) -> None:
        for one, other in zip(some, others, strict=True):
            self.parents[self.find(int(one))] = self.find(int(other))


class _CouplingReader:
    """State while the classes of one graph are found."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.union = graph, _Union()
        self.values: dict[str, Classes] = {}
        self.axes: dict[tuple[str, int], Classes] = {}
        self.fixed: list[Classes] = []
        self.means: list[tuple[Classes, Classes]] = []

    def read(self) -> None:
        """Visit all nodes in execution order."""
        for name, channels in self.graph.inputs.items():
            self.values[name] = self._fixed(channels)
        for node in self.graph.nodes:
            self.values[node.output] = self._output(node)
        self.fixed.append(self.values[self.graph.output])

    def _fixed(self, count: int) -> Classes:
        made = self.union.new(count)
        self.fixed.append(made)
        return made

    def _axis(self, name: str, axis: int, classes: Classes | None = None) -> Classes:
        """Classes along a constant's axis, tied to the ones given; new ones where it has none."""
        if (name, axis) not in self.axes:
            if classes is None:
                classes = self.union.new(self.graph.constants[name].shape[axis])
            self.axes[name, axis] = classes
        elif classes is not None:
            self.union.join(self.axes[name, axis], classes)
        return self.axes[name, axis]

    def _output(self, node: Node) -> Classes:
        given = [self.values[name] for name in node.inputs if name in self.values]
        first, constants = given[0], [n for n in node.inputs if n in self.graph.constants]
        if node.op in ("Conv", "ConvTranspose"):
            return self._convolution(node, first, constants)
        if node.op == "Concat":
            return np.concatenate(given)
        if node.op == "Slice":
            part: Classes = first[node.first : node.last]
            return part
        if node.op == "SpaceToDepth":  # block b of channel c becomes channel b * C + c
            return np.tile(first, node.kernel**2)
        if node.op == "DepthToSpace":
            part, *others = np.split(first, node.kernel**2)
            for block in others:
                self.union.join(part, block)
            return part
        if node.op in ("ReduceMax", "ReduceMean"):
            made = self._fixed(1)
            if node.op == "ReduceMean":
                self.means.append((made, first))
            return made
        for name in constants:  # (C,), (C, 1, 1) or (1, C, 1, 1); one value for all is no axis
            shape = self.graph.constants[name].shape
            axis = 1 if len(shape) == 4 else 0
            if shape[axis] == len(first):
                self._axis(name, axis, first)
        wide = max(given, key=len)
        for other in given:
            if len(other) == len(wide):
                self.union.join(other, wide)
        return wide

    def _convolution(self, node: Node, given: Classes, constants: list[str]) -> Classes:
        kernel, *bias = constants
        into, out = (1, 0) if node.op == "Conv" else (0, 1)
        if node.groups == 1:
            self._axis(kernel, into, given)
            made = self._axis(kernel, out)
        elif node.op == "Conv" and node.groups == len(self.graph.constants[kernel]) == len(given):
            made = self._axis(kernel, 0, given)
        else:
            self.fixed.append(given)
            channels = self.graph.constants[kernel].shape[out]
            made = self._fixed(channels * (node.groups if out else 1))
        for name in bias:
            self._axis(name, 0, made)
        return made


def coupling(graph: Graph) -> Coupling:
    """Find the dependency classes and groups of a graph's channels.

    The channels of its inputs and of its result stay, and so do those of a grouped
    convolution that is not depthwise.
    """
    reader = _CouplingReader(graph)
    reader.read()
    roots = np.array([reader.union.find(one) for one in range(len(reader.union.parents))])
    numbers = np.unique(roots, return_inverse=True)[1]
    values = {name: numbers[classes] for name, classes in reader.values.items()}
    axes = {key: numbers[classes] for key, classes in reader.axes.items()}
    fixed = set(numbers[np.concatenate(reader.fixed)].tolist())
    return Coupling(
        count=int(numbers.max()) + 1,
        values=values,
        axes=axes,
        groups=_groups([*axes.values(), *values.values()], fixed),
        means={int(numbers[made[0]]): numbers[classes] for made, classes in reader.means},
    )


def _groups(axes: Iterable[Classes], fixed: set[int]) -> tuple[Classes, ...]:
    """Classes by the axes that they lie in, how often in each: those of a group are alike."""
    places: dict[int, list[tuple[int, int]]] = {}
    for index, classes in enumerate(axes):
        for one, count in zip(*np.unique(classes, return_counts=True), strict=True):
            if int(one) not in fixed:
                places.setdefault(int(one), []).append((index, int(count)))
    groups: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for one, where in places.items():
        groups.setdefault(tuple(where), []).append(one)
    return tuple(np.array(group) for group in groups.values())
