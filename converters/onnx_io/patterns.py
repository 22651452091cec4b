"""What several operators of a file mean together: layer normalization over channels, Gelu, Hardswish.

Exporters write these by parts. Joined again they are one operator of the graph, which rounds once
where it is quantized, and whose parts no other pass pulls apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import onnx
from onnx import helper

from edgeqe.typing import Array

#: How close a constant must be to that of the formula.
CLOSE = 1e-4


def join(graph: onnx.GraphProto, constants: Mapping[str, Array]) -> None:
    """Replace what stands for one operator by that, in place; what nothing reads is left to drop."""
    _Joiner(graph, constants).run()


class _Joiner:
    """State of one pass over the nodes of a file."""

    def __init__(self, graph: onnx.GraphProto, constants: Mapping[str, Array]) -> None:
        self.graph, self.constants = graph, constants
        self.producers = {name: node for node in graph.node for name in node.output}

    def run(self) -> None:
        """Look at every operator that may be the last of several."""
        rules: dict[str, tuple[Callable[[onnx.NodeProto], onnx.NodeProto | None], ...]] = {
            "Div": (self._channel_norm, self._product),
            "Mul": (self._channel_norm, self._product),
        }
        for node in self.graph.node:
            for rule in rules.get(node.op_type, ()):
                found = rule(node)
                if found is not None:
                    node.CopyFrom(found)
                    break

    # Reading.

    def made_by(self, name: str, *ops: str) -> onnx.NodeProto | None:
        """Producer of a value, if it is one of these operators."""
        node = self.producers.get(name)
        return node if node is not None and node.op_type in ops else None

    def number(self, name: str) -> float | None:
        """The one number of a constant."""
        array = self.constants.get(name)
        if array is None or array.size != 1 or array.dtype.kind != "f":
            return None
        return float(array.reshape(()))

    def with_number(self, name: str, *ops: str) -> tuple[str, float] | None:
        """Value and number of ``value op number``."""
        node = self.made_by(name, *ops)
        for value, other in (node.input, node.input[::-1]) if node is not None else ():
            number = self.number(other)
            if number is not None:
                return value, number
        return None

    # Layer normalization: (x - mean) / sqrt(mean of (x - mean)**2 + epsilon).

    def _channel_norm(self, node: onnx.NodeProto) -> onnx.NodeProto | None:
        centred, spread = node.input
        if node.op_type == "Mul":
            inverse = self.made_by(spread, "Reciprocal") or self.made_by(centred, "Reciprocal")
            if inverse is None:
                return None
            centred = next(name for name in node.input if name != inverse.output[0])
            spread = inverse.input[0]
        root = self.made_by(spread, "Sqrt")
        safe = self.with_number(root.input[0], "Add") if root is not None else None
        found = self._centred(centred)
        if safe is None or found is None:
            return None
        variance = self._mean(safe[0])
        if variance is None or variance[1] != found[1]:
            return None
        square = self.made_by(variance[0], "Pow", "Mul")
        if square is None:
            return None
        if square.op_type == "Pow":
            exponent = self.constants.get(square.input[1])
            even = (
                exponent is not None and exponent.size == 1 and float(exponent.reshape(())) == 2.0
            )
        else:
            even = square.input[0] == square.input[1]
        if not even or self._centred(square.input[0]) != found:
            return None
        name = node.name or node.output[0]
        return helper.make_node(
            "ChannelNorm", [found[0]], list(node.output), name, epsilon=safe[1], axis=found[1]
        )

    def _centred(self, name: str) -> tuple[str, int] | None:
        """Value and axis of a value less its mean over that axis."""
        node = self.made_by(name, "Sub")
        mean = self._mean(node.input[1]) if node is not None else None
        return mean if node is not None and mean and mean[0] == node.input[0] else None

    def _mean(self, name: str) -> tuple[str, int] | None:
        """Value and axis of a mean over one axis."""
        node = self.made_by(name, "ReduceMean")
        if node is None:
            return None
        given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        axes = given.get("axes")
        if axes is None and len(node.input) > 1:
            axes = self.constants.get(node.input[1], np.zeros(0)).ravel()
        if axes is None or len(axes) != 1 or not given.get("keepdims", 1):
            return None
        return node.input[0], int(axes[0]) % 4

    # Products: x * 0.5 * (1 + erf(x / sqrt(2))), x * relu6(x + 3) / 6, x * hardsigmoid(x).

    def _product(self, node: onnx.NodeProto) -> onnx.NodeProto | None:
        values, factor = list[str](), 1.0
        pending = list(node.input)
        if node.op_type == "Div":
            divisor = self.number(node.input[1])
            if not divisor:
                return None
            pending, factor = pending[:1], 1 / divisor
        while pending:
            name = pending.pop()
            number, inner = self.number(name), self.made_by(name, "Mul", "Div")
            divisor = self.number(inner.input[1]) if inner is not None else None
            if number is not None:
                factor *= number
            elif inner is not None and inner.op_type == "Mul":
                pending += inner.input
            elif inner is not None and divisor:
                factor /= divisor
                pending.append(inner.input[0])
            else:
                values.append(name)
        if len(values) != 2:
            return None
        for x, gate in (values, values[::-1]):
            op = self._gate(x, gate, factor)
            if op:
                return helper.make_node(op, [x], list(node.output), node.name or node.output[0])
        return None

    def _gate(self, x: str, gate: str, factor: float) -> str:
        """Operator that ``x * gate * factor`` is, '' for none."""
        one = self.with_number(gate, "Add")
        erf = self.made_by(one[0], "Erf") if one and _close(one[1], 1.0) else None
        if erf is not None and _close(factor, 0.5):
            part = self.with_number(erf.input[0], "Mul")
            over = self.made_by(erf.input[0], "Div")
            if part and part[0] == x and _close(part[1], 1 / math.sqrt(2)):
                return "Gelu"
            divisor = self.number(over.input[1]) if over is not None else None
            if (
                over is not None
                and over.input[0] == x
                and divisor
                and _close(divisor, math.sqrt(2))
            ):
                return "Gelu"
        hard = self.made_by(gate, "HardSigmoid")
        if hard is not None and hard.input[0] == x and _close(factor, 1.0):
            given = {a.name: helper.get_attribute_value(a) for a in hard.attribute}
            if _close(given.get("alpha", 0.2), 1 / 6) and _close(given.get("beta", 0.5), 0.5):
                return "HardSwish"
        clip = self.made_by(gate, "Clip")
        if clip is not None and _close(factor, 1 / 6) and self._bounds(clip) == (0.0, 6.0):
            shifted = self.with_number(clip.input[0], "Add")
            if shifted and shifted[0] == x and _close(shifted[1], 3.0):
                return "HardSwish"
        return ""

    def _bounds(self, clip: onnx.NodeProto) -> tuple[float | None, ...]:
        given = {a.name: helper.get_attribute_value(a) for a in clip.attribute}
        stated = (*clip.input[1:], "", "")[:2]
        return tuple(
            given.get(name, self.number(other))
            for name, other in zip(("min", "max"), stated, strict=True)
        )


def _close(number: float, expected: float) -> bool:
    return math.isclose(number, expected, rel_tol=CLOSE)
