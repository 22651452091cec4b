"""Loading ONNX files of any tool, external data included.

Nothing of the file runs. Weights in other files are read from the model's own folder
alone, and only when no ``..`` and no link leads out of it, but for one into the folder that the
model itself is a link into. What could hold
further tensors or code (subgraphs, functions, sparse tensors, foreign domains) is refused, because
ONNX Runtime, which the conversion is compared with, would open and run it.
"""

from __future__ import annotations

import math
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgeqe.errors import InputError, MissingFileError
from edgeqe.typing import Array

#: Oldest version of ONNX's operators that is read: from 7 on, broadcasting is numpy's.
OLDEST_OPSET = 7
#: Largest file (that of protobuf), and most operators.
LARGEST_FILE, MOST_OPERATORS = 2 << 30, 5_000
#: Operators of ONNX Runtime itself that are read.
EXTRA = (("com.microsoft", "FusedConv"), ("com.microsoft", "Gelu"))
#: Kinds of attribute that hold numbers or text.
_PLAIN = ("FLOAT", "INT", "STRING", "FLOATS", "INTS", "STRINGS")


def load(source: Path | bytes) -> onnx.ModelProto:
    """Parse a file; external data is read into the model.

    Parameters
    ----------
    source : Path or bytes
        A file, or the content of one; bytes may not refer to other files.

    Raises
    ------
    InputError
        If it cannot be read, is no whole ONNX model, has an opset below `OLDEST_OPSET`,
        refers to data outside its folder, or holds subgraphs, functions or sparse tensors.
    """
    what = "the ONNX model" if isinstance(source, bytes) else f"'{source}'"
    try:
        data = source if isinstance(source, bytes) else _content(source)
    except OSError as error:
        kind = MissingFileError if isinstance(error, FileNotFoundError) else InputError
        raise kind(f"cannot read {what}: {error.strerror or error}.") from error
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except Exception as error:  # protobuf's DecodeError, which differs between its versions
        raise InputError(f"{what} is no whole ONNX model: export it again.") from error
    if not model.graph.node or not model.graph.output:
        raise InputError(f"{what} is no ONNX model: it holds no network.")
    opset = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=1)
    if opset < OLDEST_OPSET:
        raise InputError(f"{what} has opset {opset}: export it again with {OLDEST_OPSET} or later.")
    model.DiscardUnknownFields()
    _keep_needed(model.graph)
    _refuse_code(model, what)
    for tensor in tensors(model.graph):
        if tensor.data_location == TensorProto.EXTERNAL:
            _take_in(tensor, None if isinstance(source, bytes) else source)
    return model


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise OSError("it is no plain file")
    if path.stat().st_size > LARGEST_FILE:
        raise OSError(f"it has more than {LARGEST_FILE >> 20} MiB")
    return path.read_bytes()


def _keep_needed(graph: onnx.GraphProto) -> None:
    """Drop the operators that no output depends on."""
    wanted, kept = {value.name for value in graph.output}, []
    for node in reversed(graph.node):
        if wanted & set(node.output):
            wanted |= set(node.input)
            kept.append(node)
    kept.reverse()
    if len(kept) < len(graph.node):
        copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in kept]
        del graph.node[:]
        graph.node.extend(copies)


def _refuse_code(model: onnx.ModelProto, what: str) -> None:
    """Error if there is anything but plain operators and dense tensors."""
    kinds = onnx.AttributeProto.AttributeType
    plain = {kinds.Value(name) for name in _PLAIN}
    found = ""
    if model.functions or model.training_info:
        found = "functions"
    elif model.graph.sparse_initializer:
        found = "sparse tensors"
    elif len(model.graph.node) > MOST_OPERATORS:
        found = f"more than {MOST_OPERATORS} operators"
    for node in model.graph.node:
        if node.domain not in ("", "ai.onnx") and (node.domain, node.op_type) not in EXTRA:
            found = f"operator '{node.domain}.{node.op_type}' ({_label(node)})"
        for attribute in node.attribute:
            tensor = attribute.type == kinds.TENSOR and (node.op_type, attribute.name) == (
                "Constant",
                "value",
            )
            held = {field.name for field, _ in attribute.ListFields()}
            if not (attribute.type in plain or tensor) or held & {"g", "graphs", "sparse_tensor"}:
                found = (
                    f"operator '{node.op_type}' ({_label(node)}) with a subgraph or tensor in it"
                )
    if found:
        raise InputError(f"{what} has {found}, which edgeqe never runs: export it without.")


def _label(node: onnx.NodeProto) -> str:
    return f"node '{node.name or next(iter(node.output), '')}'"


def tensors(graph: onnx.GraphProto) -> list[onnx.TensorProto]:
    """Tensors of initializers and of Constant nodes."""
    attributes = [a for node in graph.node if node.op_type == "Constant" for a in node.attribute]
    return [*graph.initializer, *(a.t for a in attributes if a.name == "value")]


def constants(graph: onnx.GraphProto) -> dict[str, Array]:
    """Arrays of every initializer and Constant node by name.

    Raises
    ------
    InputError
        If the data of one do not fit its shape.
    """
    result = {tensor.name: _array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type != "Constant" or node.domain not in ("", "ai.onnx"):
            continue
        for attribute in node.attribute:
            value = helper.get_attribute_value(attribute)
            if attribute.name == "value":
                result[node.output[0]] = _array(value)
            elif attribute.name in ("value_float", "value_floats"):
                result[node.output[0]] = np.array(value, np.float32)
            elif attribute.name in ("value_int", "value_ints"):
                result[node.output[0]] = np.array(value, np.int64)
    return result


def _array(tensor: onnx.TensorProto) -> Array:
    """Array of a tensor whose data must be complete."""
    try:
        array = numpy_helper.to_array(tensor)
        if array.shape != tuple(tensor.dims):
            raise ValueError(f"shape {array.shape}")
    except Exception as error:  # onnx raises whatever its checks raise
        raise InputError(
            f"constant '{tensor.name}' of shape {list(tensor.dims)} does not hold its data: "
            "the file is damaged, export it again."
        ) from error
    return array


def _take_in(tensor: onnx.TensorProto, model: Path | None) -> None:
    """Read a tensor's external data into it."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    inside = _inside(location, model)
    if inside is None:
        raise InputError(
            f"constant '{tensor.name}' lies in '{location}', outside the model's folder, which is "
            "never opened: save the model as one file."
        )
    try:
        dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
        size = math.prod(tensor.dims) * dtype.itemsize
        offset = int(entries.get("offset", "0"))
        if int(entries.get("length", str(size))) != size or offset < 0:
            raise ValueError("its length does not fit its shape")
        if not inside.is_file():
            raise ValueError("it is no plain file")
        with inside.open("rb") as file:
            file.seek(offset)
            raw = file.read(size) if offset + size <= inside.stat().st_size else b""
        if len(raw) != size:
            raise ValueError(f"'{location}' breaks off")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"constant '{tensor.name}' cannot be read from '{location}' ({error}): keep that file "
            "beside the model, or save the model as one file."
        ) from error
    tensor.raw_data = raw
    tensor.data_location = TensorProto.DEFAULT
    del tensor.external_data[:]


def _inside(location: str, model: Path | None) -> Path | None:
    """File of an external-data location, None if it is not below the model's folder.

    1. Beside the model, and below its folder when links are followed.
    2. A model that is a link itself, as in the caches of model hubs: data that is a link beside
       it, into the folder where the model's own link leads. ONNX Runtime opens both.
    """
    posix, windows = PurePosixPath(location), PureWindowsPath(location)
    if model is None or not location or "\0" in location:
        return None
    if posix.is_absolute() or windows.anchor or ".." in windows.parts:
        return None
    try:
        path = (model.parent / location).resolve()
        folders = (model.parent.resolve(), model.resolve().parent)
        return path if any(path.is_relative_to(folder) for folder in folders) else None
    except (OSError, RuntimeError):  # a loop of links
        return None
