"""Export sources: a network of the zoo, a training or a Keras file, as graph and card facts.

A `Source` holds the graph in the convention of the model file: 8-bit sample values,
level-shifted by 128, in; the residual in 8-bit levels out; all constants folded.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe import zoo
from edgeqe.codecs.strength import KEYS_PER_OCTAVE, step_from_qp, step_from_quality
from edgeqe.converters.graph import analysis
from edgeqe.converters.graph.convention import Convention, OutputKind
from edgeqe.converters.graph.fading import LUMA_PLANES, with_shares
from edgeqe.converters.graph.graph import Graph
from edgeqe.converters.graph.integer import QuantizedGraph
from edgeqe.converters.graph.residual_share import with_residual_share
from edgeqe.converters.keras_io.reader import graph_of
from edgeqe.converters.rewrites import conventions
from edgeqe.converters.rewrites.branches import fuse_branches
from edgeqe.converters.rewrites.fold import fold
from edgeqe.errors import InputError
from edgeqe.model.card import LAYOUTS, pack_array, pixels_per_sample
from edgeqe.typing import Float
from edgeqe.views.colour import NEUTRAL, SCALE
from edgeqe.zoo import TRAINING_KEY
from edgeqe.zoo.strengths import STRENGTH_INPUTS, with_codec
from edgeqe.zoo.training.fades import read_fades, read_shares
from edgeqe.zoo.training.files import RECIPE, read_progress

#: Strength that a file is stored at: JPEG's, and that of the video codecs.
DEFAULT_QUALITY, DEFAULT_QP = 40, 32
#: Rounding of a reference that gives the picture in float32, 8-bit levels: about a dozen roundings of
#: half of 2**-23 of the range each, which stay when the input is subtracted.
PICTURE_ROUNDING = 2e-4

#: What a card says of the validation of a training that has not come to one.
NOT_MEASURED = "none yet"

#: Planes (C, h, w), 8-bit sample values, to the residual (C, h, w) in 8-bit levels.
Reference = Callable[[npt.NDArray[np.uint8]], Float]


@dataclass(frozen=True)
class Source:
    """A network to export: its graph, the reference to check against, facts for the card."""

    graph: Graph
    """In the convention of the model file."""
    reference: Reference
    """The original network at the default strength: what the exported file is compared with."""
    description: str
    planes: str
    """One of `card.LAYOUTS`."""
    codecs: tuple[str, ...]
    fades: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Steps of a codec between which the residual fades in, as of `Card.fades`."""
    tiling: str = "exact"
    block: int = 0
    default_key: int = round(KEYS_PER_OCTAVE * math.log2(step_from_quality(DEFAULT_QUALITY)))
    trainable: int = 0
    licence: str = "Apache-2.0"
    provenance: Mapping[str, Any] = field(default_factory=dict)
    quality: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    """More metadata for the file."""
    rounding: float = 0.0
    """Error of the reference itself, 8-bit levels."""
    quantized: QuantizedGraph | None = None
    """The quantized graph of an INT8 file; its float graph is `graph`."""
    notes: tuple[str, ...] = ()
    """What its user should know, one sentence each."""


def from_zoo(name: str, seed: int = 1) -> Source:
    """Network of the zoo with seeded random weights.

    Raises
    ------
    InputError
        If the zoo has no such network.
    """
    from edgeqe.zoo.weights import randomised

    model = randomised(name, seed)
    return from_keras(
        model,
        description=f"{zoo.describe(model)} Random weights: for timing and tests, it enhances nothing.",
        provenance={"weights": "random", "seed": seed},
    )


def from_training(folder: Path) -> Source:
    """Averaged weights of a training; recipe, steps and last validation become the card's.

    Raises
    ------
    InputError
        If the folder is not a training's, or is damaged.
    """
    import keras

    model = zoo.load_training(folder)
    recipe, progress = json.loads((folder / RECIPE).read_text("utf-8")), read_progress(folder)
    codecs = tuple(recipe.get("codecs", zoo.JPEG_ALONE))
    provenance = {"recipe": recipe, "steps": progress.steps, "minutes": progress.minutes}
    if progress.precision:
        provenance["precision"] = progress.precision
    provenance["trainer"] = f"Keras {keras.__version__} on {keras.backend.backend()}"
    kind = "JPEG" if codecs == zoo.JPEG_ALONE else "compressed"
    quality = {f"validation PSNR, dB, {kind} and enhanced": progress.gains}
    if not progress.validated:
        quality, provenance["validation"] = {}, NOT_MEASURED
    elif progress.validated != progress.steps:
        provenance["validation"] = f"at step {progress.validated}"
    name = recipe.get("name", "")
    fades, shares = read_fades(folder, name, codecs), read_shares(folder, name, codecs)
    if shares:
        provenance["shares of luma and chroma"] = shares
    source = from_keras(model, provenance=provenance, quality=quality, codecs=codecs)
    return replace(source_with_shares(source, shares), fades=fades)


def source_with_shares(source: Source, shares: Mapping[str, tuple[float, float]]) -> Source:
    """Source that makes shares of its residual, by codec, as of `with_shares`.

    Its reference is of the first codec, at whose strength files are stored, and makes that one's.
    """
    if not shares:
        return source
    graph = with_shares(source.graph, shares, source.codecs).at(source.default_key)
    luma, chroma = shares.get(source.codecs[0], (1.0, 1.0))
    made = np.array([luma] * LUMA_PLANES + [chroma] * 2, np.float32)[:, None, None]
    return replace(source, graph=graph, reference=lambda planes: source.reference(planes) * made)


def from_keras_file(path: Path, **foreign: Any) -> Source:
    """Network of a ``.keras`` file, one of the zoo's or of usual layers, read in safe mode.

    Parameters
    ----------
    path : Path
    **foreign
        What a network of another tool is, as of `keras_io.sources.from_plain_keras`.

    Raises
    ------
    InputError
        If it cannot be read without running code of the file, or holds a layer that the graph has
        no operator for.
    """
    import keras

    from edgeqe.zoo import attention, strengths  # noqa: F401  (registers their layers)

    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever its layers raise
        cause = str(error).partition("Exception encountered: ")[2] or str(error)
        reason = " ".join(cause.split()).partition(". ")[0][:200]
        raise InputError(
            f"'{path}' cannot be read as a Keras model of known layers, and no code of it is run: "
            f"{reason}. Export it to ONNX and convert that."
        ) from error
    if model.name not in zoo.NETWORKS:
        from edgeqe.converters.keras_io.sources import from_plain_keras

        return from_plain_keras(model, path, **foreign)
    if any(foreign.values()):
        raise InputError(
            f"'{path}' holds the network '{model.name}' of the zoo, whose planes, range and output "
            "are known: leave the flags out."
        )
    return from_keras(model, provenance={"weights": path.name})


def from_keras(
    model: Any,
    *,
    description: str = "",
    provenance: Mapping[str, Any] | None = None,
    quality: Mapping[str, Any] | None = None,
    codecs: Sequence[str] = (),
) -> Source:
    """Keras network of the zoo.

    Parameters
    ----------
    model : keras.Model
    description : str
        For the card; the builder's if empty.
    provenance, quality : mapping, optional
        For the card.
    codecs : sequence of str
        Codecs that it was trained for; those of the zoo if empty.

    Raises
    ------
    InputError
        If the model holds a layer that the graph has no operator for.
    """
    entry, codecs = zoo.network(model.name), tuple(codecs) or zoo.codecs_of(model)
    key = round(KEYS_PER_OCTAVE * math.log2(_default_step(codecs)))
    graph = graph_of(model, key / KEYS_PER_OCTAVE)
    gives = OutputKind.RESIDUAL if entry.gives_residual else OutputKind.PICTURE
    convention = Convention(entry.planes, -NEUTRAL / SCALE, 1.0 - NEUTRAL / SCALE, gives)
    graph = conventions.as_residual(fuse_branches(fold(graph)), convention)
    if entry.gives_residual:
        graph = with_residual_share(graph)
    return Source(
        graph=fold(graph).at(key),
        reference=lambda planes: keras_residual(model, planes, key / KEYS_PER_OCTAVE),
        description=description or zoo.describe(model),
        planes=entry.planes,
        codecs=codecs,
        tiling=entry.tiling,
        block=entry.block,
        default_key=key,
        trainable=sum(math.prod(variable.shape) for variable in model.trainable_variables),
        provenance=provenance or {},
        quality=quality or {},
        metadata={TRAINING_KEY: _training_text(model)} if entry.gives_residual else {},
    )


def freeze_source(source: Source, folder: Path) -> Source:
    """Source whose channel attention is frozen on the pictures of a folder.

    Parameters
    ----------
    source : Source
    folder : Path
        Searched with its subfolders.

    Returns
    -------
    Source
        Tile-exact; its reference is the frozen network before it is folded.

    Raises
    ------
    InputError
        As `freeze`; or if the folder holds no pictures.
    ImageError
        If a picture cannot be read.
    """
    from edgeqe.converters.onnx_io.session import GraphSession
    from edgeqe.converters.rewrites import attention
    from edgeqe.files.folders import list_pictures

    attention.find_attention(source.graph)  # before any picture is read
    found = attention.freeze(source.graph, attention.some_windows(list_pictures(folder)))
    frozen = found.graph.at(source.default_key)
    running = GraphSession(frozen)

    def reference(planes: npt.NDArray[np.uint8]) -> Float:
        given = planes.astype(np.float32)[None] - np.float32(NEUTRAL)
        residual: Float = running.run({"planes": given})[0][0]
        return residual

    provenance = {
        **source.provenance,
        "frozen gates": {gate.name: [gate.mean, gate.spread] for gate in found.attention},
        "frozen on": {
            "blocks a quality": found.blocks,
            "JPEG qualities": list(attention.QUALITIES),
        },
    }
    return replace(
        source,
        graph=fold(found.graph).at(source.default_key),
        reference=reference,
        tiling="exact",
        block=0,
        provenance=provenance,
    )


def facts(name: str) -> dict[str, Any]:
    """Facts of a network of the zoo: parameters, MACs, halo, alignment, inputs.

    They lie in ``edgeqe/zoo/facts.json``, so that nobody builds networks to list them.
    """
    entry, model = zoo.network(name), zoo.build(name)
    source = from_keras(model)
    receptive_field, unit = analysis.receptive_field(source.graph), pixels_per_sample(source.planes)
    return {
        "name": name,
        "parameters": model.count_params(),
        "trainable": source.trainable,
        "kmac_per_pixel": analysis.macs(source.graph) / unit**2 / 1000,
        "halo": unit * receptive_field.halo,
        "alignment": unit * receptive_field.alignment,
        "tiling": source.tiling,
        "block": source.block,
        "planes": source.planes,
        "inputs": list(source.graph.inputs),
        "strengths": bool(source.graph.vectors),
        "codecs": list(source.codecs),
        "paper": entry.paper,
        "description": zoo.describe(model),
    }


def keras_residual(model: Any, planes: npt.NDArray[np.uint8], log2_step: float) -> Float:
    """Residual (C, h, w) in 8-bit levels of planes (C, h, w), 8-bit sample values, by Keras.

    Of several codecs the first one's.
    """
    unit = ((planes.astype(np.float32) - NEUTRAL) / np.float32(SCALE)).transpose(1, 2, 0)[None]
    channels = LAYOUTS[zoo.network(model.name).planes]
    given = {
        "planes": unit[..., :channels],
        "residual": unit[..., channels:],
    }
    first = np.array([[log2_step]], np.float32), 0, len(zoo.codecs_of(model))
    given |= dict.fromkeys(STRENGTH_INPUTS, with_codec(*first))
    inputs = [given[tensor.name] for tensor in model.inputs]
    result = np.asarray(model.predict_on_batch(inputs if len(inputs) > 1 else inputs[0]))
    result = zoo.residual_of(model, result, given["planes"])
    return np.ascontiguousarray(result[0].transpose(2, 0, 1)) * np.float32(SCALE)


def _default_step(codecs: tuple[str, ...]) -> float:
    """Step that a file is stored at; of a network of several codecs it is that of the first."""
    return step_from_quality(DEFAULT_QUALITY) if "jpeg" in codecs else step_from_qp(DEFAULT_QP)


def _training_text(model: Any) -> str:
    """Weights that only Keras needs, which the graph does not hold, by Keras path, as JSON."""
    graph_holds = {f"{layer.name}/kernel" for layer in model.layers}
    weights = {
        variable.path: pack_array(np.asarray(variable.value, "<f4"))
        for variable in model.weights
        if variable.path not in graph_holds
    }
    return json.dumps({"options": zoo.options_of(model), "weights": weights})
