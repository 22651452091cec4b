"""Export sources from ONNX files: of another tool, or a model file of edgeqe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgeqe.converters.graph.convention import Convention, OutputKind
from edgeqe.converters.graph.graph import Graph
from edgeqe.converters.graph.integer import LARGEST_WEIGHT
from edgeqe.converters.onnx_io import file as onnx_file
from edgeqe.converters.onnx_io.integer_kernels import UnfitScheme
from edgeqe.converters.onnx_io.own_size import checked
from edgeqe.converters.onnx_io.qdq import is_quantized, take
from edgeqe.converters.onnx_io.reader import graph_of, stated_size, takes_bytes
from edgeqe.converters.onnx_io.reference import residual_of, rounded_residual_of
from edgeqe.converters.rewrites import conventions
from edgeqe.converters.rewrites.branches import fuse_branches
from edgeqe.converters.rewrites.fold import CONVOLUTIONS, fold
from edgeqe.converters.rewrites.sharing import share
from edgeqe.converters.rewrites.value_range import plain_factors
from edgeqe.converters.sources import PICTURE_ROUNDING, Source
from edgeqe.errors import InputError
from edgeqe.model.card import CARD_KEY
from edgeqe.model.card_fields import NOT_STATED
from edgeqe.model.file import ModelFile
from edgeqe.runtimes import open_session
from edgeqe.views.colour import NEUTRAL, SCALE
from edgeqe.zoo import TRAINING_KEY


def from_onnx(
    path: Path,
    *,
    planes: str | None = None,
    value_range: tuple[float, float] | None = None,
    output: OutputKind | str | None = None,
    codecs: tuple[str, ...] | None = None,
    largest_weight: int = 0,
) -> Source:
    """Export source of an ONNX file: of another tool, or a model file of edgeqe.

    Parameters
    ----------
    path : Path
    planes : {"y", "rgb"}, optional
        What its channels are; by their count if left out. Not for a model file of edgeqe.
    value_range : (float, float), optional
        What the 8-bit sample values 0 and 255 are to it; if left out, what the factor and shift that it
        begins with say (`value_range.input_range`), else 0 and 1.
    output : OutputKind or str, optional
        What it outputs; measured if left out.
    codecs : tuple of str, optional
        Codecs whose pictures it was trained on; JPEG if left out.
    largest_weight : int
        Largest integer weight that the destination holds: a fully quantized file whose scheme fits is
        then taken as it is. 0: any file as a float network.

    Raises
    ------
    InputError
        If the graph has no operator for one of its own, or it is no enhancement network.
    """
    if any(entry.key == CARD_KEY for entry in onnx_file.load(path).metadata_props):
        file = ModelFile(path)
        if file.card.precision == "int8":
            raise InputError(
                f"'{path}' is an int8 file, whose rounding cannot be undone: give the float32 file "
                "that it was made of."
            )
        return _ours(file, graph_of(path), (planes, value_range, output, codecs))
    graph = plain_factors(graph_of(path))
    if value_range is None and takes_bytes(path):
        value_range = (0.0, SCALE)
    convention = conventions.convention(graph, planes, value_range, output)
    if convention.gives is not OutputKind.PICTURE:  # its last Clip is part of the network
        graph = plain_factors(graph_of(path, clips=False))
    rounding = PICTURE_ROUNDING if convention.gives is OutputKind.PICTURE else 0.0
    reference, size = residual_of(path, convention), stated_size(path)
    if size is not None:
        plain = conventions.as_residual(graph, convention)
        reference = checked(plain, reference, size, rounding)
    source = Source(
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
    if largest_weight and is_quantized(path):
        return _as_it_is(source, path, convention, largest_weight)
    return source


def _as_it_is(source: Source, path: Path, convention: Convention, largest_weight: int) -> Source:
    """Source with the integers of a fully quantized file; of its float network where they do not fit."""
    try:
        taken = take(path, convention, largest_weight)
    except (UnfitScheme, InputError) as reason:  # what converts in float converts
        note = (
            f"'{path}' is quantized, but not as edgeqe's INT8: {str(reason).rstrip('.')}. Its float "
            "network is taken: the next step is edgeqe quantize."
        )
        return replace(source, notes=(note,))
    return replace(
        source,
        graph=taken.quantized.graph,
        quantized=taken.quantized,
        reference=rounded_residual_of(
            path,
            convention,
            taken.tensor,
            sign=taken.sign,
            less_input=taken.less_input,
            fused=taken.largest_weight <= LARGEST_WEIGHT,
        ),
        provenance={**source.provenance, "quantization": "scales and integers of that file"},
        rounding=PICTURE_ROUNDING if taken.less_input else 0.0,
    )


def _ours(file: ModelFile, graph: Graph, flags: tuple[Any, ...]) -> Source:
    """Source of a model file of edgeqe."""
    if any(flag is not None for flag in flags):
        raise InputError(
            f"'{file.path}' has a card, which says its planes, range and output: leave the flags out."
        )
    card, key = file.card, file.key(file.card.default_step)
    session = open_session(file, key)
    kept = {key: text for key, text in file.outline.metadata.items() if key == TRAINING_KEY}
    return Source(
        graph=_named_by_kernels(graph),
        reference=lambda planes: session.run(planes.astype(np.float32) - np.float32(NEUTRAL)),
        description=card.description,
        planes=card.planes,
        codecs=card.codecs,
        fades=card.fades,
        tiling=card.tiling,
        block=card.block,
        default_key=key,
        trainable=card.trainable,
        licence=card.licence,
        provenance=card.provenance,
        quality=card.quality,
        metadata=kept,
    )


def _named_by_kernels(graph: Graph) -> Graph:
    """Graph whose convolutions are named after their kernels, as before the export."""
    names: dict[str, str] = {}
    for node in graph.nodes:
        if node.op in CONVOLUTIONS:
            layer = node.inputs[1].removesuffix(".kernel")
            uses = sum(name == layer or name.startswith(f"{layer}.") for name in names.values())
            names[node.name] = f"{layer}.{uses + 1}" if uses else layer
    nodes = [replace(node, name=names.get(node.name, node.name)) for node in graph.nodes]
    return replace(graph, nodes=tuple(nodes))
