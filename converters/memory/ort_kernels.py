"""Kernels that ONNX Runtime's CPU provider makes of a network, and the copies between them.

A value lies in one form or more of a chain; each step along it is a copy::

    LAST ──────── BYTES ──────── PLANES ────────── BLOCKS
    integers,     integers in    real numbers in   real numbers in planes
    channels last planes         planes            of 16 channels each

Integer convolutions work on LAST; other operators on integers on LAST where all that they read
lies there, else on BYTES. Real convolutions, poolings, and sums and activations behind them work
on BLOCKS, other real operators on PLANES. A real convolution takes along the factor, shift, sum
and activation that follow it alone.

An integer convolution multiplies straight from its input, through a table of a pointer for each
tap and sample, where the processor has such a kernel for its channels. Elsewhere it unfolds its
input, a byte for each tap and channel, and keeps its sums in int32. `PROCESSORS` has the rules,
read in the source and, for x86-64 with AVX-512, seen in the log of ONNX Runtime 1.31's arena.

References
----------
ONNX Runtime, ``nchwc_transformer.cc`` (which operators are blocked), ``nhwc_transformer.cc`` and
``transpose_optimizer.cc`` (which have their channels last), ``qlinearconv.cc`` and
``convsym.cpp`` (what an integer convolution takes beside), ``conv_transpose_attributes.h`` (the
column buffer).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgeqe.converters.graph.analysis import CHANNEL_BLOCK
from edgeqe.converters.graph.graph import POINTWISE, Node
from edgeqe.converters.graph.integer import MOVING, Group, IntegerGraph

LAST, BYTES, PLANES, BLOCKS = range(4)
#: A value in a form.
Place = tuple[str, int]

#: Behind the name of a value: the real numbers that are rounded to its integers.
EXACT = ".exact"
#: Real operators that work on blocks; sums and concatenations of whole blocks do too, an added
#: constant does not.
BLOCKED, JOINS = frozenset({"Conv", "MaxPool", "GlobalAveragePool"}), frozenset({"Add", "Concat"})
#: Activations that a real convolution takes along.
ACTIVATIONS = frozenset({"Relu", "LeakyRelu", "Sigmoid"})
#: Real operators whose result may take the place of their first input.
IN_PLACE = POINTWISE - {"Concat", "Slice", "ReduceMax", "ReduceMean"}
#: Operators beside `MOVING` that have a kernel on integers.
INTEGER = frozenset({"Add", "Mul", "Concat", "LeakyRelu", "Sigmoid"})
#: Those that stay on integers with the channels last, if what they read lies so.
FOLLOWING = INTEGER | {"MaxPool", "Slice"}
FLOAT, SUM, POINTER = 4, 4, 8


@dataclass(frozen=True)
class Processor:
    """Integer convolutions that a kind of processor multiplies straight from their input."""

    least: int
    """Fewest channels of the input."""
    multiples: tuple[int, int]
    """The channels of input and result are multiples of these."""
    single: bool
    """Whether 1x1 convolutions too."""
    fewest: int = 16
    """Fewest channels of the result."""

    def reads_straight(self, into: int, out: int, taps: int) -> bool:
        """Whether it does so with a kernel of so many channels and taps."""
        whole = into % self.multiples[0] == 0 and out % self.multiples[1] == 0
        return whole and into >= self.least and out >= self.fewest and (self.single or taps > 1)


#: A depthwise convolution keeps no sums if its channels are a multiple of this.
DEPTHWISE = 16
#: AVX-512, AVX2, ARM with and without dot products. An x86-64 processor without AVX2 unfolds
#: everything, and is not planned for.
PROCESSORS = (
    Processor(1, (4, 4), True),
    Processor(1, (4, 8), True),
    Processor(64, (4, 16), False),
    Processor(64, (8, 8), False, 8),
)


@dataclass(frozen=True)
class Step:
    """One kernel of the runtime, or the copy of a value into another form."""

    reads: tuple[Place, ...]
    makes: Place
    in_place: bool = False
    """Whether the result may take the place of the first input."""
    beside: tuple[float, ...] = ()
    """Bytes that it takes beside, for each sample of the network's input."""


def sizes(integer: IntegerGraph) -> dict[Place, float]:
    """Bytes of each value in each form, for each sample of the network's input."""
    resolution, found = integer.graph.scales(), {}
    for name, count in integer.graph.channels().items():
        area = float(resolution[name] ** 2)
        found[name, LAST] = found[name, BYTES] = count * area
        found[name, PLANES] = FLOAT * count * area
        found[name, BLOCKS] = FLOAT * -(-count // CHANNEL_BLOCK) * CHANNEL_BLOCK * area
        for form in (PLANES, BLOCKS) if name in integer.steps else ():
            found[f"{name}{EXACT}", form] = found[name, form]
    return found


def given(integer: IntegerGraph) -> list[Place]:
    """The network's inputs, which lie at the caller's."""
    graph = integer.graph
    return [(f"{n}{EXACT}" if n in integer.steps else n, PLANES) for n in graph.inputs]


def steps_of(integer: IntegerGraph, processor: Processor) -> list[Step]:
    """Kernels and copies in running order."""
    return _Walk(integer, processor).steps


class _Walk:
    """One walk through a network."""

    def __init__(self, integer: IntegerGraph, processor: Processor) -> None:
        self.integer, self.graph, self.processor = integer, integer.graph, processor
        self.channels = self.graph.channels()
        self.area = {name: float(scale**2) for name, scale in self.graph.scales().items()}
        self.forms = {name: {form} for name, form in given(integer)}
        self.steps: list[Step] = []
        for name in self.graph.inputs:
            if name in integer.steps:
                self._round(name)
        for group in self._kernels():
            last = group.output
            if self.integer.is_integer(group.first) and group.first.op == "Conv":
                read = self._bring(group.first.inputs[0], LAST)
                self._make((read,), (last, LAST), beside=self._beside_integers(group))
            elif self._on_integers(group):
                self._move(group)
            else:
                self._compute(group)
        self._bring(self.graph.output, PLANES)

    def _bring(self, name: str, form: int) -> Place:
        """The value in a form, copied along the chain from the nearest form that is there."""
        have = self.forms[name]
        at = min(have, key=lambda there: abs(there - form))
        while at != form:
            nearer = at + (1 if form > at else -1)
            self.steps.append(Step(((name, at),), (name, nearer)))
            have.add(nearer)
            at = nearer
        return name, form

    def _make(
        self,
        reads: tuple[Place, ...],
        makes: Place,
        in_place: bool = False,
        beside: tuple[float, ...] = (),
    ) -> None:
        name, form = makes
        rounded = name in self.integer.steps and form > BYTES
        made = f"{name}{EXACT}" if rounded else name
        self.steps.append(Step(reads, (made, form), in_place, beside))
        self.forms[made] = {form}
        if rounded:
            self._round(name)

    def _round(self, name: str) -> None:
        """Make the integers of a value from its real numbers."""
        self.steps.append(Step((self._bring(f"{name}{EXACT}", PLANES),), (name, BYTES)))
        self.forms[name] = {BYTES}

    def _reads(self, group: Group) -> list[str]:
        """Values that come from outside of a group."""
        inside = {node.output for node in group.nodes}
        named = [name for node in group.nodes for name in node.inputs]
        return [name for name in named if name in self.channels and name not in inside]

    def _on_integers(self, group: Group) -> bool:
        """Whether a group other than a convolution has a kernel on integers."""
        steps, op = self.integer.steps, group.first.op
        if op in MOVING:
            return group.output in steps and not self.integer.symmetric
        reads = self._reads(group)
        constants = len(group.first.inputs) > len([n for n in group.first.inputs if n in reads])
        return op in INTEGER and not constants and all(v in steps for v in (*reads, group.output))

    def _move(self, group: Group) -> None:
        reads = self._reads(group)
        last = group.first.op in FOLLOWING and all(LAST in self.forms[name] for name in reads)
        form = LAST if last else BYTES
        self._make(tuple(self._bring(name, form) for name in reads), (group.output, form))

    def _compute(self, group: Group) -> None:
        """A kernel on real numbers."""
        node, reads = group.first, self._reads(group)
        whole = all(self.channels[name] % CHANNEL_BLOCK == 0 for name in reads)
        blocked = node.op in BLOCKED or (node.op in JOINS and len(reads) > 1 and whole)
        # a convolution reads a few plain channels as they are
        few = node.op == "Conv" and self.channels[reads[0]] < CHANNEL_BLOCK
        places = tuple(
            self._bring(name, BLOCKS if blocked and not (few and name == reads[0]) else PLANES)
            for name in reads
        )
        beside: tuple[float, ...] = ()
        if node.op == "ConvTranspose":
            area = self.area[node.inputs[0]]
            beside = (FLOAT * self.channels[node.output] * node.kernel**2 * area,)
        # between integers the runtime does not know that result and input are of one shape
        in_place = not self.integer.steps and node.op in IN_PLACE
        self._make(places, (group.output, BLOCKS if blocked else PLANES), in_place, beside)

    def _beside_integers(self, group: Group) -> tuple[float, ...]:
        """What an integer convolution takes beside its input and its result."""
        node = group.first
        into, out = self.channels[node.inputs[0]] // node.groups, self.channels[group.output]
        taps, area = node.kernel**2, self.area[group.output]
        sums, pointers, unfolded = SUM * out * area, POINTER * taps * area, taps * into * area
        if into == 1 and out == node.groups:  # depthwise
            return (pointers,) if out % DEPTHWISE == 0 else (sums, pointers)
        around = taps * node.stride > 1
        if node.groups == 1 and self.processor.reads_straight(into, out, taps):
            return (pointers,) if around else ()
        return (sums, unfolded) if around else (sums,)

    def _kernels(self) -> Iterator[Group]:
        """Nodes that run as one kernel, in running order."""
        position = {node.output: index for index, node in enumerate(self.graph.nodes)}
        integers = [group for group in self.integer.groups() if self._whole(group)]
        taken = {node.name for group in integers for node in group.nodes}
        found = list(integers)
        for node in self.graph.nodes:
            if node.name in taken:
                continue
            chain = self._taken_along(node, taken) if node.op == "Conv" else []
            taken.update(follower.name for follower in chain)
            found.append(Group((node, *chain)))
        return iter(sorted(found, key=lambda group: position[group.output]))

    def _whole(self, group: Group) -> bool:
        """Whether a group is one kernel on integers."""
        is_conv = self.integer.is_integer(group.first) and group.first.op == "Conv"
        return is_conv or self._on_integers(group)

    def _taken_along(self, conv: Node, taken: set[str]) -> list[Node]:
        """Factor, shift, one sum and an activation that follow a real convolution alone."""
        graph, chain = self.graph, list[Node]()
        value, summed = conv.output, False
        while value != graph.output and value not in self.integer.steps:
            readers = graph.uses(value)
            if len(readers) != 1 or readers[0].name in taken:
                break
            follower = readers[0]
            constant = any(name in graph.constants for name in follower.inputs)
            if follower.op in ("Mul", "Add") and constant and not summed:
                pass
            elif follower.op == "Add" and not constant and not summed:
                summed = True
            elif follower.op in ACTIVATIONS:
                return [*chain, follower]
            else:
                break
            chain.append(follower)
            value = follower.output
        return chain
