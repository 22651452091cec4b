"""Model file export: strength tables, card, golden tile, and a parity check against the source."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.codecs.strength import KEYS_PER_OCTAVE
from edgeqe.converters.graph import analysis
from edgeqe.converters.graph import integer as integers
from edgeqe.converters.graph.fading import faded_constants
from edgeqe.converters.graph.graph import Graph, short
from edgeqe.converters.graph.integer import QuantizedGraph
from edgeqe.converters.graph.strength_tables import (
    INTEGER_TOLERANCE,
    TABLE_TOLERANCE,
    as_stored,
    strength_table,
    tables_of,
)
from edgeqe.converters.memory.lifetimes import peak_bytes
from edgeqe.converters.output import SUFFIXES
from edgeqe.converters.rewrites.sharing import scale_kernels
from edgeqe.converters.sources import Source
from edgeqe.errors import CheckError, InputError
from edgeqe.model.card import (
    ACTIVATIONS_KEY,
    CARD_KEY,
    GOLDEN_KEY,
    STRENGTHS_KEY,
    Card,
    golden_text,
    pixels_per_sample,
)
from edgeqe.model.file import ModelFile, outline_of, weights_sha256
from edgeqe.reports.output_file import written_whole
from edgeqe.runtimes import open_session
from edgeqe.typing import Float
from edgeqe.views.colour import NEUTRAL

#: Largest difference between source and file, relative to the residual's range: float32,
#: float32 with more convolutions in a row than `DEEP`, and float16, whose values have
#: 11 bits and whose errors add up over the layers. INT8's source is the quantized graph in
#: exact arithmetic, from which a runtime's rounding in its layers may lead away, and at its
#: output by two scales of the residual.
PARITY, PARITY_DEEP, PARITY_FLOAT16 = 1e-5, 5e-5, 5e-3
PARITY_INT8, PARITY_INT8_DEEP = 0.03, 0.15
DEEP = 20


@dataclass(frozen=True)
class Exported:
    """A model file that was written and checked."""

    card: Card
    path: Path
    file_bytes: int
    constant_bytes: int
    """Bytes of all constants, each shared one counted once."""
    unshared_bytes: int
    """Bytes that they would take with every use of a kernel stored by itself."""
    parity: float
    """Largest difference between source and file, relative to the residual's range."""


def export(source: Source, path: Path, *, float16: bool = False) -> Exported:
    """Write a source as a model file, after checking that file against the source.

    Parameters
    ----------
    source : Source
    path : Path
        Ends in ``.onnx`` or ``.tflite``; replaced if it exists.
    float16 : bool
        Store the weights in float16.

    Raises
    ------
    CheckError
        If file and source differ by more than the tolerance; nothing is written.
    InputError
        If the format cannot hold the network, or it gives no finite numbers.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(f"'{path}' must end in {' or '.join(SUFFIXES)}.")
    content: Graph | QuantizedGraph = short(source.graph)
    folded: dict[str, str] = {}
    if source.quantized is not None:
        if float16 or (source.quantized.symmetric and path.suffix == ".tflite"):
            raise InputError(
                "INT8 has no float16, and with symmetric zero points no TFLite: leave one out."
            )
        content = integers.short(source.quantized)
    vectors = tables_of(content)
    faded = faded_constants(content) if source.fades else ()
    tolerance = TABLE_TOLERANCE if isinstance(content, Graph) else INTEGER_TOLERANCE
    tables = {key: strength_table(named, tolerance) for key, named in vectors.items()}
    metadata = {**source.metadata, **{key: table.to_text() for key, table in tables.items()}}
    if isinstance(content, QuantizedGraph):
        content = as_stored(content, tables, source.default_key)
    elif path.suffix == ".tflite":
        content, folded = scale_kernels(content)
    graph = content if isinstance(content, Graph) else content.graph
    golden_in = _golden_planes(graph, source)
    golden_out = source.reference(golden_in)
    if not np.isfinite(golden_out).all():
        raise InputError(
            f"network '{graph.name}' gives values of a picture that are no finite numbers: its weights are "
            "damaged, train or export it again."
        )
    metadata[GOLDEN_KEY] = golden_text(golden_in, golden_out)
    precision = "int8" if source.quantized else "float16" if float16 else "float32"
    residual_scale = content.residual_scale if isinstance(content, QuantizedGraph) else 0.0
    deep = _depth(graph) > DEEP
    limit = PARITY_DEEP if deep else PARITY
    if float16:
        limit = PARITY_FLOAT16
    elif precision == "int8":
        limit = PARITY_INT8_DEEP if deep else PARITY_INT8
        limit += 2 * residual_scale / _span(golden_out)
    limit += source.rounding / _span(golden_out)
    card = _card(source, content, vectors, folded, path.suffix, precision)
    card = replace(card, faded=faded)
    if precision == "int8" and deep:
        card = replace(card, golden_tolerance=limit * _span(golden_out))
    unsigned = _encode(content, metadata, path.suffix, float16)
    digest = weights_sha256(unsigned, outline_of(unsigned), card)
    card = replace(card, weights_sha256=digest)
    data = _encode(content, {CARD_KEY: card.to_json(), **metadata}, path.suffix, float16)
    with written_whole(path) as temporary:
        temporary.write_bytes(data)
        parity = _parity(ModelFile(temporary), golden_in, golden_out)
        if not parity <= limit:
            raise CheckError(
                f"the file differs from its source by {parity:.1e} of the residual's range, more "
                f"than {limit:.0e}: nothing was written."
            )
    number = 2 if float16 else 4
    sizes = {name: number * value.size for name, value in graph.constants.items()}
    if isinstance(content, QuantizedGraph):
        sizes |= {name: graph.constants[name].size for name in content.kernels}
        sizes |= {f"{name}.scale": sizes[name] for name in content.biases()}
    unshared = sum(size * max(len(graph.uses(name)), 1) for name, size in sizes.items())
    return Exported(card, path, len(data), sum(sizes.values()), unshared, parity)


def _encode(
    content: Graph | QuantizedGraph, metadata: Mapping[str, str], suffix: str, float16: bool
) -> bytes:
    if isinstance(content, QuantizedGraph):
        if suffix == ".onnx":
            from edgeqe.converters.onnx_io import integer_writer as onnx_integer_writer

            return _bytes(onnx_integer_writer.model_of(content, metadata))
        from edgeqe.converters.tflite_io import integer_writer as tflite_integer_writer

        return tflite_integer_writer.model_of(content, metadata)
    if suffix == ".onnx":
        from edgeqe.converters.onnx_io import writer as onnx_writer

        return _bytes(onnx_writer.model_of(content, metadata, float16=float16))
    from edgeqe.converters.tflite_io import writer as tflite_writer

    return tflite_writer.model_of(content, metadata, float16=float16)


def _bytes(model: Any) -> bytes:
    encoded: bytes = model.SerializeToString()
    return encoded


def _card(
    source: Source,
    content: Graph | QuantizedGraph,
    tables: Mapping[str, Mapping[str, Float]],
    folded: dict[str, str],
    suffix: str,
    precision: str,
) -> Card:
    graph = content if isinstance(content, Graph) else content.graph
    receptive_field = analysis.receptive_field(graph)
    kernels: Collection[str] = ()
    quant_params: Collection[str] = ()
    if isinstance(content, QuantizedGraph):
        kernels, quant_params = content.kernels, content.quant_params
    counted = suffix == ".onnx" or isinstance(content, QuantizedGraph)
    peak = peak_bytes(content) / 4 if counted else analysis.peak_floats(graph)
    unit = pixels_per_sample(source.planes)
    wide = [n for n in graph.nodes if n.op in ("Conv", "ConvTranspose") and n.kernel > 1]
    uses = Counter(node.inputs[1] for node in wide)
    return Card(
        name=graph.name,
        description=source.description,
        planes=source.planes,
        codecs=source.codecs,
        precision=precision,
        halo=unit * receptive_field.halo,
        alignment=unit * receptive_field.alignment,
        kmac_per_pixel=round(analysis.macs(graph) / unit**2 / 1000, 3),
        parameters=graph.parameters(),
        peak_floats_per_pixel=round(peak / unit**2, 3),
        traffic_floats_per_pixel=analysis.traffic_floats(graph, quant_params) / unit**2,
        integer_kmac_per_pixel=round(analysis.macs(graph, kernels) / unit**2 / 1000, 3),
        default_step=2.0 ** (source.default_key / KEYS_PER_OCTAVE),
        weights_sha256="",
        vectors=tuple(tables.get(STRENGTHS_KEY, ())),
        activations=tuple(n.removesuffix(".scale") for n in tables.get(ACTIVATIONS_KEY, ())),
        biases=content.biases() if isinstance(content, QuantizedGraph) and tables else {},
        residual_step=content.residual_scale if isinstance(content, QuantizedGraph) else 0.0,
        fades=source.fades,
        folded=folded,
        inputs=tuple(graph.inputs),
        tiling=source.tiling,
        block=source.block,
        exact_halo=unit * receptive_field.exact_halo,
        trainable=source.trainable,
        shared=tuple(name for name, count in uses.items() if count > 1),
        licence=source.licence,
        provenance=source.provenance,
        quality=source.quality,
    )


def _depth(graph: Graph) -> int:
    """Depth: most convolutions in a row."""
    deep = dict.fromkeys(graph.inputs, 0)
    for node in graph.nodes:
        before = max(deep.get(name, 0) for name in node.inputs)
        deep[node.output] = before + (node.op in ("Conv", "ConvTranspose"))
    return deep[graph.output]


def _golden_planes(graph: Graph, source: Source) -> npt.NDArray[np.uint8]:
    """Synthetic tile with ramps, an edge, blocks and noise: (C, h, w), 8-bit sample values."""
    alignment = math.lcm(8, analysis.receptive_field(graph).alignment)
    height, width = (source.block,) * 2 if source.block else (2 * alignment, 3 * alignment)
    rng = np.random.default_rng(7)
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    luma = 60 + 120 * columns / width + 40 * (rows > height / 2)
    luma += 12 * ((columns // 4 + rows // 4) % 2)
    chroma = 128 + (rows - columns) / 2
    plain = {"y": [luma], "rgb": [luma, luma + 10, luma + 20], "420-space-to-depth": 4 * [luma]}
    planes = [*plain[source.planes], chroma, chroma][: sum(graph.inputs.values())]
    noisy = [plane + rng.normal(0, 6, luma.shape) for plane in planes]
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def _parity(file: ModelFile, planes: npt.NDArray[np.uint8], expected: Float) -> float:
    """Largest difference between the file, run, and its source, relative to the residual's range."""
    session = open_session(file, file.key(file.card.default_step))
    result = session.run(planes.astype(np.float32) - np.float32(NEUTRAL))
    return float(np.abs(result - expected).max()) / _span(expected)


def _span(residual: Float) -> float:
    """Range of a residual, 8-bit levels."""
    return max(float(np.ptp(residual)), 1e-6)
