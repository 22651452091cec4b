"""Bit-exact NumPy reference (oracle) of a quantized graph, to which every runtime is compared.

A quantized convolution is exact: integers are multiplied and accumulated, the accumulator must fit
int32, and one factor per channel requantizes it::

    sum = sum over taps of w * (x - zero_x) + bias               int32
    y   = zero_y + rint(sum * (scale_x * kernel_scale / scale_y))     half to even, saturated

A tap outside the picture reads 0.0, which is the integer zero_x. The factor, and its product with
the sum, are float32: the factor is part of the network, and where a sum lies in the middle of two
integers those digits decide. Runtimes that hold it so (ONNX Runtime,
XNNPACK) give the same integers. The sum of two values is three float32 terms likewise::

    y = rint(a * f_a + b * f_b + f)     f_a = scale_a / scale_y,  f = zero_y - f_a * zero_a - ...

Symmetric graphs keep a float bias, as TensorRT does. These, and every other operator, work on
dequantized values in float64, and the result is quantized once. Runtimes compute those in float32
or fixed point, so close to the middle of two integers they may round the other way: by one, no
more. One such difference changes a part of the picture as large as the receptive field of the
layers behind it, by as much as rounding does there anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.converters.graph.graph import Node
from edgeqe.converters.graph.integer import CONVOLUTIONS, Group, QuantizedGraph
from edgeqe.errors import CheckError
from edgeqe.quantization.int8 import oracle_operators
from edgeqe.typing import Double, Float

Integers = npt.NDArray[np.uint8]
#: uint8 integers of a quantized value, floats of any other.
Value = npt.NDArray[Any]
TOP, INT32 = 255, np.iinfo(np.int32)


class Oracle:
    """Runs a quantized graph at the strength that it is set to.

    Parameters
    ----------
    integer : IntegerGraph
        In the canonical form of `canonical_form.py`.
    """

    def __init__(self, quantized: QuantizedGraph) -> None:
        self._model, self._graph = quantized, quantized.graph
        self._groups = quantized.groups()

    def run(self, planes: Float) -> Float:
        """Residual of planes, as a runtime's session gives it.

        Parameters
        ----------
        planes : ndarray of float32, shape (C, h, w)
            8-bit sample values, level-shifted by 128; the channels of all inputs in order.

        Returns
        -------
        ndarray of float32, shape (channels of the output, h, w)
            8-bit levels.

        Raises
        ------
        CheckError
            If a sum leaves int32.
        """
        given, first = dict[str, Value](), 0
        for name, count in self._graph.inputs.items():
            floats = planes[first : first + count].astype(np.float64)
            given[name] = self._quantized(floats, name)
            first += count
        result = self._values(given)[self._graph.output]
        return self._dequantized(result, self._graph.output).astype(np.float32)

    def integers(self, given: Mapping[str, Value]) -> dict[str, Integers]:
        """Quantized tensors of every quantized value, the inputs' included.

        Parameters
        ----------
        given : mapping of str to ndarray, shape (C, h, w)
            uint8 integers of each quantized input; floats of any other.

        Raises
        ------
        CheckError
            If a sum leaves int32.
        """
        values = self._values(given)
        return {name: value for name, value in values.items() if name in self._model.quant_params}

    def group(self, group: Group, inputs: Mapping[str, Value]) -> Value:
        """Run one group on given inputs, such as another runtime's quantized tensors.

        Parameters
        ----------
        group : Group
            One of the graph's.
        inputs : mapping of str to ndarray, shape (C, h, w)
            The values that it reads: uint8 integers where quantized, else floats.

        Returns
        -------
        ndarray, shape (C, h, w)
            uint8 integers; float64 if the group's output is not quantized.

        Raises
        ------
        CheckError
            If a sum leaves int32.
        """
        if self._model.is_integer(group.first):
            return self._convolution(group, inputs[group.first.inputs[0]])
        is_sum = {*group.first.inputs, group.output} <= self._model.quant_params.keys()
        if group.first.op == "Add" and is_sum and not self._model.symmetric:
            return self._sum(group, inputs)
        made = {name: self._dequantized(value, name) for name, value in inputs.items()}
        for node in group.nodes:
            made[node.output] = oracle_operators.run(node, self._operands(node, made))
        return self._quantized(made[group.output], group.output)

    def _values(self, given: Mapping[str, Value]) -> dict[str, Value]:
        """All values between groups."""
        values = dict(given)
        for group in self._groups:
            read = {name for node in group.nodes for name in node.inputs}
            values[group.output] = self.group(group, {n: values[n] for n in read & values.keys()})
        return values

    def _convolution(self, group: Group, x: Integers) -> Integers:
        """A quantized convolution."""
        conv = group.first
        (scale_x, zero_x), (scale_y, zero_y) = map(self._params, (conv.inputs[0], group.output))
        centred = x.astype(np.float64) - zero_x  # so that padding is 0.0
        sums = oracle_operators.run(conv, [centred, self._kernel(conv.inputs[1])])
        scale, bias = (
            self._graph.constants[n.inputs[1]].reshape(-1, 1, 1) for n in group.nodes[1:3]
        )
        if self._model.symmetric:
            unit = scale_x * scale.astype(np.float64)
            y = (_int32(sums, conv.name) * unit + bias) / scale_y
        else:
            integers = self._model.integer_bias(group).values.reshape(-1, 1, 1)
            total = _int32(sums + integers, conv.name).astype(np.float32)
            y = (total * (scale_x * scale / scale_y)).astype(np.float64)
        y = np.rint(y) + zero_y
        return self._saturated(np.maximum(y, zero_y) if group.relu else y)

    def _sum(self, group: Group, inputs: Mapping[str, Value]) -> Integers:
        """A quantized Add of two values."""
        scale_y, zero_y = self._params(group.output)
        (a, f_a, zero_a), (b, f_b, zero_b) = (
            (inputs[name].astype(np.float32), scale / scale_y, zero)
            for name in group.first.inputs
            for scale, zero in [self._params(name)]
        )
        rest = zero_y - (f_a * zero_a + f_b * zero_b)
        y = np.rint(a * f_a + rest + b * f_b).astype(np.float64)
        return self._saturated(np.maximum(y, zero_y) if group.relu else y)

    def _params(self, value: str) -> tuple[np.float32, np.float32]:
        """Scale and zero point of a value, float32."""
        return np.float32(self._model.scale(value)), np.float32(
            self._model.quant_params[value].zero_point
        )

    def _operands(self, node: Node, made: Mapping[str, Double]) -> list[Double]:
        """Inputs of a node: values, and constants as `oracle_operators.run` wants them."""
        return [
            made[name] if name in made
            else self._kernel(name) if node.op in CONVOLUTIONS and index == 1
            else self._vector(name)
            for index, name in enumerate(node.inputs)
        ]  # fmt: skip

    def _kernel(self, name: str) -> Double:
        return self._graph.constants[name].astype(np.float64)

    def _vector(self, name: str) -> Double:
        """A per-channel constant, shape (C, 1, 1)."""
        return self._graph.constants[name].astype(np.float64).reshape(-1, 1, 1)

    def _dequantized(self, value: Value, name: str) -> Double:
        """Floats of a value."""
        if name not in self._model.quant_params:
            return value.astype(np.float64)
        zero = self._model.quant_params[name].zero_point
        return self._model.scale(name) * (value.astype(np.float64) - zero)

    def _quantized(self, floats: Double, name: str) -> Value:
        """Quantize floats; as they are if the value is not quantized."""
        if name not in self._model.quant_params:
            return floats
        zero = self._model.quant_params[name].zero_point
        return self._saturated(np.rint(floats / self._model.scale(name)) + zero)

    def _saturated(self, values: Double) -> Integers:
        """Integers saturated to uint8."""
        return np.clip(values, 0, TOP).astype(np.uint8)


def _int32(sums: Double, name: str) -> Double:
    """Accumulators as they are, if int32 holds them."""
    for extreme in (sums.min(), sums.max()):
        if not INT32.min <= extreme <= INT32.max:
            raise CheckError(
                f"node '{name}': a sum is {extreme:.0f}, which int32 does not hold: "
                "keep that convolution in float."
            )
    return sums
