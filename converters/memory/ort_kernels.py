"""Kernels and layout copies that ONNX Runtime's CPU provider runs for a graph.

A value has one layout or more of a chain; a copy leads from each to the next::

    LAST ──────── BYTES ──────── PLANES ────────── BLOCKS
    int8, NHWC    int8, NCHW     float, NCHW       float, NCHWc: blocks of 16 channels

Quantized convolutions work on LAST; other operators on int8 work on LAST where all their inputs
have it, else on BYTES. Float convolutions, poolings, and sums and activations behind them work
on BLOCKS, other float operators on PLANES. A float convolution is fused with the factor, shift,
sum and activation that follow it alone.

A quantized convolution multiplies straight from its input, through an indirection buffer of one
pointer per tap and sample, where the processor has such a kernel for its channels. Elsewhere it
uses im2col, one byte per tap and channel, and accumulates in an int32 buffer. `PROCESSORS` has the rules,
read in the source and, for x86-64 with AVX-512, seen in the log of ONNX Runtime 1.31's arena.

References
----------
ONNX Runtime, ``nchwc_transformer.cc`` (which operators are blocked), ``nhwc_transformer.cc`` and
``transpose_optimizer.cc`` (which have their channels last), ``qlinearconv.cc`` and
``convsym.cpp`` (workspaces of a quantized convolution), ``conv_transpose_attributes.h`` (the
column buffer).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgeqe.converters.graph.analysis import CHANNEL_BLOCK
from edgeqe.converters.graph.graph import POINTWISE, Node
from edgeqe.converters.graph.integer import MOVING, Group, QuantizedGraph

LAST, BYTES, PLANES, BLOCKS = range(4)
#: A value in a layout.
Place = tuple[str, int]

#: Suffix of a value's name: its float tensor in front of QuantizeLinear.
EXACT = ".exact"
#: Float operators that work on blocks; sums and concatenations of whole blocks do too, an added
#: constant does not.
BLOCKED, JOINS = frozenset({"Conv", "MaxPool", "GlobalAveragePool"}), frozenset({"Add", "Concat"})
#: Activations that a float convolution is fused with.
ACTIVATIONS = frozenset({"Relu", "LeakyRelu", "Sigmoid"})
#: Float operators that may run in place of their first input.
IN_PLACE = POINTWISE - {"Concat", "Slice", "ReduceMax", "ReduceMean"}
#: Operators beside `MOVING` that have an int8 kernel.
INTEGER = frozenset({"Add", "Mul", "Concat", "LeakyRelu", "Sigmoid"})
#: Those that keep int8 NHWC if all their inputs have it.
FOLLOWING = INTEGER | {"MaxPool", "Slice"}
FLOAT, SUM, POINTER = 4, 4, 8
#: Values, beside input and result, of operators that are several nodes in ONNX; a Conv with a border
#: that is not zero has its padded input.
TEMPORARIES = {"ChannelNorm": 2, "Gelu": 2, "HardSwish": 1}


@dataclass(frozen=True)
class Processor:
    """Quantized convolutions that a kind of processor runs without im2col."""

    least: int
    """Fewest channels of the input."""
    multiples: tuple[int, int]
    """The channels of input and result are multiples of these."""
    single: bool
    """Whether 1x1 convolutions too."""
    fewest: int = 16
    """Fewest channels of the result."""

    def runs_without_im2col(self, into: int, out: int, taps: int) -> bool:
        """Whether a kernel of so many input and output channels and taps runs without im2col."""
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
class KernelCall:
    """One kernel of the runtime, or the copy of a value into another layout."""

    reads: tuple[Place, ...]
    makes: Place
    in_place: bool = False
    """Whether it may run in place of its first input."""
    beside: tuple[float, ...] = ()
    """Bytes of its workspaces, per sample of the network's input."""


def sizes(quantized: QuantizedGraph) -> dict[Place, float]:
    """Bytes of each value in each layout, per sample of the network's input."""
    resolution, found = quantized.graph.scales(), {}
    for name, count in quantized.graph.channels().items():
        area = float(resolution[name] ** 2)
        found[name, LAST] = found[name, BYTES] = count * area
        found[name, PLANES] = FLOAT * count * area
        found[name, BLOCKS] = FLOAT * -(-count // CHANNEL_BLOCK) * CHANNEL_BLOCK * area
        for form in (PLANES, BLOCKS) if name in quantized.quant_params else ():
            found[f"{name}{EXACT}", form] = found[name, form]
    return found


def given(quantized: QuantizedGraph) -> list[Place]:
    """The network's inputs: buffers of the caller."""
    graph = quantized.graph
    return [(f"{n}{EXACT}" if n in quantized.quant_params else n, PLANES) for n in graph.inputs]


def kernel_calls(quantized: QuantizedGraph, processor: Processor) -> list[KernelCall]:
    """Kernels and layout copies in execution order."""
    return _Walk(quantized, processor).calls


class _Walk:
    """State of one pass over a graph."""

    def __init__(self, quantized: QuantizedGraph, processor: Processor) -> None:
        self.quantized, self.graph, self.processor = quantized, quantized.graph, processor
        self.channels = self.graph.channels()
        self.area = {name: float(scale**2) for name, scale in self.graph.scales().items()}
        self.forms = {name: {form} for name, form in given(quantized)}
        self.calls: list[KernelCall] = []
        for name in self.graph.inputs:
            if name in quantized.quant_params:
                self._round(name)
        for group in self._kernels():
            last = group.output
            if self.quantized.is_integer(group.first) and group.first.op == "Conv":
                read = self._bring(group.first.inputs[0], LAST)
                self._make((read,), (last, LAST), beside=self._beside_integers(group))
            elif self._on_integers(group):
                self._move(group)
            else:
                self._compute(group)
        self._bring(self.graph.output, PLANES)

    def _bring(self, name: str, form: int) -> Place:
        """Value in a layout, reordered from the nearest layout that it has."""
        have = self.forms[name]
        at = min(have, key=lambda there: abs(there - form))
        while at != form:
            nearer = at + (1 if form > at else -1)
            self.calls.append(KernelCall(((name, at),), (name, nearer)))
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
        rounded = name in self.quantized.quant_params and form > BYTES
        made = f"{name}{EXACT}" if rounded else name
        self.calls.append(KernelCall(reads, (made, form), in_place, beside))
        self.forms[made] = {form}
        if rounded:
            self._round(name)

    def _round(self, name: str) -> None:
        """QuantizeLinear of a value."""
        self.calls.append(KernelCall((self._bring(f"{name}{EXACT}", PLANES),), (name, BYTES)))
        self.forms[name] = {BYTES}

    def _reads(self, group: Group) -> list[str]:
        """Values that come from outside of a group."""
        inside = {node.output for node in group.nodes}
        named = [name for node in group.nodes for name in node.inputs]
        return [name for name in named if name in self.channels and name not in inside]

    def _on_integers(self, group: Group) -> bool:
        """Whether a group other than a convolution has an int8 kernel."""
        quant_params, op = self.quantized.quant_params, group.first.op
        if op in MOVING:
            return group.output in quant_params and not self.quantized.symmetric
        reads = self._reads(group)
        constants = len(group.first.inputs) > len([n for n in group.first.inputs if n in reads])
        return (
            op in INTEGER
            and not constants
            and all(v in quant_params for v in (*reads, group.output))
        )

    def _move(self, group: Group) -> None:
        reads = self._reads(group)
        last = group.first.op in FOLLOWING and all(LAST in self.forms[name] for name in reads)
        form = LAST if last else BYTES
        self._make(tuple(self._bring(name, form) for name in reads), (group.output, form))

    def _compute(self, group: Group) -> None:
        """A float kernel."""
        node, reads = group.first, self._reads(group)
        whole = all(self.channels[name] % CHANNEL_BLOCK == 0 for name in reads)
        blocked = node.op in BLOCKED or (node.op in JOINS and len(reads) > 1 and whole)
        # a convolution reads few channels from NCHW
        few = node.op == "Conv" and self.channels[reads[0]] < CHANNEL_BLOCK
        places = tuple(
            self._bring(name, BLOCKS if blocked and not (few and name == reads[0]) else PLANES)
            for name in reads
        )
        beside: tuple[float, ...] = ()
        if node.op == "ConvTranspose":
            area = self.area[node.inputs[0]]
            beside = (FLOAT * self.channels[node.output] * node.kernel**2 * area,)
        if node.op in TEMPORARIES or node.border != "zero":
            count = TEMPORARIES.get(node.op, 1) * self.channels[reads[0]]
            beside = (FLOAT * count * self.area[reads[0]],)
        # between int8 tensors the runtime does not know that output and input are of one shape
        in_place = not self.quantized.quant_params and node.op in IN_PLACE
        self._make(places, (group.output, BLOCKS if blocked else PLANES), in_place, beside)

    def _beside_integers(self, group: Group) -> tuple[float, ...]:
        """Workspaces of a quantized convolution."""
        node = group.first
        into, out = self.channels[node.inputs[0]] // node.groups, self.channels[group.output]
        taps, area = node.kernel**2, self.area[group.output]
        sums, pointers, unfolded = SUM * out * area, POINTER * taps * area, taps * into * area
        if node.border != "zero":  # its padded input
            unfolded += self.channels[node.inputs[0]] * self.area[node.inputs[0]]
            pointers += self.channels[node.inputs[0]] * self.area[node.inputs[0]]
        if into == 1 and out == node.groups:  # depthwise
            return (pointers,) if out % DEPTHWISE == 0 else (sums, pointers)
        around = taps * node.stride > 1
        if node.groups == 1 and self.processor.runs_without_im2col(into, out, taps):
            return (pointers,) if around else ()
        return (sums, unfolded) if around else (sums,)

    def _kernels(self) -> Iterator[Group]:
        """Groups that run as one kernel, in execution order."""
        position = {node.output: index for index, node in enumerate(self.graph.nodes)}
        integers = [group for group in self.quantized.groups() if self._whole(group)]
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
        """Whether a group is one int8 kernel."""
        is_conv = self.quantized.is_integer(group.first) and group.first.op == "Conv"
        return is_conv or self._on_integers(group)

    def _taken_along(self, conv: Node, taken: set[str]) -> list[Node]:
        """Factor, shift, one sum and an activation that are fused into a float convolution."""
        graph, chain = self.graph, list[Node]()
        value, summed = conv.output, False
        while value != graph.output and value not in self.quantized.quant_params:
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
