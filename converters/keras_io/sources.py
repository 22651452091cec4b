"""Export sources of Keras networks that are not the zoo's: from a ``.keras`` file of usual layers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.converters.graph.convention import Convention, OutputKind
from edgeqe.converters.keras_io.reader import graph_of
from edgeqe.converters.onnx_io.own_size import checked
from edgeqe.converters.rewrites import conventions
from edgeqe.converters.rewrites.branches import fuse_branches
from edgeqe.converters.rewrites.fold import fold
from edgeqe.converters.rewrites.sharing import share
from edgeqe.converters.rewrites.value_range import plain_factors
from edgeqe.converters.sources import PICTURE_ROUNDING, Reference, Source
from edgeqe.model.card_fields import NOT_STATED
from edgeqe.typing import Float
from edgeqe.views.colour import SCALE


def from_plain_keras(
    model: Any,
    path: Path,
    *,
    planes: str | None = None,
    value_range: tuple[float, float] | None = None,
    output: OutputKind | str | None = None,
    codecs: tuple[str, ...] | None = None,
) -> Source:
    """Export source of a Keras model that is no network of the zoo.

    Parameters
    ----------
    model : keras.Model
        Functional or sequential, channels last, one picture in and out.
    path : Path
        Where it comes from.
    planes, value_range, output, codecs
        As of `onnx_io.sources.from_onnx`.

    Raises
    ------
    InputError
        If the model holds a layer that the graph has no operator for, or is no enhancement network.
    """
    graph = plain_factors(graph_of(model, 0.0))
    convention = conventions.convention(graph, planes, value_range, output)
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
        trainable=sum(math.prod(variable.shape) for variable in model.trainable_variables),
        provenance={"converted from": path.name},
        licence=NOT_STATED,
        rounding=rounding,
    )


def own_size(model: Any) -> tuple[int, int] | None:
    """Height and width that a model's input states, an open side as long as the other; None if both are open."""
    rows, columns = model.inputs[0].shape[1:3]
    return None if rows is None and columns is None else (rows or columns, columns or rows)


def residual_of(model: Any, convention: Convention) -> Reference:
    """Function of a model that maps planes (C, h, w), 8-bit sample values, to the residual."""
    span = convention.high - convention.low

    def residual(planes: npt.NDArray[np.uint8]) -> Float:
        given = (planes.transpose(1, 2, 0)[None] / SCALE * span + convention.low).astype(np.float32)
        result = np.asarray(model.predict_on_batch(given), np.float32)
        return np.ascontiguousarray(convention.residual(given, result)[0].transpose(2, 0, 1))

    return residual
