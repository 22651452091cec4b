"""I/O conventions: a network's value range and output, and their rewrite to the model file's.

The model file takes 8-bit sample values, level-shifted by 128, and gives the residual in 8-bit
levels. Another tool's network has its own range (0 to 1, -1 to 1, 0 to 255, ...) and gives the
picture, the residual that is added to it, or the noise that is subtracted.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeqe.converters.graph.convention import Convention, OutputKind
from edgeqe.converters.graph.graph import Graph, Node
from edgeqe.converters.onnx_io.output_kind import best_output
from edgeqe.converters.rewrites.skips import EXACT, Rest, beside_input, share_of_input
from edgeqe.converters.rewrites.value_range import UNIT, ValueRange, input_range, output_ranges
from edgeqe.errors import InputError
from edgeqe.reports.tables import counted
from edgeqe.typing import Float
from edgeqe.views.colour import NEUTRAL, SCALE

#: Names of the model file's inputs.
PLANES, RESIDUAL = "planes", "residual"
#: Layout of another tool's planes, by their number.
LAYOUT_OF = {1: "y", 3: "rgb"}
#: Shift of a sum, as a share of the value range, that is rounding of constants that cancel.
NOTHING = 3e-7


def convention(
    graph: Graph,
    planes: str | None = None,
    value_range: tuple[float, float] | None = None,
    output: OutputKind | str | None = None,
) -> Convention:
    """Convention of another tool's network; what is left out is found out or has a default.

    Parameters
    ----------
    graph : Graph
        In its own value range.
    planes : {"y", "rgb"}, optional
        By the number of channels if left out.
    value_range : (float, float), optional
        What the 8-bit sample values 0 and 255 are to it; if left out, what it begins with says
        (`value_range.input_range`), else 0 and 1.
    output : OutputKind or str, optional
        `find_output` if left out.

    Raises
    ------
    InputError
        If it is no enhancement network of these planes, or what it gives cannot be told.
    """
    channels = next(iter(graph.inputs.values()))
    if len(graph.inputs) != 1 or channels not in LAYOUT_OF:
        given = ", ".join(
            f"'{name}' ({counted(count, 'channel')})" for name, count in graph.inputs.items()
        )
        raise InputError(
            f"network '{graph.name}' takes {given}: only networks of one gray picture (1 channel) "
            "or one RGB picture (3) convert."
        )
    made, scale = graph.channels()[graph.output], graph.scales()[graph.output]
    if made != channels or scale != 1:
        raise InputError(
            f"network '{graph.name}' gives {counted(made, 'channel')} at {scale} times the size for "
            f"{counted(channels, 'channel')}: only networks that keep size and channels convert."
        )
    if planes not in (None, LAYOUT_OF[channels]):
        raise InputError(
            f"network '{graph.name}' has {channels} channels, which are no --planes {planes}: "
            f"leave it out, or give {LAYOUT_OF[channels]}."
        )
    low, high = value_range or input_range(graph) or UNIT
    gives, ends = find_output(graph, (low, high), OutputKind(output) if output else None)
    other = None if ends == (low, high) else ends
    return Convention(LAYOUT_OF[channels], low, high, gives, other)


def find_output(
    graph: Graph, value_range: ValueRange = UNIT, kind: OutputKind | None = None
) -> tuple[OutputKind, ValueRange]:
    """What a network outputs: by its last sum, or else by trying each on a compressed picture.

    Parameters
    ----------
    graph : Graph
        In its own value range, with one input.
    value_range : (float, float)
        What the 8-bit sample values 0 and 255 are to it.
    kind : OutputKind, optional
        Where it is known.

    Returns
    -------
    OutputKind
        The picture if its output is a sum with its input, else `output_kind.best_output`.
    (float, float)
        Its value range, one of `value_range.output_ranges`.

    Raises
    ------
    InputError
        If no kind is better than the others.
    """
    ranges = output_ranges(graph, value_range)
    if kind is not None and len(ranges) == 1:
        return kind, ranges[0]
    if kind is None and share_of_input(graph, next(iter(graph.inputs))) is not None:
        found = Convention("", *value_range, OutputKind.PICTURE, ranges[0])
        if beside_input(_in_input_range(graph, found), next(iter(graph.inputs))) is not None:
            return OutputKind.PICTURE, ranges[0]
    return best_output(graph, value_range, ranges, kind)


def as_residual(graph: Graph, convention: Convention) -> Graph:
    """Rewrite a network to the convention of the model file.

    With x in 8-bit sample values, level-shifted by 128, the network gets
    ``low + (x + 128) / 255 * (high - low)``, a prediction residual the same without the offset.
    Its output, brought into that range where it has another, becomes the residual in 8-bit levels:

    1. a picture that is a sum with the input, behind factors and shifts too, loses that term,
       which is exact (`skips.py`);
    2. from any other picture the input is subtracted;
    3. a residual is scaled; 4. noise is scaled and negated.

    A network that gives its input back is refused.

    Parameters
    ----------
    graph : Graph
        In its own value range; its first input is the picture.
    convention : Convention

    Returns
    -------
    Graph
        Input ``planes`` (and ``residual``). The new factors are Muls by per-channel constants;
        there is no Add for an offset of 0.

    Raises
    ------
    InputError
        If the output is the input, shifted at most.
    """
    graph = _without_input_names(_in_input_range(graph, convention))
    gain = (convention.high - convention.low) / SCALE
    offset = convention.low + NEUTRAL * gain
    wrapped, inputs = _Wrapped(graph), dict[str, int]()
    for name, (own, channels) in zip((PLANES, RESIDUAL), graph.inputs.items(), strict=False):
        inputs[name] = channels
        shift = offset if name == PLANES and abs(offset) > 1e-9 * abs(gain) else 0.0
        middle = wrapped.fresh(f"{own}.scaled") if shift else own
        wrapped.vector("Mul", name, gain, channels, middle)
        if shift:
            wrapped.vector("Add", middle, shift, channels, own)
    wrapped.nodes += graph.nodes
    output, picture = graph.output, next(iter(graph.inputs))
    channels = graph.inputs[picture]
    if convention.gives is OutputKind.PICTURE:
        rest = beside_input(graph, picture)
        if rest is not None:
            output = wrapped.total(rest, channels, abs(convention.high - convention.low))
        else:
            minus, less = wrapped.fresh("input.minus"), wrapped.fresh(f"{output}.residual")
            wrapped.vector("Mul", picture, -1.0, channels, minus)
            wrapped.nodes.append(Node("Add", less, (output, minus), less))
            output = less
    factor = -1.0 / gain if convention.gives is OutputKind.NOISE else 1.0 / gain
    if factor != 1.0:
        levels = wrapped.fresh(f"{output}.levels")
        wrapped.vector("Mul", output, factor, channels, levels)
        output = levels
    graph = replace(graph, inputs=inputs, output=output)
    return graph.with_nodes(wrapped.nodes, wrapped.constants)


def _in_input_range(graph: Graph, convention: Convention) -> Graph:
    """Graph whose output is in the value range of its input."""
    wrapped, output = _Wrapped(graph), graph.output
    wrapped.nodes += graph.nodes
    channels = graph.channels()[output]
    for op, value, neutral in zip(("Mul", "Add"), convention.to_input_range(), (1, 0), strict=True):
        if value != neutral:
            name = wrapped.fresh(f"{output}.{op.lower()}")
            wrapped.vector(op, output, value, channels, name)
            output = name
    return replace(graph, output=output).with_nodes(wrapped.nodes, wrapped.constants)


def _without_input_names(graph: Graph) -> Graph:
    """Graph in which no value or constant is named as an input of the file."""
    taken = {*graph.inputs, *graph.constants, *(node.output for node in graph.nodes)}
    renamed = {name: _free(f"{name}.unit", taken) for name in (PLANES, RESIDUAL) if name in taken}

    def new(name: str) -> str:
        return renamed.get(name, name)

    nodes = tuple(
        replace(node, inputs=tuple(map(new, node.inputs)), output=new(node.output))
        for node in graph.nodes
    )
    return Graph(
        graph.name,
        {new(name): channels for name, channels in graph.inputs.items()},
        new(graph.output),
        nodes,
        {new(name): value for name, value in graph.constants.items()},
        {new(name): table for name, table in graph.vectors.items()},
    )


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name = f"{name}+"
    taken.add(name)
    return name


class _Wrapped:
    """Nodes and constants that are put around a network."""

    def __init__(self, graph: Graph) -> None:
        self.nodes: list[Node] = []
        self.constants = dict(graph.constants)
        self.vectors = graph.vectors
        outputs = (node.output for node in graph.nodes)
        self.taken = {*graph.inputs, *graph.constants, *outputs, *(n.name for n in graph.nodes)}

    def fresh(self, name: str) -> str:
        """Unused name."""
        return _free(name, self.taken)

    def vector(
        self, op: str, source: str, value: float | Float, channels: int, output: str
    ) -> None:
        """Append a Mul or Add by one value, or by one per channel."""
        constant, name = self.fresh(f"{output}.{op.lower()}"), self.fresh(f"{output}.{op}")
        column = np.broadcast_to(np.asarray(value, np.float32).reshape(1, -1, 1, 1),
                                 (1, channels, 1, 1))  # fmt: skip
        self.constants[constant] = np.ascontiguousarray(column)
        self.nodes.append(Node(op, name, (source, constant), output))

    def total(self, rest: Rest, channels: int, span: float) -> str:
        """Append the sum of terms, each with its factor; a shift of `NOTHING` of the span is none."""
        terms = sorted(rest.terms, key=lambda term: term[0] in self.vectors)
        result = ""
        for name, gain in terms:
            if np.abs(gain - 1.0).max() > EXACT:
                scaled = self.fresh(f"{name}.part")
                self.vector("Mul", name, gain.astype(np.float32), channels, scaled)
                name = scaled
            if result:
                output = self.fresh(f"{result}.sum")
                self.nodes.append(Node("Add", output, (result, name), output))
                name = output
            result = name
        if np.abs(rest.shift).max() > NOTHING * span:
            output = self.fresh(f"{result}.shifted")
            self.vector("Add", result, rest.shift.astype(np.float32), channels, output)
            result = output
        return result
