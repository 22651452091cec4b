"""A source to a model file: strengths, card, golden tile, and the check against the source."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeqe.card import (
    CARD_KEY,
    GOLDEN_KEY,
    STRENGTHS_KEY,
    Card,
    StrengthTable,
    golden_text,
    pixels_per_sample,
)
from edgeqe.converters import passes
from edgeqe.converters.graph import KEYS, Float, Graph, short
from edgeqe.converters.lifetimes import peak_on_blocks
from edgeqe.converters.sharing import scale_kernels
from edgeqe.converters.sources import Source
from edgeqe.errors import CheckError, InputError
from edgeqe.model_file import ModelFile, outline_of, weights_sha256
from edgeqe.planes import NEUTRAL
from edgeqe.runtimes import open_session
from edgeqe.strength import KEYS_PER_OCTAVE

SUFFIXES = (".onnx", ".tflite")
#: Largest error of the low-rank strength table, relative to each vector's largest value.
TABLE_TOLERANCE = 1e-6
#: Largest difference between source and file, relative to the residual's range: float32,
#: float32 with more convolutions in a row than `DEEP`, and float16, whose numbers have
#: 11 bits and whose errors add up over the layers.
PARITY, PARITY_DEEP, PARITY_FLOAT16 = 1e-5, 5e-5, 5e-3
DEEP = 20


@dataclass(frozen=True)
class Exported:
    """A model file that was written and checked."""

    card: Card
    path: Path
    file_bytes: int
    constant_bytes: int
    """Bytes of all constants, each shared one once."""
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
        If the format cannot hold the network.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(f"'{path}' must end in {' or '.join(SUFFIXES)}.")
    graph, folded = source.graph, dict[str, str]()
    if path.suffix == ".tflite":
        graph, folded = scale_kernels(graph)
    golden_in = _golden_planes(graph, source)
    golden_out = source.reference(golden_in)
    metadata = {**source.metadata, GOLDEN_KEY: golden_text(golden_in, golden_out)}
    if source.graph.vectors:
        metadata[STRENGTHS_KEY] = strength_table(source.graph.vectors).to_text()
    card = _card(source, graph, folded, path.suffix, "float16" if float16 else "float32")
    unsigned = _encode(graph, metadata, path.suffix, float16)
    digest = weights_sha256(unsigned, outline_of(unsigned), card.vectors)
    card = replace(card, weights_sha256=digest)
    data = _encode(graph, {CARD_KEY: card.to_json(), **metadata}, path.suffix, float16)
    limit = PARITY_FLOAT16 if float16 else PARITY_DEEP if _depth(graph) > DEEP else PARITY
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        temporary.write_bytes(data)
        parity = _parity(ModelFile(temporary), golden_in, golden_out)
        if not parity <= limit:
            raise CheckError(
                f"the file differs from its source by {parity:.1e} of the residual's range, more "
                f"than {limit:.0e}: nothing was written."
            )
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    number = 2 if float16 else 4
    unshared = sum(graph.constants[name].size * len(graph.uses(name)) for name in graph.constants)
    return Exported(card, path, len(data), number * graph.parameters(), number * unshared, parity)


def strength_table(vectors: Mapping[str, Float]) -> StrengthTable:
    """Low-rank table of all vectors, columns in the order of the mapping.

    Parameters
    ----------
    vectors : mapping of str to ndarray, shape (len(KEYS), C)

    Raises
    ------
    CheckError
        If no rank meets the tolerance.
    """
    exact = np.concatenate([np.asarray(v, np.float64) for v in vectors.values()], axis=1)
    size = np.maximum(np.abs(exact).max(axis=0), 1e-12)
    left, singular, right = np.linalg.svd(exact / size, full_matrices=False)
    for rank in range(1, len(singular) + 1):
        curve = (left[:, :rank] * singular[:rank]).astype("<f4")
        basis = (right[:rank] * size).astype("<f4")
        if np.abs((curve @ basis - exact) / size).max() <= TABLE_TOLERANCE:
            return StrengthTable(KEYS[0], curve, basis)
    raise CheckError("the strength vectors do not fit a float32 table.")


def _encode(graph: Graph, metadata: Mapping[str, str], suffix: str, float16: bool) -> bytes:
    graph = short(graph)
    if suffix == ".onnx":
        from edgeqe.converters import to_onnx

        encoded: bytes = to_onnx.model_of(graph, metadata, float16=float16).SerializeToString()
        return encoded
    from edgeqe.converters import to_tflite

    return to_tflite.model_of(graph, metadata, float16=float16)


def _card(
    source: Source, graph: Graph, folded: dict[str, str], suffix: str, precision: str
) -> Card:
    reach = passes.reach(graph)
    peak = peak_on_blocks(graph) if suffix == ".onnx" else passes.peak_floats(graph)
    unit = pixels_per_sample(source.planes)
    wide = [n for n in graph.nodes if n.op in ("Conv", "ConvTranspose") and n.kernel > 1]
    uses = Counter(node.inputs[1] for node in wide)
    return Card(
        name=graph.name,
        description=source.description,
        planes=source.planes,
        codecs=source.codecs,
        precision=precision,
        halo=unit * reach.halo,
        alignment=unit * reach.alignment,
        kmac_per_pixel=round(passes.macs(graph) / unit**2 / 1000, 3),
        parameters=graph.parameters(),
        peak_floats_per_pixel=peak / unit**2,
        default_step=2.0 ** (source.default_key / KEYS_PER_OCTAVE),
        weights_sha256="",
        vectors=tuple(source.graph.vectors),
        folded=folded,
        inputs=tuple(graph.inputs),
        tiling=source.tiling,
        block=source.block,
        exact_halo=unit * reach.exact_halo,
        trainable=source.trainable,
        shared=tuple(name for name, count in uses.items() if count > 1),
        provenance=source.provenance,
        quality=source.quality,
    )


def _depth(graph: Graph) -> int:
    """Most convolutions in a row."""
    deep = dict.fromkeys(graph.inputs, 0)
    for node in graph.nodes:
        before = max(deep.get(name, 0) for name in node.inputs)
        deep[node.output] = before + (node.op in ("Conv", "ConvTranspose"))
    return deep[graph.output]


def _golden_planes(graph: Graph, source: Source) -> npt.NDArray[np.uint8]:
    """A tile with ramps, an edge, blocks and noise: (C, h, w) grey levels."""
    alignment = math.lcm(8, passes.reach(graph).alignment)
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
    """Largest difference of the file on its runtime, relative to the residual's range."""
    session = open_session(file, file.key(file.card.default_step))
    result = session.run(planes.astype(np.float32) - np.float32(NEUTRAL))
    return float(np.abs(result - expected).max() / max(np.ptp(expected), 1e-6))
