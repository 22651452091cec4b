"""TFLite files in memory: the float network, and one of integers with every kind of scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgeqe.converters.tflite_io import integer_writer
from tests.quantization.integer_models import QuantizedGraphBuilder
from tests.small_models import strong_graph, write


def float_network(folder: Path, *, float16: bool = False) -> bytes:
    path = folder / "m.tflite"
    write(strong_graph(), path, float16=float16)
    return path.read_bytes()


def integer_network() -> bytes:
    """Two convolutions of one kernel, their sum, a value that moves, a real operator."""
    builder = QuantizedGraphBuilder({"planes": 4})
    for name, scale in (("planes", 1.0), ("a", 2.0), ("b", 3.0), ("c", 5.0), ("y", 6.0)):
        builder.step(name, scale, 100)
    kernel = np.random.default_rng(2).integers(-64, 65, (4, 4, 3, 3))
    scales = [0.01, 0.02, 0.03, 0.04]
    builder.conv("planes", "k", "a", kernel, scale=scales, relu=True, padding=1, padding_end=1)
    builder.conv("a", "k", "b", scale=0.05, padding=1, padding_end=1)
    builder.node("Add", ["a", "b"], "c")
    builder.node("MaxPool", "c", builder.moved("d", "c"), kernel=3, padding=1, padding_end=1)
    builder.node("Sigmoid", "d", "y")
    return integer_writer.model_of(builder.graph("y"), {"edgeqe.card": "{}"})
