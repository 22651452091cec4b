"""Keras to graph to file, and back."""

import math
from typing import Any

import keras
import numpy as np
import pytest

from edgeqe import zoo
from edgeqe.converters.export import export
from edgeqe.converters.keras_io.reader import graph_of
from edgeqe.converters.sources import from_keras, keras_residual
from edgeqe.model.card import StrengthTable, read_card, read_strengths
from edgeqe.model.protobuf import outline
from edgeqe.runtimes.ort import OrtSession
from edgeqe.views.colour import NEUTRAL


def randomised(strength: str) -> Any:
    """edgeqe-tiny with weights that depend on the strength and do something."""
    keras.utils.set_random_seed(3)
    model = zoo.build("edgeqe-tiny", strength=strength)
    rng = np.random.default_rng(9)
    for variable in model.weights:
        shape = tuple(variable.shape)
        if variable.path == "tail/kernel":
            variable.assign(rng.normal(0, 0.02, shape))
        elif not variable.path.endswith("kernel"):
            variable.assign(np.abs(rng.normal(0, 0.1, shape)))
    return model


@pytest.mark.parametrize("strength", ["scale-and-bias", "qp-adaptive"])
def test_the_file_equals_keras_at_every_strength(strength: str, tmp_path: Any) -> None:
    from edgeqe.model.file import ModelFile

    model = randomised(strength)
    path = tmp_path / "test.onnx"
    exported = export(from_keras(model), path)
    assert exported.parity <= 1e-5
    file = ModelFile(path)
    planes = np.random.default_rng(1).integers(0, 256, (6, 17, 23)).astype(np.uint8)
    for step in (1.5, 12.0, 100.0):
        key = file.key(step)
        expected = keras_residual(model, planes, key / 12)
        # below step 4 the file applies less of the residual, down to 0.85 of it at step 2
        expected *= 1 - 0.15 * min(1.0, max(0.0, 2 - key / 12))
        result = OrtSession(file.at(key)).run(planes.astype(np.float32) - np.float32(NEUTRAL))
        # float32 sums in another order, and a table held to 1e-5 of each vector
        assert np.abs(result - expected).max() <= 1e-4 * np.ptp(expected)


def test_the_table_is_the_formula_of_the_qp_adaptive_paper(tmp_path: Any) -> None:
    model = randomised("qp-adaptive")
    export(from_keras(model), tmp_path / "test.onnx")
    metadata = outline((tmp_path / "test.onnx").read_bytes()).metadata
    table, card = read_strengths(metadata), read_card(metadata)
    assert isinstance(table, StrengthTable)
    theta = np.asarray(model.get_layer("hidden_1_strength").theta)
    before = card.vectors[: card.vectors.index("hidden_1_strength.scale")]
    first = sum(6 if name.startswith("tail") else 32 for name in before)
    for qp in (22, 27, 32, 37):
        row = table.row(2 * (qp - 4))  # a QP is 1/6 octave, a key 1/12
        expected = 1 / (1 + theta * 2 ** ((qp - 32) / 3))
        np.testing.assert_allclose(row[first : first + 32], expected, rtol=2e-5)


def test_kernels_keep_their_names_and_values() -> None:
    model = randomised("scale-and-bias")
    graph = graph_of(model, math.log2(20))
    kernel = model.get_layer("hidden_3").get_weights()[0]
    np.testing.assert_array_equal(graph.constants["hidden_3.kernel"], kernel.transpose(3, 2, 0, 1))


@pytest.mark.parametrize("name", ["edgeqe-tiny", "edgeqe-small", "edgeqe-base"])
def test_a_shipped_file_restores_the_keras_network(name: str) -> None:
    from edgeqe.model.catalogue import find_model
    from edgeqe.model.file import ModelFile

    model, file = zoo.load(name), ModelFile(find_model(name, "float32"))
    planes, _ = file.golden
    for key in (30, 52, 75):
        given = planes.astype(np.float32) - np.float32(NEUTRAL)
        expected = OrtSession(file.at(key)).run(given)
        result = keras_residual(model, planes, key / 12)
        assert np.abs(result - expected).max() <= 1e-4 * np.ptp(expected)
