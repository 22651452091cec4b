"""Values, constants and cost of a TFLite graph, while its operators are walked in order."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from edgeqe.errors import ModelError
from edgeqe.model.flatbuffer_tables import Table
from edgeqe.model.limits import LARGEST_SIDE
from edgeqe.model.network import FLOAT32, INT8, INT32, Network, Tally, Value
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
    28: (("b", 0), ("b", 1)),  # Sub
    32: (("i", 0), ("i", 0), ("i", 0), ("i", 0), ("i", 0), ("b", 0)),  # StridedSlice
    38: (),  # Dequantize
    75: (("f", 0),),  # LeakyRelu
    77: (("b", 0),),  # MirrorPad
    94: (("i", 0),),  # DepthToSpace
    116: (("b", 0),),  # Gelu
}


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


class TfliteGraph:
    """Values, constants and cost so far.

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
