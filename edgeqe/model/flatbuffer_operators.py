"""TFLite operators of edgeqe's files: inputs, options, types and shapes of each, and their cost.

LiteRT takes what an operator refers to for granted: it follows an index of -1, options that are not
there and a kernel of another shape into memory that is not the model's. So each operator is held to
what edgeqe writes, and each result's stored shape to what follows from its inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction

from edgeqe.errors import ModelError
from edgeqe.model.flatbuffer_graph import TfliteGraph
from edgeqe.model.flatbuffer_tables import Table, unpack
from edgeqe.model.limits import LARGEST_WINDOW, WIDEST_VALUE
from edgeqe.model.network import (
    FLOAT16,
    FLOAT32,
    INT8,
    INT32,
    Size,
    Value,
    area,
    joined,
    rearranged,
    window,
)

_SAME, _VALID, _RELU = 0, 1, 1
#: How much larger than that of its result a scale that ADD reads may be: LiteRT ends the process
#: from twice that on.
_LARGEST_RATIO = 2.0**18


class Operators(TfliteGraph):
    """The checks, one method for each kind of operator; see `TfliteGraph`."""

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
        if options and options[0] not in (0, _RELU):
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
        gap = dilations[0]
        if len(dims) != 4 or across != down or dilations[1] != gap:
            raise self._wrong()
        if not 1 <= gap <= LARGEST_WINDOW:
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
        sides = gap * (dims[1] - 1) + 1, gap * (dims[2] - 1) + 1
        size = self._window(value, sides, across, padding)
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

    def _mirror(self, given: tuple[int, ...], made: int, options: tuple[int, ...]) -> None:
        """The edge mirrored, with the outermost samples or without."""
        value, ends = self._value(given[0]), self._integers(given[1], 4, 2)
        if options[0] not in (0, 1) or min(ends) < 0 or max(ends) > LARGEST_WINDOW:
            raise self._wrong()
        if any(ends[:2]) or any(ends[6:]) or value.scale == 0:
            raise self._wrong()
        offsets = (value.offsets[0] + sum(ends[2:4]), value.offsets[1] + sum(ends[4:6]))
        self._give(made, value._replace(offsets=offsets), [value])

    def _gelu(self, given: tuple[int, ...], made: int, options: tuple[int, ...]) -> None:
        value = self._value(given[0])
        if any(options):
            raise self._wrong()
        self._give(made, value, [value])

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
    "ABS": (0, 1, 1, Operators._same),
    "ADD": (11, 2, 2, Operators._two),
    "CONCATENATION": (10, 1, 64, Operators._concatenation),
    "CONV_2D": (1, 3, 3, Operators._conv),
    "DEPTHWISE_CONV_2D": (2, 3, 3, Operators._conv),
    "DEPTH_TO_SPACE": (94, 1, 1, Operators._blocks),
    "DEQUANTIZE": (38, 1, 1, Operators._dequantize),
    "GELU": (116, 1, 1, Operators._gelu),
    "HARD_SWISH": (0, 1, 1, Operators._same),
    "LOG": (0, 1, 1, Operators._same),
    "LOGISTIC": (0, 1, 1, Operators._same),
    "MAXIMUM": (0, 2, 2, Operators._two),
    "MAX_POOL_2D": (5, 1, 1, Operators._max_pool),
    "MINIMUM": (0, 2, 2, Operators._two),
    "MIRROR_PAD": (77, 2, 2, Operators._mirror),
    "MUL": (21, 2, 2, Operators._two),
    "RELU": (0, 1, 1, Operators._same),
    "RSQRT": (0, 1, 1, Operators._same),
    "SPACE_TO_DEPTH": (19, 1, 1, Operators._blocks),
    "PAD": (22, 2, 2, Operators._pad),
    "MEAN": (27, 2, 2, Operators._reduce),
    "SUB": (28, 2, 2, Operators._two),
    "STRIDED_SLICE": (32, 4, 4, Operators._slice),
    "PRELU": (0, 2, 2, Operators._same),
    "REDUCE_MAX": (27, 2, 2, Operators._reduce),
    "LEAKY_RELU": (75, 1, 1, Operators._same),
    "ELU": (0, 1, 1, Operators._same),
    "QUANTIZE": (0, 1, 1, Operators._quantize),
    "TANH": (0, 1, 1, Operators._same),
}
