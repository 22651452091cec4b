"""Reference of a converted ONNX file: the original on ONNX Runtime, as planes to residual.

ONNX Runtime runs the file's own nodes; only what the conversion leaves out on purpose is
removed: half or double precision, a fixed size, external data, and the Clip at the end, which
edgeqe's own clipping replaces.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgeqe.converters.graph.convention import Convention, OutputKind
from edgeqe.converters.onnx_io import file as onnx_file
from edgeqe.converters.onnx_io.finishing import FLOATS, finishing
from edgeqe.converters.onnx_io.reader import PICTURES, channels_last
from edgeqe.errors import InputError
from edgeqe.typing import Float
from edgeqe.views.colour import SCALE


def residual_of(
    source: Path | bytes, convention: Convention
) -> Callable[[npt.NDArray[np.uint8]], Float]:
    """Function of a file that maps planes (C, h, w), 8-bit sample values, to the residual.

    Parameters
    ----------
    source : Path or bytes
        A file, or the content of one.
    convention : Convention
        Its value range and kind of output.

    Returns
    -------
    callable
        Gives the residual (C, h, w) in 8-bit levels, not clipped.

    Raises
    ------
    InputError
        If the file is damaged, or ONNX Runtime cannot run it.
    """
    session = _session(reference_bytes(source, clips=convention.gives is OutputKind.PICTURE))
    last = session.get_inputs()[0].shape[3] in (1, 3)
    name, span = session.get_inputs()[0].name, convention.high - convention.low

    def residual(planes: npt.NDArray[np.uint8]) -> Float:
        given = (planes[None] / SCALE * span + convention.low).astype(np.float32)
        asked = given.transpose(0, 2, 3, 1) if last else given
        try:
            result = session.run(None, {name: asked})[0]
        except Exception as error:
            raise _cannot_run(error) from error
        if result.shape != given.shape and result.shape[1:3] == given.shape[2:]:
            result = result.transpose(0, 3, 1, 2)
        levels: Float = convention.residual(given, result)[0]
        return levels

    return residual


def rounded_residual_of(
    source: Path,
    convention: Convention,
    tensor: str,
    *,
    sign: float,
    less_input: bool,
    fused: bool,
) -> Callable[[npt.NDArray[np.uint8]], Float]:
    """Function of a fully quantized file that maps planes to the residual, every rounding included.

    Parameters
    ----------
    source : Path
    convention : Convention
        Its value range.
    tensor : str
        What gives the residual, or the picture, in floats.
    sign : float
        -1 where it is subtracted.
    less_input : bool
        Whether it is the picture, from which the input is subtracted.
    fused : bool
        Whether ONNX Runtime may fuse what is between two roundings into integer operators: weights of
        8 bits overflow the sums of some processors there.

    Returns
    -------
    callable
        As of `residual_of`.

    Raises
    ------
    InputError
        If the file is damaged, or ONNX Runtime cannot run it.
    """
    model = onnx_file.load(source)
    for value in (*model.graph.input, *model.graph.output):
        _set_free(value)
    del model.graph.value_info[:], model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(tensor, TensorProto.FLOAT, None))
    session = _session(model.SerializeToString(), fused=fused)
    name, span = session.get_inputs()[0].name, convention.high - convention.low

    def residual(planes: npt.NDArray[np.uint8]) -> Float:
        given = (planes[None] / SCALE * span + convention.low).astype(np.float32)
        try:
            result = session.run(None, {name: given})[0]
        except Exception as error:
            raise _cannot_run(error) from error
        if less_input:
            result = result - given
        return np.asarray(result[0] * (sign * SCALE / span), np.float32)

    return residual


def _session(content: bytes, *, fused: bool = True) -> Any:
    """Session of ONNX Runtime on the processor."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    if not fused:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors have no public base
        raise _cannot_run(error) from error


def reference_bytes(source: Path | bytes, *, clips: bool = True) -> bytes:
    """Bytes of the file in float32, with free height and width, no external data and no final Clip.

    Parameters
    ----------
    source : Path or bytes
        A file, or the content of one.
    clips : bool
        As of `reader.graph_of`.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    model = onnx_file.load(source)
    for node in finishing(model.graph, onnx_file.constants(model.graph), clips=clips):
        whole = node.op_type == "Cast" and node.attribute[0].i not in FLOATS
        if node.op_type in ("Clip", "Round") or whole:
            _set_op(node, "Identity")
    _without_rounding(model.graph)
    for tensor in onnx_file.tensors(model.graph):
        if tensor.data_type in FLOATS:
            value = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
    for node in model.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i in FLOATS:
                attribute.i = TensorProto.FLOAT
    for value in (*model.graph.input, *model.graph.output):
        _set_free(value)
    del model.graph.value_info[:]
    content: bytes = model.SerializeToString()
    return content


def _set_free(value: onnx.ValueInfoProto) -> None:
    """Make an input or output float32, with free height and width."""
    kind = value.type.tensor_type
    kept = 3 if channels_last([side.dim_value for side in kind.shape.dim]) else 1
    if kind.elem_type in PICTURES:
        kind.elem_type = TensorProto.FLOAT
    for axis, side in enumerate(kind.shape.dim):
        if axis != kept:
            side.Clear()


def _set_op(node: onnx.NodeProto, op: str) -> None:
    node.op_type = op
    del node.input[1:], node.attribute[:]


def _without_rounding(graph: onnx.GraphProto) -> None:
    """Let quantized activations be floats, saturated at 0 where their integers are."""
    fixed, inputs = onnx_file.constants(graph), {value.name for value in graph.input}
    floats = set[str]()
    for node in graph.node:
        if node.op_type == "QuantizeLinear" and node.input[0] not in fixed:
            zero = fixed[node.input[2]] if len(node.input) > 2 else np.uint8(0)
            lowest = int(zero) == np.iinfo(zero.dtype).min and node.input[0] not in inputs
            floats.add(node.output[0])
            _set_op(node, "Relu" if lowest else "Identity")
        elif node.op_type == "DequantizeLinear" and node.input[0] in floats:
            _set_op(node, "Identity")


def _cannot_run(error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:200]
    return InputError(f"the ONNX file cannot run ({reason}): export it again.")
