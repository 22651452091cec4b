"""INT8 files of TFLite on LiteRT, and their sums by loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from edgeqe.model.flatbuffer import outline
from edgeqe.runtimes.litert import provider_of

Integers = npt.NDArray[np.int64]
SAME: dict[str, Any] = {"padding": 1, "padding_end": 1}
RNG = np.random.default_rng(8)


def weights(*shape: int) -> Integers:
    return RNG.integers(-64, 65, shape)


def picture(*shape: int) -> Integers:
    return RNG.integers(0, 256, shape)


def run(data: bytes, *given: npt.NDArray[Any]) -> tuple[list[npt.NDArray[Any]], Any]:
    """What LiteRT makes of inputs (C, h, w): its outputs, and the interpreter.

    Integers go from 0 to 255 here, as in the graph, and from -128 to 127 in the file.
    """
    interpreter = Interpreter(model_content=data, num_threads=1)
    for details, value in zip(interpreter.get_input_details(), given, strict=True):
        count, height, width = value.shape
        interpreter.resize_tensor_input(details["index"], (1, height, width, count))
    interpreter.allocate_tensors()
    for details, value in zip(interpreter.get_input_details(), given, strict=True):
        lying = value - 128 if details["dtype"] is np.int8 else value
        lying = lying.transpose(1, 2, 0)[None].astype(details["dtype"])
        interpreter.set_tensor(details["index"], lying)
    interpreter.invoke()
    found = []
    for details in interpreter.get_output_details():
        value = interpreter.get_tensor(details["index"])[0].transpose(2, 0, 1)
        found.append(value.astype(np.int64) + 128 if value.dtype == np.int8 else value)
    assert provider_of(interpreter) == "XNNPACK"
    assert sum(op["op_name"] == "DELEGATE" for op in interpreter._get_ops_details()) == 1
    return found, interpreter


def sums(x: Integers, kernel: Integers, zero: int, stride: int, before: int, groups: int) -> Any:
    """Sums of a convolution, tap by tap, as large as the stride leaves of the input."""
    out, given, rows, columns = kernel.shape
    height, width = x.shape[1] // stride, x.shape[2] // stride
    wide = np.pad(x - zero, ((0, 0), (before, rows), (before, columns)))
    result = np.zeros((out, height, width), np.int64)
    for channel, row, column in np.ndindex(out, rows, columns):
        first = channel // (out // groups) * given
        seen = wide[first : first + given, row::stride, column::stride][:, :height, :width]
        result[channel] += (seen * kernel[channel, :, row, column, None, None]).sum(axis=0)
    return result


def rounded(real: npt.NDArray[np.float64], zero: int, relu: bool = False) -> Integers:
    """Real numbers in steps, as integers: half to even, saturated."""
    result: Integers = np.clip(np.rint(real) + zero, zero if relu else 0, 255).astype(np.int64)
    return result


def tensors(data: bytes) -> tuple[dict[str, Any], Any]:
    """Tensors of a file by name, read with the generated schema; and the model."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    return {tensor.name.decode(): tensor for tensor in model.subgraphs[0].tensors}, model


def integer_bytes(data: bytes) -> int:
    """Bytes of all kernels, each place once."""
    places = {(t.start, t.stop) for t in outline(data).initializers.values() if t.data_type == 3}
    return sum(stop - start for start, stop in places)
