"""Compact packing of TFLite tables: shared shapes and quantization parameters, aligned buffers.

The generated classes write every vector and table anew and align no data. A quantized model has
many small tensors, whose shapes, scales and zero points would weigh as much as a fifth of its
kernels; here equal ones are stored once.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from edgeqe.errors import MissingRuntimeError
from edgeqe.typing import Float

#: Bytes to which the schema aligns the data of buffers (``force_align: 16``).
ALIGNMENT = 16


@cache
def schema() -> Any:
    """Generated classes of the schema.

    Raises
    ------
    ProviderError
        If neither LiteRT nor TensorFlow is installed.
    """
    for name in ("ai_edge_litert", "tensorflow.lite.python"):
        try:
            return importlib.import_module(f"{name}.schema_py_generated")
        except ImportError:
            continue
    raise MissingRuntimeError(
        "writing TFLite needs the schema that comes with LiteRT or TensorFlow: "
        "run pip install 'edgeqe[host]'."
    )


class TensorQuantization:
    """Quantization parameters of TFLite tensors: ``float = scale * (integer - zero_point)``.

    Tensors that are given the same object refer to the same table in the file.

    Parameters
    ----------
    packed : dict
        Positions of what is packed already, one dictionary a file.
    scale : ndarray of float32, shape (n,)
        Above 0; one, or one per channel.
    zero : int
        Zero point: the integer that stands for 0.0.
    axis : int
        Axis of the tensor that n scales belong to.
    """

    def __init__(self, packed: dict[object, int], scale: Float, zero: int, axis: int) -> None:
        self._packed, self._scale, self._zero, self._axis = packed, scale, zero, axis

    def Pack(self, builder: Any) -> int:  # noqa: N802  # called by the generated TensorT
        """Position of its table, which is packed once."""
        if self not in self._packed:
            zeros = np.full(self._scale.size, self._zero, np.int64)
            scale = builder.CreateNumpyVector(self._scale)
            if (len(zeros), self._zero) not in self._packed:  # one for all of that length
                self._packed[len(zeros), self._zero] = int(builder.CreateNumpyVector(zeros))
            s = schema()
            s.QuantizationParametersStart(builder)
            s.QuantizationParametersAddScale(builder, scale)
            s.QuantizationParametersAddZeroPoint(builder, self._packed[len(zeros), self._zero])
            s.QuantizationParametersAddQuantizedDimension(builder, self._axis)
            self._packed[self] = int(s.QuantizationParametersEnd(builder))
        return self._packed[self]


@dataclass(eq=False)
class IntegerTensor:
    """A quantized tensor; all of one shape refer to the same shape vector in the file."""

    packed: dict[object, int]
    name: str
    shape: list[int]
    type: int
    quantization: TensorQuantization
    buffer: int = 0
    shapeSignature: list[int] | None = None  # noqa: N815  # as in the generated TensorT
    hasRank: bool = True  # noqa: N815

    def Pack(self, builder: Any) -> int:  # noqa: N802  # called by the generated SubGraphT
        """Position of its table."""
        s = schema()
        shape = self._vector(builder, self.shape)
        signature = self.shapeSignature and self._vector(builder, self.shapeSignature)
        name = builder.CreateString(self.name)
        quantization = self.quantization.Pack(builder)
        s.TensorStart(builder)
        s.TensorAddShape(builder, shape)
        s.TensorAddType(builder, self.type)
        s.TensorAddBuffer(builder, self.buffer)
        s.TensorAddName(builder, name)
        s.TensorAddQuantization(builder, quantization)
        if signature:
            s.TensorAddShapeSignature(builder, signature)
        s.TensorAddHasRank(builder, self.hasRank)
        return int(s.TensorEnd(builder))

    def _vector(self, builder: Any, sizes: list[int]) -> int:
        key = ("shape", *sizes)
        if key not in self.packed:
            self.packed[key] = int(builder.CreateNumpyVector(np.array(sizes, np.int32)))
        return self.packed[key]


class AlignedBuffer:
    """A buffer whose data is aligned to `ALIGNMENT`, which the generated class ignores."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def Pack(self, builder: Any) -> int:  # noqa: N802  # called by the generated ModelT
        """Position of its table."""
        size = len(self.data)
        builder.StartVector(1, size, ALIGNMENT)
        builder.head = builder.Head() - size
        builder.Bytes[builder.Head() : builder.Head() + size] = self.data
        data = builder.EndVector()
        s = schema()
        s.BufferStart(builder)
        s.BufferAddData(builder, data)
        return int(s.BufferEnd(builder))
