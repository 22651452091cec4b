"""A small network with every kind of strength vector, as a file of either format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np

from edgeqe.converters.graph.graph import KEYS, Graph, Node
from edgeqe.converters.graph.strength_tables import strength_table
from edgeqe.converters.onnx_io import writer as onnx_writer
from edgeqe.converters.rewrites.sharing import scale_kernels
from edgeqe.converters.tflite_io import writer as tflite_writer
from edgeqe.model.card import CARD_KEY, GOLDEN_KEY, STRENGTHS_KEY, Card, golden_text
from edgeqe.model.file import outline_of, weights_sha256
from edgeqe.typing import Float

DEFAULT_KEY = 40


def strong_graph(seed: int = 7, inputs: tuple[str, ...] = ("planes",)) -> Graph:
    """One plane in and out: a head, one kernel used twice, and a tail.

    Each convolution is followed by a scale and a bias that follow the strength. Those of
    head and tail can be folded into kernels, those of the shared kernel cannot.
    """
    rng = np.random.default_rng(seed)
    octaves = np.array(KEYS)[:, None] / 96
    constants: dict[str, Float] = {}
    vectors: dict[str, Float] = {}
    nodes = []

    def layer(name: str, source: str, kernel: str, channels: tuple[int, int], relu: bool) -> str:
        out, given = channels
        if kernel not in constants:
            spread = 1.5 / np.sqrt(9 * given)
            constants[kernel] = rng.normal(0, spread, (out, given, 3, 3)).astype(np.float32)
        for kind, least in (("scale", 0.5), ("bias", -1.0)):
            low, high = rng.uniform(least, 1.5, (2, 1, out))
            vectors[f"{name}.{kind}"] = (low + (high - low) * octaves).astype(np.float32)
            row = vectors[f"{name}.{kind}"][DEFAULT_KEY]
            constants[f"{name}.{kind}"] = row.reshape(1, -1, 1, 1).copy()
        nodes.extend(
            [
                Node("Conv", name, (source, kernel), f"{name}.y", 3, 1, 1, 1),
                Node("Mul", f"{name}.m", (f"{name}.y", f"{name}.scale"), f"{name}.z"),
                Node("Add", f"{name}.a", (f"{name}.z", f"{name}.bias"), f"{name}.b"),
            ]
        )
        if relu:
            nodes.append(Node("Relu", f"{name}.r", (f"{name}.b",), f"{name}.o"))
        return nodes[-1].output

    source = inputs[0]
    if len(inputs) > 1:
        nodes.append(Node("Concat", "both", inputs, "both.o"))
        source = "both.o"
    x = layer("head", source, "head.kernel", (8, len(inputs)), True)
    x = layer("first", x, "body.kernel", (8, 8), True)
    x = layer("second", x, "body.kernel", (8, 8), True)
    out = layer("tail", x, "tail.kernel", (1, 8), False)
    return Graph("small", dict.fromkeys(inputs, 1), out, tuple(nodes), constants, vectors)


def write(graph: Graph, path: Path, *, float16: bool = False, **changes: Any) -> Card:
    """Write a graph as a model file with a card, whose fields may be changed."""
    strengths, folded = graph.vectors, dict[str, str]()
    if path.suffix == ".tflite":
        graph, folded = scale_kernels(graph)
    golden = np.full((len(graph.inputs), 16, 16), 100, np.uint8)
    metadata = {
        GOLDEN_KEY: golden_text(golden, np.zeros((1, 16, 16), np.float32)),
        STRENGTHS_KEY: strength_table(strengths).to_text(),
    }

    def encode(extra: dict[str, str]) -> bytes:
        if path.suffix == ".tflite":
            return tflite_writer.model_of(graph, {**extra, **metadata}, float16=float16)
        model = onnx_writer.model_of(graph, {**extra, **metadata}, float16=float16)
        encoded: bytes = model.SerializeToString()
        return encoded

    plain = encode({})
    vectors = tuple(strengths)
    fields: dict[str, Any] = {
        "name": graph.name,
        "description": "For tests.",
        "planes": "y",
        "codecs": ("jpeg",),
        "precision": "float16" if float16 else "float32",
        "halo": 4,
        "alignment": 1,
        "kmac_per_pixel": 1.0,
        "parameters": graph.parameters(),
        "peak_floats_per_pixel": 16.0,
        "default_step": 2.0 ** (DEFAULT_KEY / 12),
        "weights_sha256": "",
        "vectors": vectors,
        "folded": folded,
        "inputs": tuple(graph.inputs),
        **changes,
    }
    card = Card(**fields)
    digest = weights_sha256(plain, outline_of(plain), card)
    card = replace(card, weights_sha256=digest)
    path.write_bytes(encode({CARD_KEY: card.to_json()}))
    return card


def packed(model: Any) -> bytes:
    """TFLite bytes of a ModelT of the generated schema."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
