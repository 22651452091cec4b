"""TFLite flatbuffer builder: tensors, buffers and operators, then the bytes of the file.

Written with the classes that Google generates from ``schema.fbs``, which come with
LiteRT and with TensorFlow. Schema version 3, identifier ``TFL3``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt

from edgeqe.converters.tflite_io.packing import (
    AlignedBuffer,
    IntegerTensor,
    TensorQuantization,
    schema,
)
from edgeqe.typing import Float

SCHEMA_VERSION = 3
IDENTIFIER = b"TFL3"
#: Number in the old field of an operator's code, of one byte, that refers to the new field.
LARGEST_CODE = 127
#: Operators whose weights may have one scale per channel.
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


class TfliteFile:
    """Tensors and operators of a model with one subgraph.

    Parameters
    ----------
    name : str
        Name of the network.
    """

    def __init__(self, name: str) -> None:
        self._s = schema()
        self._graph = self._s.SubGraphT(name=name, tensors=[], operators=[], inputs=[], outputs=[])
        self._buffers: list[Any] = [self._s.BufferT()]  # number 0 is empty by convention
        self._codes: dict[tuple[int, int], int] = {}
        self._stored: dict[str, int] = {}
        self._tensors: dict[tuple[str, tuple[int, ...]], int] = {}
        self._widened: dict[int, int] = {}
        self._widening: list[Any] = []
        self._packed: dict[object, int] = {}

    def quantization(self, scale: Float, zero: int = 0, axis: int = 0) -> TensorQuantization:
        """Quantization parameters to share between tensors, see `TensorQuantization`."""
        return TensorQuantization(self._packed, scale, zero, axis)

    def value(
        self,
        name: str,
        shape: tuple[int, int, int, int],
        integers: TensorQuantization | None = None,
    ) -> int:
        """Add an activation (1, h, w, C), whose h and w may be resized unless both are 1.

        It is float32, or int8 with quantization parameters.
        """
        tensor = self._tensor(name, shape, "FLOAT32" if integers is None else "INT8", integers)
        if shape[1:3] != (1, 1):
            tensor.shapeSignature = [1, -1, -1, shape[3]]
        return self._append(tensor)

    def constant(
        self,
        name: str,
        array: npt.NDArray[Any],
        integers: TensorQuantization | None = None,
        stored: str = "",
    ) -> int:
        """Add a constant tensor, float32, float16, int32 or int8, once.

        Its data are stored once under the name `stored`, its own if left out. Asked for in
        another shape of as many elements, a second tensor refers to the same buffer.
        """
        if (name, array.shape) in self._tensors:
            return self._tensors[name, array.shape]
        stored = stored or name
        if stored not in self._stored:
            little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
            self._stored[stored] = self._buffer(little.tobytes())
        kinds = {"f4": "FLOAT32", "f2": "FLOAT16", "i4": "INT32", "i1": "INT8"}
        tensor = self._tensor(name, array.shape, kinds[array.dtype.str[1:]], integers)
        tensor.buffer = self._stored[stored]
        self._tensors[name, array.shape] = self._append(tensor)
        return self._tensors[name, array.shape]

    def widened(self, name: str, array: Float) -> int:
        """Float32 tensor of a constant that is stored in float16, dequantized once for all uses."""
        stored = self.constant(name, array.astype(np.float16))
        if stored not in self._widened:
            wide = self._tensor(f"{name}.float32", array.shape, "FLOAT32")
            self._widened[stored] = self._append(wide)
            self._widening.append(
                self._operator("DEQUANTIZE", [stored], [self._widened[stored]], version=3)
            )
        return self._widened[stored]

    def operator(
        self, op: str, inputs: Sequence[int], output: int, options: str = "", **fields: Any
    ) -> None:
        """Append a builtin operator with its options table and that table's fields.

        Its version is 1 unless said otherwise, or the first that takes int8.
        """
        version = fields.pop("version", 1)
        if self._graph.tensors[inputs[0]].type == self._s.TensorType.INT8:
            version = max(version, 3 if op in _CONVOLUTIONS else 2)
        self._graph.operators.append(
            self._operator(op, inputs, [output], options, version=version, **fields)
        )

    def _operator(
        self,
        op: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: str = "",
        *,
        version: int,
        **fields: Any,
    ) -> Any:
        code = (getattr(self._s.BuiltinOperator, op), version)
        result = self._s.OperatorT(
            opcodeIndex=self._codes.setdefault(code, len(self._codes)),
            inputs=list(inputs),
            outputs=list(outputs),
        )
        if options:
            result.builtinOptionsType = getattr(self._s.BuiltinOptions, options)
            result.builtinOptions = getattr(self._s, f"{options}T")(**fields)
        return result

    def _tensor(
        self, name: str, shape: Sequence[int], kind: str, integers: TensorQuantization | None = None
    ) -> Any:
        number = getattr(self._s.TensorType, kind)
        if integers is not None:
            return IntegerTensor(self._packed, name, list(shape), number, integers)
        return self._s.TensorT(name=name, shape=list(shape), type=number, hasRank=True)

    def _append(self, tensor: Any) -> int:
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def _buffer(self, data: bytes) -> int:
        self._buffers.append(AlignedBuffer(data))
        return len(self._buffers) - 1

    def pack(
        self, inputs: Sequence[int], outputs: Sequence[int], metadata: Mapping[str, str]
    ) -> bytes:
        """Bytes of the file; the same for the same calls."""
        from edgeqe import __version__

        entries = [
            self._s.MetadataT(name=name, buffer=self._buffer(text.encode()))
            for name, text in metadata.items()
        ]
        self._graph.inputs, self._graph.outputs = list(inputs), list(outputs)
        self._graph.operators = [*self._widening, *self._graph.operators]
        codes = [
            self._s.OperatorCodeT(
                deprecatedBuiltinCode=min(number, LARGEST_CODE), builtinCode=number, version=version
            )
            for number, version in self._codes
        ]
        model = self._s.ModelT(
            version=SCHEMA_VERSION,
            operatorCodes=codes,
            subgraphs=[self._graph],
            description=f"edgeqe {__version__}",
            buffers=self._buffers,
            metadata=entries,
        )
        builder = flatbuffers.Builder(1 << 16)
        self._packed.clear()
        builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
        return bytes(builder.Output())
