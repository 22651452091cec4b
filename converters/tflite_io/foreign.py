"""TFLite files of TensorFlow's converter, translated to ONNX, which the importer reads.

Every tensor keeps its shape with the channels last; what wants them first gets a Transpose in front,
which the importer does away with. Constants are read by offset from the file; nothing of it runs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgeqe.converters.tflite_io.foreign_operators import OPERATORS
from edgeqe.converters.tflite_io.packing import schema
from edgeqe.errors import InputError
from edgeqe.typing import Array

OPSET, IR_VERSION = 17, 8
#: NumPy types by TFLite's number of an element type.
_TYPES = {0: "<f4", 1: "<f2", 2: "<i4", 3: "u1", 4: "<i8", 6: "?", 9: "i1"}
_FLOAT32, _UINT8 = 0, 3
#: Most tensors and operators of a file.
MOST = 20_000


def parsed(data: bytes, what: str) -> Any:
    """Parsed file: the classes that Google generates from the schema.

    Raises
    ------
    InputError
        If it is no whole TFLite model of one subgraph.
    """
    try:
        if data[4:8] != b"TFL3":
            raise ValueError("it does not say TFL3")
        model = schema().ModelT.InitFromPackedBuf(bytearray(data), 0)
        if len(model.subgraphs) != 1:
            raise ValueError(f"it has {len(model.subgraphs)} subgraphs")
        graph = model.subgraphs[0]
        if max(len(graph.tensors), len(graph.operators)) > MOST:
            raise ValueError(f"it has more than {MOST} tensors or operators")
        if len(graph.inputs) != 1 or len(graph.outputs) != 1:
            raise ValueError(f"it has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs")
        for operator in graph.operators:
            for index in (*operator.inputs, *operator.outputs):
                if not -1 <= index < len(graph.tensors):
                    raise ValueError(f"it has no tensor {index}")
    except Exception as error:  # flatbuffers raises whatever its bytes make of it
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{what} is no TFLite network of one picture ({reason}).") from error
    return model


def onnx_of(model: Any, name: str) -> onnx.ModelProto:
    """ONNX model of a parsed TFLite file, its picture with the channels last.

    Parameters
    ----------
    model : object
        Of `parsed`.
    name : str
        Name of the network.

    Raises
    ------
    InputError
        If it holds integer activations, or an operator that has no counterpart.
    """
    return Translator(model).run(name)


class Translator:
    """State of one translation."""

    def __init__(self, model: Any) -> None:
        self.model, self.graph = model, model.subgraphs[0]
        self.nodes: list[onnx.NodeProto] = []
        self.stored: dict[str, Array] = {}
        self.first: dict[str, str] = {}
        """Value with the channels first, by the name of that with the channels last."""
        self.spread: dict[int, tuple[int, list[int], list[int]]] = {}
        """What SPACE_TO_BATCH_ND reads, its block and padding before, by its result."""
        self.halves: dict[str, Array] = {}
        """Constants that were widened from float16."""
        self.parts = 0

    def run(self, name: str) -> onnx.ModelProto:
        """The ONNX model."""
        for operator in self.graph.operators:
            self._operator(operator)
        source, target = self.graph.inputs[0], self.graph.outputs[0]
        ends = [self._end(source), self._end(target)]
        tensors = [numpy_helper.from_array(np.ascontiguousarray(array), key)
                   for key, array in self.stored.items()]  # fmt: skip
        body = helper.make_graph(self.nodes, name, ends[:1], ends[1:], tensors)
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(body, opset_imports=[opset], ir_version=IR_VERSION)

    def _end(self, index: int) -> onnx.ValueInfoProto:
        """Input or output of the network; open sides are named."""
        tensor = self.graph.tensors[index]
        signature = tensor.shapeSignature if tensor.shapeSignature is not None else tensor.shape
        sides = [int(side) for side in signature]
        if len(sides) != 4 or tensor.type not in (_FLOAT32, _UINT8):
            raise InputError(
                f"tensor '{self.name(index)}' is no picture of floats, (1, height, width, "
                "channels): convert the network without quantization."
            )
        kind = TensorProto.FLOAT if tensor.type == _FLOAT32 else TensorProto.UINT8
        shape = [1, *(side if side > 0 else None for side in sides[1:])]
        return helper.make_tensor_value_info(self.name(index), kind, shape)

    def _operator(self, operator: Any) -> None:
        code = self.model.operatorCodes[operator.opcodeIndex]
        number = max(code.builtinCode, code.deprecatedBuiltinCode)
        names = {v: k for k, v in vars(schema().BuiltinOperator).items() if isinstance(v, int)}
        op = names.get(number, f"number {number}")
        if op not in OPERATORS:
            raise InputError(
                f"TFLite operator {op} (for '{self.name(operator.outputs[0])}') has no counterpart; "
                f"known: {', '.join(sorted(OPERATORS))}."
            )
        try:
            OPERATORS[op](self, operator, operator.builtinOptions)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            where = self.name(operator.outputs[0])
            raise InputError(
                f"TFLite operator {op} (for '{where}') is damaged ({error})."
            ) from error

    # What the operators use.

    def name(self, index: int) -> str:
        """Name of a tensor, unique by its number."""
        return f"t{index}"

    def constant(self, index: int) -> Array | None:
        """Array of a constant; None for an activation."""
        if self.name(index) in self.halves:
            return self.halves[self.name(index)]
        tensor = self.graph.tensors[index]
        data = self.model.buffers[tensor.buffer].data
        if data is None or not len(data):
            return None
        if tensor.type not in _TYPES or (tensor.type == 9):
            raise InputError(
                f"constant '{self.name(index)}' holds integers of a quantized network: convert it "
                "without quantization, and quantize it by 'edgeqe quantize'."
            )
        array = np.frombuffer(bytes(data), _TYPES[tensor.type])
        shape = [int(n) for n in tensor.shape] if tensor.shape is not None else []
        return array.reshape(shape)

    def read(self, index: int) -> str:
        """Name of an input, channels last; constants are stored."""
        name, array = self.name(index), self.constant(index)
        if array is not None:
            self.stored[name] = array.astype(np.int64) if array.dtype.kind == "i" else array
        return name

    def integers(self, index: int) -> list[int]:
        """Numbers of a constant."""
        array = self.constant(index)
        if array is None:
            raise InputError(f"'{self.name(index)}' must be a constant of the file.")
        return [int(n) for n in array.ravel()]

    def store(self, array: Array) -> str:
        """Store a new constant; its name."""
        self.parts += 1
        self.stored[f"c{self.parts}"] = array
        return f"c{self.parts}"

    def shape(self, index: int) -> list[int]:
        """Shape of a tensor; sides that may be resized are those it is stored at."""
        return [int(side) for side in self.graph.tensors[index].shape]

    def add(self, op: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        """Append a node; the name of what it makes."""
        self.parts += 1
        output = output or f"v{self.parts}"
        self.nodes.append(helper.make_node(op, inputs, [output], f"{op}.{output}", **attributes))
        return output

    def channels_first(self, index: int) -> str:
        """Name of an activation with the channels first."""
        name = self.name(index)
        if name not in self.first:
            self.first[name] = self.add("Transpose", [name], perm=[0, 3, 1, 2])
        return self.first[name]

    def channels_last(self, value: str, index: int, activation: int = 0) -> None:
        """Make a tensor of a value with the channels first, behind an activation."""
        name = self.name(index)
        self.first[name] = self.activated(value, activation)
        self.add("Transpose", [self.first[name]], name, perm=[0, 2, 3, 1])

    def activated(self, value: str, activation: int, output: str = "") -> str:
        """Append a fused activation: none, RELU, RELU_N1_TO_1, RELU6 or TANH."""
        if activation == 1:
            return self.add("Relu", [value], output)
        if activation in (2, 3):
            low, high = {2: (-1.0, 1.0), 3: (0.0, 6.0)}[activation]
            ends = [self.store(np.float32(end)) for end in (low, high)]  # type: ignore[arg-type]
            return self.add("Clip", [value, *ends], output)
        if activation == 4:
            return self.add("Tanh", [value], output)
        if activation:
            raise ValueError(f"activation {activation}")
        return self.add("Identity", [value], output) if output else value
