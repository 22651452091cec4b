"""TFLite operators of edgeqe's files: inputs, options, types and shapes of each, and their cost.

LiteRT takes what an operator refers to for granted: it follows an index of -1, options that are not
there and a kernel of another shape into memory that is not the model's. So each operator is held to
what edgeqe writes, and each result's stored shape to what follows from its inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from edgeqe.errors import ModelError
from edgeqe.model.flatbuffer_tables import Table, unpack
from edgeqe.model.limits import LARGEST_SIDE, WIDEST_VALUE
from edgeqe.model.network import (
    FLOAT16,
    FLOAT32,
    INT8,
    INT32,
    Network,
    Size,
    Tally,
    Value,
    area,
    joined,
    rearranged,
    window,
)
from edgeqe.model.tensors import Tensor

#: Kind of each field of an operator's options (an integer of 1 or 4 bytes, a float), with the
#: schema's default, by the number of the options' table.
_OPTIONS: dict[int, tuple[tuple[str, int], ...]] = {
    1: (("b", 0), ("i", 0), ("i", 0), ("b", 0), ("i", 1), ("i", 1), ("b", 0)),  # Conv2D
    2: (("b", 0), ("i", 0), ("i", 0), ("i", 0), ("b", 0), ("i", 1), ("i", 1)),  # DepthwiseConv2D
    5: (("b", 0), ("i", 0), ("i", 0), ("i", 0), ("i", 0), ("b", 0)),  # Pool2D
    10: (("i", 0), ("b", 0)),  # Concatenation
    11: (("b", 0), ("b", 1)),  # Add
    19: (("i", 0),),  # SpaceToDepth
    21: (("b", 0),),  # Mul
    22: (),  # Pad
    27: (("b", 0),),  # Reducer
    32: (("i", 0), ("i", 0), ("i", 0), ("i", 0), ("i", 0), ("b", 0)),  # StridedSlice
    38: (),  # Dequantize
    75: (("f", 0),),  # LeakyRelu
    94: (("i", 0),),  # DepthToSpace
}
_SAME, _VALID, _RELU = 0, 1, 1
#: How much larger than that of its result a scale that ADD reads may be: LiteRT ends the process
#: from twice that on.
_LARGEST_RATIO = 2.0**18


@dataclass(frozen=True)
class Part:
    """A tensor of the file with what its operators need to know of it."""

    tensor: Tensor
    scales: Tensor
    axis: int
    """Axis that several scales belong to."""

    @property
    def is_constant(self) -> bool:
        """Whether the file holds its data."""
        return self.tensor.stop > self.tensor.start


class Operators:
    """Values and cost, while the operators of a graph are walked in order.

    Parameters
    ----------
    data : bytes
    parts : list of Part
        The file's tensors.
    inputs : tuple of int
        Tensors that are inputs of the graph.

    Raises
    ------
    ModelError
        If an input is no picture.
    """

    def __init__(self, data: bytes, parts: list[Part], inputs: tuple[int, ...]) -> None:
        self.data, self.parts, self.inputs = data, parts, inputs
        self.values: dict[int, Value] = {}
        self.widened: set[int] = set()
        """Float tensors that DEQUANTIZE makes of constants."""
        self.tally, self.op = Tally(), ""
        self.sides = parts[inputs[0]].tensor.dims[1:3] if inputs else ()
        if len(self.sides) != 2 or not all(1 <= side <= LARGEST_SIDE for side in self.sides):
            raise ModelError("the TFLite model has no input that is a picture.")
        for index in inputs:
            self._store(index, Value(self._dims(index)[-1], Fraction(1), (0, 0), self._kind(index)))

    def take(
        self, op: str, given: tuple[int, ...], made: tuple[int, ...], kind: int, table: Table | None
    ) -> None:
        """Check an operator and add what it makes.

        Parameters
        ----------
        op : str
        given, made : tuple of int
            Tensors that it reads and makes; -1 for one that is not given.
        kind : int
            Number of its options' table.
        table : Table, optional
            Its options.

        Raises
        ------
        ModelError
            If it is no operator that edgeqe writes.
        """
        self.op = op
        options_kind, least, most, check = _CHECKS[op]
        if not least <= len(given) <= most or len(made) != 1:
            raise ModelError(
                f"the TFLite model's operator {op} has {len(given)} inputs and {len(made)} outputs."
            )
        if -1 in given and (op not in _CONVOLUTIONS or -1 in given[:2]):
            raise ModelError(f"the TFLite model's operator {op} lacks an input.")
        check(self, given, made[0], self._options(options_kind, kind, table))

    def network(self, outputs: tuple[int, ...]) -> Network:
        """Ends and cost, when all operators were taken."""
        inputs = {self.parts[index].tensor.name: self._dims(index)[-1] for index in self.inputs}
        values = [self.values[i] for i in outputs if i in self.values and i not in self.inputs]
        if len(values) != len(outputs) or len(inputs) != len(self.inputs) or not outputs:
            raise ModelError("the TFLite model has no input, or an output that nothing makes.")
        return self.tally.network(inputs, values)

    # Reading.

    def _options(self, expected: int, kind: int, table: Table | None) -> tuple[int, ...]:
        """Fields of the options' table, which is the operator's own; () where it needs none."""
        if kind not in (0, *_OPTIONS):
            raise ModelError(f"the TFLite model has operator options {kind}, unknown to edgeqe.")
        fields = _OPTIONS.get(expected, ())
        if (table is None) != (kind == 0) or kind not in (0, expected):
            raise self._wrong()
        if table is None:
            if fields:
                raise ModelError(f"the TFLite model's operator {self.op} has no options.")
            return ()
        return tuple(
            table.number(field, kind_of, absent) for field, (kind_of, absent) in enumerate(fields)
        )

    def _dims(self, index: int) -> tuple[int, ...]:
        return self.parts[index].tensor.dims

    def _kind(self, index: int) -> int:
        return self.parts[index].tensor.data_type

    def _value(self, index: int) -> Value:
        if index in self.values:
            return self.values[index]
        if self.parts[index].is_constant:
            raise ModelError(
                f"the TFLite model's operator {self.op} reads a constant where a value belongs."
            )
        raise ModelError("the TFLite model's operators are not in execution order.")

    def _constant(self, index: int, *kinds: int) -> Part:
        part = self.parts[index]
        if self._kind(index) not in kinds or not (part.is_constant or index in self.widened):
            raise ModelError(
                f"the TFLite model's operator {self.op} reads '{part.tensor.name}', which is no "
                "constant of its type."
            )
        return part

    def _integers(self, index: int, *dims: int) -> list[int]:
        """An int32 constant's numbers."""
        tensor = self._constant(index, INT32).tensor
        if tensor.dims != dims:
            raise self._wrong()
        return [int(n) for n in np.frombuffer(self.data[tensor.start : tensor.stop], "<i4")]

    def _wrong(self) -> ModelError:
        return ModelError(
            f"the TFLite model's operator {self.op} has options or shapes of no network."
        )

    # Results.

    def _store(self, index: int, value: Value) -> None:
        """Add a value, if its tensor has the shape and type that it must have."""
        above, below = value.scale.numerator, value.scale.denominator
        expected = tuple(
            above * side // below + more
            for side, more in zip(self.sides, value.offsets, strict=True)
        )
        part = self.parts[index]
        if part.is_constant or index in self.values or index in self.widened:
            raise ModelError("the TFLite model's operators are not in execution order.")
        odd = any(above * side % below for side in self.sides)
        if odd or part.tensor.dims != (1, *expected, value.channels):
            raise ModelError(
                f"the TFLite model's tensor '{part.tensor.name}' has shape {part.tensor.dims}, its "
                f"operator gives {(1, *expected, value.channels)}."
            )
        if part.tensor.data_type != value.kind or value.kind not in (FLOAT32, INT8):
            raise ModelError(
                f"the TFLite model's operator {self.op} mixes integers and floats in "
                f"'{part.tensor.name}'."
            )
        self.values[index] = value

    def _give(
        self, index: int, value: Value, given: list[Value], weights: int = 0, macs: float = 0.0
    ) -> None:
        self.tally.add(given, value, weights, macs)
        self._store(index, value)

    # Operators.

    def _same(self, given: tuple[int, ...], made: int, options: tuple[int, ...]) -> None:
        value = self._value(given[0])
        if self.op == "PRELU" and (
            self._constant(given[1], value.kind).tensor.dims != (1, 1, value.channels)
            or value.kind != FLOAT32
        ):
            raise self._wrong()
        self._give(made, value, [value])

    def _two(self, given: tuple[int, ...], made: int, options: tuple[int, ...]) -> None:
        first, second = self._value(given[0]), given[1]
        if options[0] not in (0, _RELU):
            raise self._wrong()
        if second in self.values:
            self._give(
                made, joined(first, self.values[second], self.op), [first, self.values[second]]
            )
        else:
            dims = self._constant(second, first.kind).tensor.dims
            if dims not in ((), (1,), (first.channels,)):
                raise self._wrong()
            self._give(made, first, [first])
        if self.op == "ADD" and first.kind == INT8:
            *scales, of_sum = (
                unpack(self.data, "f", self.parts[i].scales.start) for i in (*given, made)
            )
            if max(scales) > _LARGEST_RATIO * of_sum:
                raise ModelError(
                    f"the TFLite model adds integers whose scale is {max(scales) / of_sum:.0g} "
                    "times that of their sum."
                )

    def _concatenation(self, given: tuple[int, ...], made: int, options: tuple[int, ...]) -> None:
        values = [self._value(index) for index in given]
        if options != (3, 0) or len({(value.size, value.kind) for value in values}) > 1:
            raise self._wrong()
        channels = sum(value.channels for value in values)
        self._give(made, values[0]._replace(channels=channels), values)

    def _conv(self, given: tuple[int, ...], made: int, options: tuple[int, ...]) -> None:
        value, depthwise = self._value(given[0]), self.op == "DEPTHWISE_CONV_2D"
        kernel = self._constant(given[1], value.kind)
        padding, across, down, *rest = options
        if depthwise:
            multiplier, activation, *dilations = rest
        else:
            multiplier, (activation, *dilations) = 1, rest[:3]
        dims = kernel.tensor.dims
        if len(dims) != 4 or across != down or dilations != [1, 1]:
            raise self._wrong()
        if padding not in (_SAME, _VALID) or activation not in (0, _RELU) or not all(dims):
            raise self._wrong()
        channels = dims[3] if depthwise else dims[0]
        if depthwise:
            fits = dims[0] == 1 and multiplier >= 1 and channels == multiplier * value.channels
        else:
            groups, odd = divmod(value.channels, dims[3])
            fits = not odd and groups >= 1 and channels % groups == 0
        if not fits or (kernel.scales.dims[0] > 1 and kernel.axis != (3 if depthwise else 0)):
            raise self._wrong()
        if given[2] != -1:
            bias = self._constant(given[2], INT32 if value.kind == INT8 else FLOAT32)
            if bias.tensor.dims != (channels,):
                raise self._wrong()
        size = self._window(value, (dims[1], dims[2]), across, padding)
        weights = math.prod(dims)
        result = Value(channels, *size, value.kind)
        self._give(made, result, [value], weights, weights * area(size[0]))

    def _window(self, value: Value, sides: tuple[int, int], stride: int, padding: int) -> Size:
        scale, offsets = window(value, sides, stride, (0, 0))
        if padding == _SAME:
            offsets = (-(-value.offsets[0] // stride), -(-value.offsets[1] // stride))
        return scale, offsets

    def _max_pool(self, given: tuple[int, ...], made: int, options: tuple[int, ...]) -> None:
        value = self._value(given[0])
        padding, across, down, width, height, activation = options
        if across != down or width != height or padding not in (_SAME, _VALID) or activation:
            raise self._wrong()
        size = self._window(value, (height, width), across, padding)
        self._give(made, Value(value.channels, *size, value.kind), [value])

    def _blocks(self, given: tuple[int, ...], made: int, options: tuple[int, ...]) -> None:
        value, (block,) = self._value(given[0]), options
        self._give(made, rearranged(value, self.op, block), [value])

    def _pad(self, given: tuple[int, ...], made: int, options: tuple[int, ...]) -> None:
        value, zeros = self._value(given[0]), self._integers(given[1], 4, 2)
        batch, down, across, channels = (sum(zeros[2 * axis : 2 * axis + 2]) for axis in range(4))
        if min(zeros) < 0 or batch or max(zeros) > WIDEST_VALUE:
            raise self._wrong()
        offsets = (value.offsets[0] + down, value.offsets[1] + across)
        wider = value._replace(channels=value.channels + channels, offsets=offsets)
        self._give(made, wider, [value])

    def _reduce(self, given: tuple[int, ...], made: int, options: tuple[int, ...]) -> None:
        value = self._value(given[0])
        if not any(options):
            raise self._wrong()
        over_channels = self._dims(given[1]) == (1,)
        axes = self._integers(given[1], 1 if over_channels else 2)
        if axes != ([3] if over_channels else [1, 2]):
            raise self._wrong()
        if over_channels:
            self._give(made, value._replace(channels=1), [value])
        else:
            self._give(made, value._replace(scale=Fraction(0), offsets=(1, 1)), [value])

    def _slice(self, given: tuple[int, ...], made: int, options: tuple[int, ...]) -> None:
        value = self._value(given[0])
        begin, end, steps = (self._integers(index, 4) for index in given[1:])
        if options != (7, 7, 0, 0, 0, 0) or steps != [1, 1, 1, 1]:
            raise self._wrong()
        if not 0 <= begin[3] < end[3] <= value.channels:
            raise self._wrong()
        self._give(made, value._replace(channels=end[3] - begin[3]), [value])

    def _dequantize(self, given: tuple[int, ...], made: int, options: tuple[int, ...]) -> None:
        """Of a float16 constant, or of an int8 value."""
        if given[0] in self.values:
            value = self._value(given[0])
            if value.kind != INT8:
                raise self._wrong()
            self._give(made, value._replace(kind=FLOAT32), [value])
            return
        part, wide = self._constant(given[0], FLOAT16), self.parts[made]
        taken = wide.is_constant or made in self.values or made in self.widened
        if taken or wide.tensor.dims != part.tensor.dims or self._kind(made) != FLOAT32:
            raise self._wrong()
        self.tally.operators += 1
        self.widened.add(made)

    def _quantize(self, given: tuple[int, ...], made: int, options: tuple[int, ...]) -> None:
        value = self._value(given[0])
        self._give(made, value._replace(kind=INT8), [value])


_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
_Check = Callable[[Operators, tuple[int, ...], int, tuple[int, ...]], None]
#: Options' table, least and most inputs, and check of each operator.
_CHECKS: Mapping[str, tuple[int, int, int, _Check]] = {
    "ADD": (11, 2, 2, Operators._two),
    "CONCATENATION": (10, 1, 64, Operators._concatenation),
    "CONV_2D": (1, 3, 3, Operators._conv),
    "DEPTHWISE_CONV_2D": (2, 3, 3, Operators._conv),
    "DEPTH_TO_SPACE": (94, 1, 1, Operators._blocks),
    "DEQUANTIZE": (38, 1, 1, Operators._dequantize),
    "LOGISTIC": (0, 1, 1, Operators._same),
    "MAX_POOL_2D": (5, 1, 1, Operators._max_pool),
    "MUL": (21, 2, 2, Operators._two),
    "RELU": (0, 1, 1, Operators._same),
    "SPACE_TO_DEPTH": (19, 1, 1, Operators._blocks),
    "PAD": (22, 2, 2, Operators._pad),
    "MEAN": (27, 2, 2, Operators._reduce),
    "STRIDED_SLICE": (32, 4, 4, Operators._slice),
    "PRELU": (0, 2, 2, Operators._same),
    "REDUCE_MAX": (27, 2, 2, Operators._reduce),
    "LEAKY_RELU": (75, 1, 1, Operators._same),
    "ELU": (0, 1, 1, Operators._same),
    "QUANTIZE": (0, 1, 1, Operators._quantize),
}
