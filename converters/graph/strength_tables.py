"""Strength tables of a model file: every strength vector at every key, as low-rank matrices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from edgeqe.converters.graph.graph import KEYS, Graph
from edgeqe.converters.graph.integer import QuantizedGraph
from edgeqe.errors import CheckError
from edgeqe.model.card import ACTIVATIONS_KEY, STRENGTHS_KEY, StrengthTable
from edgeqe.typing import Float

#: Largest error of a low-rank strength table, relative to each vector's largest value.
TABLE_TOLERANCE = 1e-6
#: The same of an INT8 file, whose scales are 1/255 of a range: it is a third of the size.
INTEGER_TOLERANCE = 1e-5


def strength_table(
    vectors: Mapping[str, Float], tolerance: float = TABLE_TOLERANCE
) -> StrengthTable:
    """Low-rank table of all vectors, columns in the order of the mapping.

    Parameters
    ----------
    vectors : mapping of str to ndarray, shape (blocks * len(KEYS), C)
    tolerance : float
        Largest error, relative to each vector's largest value.

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
        stored = curve.astype(np.float64) @ basis.astype(np.float64)  # as `StrengthTable.row` sums
        if np.abs((stored - exact) / size).max() <= tolerance:
            return StrengthTable(KEYS[0], curve, basis, len(curve) // len(KEYS))
    raise CheckError("the strength vectors do not fit a float32 table.")


def tables_of(content: Graph | QuantizedGraph) -> dict[str, dict[str, Float]]:
    """Vectors of each of a file's tables, by the table's metadata key.

    The scales of quantized values have a table of their own: they follow the strength less
    smoothly, and would raise the rank of the other, larger one.
    """
    if isinstance(content, Graph):
        return {STRENGTHS_KEY: dict(content.vectors)} if content.vectors else {}
    vectors = content.graph.vectors
    scales = {step.scale for step in content.quant_params.values() if step.scale in vectors}
    if not vectors:
        return {}
    return {
        STRENGTHS_KEY: {n: t for n, t in vectors.items() if n not in scales},
        ACTIVATIONS_KEY: {n: t for n, t in vectors.items() if n in scales},
    }


def as_stored(
    quantized: QuantizedGraph, tables: Mapping[str, StrengthTable], key: int
) -> QuantizedGraph:
    """Copy whose vectors are those that the tables decode to, set to a key.

    An int32 bias is rounded from them: made of other floats, the file as stored would differ by
    one from what a device writes.
    """
    graph, vectors = quantized.graph, dict(quantized.graph.vectors)
    for table_key, names in tables_of(quantized).items():
        table, used = tables[table_key], 0
        rows = np.stack([table.row(k) for k in graph.keys])
        for name, values in names.items():
            vectors[name] = rows[:, used : used + values.shape[1]]
            used += values.shape[1]
    return quantized.with_graph(replace(graph, vectors=vectors)).at(key) if vectors else quantized
