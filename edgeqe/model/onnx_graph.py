"""Values, constants and cost of an ONNX graph, while its operators are walked in order."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from edgeqe.errors import ModelError
from edgeqe.model.network import FLOAT32, INT64, Tally, Value
from edgeqe.model.tensors import Operation, Tensor


class OnnxGraph:
    """Values, constants and cost so far.

    Parameters
    ----------
    data : bytes
        The file.
    initializers : mapping of str to Tensor
    inputs : mapping of str to int
        Channels of each input of the graph.
    """

    def __init__(
        self, data: bytes, initializers: Mapping[str, Tensor], inputs: Mapping[str, int]
    ) -> None:
        self.data = data
        self.constants = dict(initializers)
        self.values = {
            name: Value(channels, Fraction(1), (0, 0), FLOAT32) for name, channels in inputs.items()
        }
        self.tally = Tally()

    def value(self, operation: Operation, index: int = 0) -> Value:
        """Value that an operator reads."""
        name = operation.inputs[index]
        if name not in self.values:
            raise ModelError(f"its operator {operation.op_type} reads '{name}', which is no value.")
        return self.values[name]

    def constant(self, operation: Operation, index: int, *kinds: int) -> Tensor:
        """Constant that an operator reads, of one of these element types."""
        name = operation.inputs[index]
        found = self.constants.get(name)
        if found is None or found.data_type not in kinds:
            raise ModelError(
                f"its operator {operation.op_type} reads '{name}', which is no constant of its type."
            )
        return found

    def integer(self, operation: Operation, index: int) -> int:
        """The one integer of a constant."""
        return self.integers(operation, index, 1)[0]

    def integers(self, operation: Operation, index: int, count: int) -> list[int]:
        """The integers of a constant."""
        found = self.constant(operation, index, INT64)
        if found.dims != (count,):
            raise ModelError(f"its operator {operation.op_type} reads {found.dims} integers.")
        return [int(n) for n in np.frombuffer(self.data[found.start : found.stop], "<i8")]

    def vector(self, operation: Operation, index: int, value: Value) -> None:
        """Check a constant of one number, or one per channel of a value."""
        dims = self.constant(operation, index, value.kind).dims
        channels = (1, 1, 1, 1, *dims)[-4:]
        if channels[0] != 1 or channels[2:] != (1, 1) or channels[1] not in (1, value.channels):
            raise unfit(operation, dims, value)

    def give(
        self,
        operation: Operation,
        value: Value,
        given: list[Value],
        *,
        weights: int = 0,
        macs: float = 0.0,
    ) -> None:
        """Add an operator's result."""
        self.tally.add(given, value, weights, macs)
        self.values[operation.outputs[0]] = value


def unfit(operation: Operation, dims: tuple[int, ...], value: Value) -> ModelError:
    """Error for a constant that does not fit a value."""
    return ModelError(
        f"its operator {operation.op_type} has a constant of shape {dims} for "
        f"{value.channels} channels."
    )
