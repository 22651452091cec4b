"""Export sources of TFLite files of TensorFlow's converter, and of SavedModels."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt

from edgeqe.converters.graph.convention import Convention, OutputKind
from edgeqe.converters.onnx_io.own_size import checked
from edgeqe.converters.onnx_io.reader import graph_of
from edgeqe.converters.rewrites import conventions
from edgeqe.converters.rewrites.branches import fuse_branches
from edgeqe.converters.rewrites.fold import fold
from edgeqe.converters.rewrites.sharing import share
from edgeqe.converters.rewrites.value_range import plain_factors
from edgeqe.converters.sources import PICTURE_ROUNDING, Reference, Source
from edgeqe.converters.tflite_io.foreign import onnx_of, parsed
from edgeqe.converters.tflite_io.saved_model import check_saved_model
from edgeqe.errors import InputError, MissingFileError
from edgeqe.model.card import CARD_KEY
from edgeqe.model.card_fields import NOT_STATED
from edgeqe.runtimes.litert import interpreter_module
from edgeqe.typing import Float
from edgeqe.views.colour import SCALE


def from_tflite(
    path: Path,
    *,
    data: bytes | None = None,
    planes: str | None = None,
    value_range: tuple[float, float] | None = None,
    output: OutputKind | str | None = None,
    codecs: tuple[str, ...] | None = None,
) -> Source:
    """Export source of a TFLite file in float.

    Parameters
    ----------
    path : Path
        Where it comes from.
    data : bytes, optional
        Its content; the file's if left out.
    planes, value_range, output, codecs
        As of `onnx_io.sources.from_onnx`.

    Raises
    ------
    InputError
        If it cannot be read, is one of edgeqe or quantized, holds an operator that has no
        counterpart, or is no enhancement network.
    """
    if data is None:
        try:
            data = path.read_bytes()
        except OSError as error:
            kind = MissingFileError if isinstance(error, FileNotFoundError) else InputError
            raise kind(f"cannot read '{path}': {error.strerror or error}.") from error
    if CARD_KEY.encode() in data:
        raise InputError(
            f"'{path}' has edgeqe's card already: use it as it is, or convert the network or .onnx "
            "file that it was made of."
        )
    model = parsed(data, f"'{path}'")
    proto = onnx_of(model, path.stem)
    graph = plain_factors(graph_of(proto.SerializeToString()))
    convention = conventions.convention(graph, planes, value_range, output)
    if convention.gives is not OutputKind.PICTURE:  # its last clipping is part of the network
        graph = plain_factors(graph_of(proto.SerializeToString(), clips=False))
    rounding = PICTURE_ROUNDING if convention.gives is OutputKind.PICTURE else 0.0
    reference, size = residual_of(model, convention), own_size(model)
    if size is not None:
        plain = conventions.as_residual(graph, convention)
        reference = checked(plain, reference, size, rounding)
    return Source(
        graph=fold(share(conventions.as_residual(fuse_branches(fold(graph)), convention))),
        reference=reference,
        description=convention.described(path.name),
        planes=convention.planes,
        codecs=codecs or ("jpeg",),
        tiling="whole" if graph.pools_globally else "exact",
        provenance={"converted from": path.name},
        licence=NOT_STATED,
        rounding=rounding,
    )


def own_size(model: Any) -> tuple[int, int] | None:
    """Height and width of a file's picture; None where one is open."""
    tensor = model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]]
    stated = tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature
    rows, columns = (int(side) for side in stated[1:3])
    return (rows, columns) if rows > 0 and columns > 0 else None


def from_saved_model(folder: Path, **foreign: Any) -> Source:
    """Export source of a SavedModel, by way of TensorFlow's converter to TFLite.

    Parameters
    ----------
    folder : Path
    **foreign
        As of `from_tflite`.

    Raises
    ------
    InputError
        If it holds an operator that is none of a network, before anything of it is loaded; if TensorFlow cannot convert it; and as `from_tflite`.
    """
    check_saved_model(folder)
    import tensorflow as tf

    try:
        converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
        data = bytes(converter.convert())
    except Exception as error:  # TensorFlow raises whatever its layers raise
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"'{folder}' cannot be converted by TensorFlow ({reason}): save it again with the "
            "signature of one picture."
        ) from error
    return from_tflite(folder, data=data, **foreign)


def residual_of(model: Any, convention: Convention) -> Reference:
    """Function of a parsed TFLite file that maps planes, 8-bit sample values, to the residual.

    LiteRT runs the network as it was read: written again, so that no offset of the file is followed.
    """
    litert = interpreter_module()
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    content = bytes(builder.Output())
    span = convention.high - convention.low

    def residual(planes: npt.NDArray[np.uint8]) -> Float:
        given = (planes.transpose(1, 2, 0)[None] / SCALE * span + convention.low).astype(np.float32)
        try:
            running = litert.Interpreter(model_content=content)
            (source,), (target,) = running.get_input_details(), running.get_output_details()
            if tuple(source["shape"]) != given.shape:
                running.resize_tensor_input(source["index"], given.shape)
            running.allocate_tensors()
            running.set_tensor(source["index"], given.astype(source["dtype"]))
            running.invoke()
            result = np.asarray(running.get_tensor(target["index"]), np.float32)
        except (RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"the TFLite file cannot run at {math.prod(given.shape[1:3])} pixels ({reason}): "
                "convert the network with free height and width."
            ) from error
        return np.ascontiguousarray(convention.residual(given, result)[0].transpose(2, 0, 1))

    return residual
