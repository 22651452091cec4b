"""What an interpreter of LiteRT takes, from the file: values, and what XNNPACK keeps beside them.

Measured with LiteRT 2.3 on x86-64, a fresh process each, peak of resident memory:

- XNNPACK reuses the memory of dead values, so a chain of equal convolutions takes two
  values however long it is, but leaves holes; input and output stay beside them.
- Each convolution but 1x1 keeps a table of pointers, one a tap and output sample: 72 bytes
  a sample for 3x3, which is as much as 18 channels. It is there as long as the
  interpreter, so a deep and narrow network takes more for them than for its values.
- Weights are packed for each interpreter and each use: a kernel used twice takes its
  bytes twice, those of float32 for one stored in float16. Beside that an interpreter takes at
  most 4 KiB an operator, 64 KiB, and the memory of the size that the file has until it is
  resized.
- int8 values take one byte each, their tables of pointers as much as any. Floats between
  integers count in full; XNNPACK joins some of it, such as LOGISTIC between DEQUANTIZE and
  QUANTIZE, and keeps none. Windows of 128 to 384 samples of edgeqe-tiny, -small and -base took 0
  to 1 % less than planned, those of VRCNN 3, ASQE-CNN without fusion 5 and RRNet 9 %.
"""

from __future__ import annotations

import math

import numpy as np

from edgeqe.model.flatbuffer import TfliteOutline
from edgeqe.model.tensors import DTYPES

_POINTER, _FLOAT = 8, 4
#: ONNX's number of float32.
_REAL = 1
_FIXED, _OF_OPERATOR, _PACKED = 64 << 10, 4 << 10, 1.05
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def bytes_per_sample(model: TfliteOutline) -> float:
    """Bytes of an interpreter and its caller's planes, for each sample of a plane.

    Counted are the most values alive at once, the pointers, the planes that the caller
    fills and the result that it gets.
    """
    ends = (*model.inputs, *model.outputs)
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    pointers = 0
    for index, operation in enumerate(model.operations):
        last.update(dict.fromkeys(operation.inputs, index))
        # A constant is widened before the first call.
        if operation.op_type != "DEQUANTIZE" or operation.inputs[0] not in model.initializers:
            first.update(dict.fromkeys(operation.outputs, index))
        pointers += _pointers(model, index)
    values = [
        (_bytes(model, name), made, last.get(name, made))
        for name, made in first.items()
        if name not in ends
    ]
    outside = sum(_bytes(model, name) + _FLOAT * math.prod(model.shapes[name]) for name in ends)
    if any(model.types[name] != _REAL for name in model.inputs):
        outside += _FLOAT * _area(model)  # a plane on its way to integers
    return (_arena(values) + outside + _POINTER * pointers) / _area(model)


def _bytes(model: TfliteOutline, name: str) -> int:
    """Bytes of a tensor."""
    return math.prod(model.shapes[name]) * np.dtype(DTYPES[model.types[name]]).itemsize


def _arena(values: list[tuple[int, int, int]]) -> int:
    """Size of the arena for values of a size, made and last read by operators of a number.

    As XNNPACK and LiteRT place them: the largest first, each into the smallest hole that it
    fits among those that live with it.
    """
    placed: list[tuple[int, int, int, int]] = []
    for size, made, read in sorted(values, key=lambda value: -value[0]):
        near = sorted((a, b) for a, b, m, r in placed if m <= read and made <= r)
        best, hole, end = -1, 0, 0
        for start, stop in near:
            if size <= start - end and (best < 0 or start - end < hole):
                best, hole = end, start - end
            end = max(end, stop)
        offset = end if best < 0 else best
        placed.append((offset, offset + size, made, read))
    return max((stop for _, stop, _, _ in placed), default=0)


def bytes_per_interpreter(model: TfliteOutline) -> int:
    """Bytes that an interpreter takes whatever its window."""
    packed = sum(
        _bytes(model, operation.inputs[1])
        for operation in model.operations
        if operation.op_type in _CONVOLUTIONS
    )
    fixed = _FIXED + _OF_OPERATOR * len(model.operations) + _PACKED * packed
    return int(fixed + bytes_per_sample(model) * _area(model))


def _area(model: TfliteOutline) -> int:
    """Samples of a plane, at the size that the file has until it is resized."""
    return math.prod(model.shapes[model.inputs[0]][1:3])


def _pointers(model: TfliteOutline, index: int) -> int:
    """Pointers of an operator's table."""
    operation = model.operations[index]
    before = math.prod(model.shapes[operation.inputs[0]][1:3])
    after = math.prod(model.shapes[operation.outputs[0]][1:3])
    if operation.op_type in _CONVOLUTIONS:
        _, rows, columns, _ = model.shapes[operation.inputs[1]]
        if operation.op_type == "DEPTHWISE_CONV_2D":  # neighbours share the columns they both read
            columns = min(columns, math.isqrt(before // after))
        elif rows == columns == 1 and before == after:
            return 0
        return rows * columns * after
    return before if operation.op_type == "MAX_POOL_2D" else 0
