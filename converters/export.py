"""Keras network to a model file: graph, passes, strengths, card, golden tile, parity."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe import zoo
from edgeqe.card import (
    CARD_KEY,
    GOLDEN_KEY,
    STRENGTHS_KEY,
    Card,
    StrengthTable,
    golden_text,
    pack_array,
)
from edgeqe.converters import passes
from edgeqe.converters.from_keras import graph_of, strength_vectors
from edgeqe.converters.graph import Float, Graph
from edgeqe.converters.to_onnx import model_of
from edgeqe.errors import CheckError, InputError
from edgeqe.model_file import weights_sha256
from edgeqe.planes import NEUTRAL, SCALE
from edgeqe.protobuf import outline
from edgeqe.strength import KEYS_PER_OCTAVE, step_from_quality
from edgeqe.zoo import TRAINING_KEY
from edgeqe.zoo.training.files import AVERAGED, LOG, RECIPE

#: Keys of the strength table: steps 1 to 152, JPEG qualities 100 to 5.
FIRST_KEY, LAST_KEY = 0, math.ceil(KEYS_PER_OCTAVE * math.log2(152))
#: Quality whose strength a file has as it lies.
DEFAULT_QUALITY = 40
#: Largest error of the low-rank strength table, relative to each vector's largest value.
TABLE_TOLERANCE = 1e-5
#: Largest difference between Keras and the file, relative to the residual's range.
PARITY_TOLERANCE = 1e-5
#: The residual is scaled down below this step, to `FINEST_SHARE` of it an octave below:
#: where the error is about one grey level, a network that is right on the mean is too
#: strong for its worst picture. Chosen on the validation pictures (README, no harm).
CAUTION_STEP, FINEST_SHARE = 4.0, 0.85
#: Picture pixels per network pixel along an axis (space-to-depth).
BLOCK = 2


@dataclass(frozen=True)
class Exported:
    """An exported network."""

    card: Card
    data: bytes
    """The file."""
    parity: float
    """Largest difference between Keras and the file, relative to the residual's range."""


def export_onnx(
    model: Any, *, description: str, provenance: Mapping[str, Any], quality: Mapping[str, Any]
) -> Exported:
    """Export a 4:2:0-native Keras network to an ONNX file, and check it against Keras.

    The file works in grey levels: input (v - 128), output the residual in grey
    levels. Keras works in 1/255 of that; the factor goes into the strength vectors
    of head and tail, so every kernel in the file is the Keras kernel.

    Raises
    ------
    CheckError
        If the file and Keras differ by more than the tolerance.
    """
    default_key = round(KEYS_PER_OCTAVE * math.log2(step_from_quality(DEFAULT_QUALITY)))
    log2_step = default_key / KEYS_PER_OCTAVE
    graph, _ = passes.fold_batch_norm(graph_of(model, log2_step))
    table, exact = _strength_table(model, graph)
    values = exact[default_key - FIRST_KEY]
    constants, used = dict(graph.constants), 0
    for name in graph.vectors:
        size = constants[name].size
        constants[name] = values[used : used + size].reshape(1, -1, 1, 1).astype(np.float32)
        used += size
    graph = graph.with_nodes(list(graph.nodes), constants)
    card = _card(graph, 2.0**log2_step, description, provenance, quality)
    golden_in = _golden_planes()
    golden_out = keras_residual(model, golden_in, log2_step)
    metadata = {
        STRENGTHS_KEY: table.to_text(),
        GOLDEN_KEY: golden_text(golden_in, golden_out),
        TRAINING_KEY: _training_text(model),
    }
    unsigned = model_of(graph, metadata).SerializeToString()
    digest = weights_sha256(unsigned, outline(unsigned), graph.vectors)
    card = Card(**{**card.to_dict(), "weights_sha256": digest})
    data = model_of(graph, {CARD_KEY: card.to_json(), **metadata}).SerializeToString()
    parity = _parity(data, golden_in, golden_out)
    if parity > PARITY_TOLERANCE:
        raise CheckError(
            f"the file differs from Keras by {parity:.1e} of the residual's range, more than "
            f"{PARITY_TOLERANCE:.0e}: nothing was written."
        )
    return Exported(card, data, parity)


def export_training(folder: Path) -> Exported:
    """Export the averaged weights of a training.

    Recipe and last validation become the card's provenance and quality.

    Raises
    ------
    InputError
        If the folder is not a training's, or not one that validated yet.
    CheckError
        If the file and Keras differ by more than the tolerance.
    """
    import keras

    try:
        recipe = json.loads((folder / RECIPE).read_text(encoding="utf-8"))
        entries = (folder / LOG).read_text(encoding="utf-8").splitlines()
        last = json.loads(entries[-1])
    except (OSError, ValueError, IndexError) as error:
        raise InputError(
            f"'{folder}' is no training that reached a validation ({error}): "
            "give a folder that 'edgeqe train' wrote."
        ) from error
    model = zoo.build(recipe["network"], strength=recipe["strength"])
    zoo.load_weights_of(model, folder / AVERAGED)
    validated = {key: value for key, value in last.items() if isinstance(value, list)}
    provenance = {
        "recipe": recipe,
        "steps": last["step"],
        "minutes": last["minutes"],
        "trainer": f"Keras {keras.__version__} on {keras.backend.backend()}",
    }
    quality = {"validation PSNR, dB, JPEG and enhanced": validated}
    return export_onnx(
        model, description=zoo.describe(model), provenance=provenance, quality=quality
    )


def write(exported: Exported, path: Path) -> None:
    """Write a file under a temporary name, then rename it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        temporary.write_bytes(exported.data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def keras_residual(model: Any, planes: npt.NDArray[np.uint8], log2_step: float) -> Float:
    """Residual in grey levels, (C, h, w), of planes (C, h, w) in grey levels, by Keras."""
    given = (planes.astype(np.float32) - NEUTRAL) / np.float32(SCALE)
    step = np.array([[log2_step]], np.float32)
    result = np.asarray(model.predict_on_batch([given.transpose(1, 2, 0)[None], step]))
    return np.ascontiguousarray(result[0].transpose(2, 0, 1)) * np.float32(SCALE)


def caution(log2_steps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Share of the residual that is applied at each strength, `FINEST_SHARE` to 1."""
    octaves = np.clip(math.log2(CAUTION_STEP) - log2_steps, 0.0, 1.0)
    return 1.0 - (1.0 - FINEST_SHARE) * octaves


def _strength_table(model: Any, graph: Graph) -> tuple[StrengthTable, Float]:
    """Low-rank table of all vectors in grey levels, and the exact values, (keys, channels)."""
    keys = np.arange(FIRST_KEY, LAST_KEY + 1)
    vectors = strength_vectors(model, (keys / KEYS_PER_OCTAVE).astype(np.float32))
    columns = []
    first, last = (graph.vectors[i].rsplit(".", 1)[0] for i in (0, -1))
    for name in graph.vectors:
        values = vectors[name].astype(np.float64)
        layer, kind = name.rsplit(".", 1)
        if layer == first and kind == "scale":
            values = values / SCALE
        if layer == last:
            values = values * SCALE * caution(keys / KEYS_PER_OCTAVE)[:, None]
        columns.append(values)
    exact = np.concatenate(columns, axis=1)
    size = np.maximum(np.abs(exact).max(axis=0), 1e-12)
    left, singular, right = np.linalg.svd(exact / size, full_matrices=False)
    for rank in range(1, len(singular) + 1):
        curve = (left[:, :rank] * singular[:rank]).astype("<f4")
        basis = (right[:rank] * size).astype("<f4")
        if np.abs((curve @ basis - exact) / size).max() <= TABLE_TOLERANCE:
            break
    else:
        raise CheckError("the strength vectors do not fit a float32 table.")
    return StrengthTable(FIRST_KEY, curve, basis), exact.astype(np.float32)


def _card(
    graph: Graph,
    step: float,
    description: str,
    provenance: Mapping[str, Any],
    quality: Mapping[str, Any],
) -> Card:
    reach = passes.reach(graph)
    per_pixel = 1.0 / BLOCK**2
    return Card(
        name=graph.name,
        description=description,
        planes="420-space-to-depth",
        codecs=("jpeg",),
        precision="float32",
        halo=BLOCK * reach.halo,
        alignment=BLOCK * reach.alignment,
        kmac_per_pixel=round(passes.macs(graph) * per_pixel / 1000, 3),
        parameters=graph.parameters(),
        peak_floats_per_pixel=passes.peak_floats(graph) * per_pixel,
        default_step=step,
        weights_sha256="",
        vectors=graph.vectors,
        provenance=provenance,
        quality=quality,
    )


def _golden_planes() -> npt.NDArray[np.uint8]:
    """A tile with ramps, an edge, blocks and noise: (6, 16, 24) grey levels."""
    rng = np.random.default_rng(7)
    rows, columns = np.mgrid[:16, :24].astype(np.float64)
    luma = 60 + 5 * columns + 40 * (rows > 8) + 12 * ((columns // 4 + rows // 4) % 2)
    planes = [luma + rng.normal(0, 6, luma.shape) for _ in range(4)]
    planes += [128 + rows - columns, 128 + 3 * np.sin(columns / 3) * rows]
    return np.clip(np.rint(planes), 0, 255).astype(np.uint8)


def _training_text(model: Any) -> str:
    """Weights that the graph does not hold, by Keras path."""
    graph_holds = {f"{layer.name}/kernel" for layer in model.layers}
    weights = {
        variable.path: pack_array(np.asarray(variable.value, "<f4"))
        for variable in model.weights
        if variable.path not in graph_holds
    }
    return json.dumps({"options": zoo.options_of(model), "weights": weights})


def _parity(data: bytes, planes: npt.NDArray[np.uint8], expected: Float) -> float:
    """Largest difference of the file on ONNX Runtime, relative to the residual's range."""
    from edgeqe.runtimes.ort import OrtSession

    result = OrtSession(data).run(planes.astype(np.float32) - np.float32(NEUTRAL))
    return float(np.abs(result - expected).max() / max(np.ptp(expected), 1e-6))
